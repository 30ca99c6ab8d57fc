"""How a service task, send task, business rule task or message event is carried out."""

from __future__ import annotations

from typing import Any

from penstock.base.errors import Failure
from penstock.bpmn.decision import decide
from penstock.engine.behavior import ElementKind, Maybe, Steps
from penstock.engine.connectors import create_connector
from penstock.engine.definition import Activity, connector_of
from penstock.engine.delegates import DelegateResult, call_delegate
from penstock.engine.external import create_external_task
from penstock.engine.state import Execution
from penstock.engine.throwing import throw_error
from penstock.engine.unit import Run
from penstock.engine.variables import evaluate, set_variable, store
from penstock.model.graph import Implementation, Node


def carry_out(run: Run, x: Execution, a: Activity, how: Implementation | None) -> Maybe:
    """Does the work, or waits for a worker to do it."""
    if how is None:
        run.leave(x)
        return None
    if how.type == "external":
        create_external_task(run, x, a, how.topic or "", how.task_priority)
        return None
    if how.expression is not None:
        value = evaluate(run, how.expression, x)
        if how.result_variable is not None:
            set_variable(run, x, how.result_variable, store(value, how.result_variable))
        run.leave(x)
        return None
    if how.class_name is not None or how.delegate_expression is not None:
        return _delegate(run, x, a, how)
    if how.decision_ref is not None:
        return decide(run, x, a, how)
    if how.connector_id is not None:
        create_connector(run, x, a, how)
        return None
    if how.type is not None:
        raise Failure(
            f"The implementation type '{how.type}' of '{a.id}' is not available: use an external task instead",
            element_id=a.id,
        )
    run.leave(x)
    return None


def _delegate(run: Run, x: Execution, a: Activity, how: Implementation) -> Steps:
    kind = "class" if how.class_name is not None else "delegateExpression"
    name = how.class_name or how.delegate_expression or ""
    result: DelegateResult = yield from call_delegate(run, x, name, kind, how.fields)
    if result.error is not None:
        yield from throw_error(run, x, *result.error)
        return
    if how.result_variable is not None:
        set_variable(run, x, how.result_variable, store(result.value, how.result_variable))
    run.leave(x)


def signal(run: Run, x: Execution, a: Activity) -> None:
    """Somebody wants work that waits to go on as it is. Raises Failure for a connector: its answer is on the way."""
    if connector_of(a) is not None:
        raise Failure(
            f"Activity '{a.id}' does not accept signals: it goes on when its connector has answered", element_id=a.id
        )
    run.leave(x)


class ImplementedTask(ElementKind):
    """A task that an `Implementation` carries out."""

    def is_scope(self, node: Node) -> bool:
        # Camunda 7 makes external tasks scopes, so that local variables of a worker have a place.
        return node.implementation is not None and node.implementation.type == "external"

    def enter(self, run: Run, x: Execution, a: Activity) -> Maybe:
        assert a.node is not None
        return carry_out(run, x, a, a.node.implementation)

    def signal(self, run: Run, x: Execution, a: Activity, name: str | None, payload: Any) -> Maybe:
        signal(run, x, a)
        return None
