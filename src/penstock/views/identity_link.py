"""Candidates and other people of open tasks (Camunda 7 `IdentityLink`). Assignee and owner are columns of the task."""

from hashlib import blake2b

from penstock.engine import events
from penstock.views.unit import Unit, View

TABLE = "identity_link"


def link_id(unit: Unit, event: events.IdentityLinkAdded | events.IdentityLinkRemoved) -> str:
    """The event's, or one made from what the link says: the same when it is added and when it is removed."""
    if event.link:
        return event.link
    text = "\0".join((event.task, event.type or "", event.user or "", event.group or "", "u" if event.user else "g"))
    digits = blake2b(text.encode(), digest_size=16).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    tail = digits[20:29] + unit.root[-3:]
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{variant}{digits[17:20]}-{tail}"


def added(unit: Unit, event: events.IdentityLinkAdded, index: int) -> None:
    unit.insert(
        TABLE,
        {
            "shard": unit.shard,
            "id": link_id(unit, event),
            "root_id": unit.root,
            "task_id": event.task,
            "definition_id": None,
            "type": event.type,
            "user_id": event.user,
            "group_id": event.group,
            "tenant_id": unit.common["tenant_id"],
        },
    )


def removed(unit: Unit, event: events.IdentityLinkRemoved, index: int) -> None:
    unit.delete(TABLE, link_id(unit, event))


def task_ended(unit: Unit, event: events.TaskEnded, index: int) -> None:
    unit.delete_where(TABLE, "task_id", event.task)


VIEW = View(
    TABLE,
    {events.IdentityLinkAdded: added, events.IdentityLinkRemoved: removed, events.TaskEnded: task_ended},
    owners=("root_id",),
)
