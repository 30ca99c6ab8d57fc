"""Conditional events (BPMN 2.0.2 §10.5.5.3): evaluated when their scope opens and when a variable changes that they see."""

from __future__ import annotations

from penstock.engine.behavior import Steps
from penstock.engine.catching import fire
from penstock.engine.definition import Activity
from penstock.engine.events import ExecutionKind
from penstock.engine.state import Execution, Subscription
from penstock.engine.unit import Run, operation
from penstock.engine.variables import Names, run_script
from penstock.expr import juel
from penstock.model.graph import Trigger, TriggerKind


@operation
def variable_changed(run: Run, x: Execution | None, name: str, how: str) -> Steps:
    """`name` was created, updated or deleted in the scope of `x`: evaluates what listens at `x` and below."""
    if x is None or x.id not in run.instance.executions:
        return
    for subscription in _listening(run, x):
        if subscription.id not in run.instance.subscriptions:
            continue
        trigger = run.activity_by_id(subscription.activity).trigger
        if trigger is None or not _concerned(trigger, name, how):
            continue
        yield from evaluate_subscription(run, subscription)


def _concerned(trigger: Trigger, name: str, how: str) -> bool:
    if trigger.variable_name is not None and trigger.variable_name != name:
        return False
    return not trigger.variable_events or how in trigger.variable_events


def _listening(run: Run, x: Execution) -> list[Subscription]:
    found: list[Subscription] = []
    todo = [x]
    while todo:
        at = todo.pop()
        if at.kind is ExecutionKind.KEPT:
            continue
        for id in at.subscriptions:
            if run.instance.subscriptions[id].type == "conditional":
                found.append(run.instance.subscriptions[id])
        todo.extend(run.instance.executions[id] for id in reversed(at.children))
    return found


@operation
def evaluate_all(run: Run, x: Execution | None) -> Steps:
    """Evaluates every condition that waits in the instance."""
    for subscription in _listening(run, run.top):
        if subscription.id in run.instance.subscriptions:
            yield from evaluate_subscription(run, subscription)


def evaluate_subscription(run: Run, subscription: Subscription) -> Steps:
    """Fires the subscription's event if its condition holds now."""
    x = run.instance.executions[subscription.execution]
    handler = run.activity_by_id(subscription.activity)
    assert handler.trigger is not None
    if (yield from holds(run, x, handler.trigger)):
        steps = fire(run, x, handler, {}, {}, subscription.id)
        if steps is not None:
            yield from steps


def holds(run: Run, x: Execution, trigger: Trigger) -> Steps:
    """The truth of a conditional event's condition; a name that is not there yet makes it false."""
    if trigger.condition_script is not None:
        result = yield from run_script(run, trigger.condition_script, x)
        return result.value is True
    return juel.parse(trigger.condition or "").try_condition(Names(run, x))


@operation
def evaluate_handlers(run: Run, x: Execution, a: Activity) -> Steps:
    """The scope has just opened: conditions that hold already fire at once."""
    for handler in a.handlers:
        trigger = handler.trigger
        if trigger is None or trigger.kind is not TriggerKind.CONDITIONAL:
            continue
        for id in list(x.subscriptions):
            subscription = run.instance.subscriptions.get(id)
            if subscription is not None and subscription.activity == handler.id and x.id in run.instance.executions:
                yield from evaluate_subscription(run, subscription)
