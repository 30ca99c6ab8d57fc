"""What happened to jobs (Camunda 7 `HistoricJobLog`). States as Camunda's `JobState`.

`deployment_id` stays null: the definition of the row knows its deployment.
"""

from penstock.engine import events
from penstock.views.unit import Unit, View

TABLE = "job_log"
CREATED = "created"
FAILED = "failed"
SUCCESSFUL = "successful"
DELETED = "deleted"

Logged = events.JobCreated | events.JobExecuted | events.JobFailed | events.JobDeleted


def _row(
    unit: Unit,
    event: Logged,
    index: int,
    state: str,
    retries: int,
    due_ms: int | None,
    message: str | None = None,
    stacktrace: str | None = None,
    failed_activity: str | None = None,
) -> None:
    kind = event.kind
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": event.log or unit.id(index),
            "job_id": event.job,
            "job_definition_id": event.job_definition,
            "execution_id": event.execution,
            "activity_id": event.activity,
            "job_type": None if kind is None else kind.value,
            "job_configuration": event.configuration,
            "due_ms": due_ms,
            "retries": retries,
            "priority": event.priority,
            "message": message,
            "stacktrace": stacktrace,
            "failed_activity_id": failed_activity,
            "state": state,
            "occurred_ms": unit.at_ms,
            "sequence": unit.sequence(index),
            # Jobs of timer start events and of batches belong to no instance: they are named after themselves.
            **({"instance_id": None} if event.job == unit.instance else {}),
        },
    )


def created(unit: Unit, event: events.JobCreated, index: int) -> None:
    _row(unit, event, index, CREATED, event.retries, event.due_ms)


def executed(unit: Unit, event: events.JobExecuted, index: int) -> None:
    _row(unit, event, index, SUCCESSFUL, event.retries, event.due_ms, failed_activity=event.failed_activity)


def failed(unit: Unit, event: events.JobFailed, index: int) -> None:
    """Camunda logs the retries and due date from before the failure."""
    _row(
        unit,
        event,
        index,
        FAILED,
        event.retries_before,
        event.due_before_ms,
        event.message,
        event.stacktrace,
        event.failed_activity,
    )


def deleted(unit: Unit, event: events.JobDeleted, index: int) -> None:
    _row(unit, event, index, DELETED, event.retries, event.due_ms, failed_activity=event.failed_activity)


VIEW = View(
    TABLE,
    {
        events.JobCreated: created,
        events.JobExecuted: executed,
        events.JobFailed: failed,
        events.JobDeleted: deleted,
    },
    owners=("instance_id", "job_id"),
)
