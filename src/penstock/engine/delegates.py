"""In-JVM code has no home here: `camunda:class`, `delegateExpression` and bean calls resolve to registered Python callables."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.engine.behavior import Steps
from penstock.engine.questions import CallDelegate
from penstock.engine.state import Execution, Task
from penstock.engine.unit import Run
from penstock.engine.variables import Names, parameter_value, set_local, set_variable, store
from penstock.expr.values import TypedValue
from penstock.model.graph import Parameter


class DelegateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a registered callable did. `value`: native result. `variables`, `local_variables`: to set, in order.
    `error`: (code, message) of a BPMN error that it threw."""

    value: Any = None
    variables: dict[str, Any] = {}
    local_variables: dict[str, Any] = {}
    error: tuple[str, str | None] | None = None


def call_delegate(
    run: Run,
    x: Execution,
    name: str,
    kind: str,
    fields: tuple[Parameter, ...] = (),
    *,
    task: Task | None = None,
    event: str | None = None,
) -> Steps:
    """Asks the shell to call what is registered under `name`; applies its variables. Returns `DelegateResult`.

    The shell raises DelegateMissing with what to register."""
    injected: dict[str, TypedValue] = {}
    for field in fields:
        injected[field.name] = store((yield from parameter_value(run, field, x)), field.name)
    result: DelegateResult = yield CallDelegate(
        name=name,
        kind=kind,
        element=x.activity or run.definition.key,
        names=Names(run, x, task, event),
        fields=injected,
    )
    for key, value in result.variables.items():
        set_variable(run, x, key, store(value, key))
    for key, value in result.local_variables.items():
        set_local(run, x, key, store(value, key))
    return result
