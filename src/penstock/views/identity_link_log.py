"""Who was made or unmade candidate, assignee or owner of a task, and when (Camunda 7 `HistoricIdentityLinkLog`).

The end of a task removes its links without a log row, as in Camunda.
"""

from penstock.engine import events
from penstock.views.unit import Unit, View

TABLE = "identity_link_log"
ADD = "add"
DELETE = "delete"
_PERSONS = ("assignee", "owner")


def _row(
    unit: Unit,
    index: int,
    part: int,
    task: str,
    type: str | None,
    operation: str,
    user: str | None,
    group: str | None,
    assigner: str | None,
) -> None:
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": unit.id(index, part),
            "task_id": task,
            "type": type,
            "user_id": user,
            "group_id": group,
            "operation": operation,
            "occurred_ms": unit.at_ms,
            "assigner_id": assigner,
        },
    )


def added(unit: Unit, event: events.IdentityLinkAdded, index: int) -> None:
    _row(unit, index, 0, event.task, event.type, ADD, event.user, event.group, event.by_user)


def removed(unit: Unit, event: events.IdentityLinkRemoved, index: int) -> None:
    _row(unit, index, 0, event.task, event.type, DELETE, event.user, event.group, event.by_user)


def task_created(unit: Unit, event: events.TaskCreated, index: int) -> None:
    for part, (type, person) in enumerate((("assignee", event.assignee), ("owner", event.owner))):
        if person is not None:
            _row(unit, index, part, event.task, type, ADD, person, None, event.user)


def task_changed(unit: Unit, event: events.TaskChanged, index: int) -> None:
    part = 0
    for type in _PERSONS:
        if type not in event.changes:
            continue
        before, after = event.before.get(type), event.changes[type]
        if before == after:
            continue
        for operation, person in ((DELETE, before), (ADD, after)):
            if person is not None:
                _row(unit, index, part, event.task, type, operation, person, None, event.user)
                part += 1


VIEW = View(
    TABLE,
    {
        events.IdentityLinkAdded: added,
        events.IdentityLinkRemoved: removed,
        events.TaskCreated: task_created,
        events.TaskChanged: task_changed,
    },
)
