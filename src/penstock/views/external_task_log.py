"""What happened to external tasks (Camunda 7 `HistoricExternalTaskLog`). States as Camunda's `ExternalTaskState`."""

from penstock.engine import events
from penstock.views.unit import Unit, View

TABLE = "external_task_log"
CREATED = "created"
FAILED = "failed"
SUCCESSFUL = "successful"
DELETED = "deleted"

Logged = (
    events.ExternalTaskCreated | events.ExternalTaskCompleted | events.ExternalTaskFailed | events.ExternalTaskDeleted
)


def _row(
    unit: Unit,
    event: Logged,
    index: int,
    state: str,
    worker: str | None = None,
    retries: int | None = None,
    message: str | None = None,
    details: str | None = None,
) -> None:
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": event.log or unit.id(index),
            "external_task_id": event.external_task,
            "execution_id": event.execution,
            "activity_id": event.activity,
            "activity_instance_id": event.activity_instance,
            "topic": event.topic,
            "worker_id": worker,
            "priority": event.priority,
            "retries": retries,
            "error_message": message,
            "error_details": details,
            "state": state,
            "occurred_ms": unit.at_ms,
            "sequence": unit.sequence(index),
        },
    )


def created(unit: Unit, event: events.ExternalTaskCreated, index: int) -> None:
    _row(unit, event, index, CREATED)


def completed(unit: Unit, event: events.ExternalTaskCompleted, index: int) -> None:
    _row(unit, event, index, SUCCESSFUL, event.worker, event.retries)


def failed(unit: Unit, event: events.ExternalTaskFailed, index: int) -> None:
    """Camunda logs the retries from before the failure."""
    _row(unit, event, index, FAILED, event.worker, event.retries_before, event.error_message, event.error_details)


def deleted(unit: Unit, event: events.ExternalTaskDeleted, index: int) -> None:
    _row(unit, event, index, DELETED, event.worker, event.retries)


VIEW = View(
    TABLE,
    {
        events.ExternalTaskCreated: created,
        events.ExternalTaskCompleted: completed,
        events.ExternalTaskFailed: failed,
        events.ExternalTaskDeleted: deleted,
    },
)
