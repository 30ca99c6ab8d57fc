"""Variables (Camunda 7 `HistoricVariableInstance`, and `/variable-instance` for those that live).

`live`: the scope was not left before the end of its instance, and the variable was not removed: the rows of an ended instance
are not touched, whoever asks for what lives looks at the instance. `state`: CREATED, or DELETED once it was removed by
name; the end of its scope leaves it CREATED. The last value stays. Transient values leave no row.
"""

from typing import Any

from penstock.engine import events
from penstock.views.columns import value_columns
from penstock.views.unit import Unit, View

TABLE = "variable"
CREATED = "CREATED"
DELETED = "DELETED"


def variable_set(unit: Unit, event: events.VariableSet, index: int) -> None:
    value = event.value
    if value.transient:
        return
    if event.revision:
        unit.update(TABLE, event.variable, {**value_columns(value), "type": value.type, "revision": event.revision})
        return
    task = event.task
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": event.variable,
            "name": event.name,
            "type": value.type,
            **value_columns(value),
            "execution_id": event.scope if task is None else event.execution,
            "task_id": task,
            "activity_instance_id": event.scope_activity_instance,
            "state": CREATED,
            "live": True,
            "created_ms": unit.at_ms,
            "revision": 0,
        },
    )


def removed(unit: Unit, event: events.VariableRemoved, index: int) -> None:
    gone: dict[str, Any] = {"live": False} if event.silent else {"state": DELETED, "live": False}
    unit.update(TABLE, event.variable, gone)


def forgotten(unit: Unit, event: events.VariableHistoryDeleted, index: int) -> None:
    for id in event.variables:
        unit.delete(TABLE, id)


def kept(unit: Unit, event: events.ExecutionKept, index: int) -> None:
    """The copies are variables of their own: Camunda's history shows both."""
    for id, name, value in event.variables:
        unit.insert(
            TABLE,
            {
                **unit.common,
                "id": id,
                "name": name,
                "type": value.type,
                **value_columns(value),
                "execution_id": event.execution,
                "task_id": None,
                "activity_instance_id": event.completed_instance or event.activity_instance,
                "state": CREATED,
                "live": True,
                "created_ms": unit.at_ms,
                "revision": 0,
            },
        )


def scope_ended(unit: Unit, event: events.ExecutionEnded | events.TaskEnded, index: int) -> None:
    for id in event.variables:
        unit.update(TABLE, id, {"live": False})


def folded(unit: Unit, event: events.ExecutionFolded, index: int) -> None:
    for id in event.variables:
        unit.update(TABLE, id, {"execution_id": event.into})


def expanded(unit: Unit, event: events.ExecutionExpanded, index: int) -> None:
    for id in event.variables:
        unit.update(TABLE, id, {"execution_id": event.execution})


def attached(unit: Unit, event: events.PathAttached, index: int) -> None:
    for id in event.variables:
        unit.update(TABLE, id, {"execution_id": event.into})


def migrated(unit: Unit, event: events.VariablesMigrated, index: int) -> None:
    definition = {name: unit.common[name] for name in ("definition_id", "definition_key")}
    for id in event.variables:
        unit.update(TABLE, id, {**definition, "execution_id": event.execution})


VIEW = View(
    TABLE,
    {
        events.VariableSet: variable_set,
        events.VariableRemoved: removed,
        events.VariableHistoryDeleted: forgotten,
        events.ExecutionKept: kept,
        events.ExecutionEnded: scope_ended,
        events.TaskEnded: scope_ended,
        events.ExecutionFolded: folded,
        events.ExecutionExpanded: expanded,
        events.PathAttached: attached,
        events.VariablesMigrated: migrated,
    },
)
