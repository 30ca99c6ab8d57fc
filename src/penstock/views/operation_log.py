"""What people and clients did, one row per changed property (Camunda 7 `UserOperationLogEntry`)."""

from penstock.engine import events
from penstock.store.protocol import UpdateWhere
from penstock.views.unit import Unit, View, definition_parts

TABLE = "operation_log"

_BEYOND = {"instance_id": None, "root_id": None}
"""An operation that belongs to no instance: its unit is named after itself, or after the deployment."""


def logged(unit: Unit, event: events.OperationLogged, index: int) -> None:
    definition = event.definition or unit.definition
    key = definition_parts(definition)[0] if definition is not None else None
    # An operation that changes no property still has one row.
    for part, (id, name, old, new) in enumerate(event.rows or [("", None, None, None)]):
        unit.insert(
            TABLE,
            {
                **unit.common,
                "id": id or unit.id(index, part),
                "definition_id": definition,
                "definition_key": key,
                "operation_id": event.operation,
                "operation_type": event.operation_type,
                "entity_type": event.entity_type,
                "category": event.category,
                "user_id": event.user,
                "property": name,
                "old_value": old,
                "new_value": new,
                "task_id": event.task,
                "job_id": event.job,
                "external_task_id": event.external_task,
                "execution_id": event.execution,
                "job_definition_id": event.job_definition,
                "deployment_id": event.deployment,
                "batch_id": event.batch,
                "annotation": event.annotation,
                "occurred_ms": unit.at_ms,
                **(_BEYOND if unit.instance in (event.operation, event.deployment) else {}),
            },
        )


def annotated(unit: Unit, event: events.OperationAnnotated, index: int) -> None:
    unit.changes.append(UpdateWhere(TABLE, "operation_id", (event.operation,), {"annotation": event.annotation}))


VIEW = View(
    TABLE,
    {events.OperationLogged: logged, events.OperationAnnotated: annotated},
    owners=("instance_id", "deployment_id"),
)
