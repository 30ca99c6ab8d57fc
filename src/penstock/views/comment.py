"""Comments of tasks and process instances (Camunda 7 `Comment`).

`process_instance_id` is the instance that the author named; `instance_id` is always the one that the task belongs to.
"""

from penstock.engine import events
from penstock.views.unit import Unit, View

TABLE = "comment"


def added(unit: Unit, event: events.CommentAdded, index: int) -> None:
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": event.comment,
            "task_id": event.task,
            "process_instance_id": event.process_instance,
            "user_id": event.user,
            "message": event.message,
            "created_ms": unit.at_ms,
        },
    )


def changed(unit: Unit, event: events.CommentChanged, index: int) -> None:
    values = {"message": event.message, "user_id": event.user, "created_ms": unit.at_ms}
    unit.update(TABLE, event.comment, values)


def deleted(unit: Unit, event: events.CommentsDeleted, index: int) -> None:
    for comment in event.comments:
        unit.delete(TABLE, comment)


VIEW = View(
    TABLE,
    {
        events.CommentAdded: added,
        events.CommentChanged: changed,
        events.CommentsDeleted: deleted,
    },
)
