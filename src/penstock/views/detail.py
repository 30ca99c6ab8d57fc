"""Every change of every variable (Camunda 7 `HistoricDetail` of type `variableUpdate`), and the text of the fields of
submitted forms (`formField`).

Camunda also writes a row, without a value, when a variable is removed by name. All rows of a unit that a person's
operation caused carry the operation's id.
"""

from typing import Any

from penstock.engine import events
from penstock.expr.values import NULL, TypedValue
from penstock.views.columns import value_columns
from penstock.views.unit import Unit, View

TABLE = "detail"
VARIABLE_UPDATE = "variableUpdate"
FORM_FIELD = "formField"
_NO_VALUE = value_columns(NULL)


def _row(unit: Unit, index: int, part: int, columns: dict[str, Any]) -> None:
    row = {
        **unit.common,
        "id": unit.id(index, part),
        "type": VARIABLE_UPDATE,
        **columns,
        "occurred_ms": unit.at_ms,
        "operation_id": None,
        "sequence": unit.sequence(index),
    }
    unit.details.append(row)
    unit.insert(TABLE, row)


def variable_set(unit: Unit, event: events.VariableSet, index: int) -> None:
    value = event.value
    if value.transient:
        return
    task = event.task
    _row(
        unit,
        index,
        0,
        {
            "variable_id": event.variable,
            "name": event.name,
            "variable_type": value.type,
            **value_columns(value),
            "execution_id": event.scope if task is None else event.execution,
            "task_id": task,
            "activity_instance_id": event.source_activity_instance or event.scope_activity_instance,
            "revision": event.revision,
            "initial": event.initial,
        },
    )


def removed(unit: Unit, event: events.VariableRemoved, index: int) -> None:
    if event.silent:
        return
    task = event.task
    _row(
        unit,
        index,
        0,
        {
            "variable_id": event.variable,
            "name": event.name,
            "variable_type": event.type or NULL.type,
            **_NO_VALUE,
            "execution_id": event.scope if task is None else event.execution,
            "task_id": task,
            "activity_instance_id": event.source_activity_instance or event.scope_activity_instance,
            "revision": event.revision,
            "initial": False,
        },
    )


def form_submitted(unit: Unit, event: events.FormSubmitted, index: int) -> None:
    for part, (field, text) in enumerate(event.fields):
        _row(
            unit,
            index,
            part,
            {
                "type": FORM_FIELD,
                "variable_id": None,
                "name": field,
                "variable_type": None,
                **_NO_VALUE,
                "text_value": text,
                "execution_id": event.execution,
                "task_id": event.task,
                "activity_instance_id": event.activity_instance,
                "revision": None,
                "initial": None,
            },
        )


def forgotten(unit: Unit, event: events.VariableHistoryDeleted, index: int) -> None:
    for id in event.details:
        unit.delete(TABLE, id)


def kept(unit: Unit, event: events.ExecutionKept, index: int) -> None:
    for part, (id, name, value) in enumerate(event.variables):
        _kept_variable(unit, event, index, part, id, name, value)


def _kept_variable(
    unit: Unit, event: events.ExecutionKept, index: int, part: int, id: str, name: str, value: TypedValue
) -> None:
    _row(
        unit,
        index,
        part,
        {
            "variable_id": id,
            "name": name,
            "variable_type": value.type,
            **value_columns(value),
            "execution_id": event.execution,
            "task_id": None,
            "activity_instance_id": event.activity_instance,
            "revision": 0,
            "initial": False,
        },
    )


def operation_logged(unit: Unit, event: events.OperationLogged, index: int) -> None:
    unit.operation = event.operation


def finish(unit: Unit) -> None:
    if unit.operation is not None:
        for row in unit.details:
            row["operation_id"] = unit.operation


VIEW = View(
    TABLE,
    {
        events.VariableSet: variable_set,
        events.VariableRemoved: removed,
        events.VariableHistoryDeleted: forgotten,
        events.FormSubmitted: form_submitted,
        events.ExecutionKept: kept,
        events.OperationLogged: operation_logged,
    },
    finish,
)
