"""Waiting for events: subscriptions and timers of scopes, and what happens when one fires."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.base.errors import BadUserRequest
from penstock.engine import tree
from penstock.engine.behavior import Maybe, Steps
from penstock.engine.cancel import cancel, interrupt
from penstock.engine.definition import Activity
from penstock.engine.events import ExecutionKind, SubscriptionCreated, SubscriptionDeleted
from penstock.engine.jobs import create_timer
from penstock.engine.state import Execution
from penstock.engine.unit import Run, operation
from penstock.engine.variables import evaluate_text, set_all, set_local
from penstock.expr.values import TypedValue
from penstock.model.graph import TimerKind, TriggerKind

SUBSCRIBED = {
    TriggerKind.MESSAGE: "message",
    TriggerKind.SIGNAL: "signal",
    TriggerKind.CONDITIONAL: "conditional",
}
"""Triggers that wait as event subscriptions, and the subscriptions' types."""


def open_scope(run: Run, x: Execution, a: Activity) -> None:
    """The scope `x` of `a` opens: its boundary events and event sub-processes begin to listen."""
    for handler in a.handlers:
        subscribe(run, x, handler)


def open_timers(run: Run, x: Execution, a: Activity) -> None:
    """The timers of the scope start when its input mappings are done."""
    for handler in a.handlers:
        trigger = handler.trigger
        if trigger is not None and trigger.kind is TriggerKind.TIMER:
            assert handler.node is not None
            create_timer(run, x, handler, repeats=trigger.timer is TimerKind.CYCLE and not handler.node.interrupting)


def subscribe(run: Run, x: Execution, handler: Activity) -> None:
    """`x` waits for the message, signal or condition of `handler`; other triggers need no subscription."""
    trigger = handler.trigger
    if trigger is None:
        return
    type = SUBSCRIBED.get(trigger.kind)
    if type is not None:
        run.emit(
            SubscriptionCreated(
                subscription=run.new_id(),
                type=type,
                name=evaluate_text(run, trigger.name, x),
                execution=x.id,
                activity=handler.id,
            )
        )


def wait_for(run: Run, x: Execution, catching: Activity) -> None:
    """`x` waits in an intermediate catch event, a receive task or an event-based gateway for `catching`'s event."""
    trigger = catching.trigger
    if trigger is not None and trigger.kind is TriggerKind.TIMER:
        create_timer(run, x, catching, repeats=False)
    else:
        subscribe(run, x, catching)


def deliver(
    run: Run,
    subscription: str,
    variables: Mapping[str, TypedValue],
    local_variables: Mapping[str, TypedValue] | None = None,
) -> Maybe:
    """The event of a subscription has come (Camunda 7 `EventSubscriptionEntity.eventReceived`)."""
    found = run.instance.subscriptions.get(subscription)
    if found is None:
        raise BadUserRequest(f"The event subscription {subscription} does not exist any more")
    x = run.instance.executions[found.execution]
    return fire(run, x, run.activity_by_id(found.activity), variables, local_variables or {}, subscription)


def fire(
    run: Run,
    x: Execution,
    handler: Activity,
    variables: Mapping[str, TypedValue],
    local_variables: Mapping[str, TypedValue],
    subscription: str | None = None,
) -> Maybe:
    """Triggers `handler`, whose event scope is that of `x`."""
    set_all(run, x, variables)
    if handler.event_scope is not None:
        return handle(run, x, handler, local_variables)
    if subscription is not None and subscription in run.instance.subscriptions:
        run.emit(SubscriptionDeleted(subscription))
    for name, value in local_variables.items():
        set_local(run, x, name, value)
    a = run.activity(x)
    return a.kind.signal(run, x, a, None, handler)


@operation
def handle(run: Run, x: Execution, handler: Activity, local_variables: Mapping[str, TypedValue] | None = None) -> Steps:
    """Starts a boundary event or event sub-process whose event scope is that of `x` (Camunda 7
    `executeEventHandlerActivity`)."""
    node = handler.node
    assert node is not None and handler.parent is not None
    run.check_active()
    if handler.attached_to is not None or node.kind != "startEvent":
        # A boundary event, or an event behind an event-based gateway, which always cancels the gateway.
        if node.interrupting or handler.attached_to is None:
            path = run.parent(x)
            yield from cancel(run, x, f"Cancel scope activity Activity({handler.id}) executed.")
        else:
            path = tree.concurrent_path(run, tree.scope_of(run, run.parent(x)))
        run.push("enter_handler", path, handler, dict(local_variables or {}))
        return
    event_subprocess = handler.parent
    if node.interrupting:
        yield from interrupt(run, x, f"Interrupting activity Activity({event_subprocess.id}) executed.")
        path = x
    else:
        path = tree.concurrent_path(run, x)
    run.push("enter_handler", path, event_subprocess, dict(local_variables or {}))


@operation
def enter_handler(run: Run, x: Execution, a: Activity, local_variables: Mapping[str, TypedValue]) -> Maybe:
    """Enters the handler; the event's local variables go into the scope that it opens, or to its path."""
    steps: Maybe = run.do("enter", x, a)
    if local_variables:
        at = x
        for id in x.children:
            child = run.instance.executions[id]
            if child.kind is ExecutionKind.SCOPE and child.scope_activity == a.id:
                at = child
        for name, value in local_variables.items():
            set_local(run, at, name, value)
    return steps
