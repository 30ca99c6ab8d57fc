"""Execution listeners: expressions, scripts, registered delegates (Camunda 7 `camunda:executionListener`)."""

from __future__ import annotations

from penstock.base.errors import Failure
from penstock.engine.behavior import Steps
from penstock.engine.definition import Activity, FlowOut
from penstock.engine.delegates import call_delegate
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.engine.variables import evaluate, run_script
from penstock.model.graph import Listener


def notify(run: Run, x: Execution, a: Activity, event: str) -> Steps:
    """Runs the activity's (or process's) listeners for `start` or `end`, in document order."""
    for listener in a.start_listeners if event == "start" else a.end_listeners:
        yield from call_listener(run, x, listener, event)


def notify_take(run: Run, x: Execution, flow: FlowOut) -> Steps:
    """Runs the listeners of a sequence flow."""
    for listener in flow.listeners:
        yield from call_listener(run, x, listener, "take")


def call_listener(run: Run, x: Execution, listener: Listener, event: str) -> Steps:
    """Runs one execution listener."""
    try:
        yield from _call(run, x, listener, event)
    except Failure as failure:
        failure.trace.append(f"at execution listener of the event {event}")
        raise


def _call(run: Run, x: Execution, listener: Listener, event: str) -> Steps:
    if listener.script is not None:
        yield from run_script(run, listener.script, x, event=event)
    elif listener.expression is not None:
        evaluate(run, listener.expression, x, event=event)
    else:
        name = listener.class_name or listener.delegate_expression or ""
        yield from call_delegate(run, x, name, "executionListener", listener.fields, event=event)
