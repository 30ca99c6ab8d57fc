"""Compensation (BPMN 2.0.2 §13.5.5), by Camunda 7's rules (`CompensationUtil`).

An activity with a compensation handler leaves a subscription in its scope when it completes. A completed scope with such
subscriptions inside is kept with a copy of its variables. Throwing compensation runs the handlers, last completed first.
"""

from __future__ import annotations

from penstock.engine import tree
from penstock.engine.behavior import Maybe, Steps
from penstock.engine.definition import Activity
from penstock.engine.events import (
    ActivityEnded,
    ExecutionKept,
    ExecutionKind,
    ExecutionMoved,
    ExecutionRevived,
    PathPlaced,
    SubscriptionCreated,
    SubscriptionDeleted,
)
from penstock.engine.listeners import notify
from penstock.engine.state import Execution, Phase, Subscription
from penstock.engine.unit import Run, operation


def after_leaving(run: Run, x: Execution, a: Activity) -> None:
    """`a` completes: remember how to compensate it."""
    if a.composite and x.kind is ExecutionKind.SCOPE and (x.subscriptions or a.event_subprocesses):
        _keep(run, x, a)
    if a.compensation_handler is not None:
        _subscribe(run, tree.scope_of(run, run.parent(x) if a.scope else x), a.compensation_handler, None)


def _subscribe(run: Run, scope: Execution, handler: Activity, configuration: str | None) -> None:
    run.emit(
        SubscriptionCreated(
            subscription=run.new_id(),
            type="compensate",
            name=None,
            execution=scope.id,
            activity=handler.id,
            configuration=configuration,
        )
    )


def _compensation_event_subprocess(a: Activity) -> Activity | None:
    return next((sub for sub in a.event_subprocesses if sub.compensates_scope), None)


def _keep(run: Run, x: Execution, a: Activity) -> None:
    """Camunda 7 `CompensationUtil.createEventScopeExecution`."""
    own = compensations(run, x)
    event_subprocess = _compensation_event_subprocess(a)
    if not own and event_subprocess is None:
        return
    scope = tree.scope_of(run, run.parent(x))
    kept = run.new_id()
    run.emit(
        ExecutionKept(
            execution=kept,
            parent=scope.id,
            activity=a.id,
            activity_instance=run.instance_id_of(a.id),
            # Where Camunda 7 finds the place of the copies: at the activity instance of the execution around them.
            completed_instance=x.scope_instance if run.parent(x) is scope else scope.scope_instance,
            variables=[(run.new_id(), name, found.value) for name, found in x.variables.items()],
        )
    )
    for subscription in own:
        run.emit(
            SubscriptionCreated(
                subscription=run.new_id(),
                type="compensate",
                name=None,
                execution=kept,
                activity=subscription.activity,
                configuration=subscription.configuration,
            )
        )
    for id in list(x.children):
        if run.instance.executions[id].kind is ExecutionKind.KEPT:
            run.emit(ExecutionMoved(id, kept))
    _subscribe(run, scope, event_subprocess or a, kept)


def compensations(run: Run, x: Execution) -> list[Subscription]:
    """The compensation subscriptions at `x`, in order of creation."""
    return [found for id in x.subscriptions if (found := run.instance.subscriptions[id]).type == "compensate"]


def is_compensating(run: Run, x: Execution) -> bool:
    """Whether `x` runs inside a compensation that was thrown above it."""
    at: Execution | None = x
    while at is not None and at.parent is not None:
        at = run.instance.executions[at.parent]
        if at.activity is not None and tree.throws_compensation(run.activity(at)):
            return True
        if at.kind is ExecutionKind.SCOPE and tree.throws_compensation(run.activity_by_id(at.scope_activity)):
            return True
    return False


def is_handler(run: Run, x: Execution) -> bool:
    """Whether the activity of `x` is a compensation handler at work (not one of the instances of a multi-instance one)."""
    a = run.activity(x)
    return a.node is not None and a.node.for_compensation and a.body is None and is_compensating(run, x)


def subscriptions_for(run: Run, x: Execution, a: Activity) -> list[Subscription]:
    """What the compensation throw event `a` (where `x` is) compensates: the activity that it names, or its whole scope."""
    trigger = a.trigger
    scope_activity = a.parent
    assert trigger is not None and scope_activity is not None
    # An event sub-process does not consume compensation: the scope around it is compensated as well (Camunda 7
    # `CompensationUtil.collectCompensateEventSubscriptionsForScope`).
    found: list[Subscription] = []
    at: Activity | None = scope_activity
    while at is not None:
        scope = tree.execution_for(run, x, at.id)
        if scope is not None:
            found += compensations(run, scope)
        at = at.parent if at.node is not None and at.node.triggered_by_event else None
    if trigger.activity_ref is None:
        return found
    inner = run.activity_by_id(trigger.activity_ref)
    target = inner.body or inner
    wanted = {target.id}
    if target.compensation_handler is not None:
        wanted = {target.compensation_handler.id}
    for sub in target.event_subprocesses:
        wanted.add(sub.id)
    return [s for s in found if s.activity in wanted]


def throw(run: Run, x: Execution, subscriptions: list[Subscription]) -> None:
    """Runs the handlers of `subscriptions` below `x`, the last created first."""
    plan: list[tuple[Execution, Subscription]] = []
    for subscription in subscriptions:
        kept = run.instance.executions.get(subscription.configuration or "")
        if kept is not None:
            # What was kept takes part again, with the variables of then.
            if kept.parent != x.id:
                run.emit(ExecutionMoved(kept.id, x.id))
            run.emit(ExecutionRevived(kept.id, x.id, kept.scope_activity))
            plan.append((kept, subscription))
        else:
            plan.append((tree.add_path(run, x), subscription))
    for path, subscription in plan:
        run.push("compensate", path, subscription.id, subscription.activity)


@operation
def compensate(run: Run, x: Execution, subscription: str, handler_id: str) -> Maybe:
    """Starts one compensation handler, or goes down into a revived scope."""
    if subscription in run.instance.subscriptions:
        run.emit(SubscriptionDeleted(subscription))
    if x.kind is ExecutionKind.SCOPE and handler_id == x.scope_activity:
        inner = compensations(run, x)
        if inner:
            throw(run, x, inner)
        else:
            _compensated(run, x)
        return None
    handler = run.activity_by_id(handler_id)
    return run.do("begin" if handler.compensates_scope else "begin_handler", x, handler)  # type: ignore[no-any-return]


@operation
def end_compensation(run: Run, x: Execution) -> Steps:
    """A compensation handler is done (Camunda 7 `PvmExecutionImpl.endCompensation`)."""
    a = run.activity(x)
    if a.end_listeners and not run.skip_listeners:
        yield from notify(run, x, a, "end")
    if x.activity_instance is not None:
        run.emit(ActivityEnded(x.id, a.id, x.activity_instance, x.started_ms))
    if a.scope and x.kind is ExecutionKind.SCOPE and x.scope_activity == a.id:
        inner, x = x, run.parent(x)
        yield from tree.destroy(run, inner)
    _compensated(run, x)


def _compensated(run: Run, x: Execution) -> None:
    """What was compensated by `x` is; when it was the last, the thrower goes on."""
    thrower = run.parent(x)
    tree.remove(run, x)
    if tree.has_live_children(run, thrower):
        return
    a = run.activity_by_id(thrower.scope_activity)
    if tree.throws_compensation(a):
        run.emit(PathPlaced(thrower.id, a.id, None, Phase.ACTIVE))
        run.push("compensation_done", thrower)
    else:
        # A revived scope inside a larger compensation.
        _compensated(run, thrower)


@operation
def compensation_done(run: Run, x: Execution) -> Maybe:
    """Every handler of the throwing event has ended."""
    a = run.activity(x)
    return a.kind.signal(run, x, a, "compensationDone", None)
