"""Errors and escalations on their way outwards (BPMN 2.0.2 §10.5.6; Camunda 7 `BpmnExceptionHandler`,
`EscalationHandler`): through the scopes around, then through the calling instances."""

from __future__ import annotations

from penstock.engine import tree
from penstock.engine.behavior import Steps
from penstock.engine.catching import handle
from penstock.engine.compensation import end_compensation, is_handler
from penstock.engine.definition import Activity
from penstock.engine.events import ExecutionKind
from penstock.engine.incidents import load_run
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.engine.variables import set_variable
from penstock.expr.values import NULL, TypedValue
from penstock.model.graph import TriggerKind


def _text(value: str | None) -> TypedValue:
    return NULL if value is None else TypedValue("String", value)


def _handlers(scope: Activity, kind: TriggerKind, code: str | None, thrower: Activity | None) -> Activity | None:
    """The handler of `scope` that catches: event sub-processes before boundary events, and in each of both those that
    name the code before those that catch all (Camunda 7 `ErrorEventDefinition.getPrecedence`)."""
    best: Activity | None = None
    rank = -1
    for handler in scope.handlers:
        trigger = handler.trigger
        if trigger is None or trigger.kind is not kind:
            continue
        inside = handler.parent if handler.attached_to is None else None
        if inside is not None and thrower is not None and thrower.within(inside):
            # An event sub-process does not catch what it throws itself.
            continue
        named = bool(trigger.code)
        if named and trigger.code != code:
            continue
        precedence = (10 if inside is not None else 0) + named
        if precedence > rank:
            best, rank = handler, precedence
    return best


def _find(run: Run, x: Execution, kind: TriggerKind, code: str | None) -> Steps:
    """(run, scope execution, handler) of the nearest catching scope, or None. Walks out through calling instances, whose
    output mappings are done on the way, as Camunda 7 does for errors."""
    at_run: Run = run
    at: Execution | None = x
    thrower: Activity | None = run.activity(x)
    activity: Activity | None = thrower
    while True:
        while activity is not None:
            if activity.scope or activity.is_process:
                owner = tree.execution_for(at_run, at, activity.id) if at is not None else None
                handler = _handlers(activity, kind, code, thrower)
                if handler is not None and owner is not None and not _is_over(at_run, owner, handler):
                    return at_run, owner, handler
            activity = activity.parent
        if at_run.instance.super_instance is None or at_run.instance.super_execution is None:
            return None
        above: Run | None = yield from load_run(at_run, at_run.instance.super_instance)
        caller = above.instance.executions.get(at_run.instance.super_execution) if above is not None else None
        if above is None or caller is None:
            return None
        called, at_run, at = at_run, above, caller
        thrower = activity = at_run.activity(at)
        run.do("pass_out", called, above, at)


def _is_over(run: Run, owner: Execution, handler: Activity) -> bool:
    """Whether `handler` is a boundary event of a scope that has completed and acts again only to be compensated."""
    if handler.attached_to is None or owner.parent is None:
        return False
    around = run.parent(owner)
    return around.kind is ExecutionKind.SCOPE and tree.throws_compensation(run.activity_by_id(around.scope_activity))


def throw_error(run: Run, x: Execution, code: str, message: str | None) -> Steps:
    """A BPMN error is thrown where `x` is; nobody catches it: the path ends (Camunda 7's default). A compensation handler
    is done then, and the compensation goes on."""
    found = yield from _find(run, x, TriggerKind.ERROR, code)
    if found is None:
        steps = end_compensation(run, x) if is_handler(run, x) else run.do("end_path", x, True)
        if steps is not None:
            yield from steps
        return
    at_run, owner, handler = found
    trigger = handler.trigger
    if trigger.code_variable is not None:
        set_variable(at_run, owner, trigger.code_variable, _text(code))
    if trigger.message_variable is not None:
        set_variable(at_run, owner, trigger.message_variable, _text(message))
    yield from handle(at_run, owner, handler)


def throw_escalation(run: Run, x: Execution, code: str) -> Steps:
    """An escalation is thrown where `x` is. Returns (caught, interrupted): whether `x` was canceled by it."""
    found = yield from _find(run, x, TriggerKind.ESCALATION, code)
    if found is None:
        return False, False
    at_run, owner, handler = found
    trigger = handler.trigger
    if trigger.code_variable is not None:
        set_variable(at_run, owner, trigger.code_variable, _text(code))
    yield from handle(at_run, owner, handler)
    gone = x.id not in run.instance.executions or x.activity_instance is None
    return True, gone or run.instance.ended or (x.kind is ExecutionKind.PATH and x.id in run.replaced)
