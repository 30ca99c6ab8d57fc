"""Files and addresses attached to tasks (Camunda 7 `Attachment`)."""

from penstock.engine import events
from penstock.views.unit import Unit, View

TABLE = "attachment"


def added(unit: Unit, event: events.AttachmentAdded, index: int) -> None:
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": event.attachment,
            "task_id": event.task,
            "name": event.name,
            "description": event.description,
            "type": event.type,
            "url": event.url,
            "content": event.content,
            "created_ms": unit.at_ms,
        },
    )


def deleted(unit: Unit, event: events.AttachmentDeleted, index: int) -> None:
    unit.delete(TABLE, event.attachment)


VIEW = View(
    TABLE,
    {events.AttachmentAdded: added, events.AttachmentDeleted: deleted},
)
