"""Variables of running instances, read from the live state: what is visible where."""

from penstock.engine.state import Execution, Instance
from penstock.expr.values import TypedValue


def local(instance: Instance, execution: str) -> dict[str, TypedValue]:
    """The variables of this execution alone; none when it does not exist."""
    found = instance.executions.get(execution)
    return {} if found is None else _values(found)


def visible(instance: Instance, execution: str) -> dict[str, TypedValue]:
    """The variables that an expression at this execution sees: inner scopes hide outer ones."""
    values: dict[str, TypedValue] = {}
    at = instance.executions.get(execution)
    while at is not None:
        for name, variable in at.variables.items():
            values.setdefault(name, variable.value)
        at = instance.executions.get(at.parent) if at.parent else None
    return values


def top(instance: Instance) -> dict[str, TypedValue]:
    """The variables of the process instance itself."""
    return local(instance, instance.id)


def _values(execution: Execution) -> dict[str, TypedValue]:
    return {name: variable.value for name, variable in execution.variables.items()}
