"""How a path goes on: enter an activity, leave it, take sequence flows, end.

Camunda 7's atomic operations (`PvmAtomicOperation`) in our words:
take → enter (asyncBefore?) → begin (scope, mappings, start listeners) → behaviour … leave → end listeners → destroy the
scope → (asyncAfter?) take.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

from penstock.base.errors import Failure, NoFlowTaken
from penstock.engine import tree
from penstock.engine.behavior import Maybe, Steps
from penstock.engine.cancel import interrupt
from penstock.engine.catching import open_scope, open_timers
from penstock.engine.compensation import after_leaving, end_compensation, is_handler
from penstock.engine.definition import Activity, FlowOut
from penstock.engine.events import ActivityEnded, ActivityStarted, ExecutionKind, PathPlaced
from penstock.engine.jobs import create_async
from penstock.engine.listeners import notify, notify_take
from penstock.engine.state import Execution, Phase
from penstock.engine.trace import note_values
from penstock.engine.unit import Run, operation
from penstock.engine.variables import Names, condition_holds, forget_local, map_in, run_script
from penstock.expr import juel

# ------------------------------------------------------------------------------------------ in


@operation
def take(run: Run, x: Execution, flow: FlowOut) -> Maybe:
    """`x` has left the flow's source and goes along it."""
    if flow.source.async_after:
        run.emit(PathPlaced(x.id, flow.source.id, flow.id, Phase.AFTER))
        create_async(run, x, flow.source, "async-after", flow.id)
        return None
    return follow(run, x, flow)


@operation
def follow(run: Run, x: Execution, flow: FlowOut) -> Maybe:
    """Goes along the flow, after any asynchronous continuation."""
    if flow.listeners and not run.skip_listeners:
        run.push(arrive, x, flow.target)
        return notify_take(run, x, flow)
    return arrive(run, x, flow.target)


def arrive(run: Run, x: Execution, a: Activity) -> Maybe:
    """The path reaches an activity; some kinds first interrupt everything else in their scope."""
    if a.kind.interrupts_flow_scope(a):
        return _interrupt_and_enter(run, x, a)
    return enter(run, x, a)


def _interrupt_and_enter(run: Run, x: Execution, a: Activity) -> Steps:
    """Camunda 7 `INTERRUPT_FLOW_SCOPE` (terminate and cancel end events)."""
    scope = tree.scope_of(run, x)
    if scope is not x:
        tree.remove(run, x)
    yield from interrupt(run, scope, f"Interrupting activity Activity({a.id}) executed.")
    steps = enter(run, scope, a)
    if steps is not None:
        yield from steps


@operation
def enter(run: Run, x: Execution, a: Activity) -> Maybe:
    """Enters `a`, or leaves a job that will."""
    if a.async_before:
        run.emit(PathPlaced(x.id, a.id, None, Phase.BEFORE))
        create_async(run, x, a, "async-before", None)
        return None
    return begin(run, x, a)


@operation
def begin(run: Run, x: Execution, a: Activity) -> Maybe:
    """Starts the activity instance, after any asynchronous continuation."""
    run.check_active()
    if a.plain:
        run.emit(
            ActivityStarted(
                x.id, a.id, run.instance_id_of(a.id), tree.enclosing_instance(run, x, a), a.type, a.name, False
            )
        )
        return a.kind.enter(run, x, a)
    return _begin(run, x, a)


@operation
def begin_handler(run: Run, x: Execution, a: Activity) -> Maybe:
    """Starts a compensation handler.

    Deviation (as in Camunda 7 `CompensationEventHandler`): what listens at a handler that is a scope for a message, a
    signal or a condition gets no subscription; its timers, and handlers of errors and escalations, work."""
    return _begin(run, x, a, subscribes=False)


def _begin(run: Run, x: Execution, a: Activity, *, subscribes: bool = True) -> Maybe:
    instance_id = run.instance_id_of(a.id)
    parent_instance = instance_id if _is_own_parent(run, x, a) else tree.enclosing_instance(run, x, a)
    e = tree.add_scope(run, x, a.id) if a.scope else x
    run.emit(ActivityStarted(e.id, a.id, instance_id, parent_instance, a.type, a.name, a.scope))
    if a.scope and a.handlers and subscribes:
        open_scope(run, e, a)
    if a.composite and a.scope:
        run.starting = e.id
    if a.inputs and not run.skip_io_mappings:
        run.push(_begun, e, a)
        return map_in(run, e, a.inputs)
    return _begun(run, e, a)


def _is_own_parent(run: Run, x: Execution, a: Activity) -> bool:
    """In Camunda 7's history some instances are their own parent: the execution that was kept takes over their id. That of
    a compensation event sub-process, and of a handler that is a sub-process inside a scope that is compensated."""
    if a.compensates is not None and a.composite and x.kind is ExecutionKind.PATH:
        return not tree.throws_compensation(run.activity_by_id(run.parent(x).scope_activity))
    return a.compensates_scope and x.kind is ExecutionKind.SCOPE and x.scope_activity == (a.parent and a.parent.id)


def _begun(run: Run, x: Execution, a: Activity) -> Maybe:
    if a.scope and a.handlers:
        open_timers(run, x, a)
    if a.start_listeners and not run.skip_listeners:
        run.push(behave, x, a)
        return notify(run, x, a, "start")
    return behave(run, x, a)


def behave(run: Run, x: Execution, a: Activity) -> Maybe:
    """Hands control to the kind of the activity."""
    run.starting = None
    if a.handlers and run.definition.conditional:
        run.push(_behave, x, a, x.activity_instance)
        return run.do("evaluate_handlers", x, a)  # type: ignore[no-any-return]
    return a.kind.enter(run, x, a)


def _behave(run: Run, x: Execution, a: Activity, instance: str | None) -> Maybe:
    at = still_in(run, x, instance)
    if at is not None and at.activity == a.id and at.phase is Phase.ACTIVE:
        return a.kind.enter(run, at, a)
    return None


# ------------------------------------------------------------------------------------------ out


def still_in(run: Run, x: Execution, instance: str | None) -> Execution | None:
    """Where the activity instance is on whose path `x` was, after events that it has caused (conditions, signals) have had
    their turn: a concurrent path may have taken it over, or it was canceled (Camunda 7
    `continueIfExecutionDoesNotAffectNextOperation`)."""
    if x.activity_instance == instance:
        return x
    executions = run.instance.executions
    return next((child for id in x.children if (child := executions[id]).activity_instance == instance), None)


@operation
def leave_instance(run: Run, x: Execution, instance: str | None) -> Maybe:
    """Leaves the activity instance, unless an event has ended it meanwhile."""
    at = still_in(run, x, instance)
    return None if at is None else leave(run, at)


@operation
def leave(run: Run, x: Execution) -> Maybe:
    """The activity where `x` is has done its work: choose the ways out by their conditions and go."""
    a = run.activity(x)
    after_leaving(run, x, a)
    if any(out.flow.condition is not None and out.flow.condition.script is not None for out in a.outgoing):
        return _leave_by_scripts(run, x, a)
    flows = [
        out
        for out in a.outgoing
        if out is not a.default_flow
        and (out.flow.condition is None or condition_holds(run, out.flow.condition.text, x))
    ]
    return _leave(run, x, a, flows)


def _leave_by_scripts(run: Run, x: Execution, a: Activity) -> Steps:
    flows = []
    for out in a.outgoing:
        if out is not a.default_flow and (yield from holds(run, x, out)):
            flows.append(out)
    steps = _leave(run, x, a, flows)
    if steps is not None:
        yield from steps


def holds(run: Run, x: Execution, out: FlowOut) -> Steps:
    """The truth of a flow's condition, which may be a script; a flow without condition is taken."""
    condition = out.flow.condition
    if condition is None:
        return True
    try:
        if condition.script is None:
            return condition_holds(run, condition.text, x)
        result = yield from run_script(run, condition.script, x)
    except Failure as failure:
        failure.trace.append(f"at sequence flow '{out.id}'")
        raise
    if not isinstance(result.value, bool):
        raise NoFlowTaken(
            f"condition script returns non-Boolean: {result.value!r} (sequence flow '{out.id}')", element_id=x.activity
        )
    return result.value


def no_flow(run: Run, x: Execution, a: Activity) -> NoFlowTaken:
    """The failure of an element none of whose outgoing flows is taken, with what their conditions looked at."""
    failure = NoFlowTaken(
        f"ENGINE-02004 No outgoing sequence flow for the element with id '{a.id}' could be selected for "
        "continuing the process.",
        element_id=a.id,
    )
    conditions = [(out.id, out.flow.condition) for out in a.outgoing if out.flow.condition is not None]
    names = dict.fromkeys(
        name for _, found in conditions if found.script is None for name in juel.parse(found.text).names
    )
    note_values(failure, names, Names(run, x))
    for id, found in conditions:
        failure.trace.append(f"at sequence flow '{id}', whose condition is false: {found.text or 'a script'}")
    return failure


def _leave(run: Run, x: Execution, a: Activity, flows: Sequence[FlowOut]) -> Maybe:
    if flows:
        return leave_by(run, x, flows)
    if a.default_flow is not None:
        return leave_by(run, x, (a.default_flow,))
    if a.outgoing:
        raise no_flow(run, x, a)
    if is_handler(run, x):
        return end_compensation(run, x)
    return end_path(run, x, True)


@operation
def leave_by(run: Run, x: Execution, flows: Sequence[FlowOut]) -> Maybe:
    """Ends the activity instance and takes all of `flows`."""
    a = run.activity(x)
    if a.end_listeners and not run.skip_listeners:
        run.push(_left, x, flows, x.activity_instance)
        return notify(run, x, a, "end")
    return _left(run, x, flows, x.activity_instance)


def _left(run: Run, x: Execution, flows: Sequence[FlowOut], instance: str | None) -> Maybe:
    at = still_in(run, x, instance)
    if at is None:
        return None
    x = at
    a = run.activity(x)
    end_instance(run, x, a)
    if a.scope:
        return _destroy_and_take(run, x, flows)
    _take_all(run, x, flows)
    return None


def _destroy_and_take(run: Run, x: Execution, flows: Sequence[FlowOut]) -> Steps:
    path = run.parent(x)
    yield from tree.destroy(run, x)
    _take_all(run, path, flows)


def _take_all(run: Run, path: Execution, flows: Sequence[FlowOut]) -> None:
    if len(flows) == 1:
        run.push(take, path, flows[0])
        return
    scope = tree.scope_of(run, path)
    first = path if path is not scope else tree.expand(run, scope)
    paths = [first, *(tree.add_path(run, scope) for _ in flows[1:])]
    for at, flow in zip(reversed(paths), reversed(flows), strict=True):
        if run.definition.inclusive:
            run.emit(PathPlaced(at.id, flow.source.id, flow.id, Phase.IDLE))
        run.push(take, at, flow)


def enough_have_arrived(run: Run, x: Execution, a: Activity) -> bool:
    """Whether as many paths of the scope of `x` as the gateway `a` has incoming flows have arrived at it.

    Looks from both ends and stops when too many are on their way: where paths come in some order, it looks at few."""
    if x.kind is not ExecutionKind.PATH:
        return a.incoming <= 1
    executions, children = run.instance.executions, run.parent(x).children
    may_miss = len(children) - a.incoming
    both_ends = chain.from_iterable(zip(children, reversed(children), strict=True))
    for id in islice(both_ends, len(children)):
        s = executions[id]
        if s.phase is not Phase.JOINING or s.activity != a.id:
            may_miss -= 1
            if may_miss < 0:
                return False
    return may_miss >= 0


def waiting_at(run: Run, x: Execution, a: Activity) -> list[Execution]:
    """The paths of the scope of `x` that have arrived at the gateway `a`, `x` among them."""
    if x.kind is not ExecutionKind.PATH:
        return [x]
    executions = run.instance.executions
    siblings = (executions[id] for id in run.parent(x).children)
    return [s for s in siblings if s.phase is Phase.JOINING and s.activity == a.id]


def leave_joined(run: Run, x: Execution, joined: Sequence[Execution], flows: Sequence[FlowOut]) -> Steps:
    """The paths `joined` become one, `x`, which takes `flows` (Camunda 7
    `PvmExecutionImpl.leaveActivityViaTransitions` with recyclable executions)."""
    if len(joined) > 1:
        for name in list(x.variables):
            forget_local(run, x, name)
    a = run.activity(x)
    for other in joined:
        if other is x:
            continue
        if a.end_listeners and not run.skip_listeners:
            yield from notify(run, other, a, "end")
        end_instance(run, other, a, completes_scope=not flows)
        path_gone(run, run.parent(other), other)
    x = run.replaced.get(x.id, x)
    steps = leave_by(run, x, flows) if flows else end_path(run, x, x.kind is not ExecutionKind.PATH)
    if steps is not None:
        yield from steps


def end_instance(run: Run, x: Execution, a: Activity, *, canceled: bool = False, completes_scope: bool = False) -> None:
    """The activity instance of `x` is over."""
    if x.activity_instance is not None:
        run.emit(ActivityEnded(x.id, a.id, x.activity_instance, x.started_ms, canceled, completes_scope))


@operation
def end_path(run: Run, x: Execution, completes_scope: bool) -> Maybe:
    """The path ends at its activity (Camunda 7 `PvmExecutionImpl.end`)."""
    run.check_active()
    a = run.activity(x)
    if a.end_listeners and not run.skip_listeners:
        run.push(_path_ended, x, completes_scope, x.activity_instance)
        return notify(run, x, a, "end")
    return _path_ended(run, x, completes_scope, x.activity_instance)


def _path_ended(run: Run, x: Execution, completes_scope: bool, instance: str | None) -> Maybe:
    at = still_in(run, x, instance)
    if at is None:
        return None
    x = at
    a = run.activity(x)
    end_instance(run, x, a, completes_scope=completes_scope)
    if a.async_after and not (a.outgoing and completes_scope):
        if x.kind is ExecutionKind.SCOPE and x.scope_activity == a.id:
            # Its scope stays for the continuation; no event may come to what has ended.
            tree.drop_waits(run, x, keep_compensation=True)
        run.emit(PathPlaced(x.id, a.id, None, Phase.AFTER))
        create_async(run, x, a, "async-after", None)
        return None
    return after_path(run, x)


@operation
def after_path(run: Run, x: Execution) -> Maybe:
    """What becomes of a scope when one of its paths has ended (Camunda 7 `PvmAtomicOperationActivityEnd`)."""
    a = run.activity(x)
    if a.scope and x.kind is ExecutionKind.SCOPE and x.scope_activity == a.id:
        return _destroy_and_end(run, x, a)
    return _ended_in_scope(run, x, a)


def _destroy_and_end(run: Run, x: Execution, a: Activity) -> Steps:
    path = run.parent(x)
    yield from tree.destroy(run, x)
    steps = _ended_in_scope(run, path, a)
    if steps is not None:
        yield from steps


def _ended_in_scope(run: Run, path: Execution, a: Activity) -> Maybe:
    scope_activity = a.parent
    assert scope_activity is not None
    if path.kind is ExecutionKind.PATH:
        scope = run.parent(path)
        if scope_activity.is_process:
            return path_gone(run, scope, path)
        return scope_activity.kind.child_ended(run, scope, path, scope_activity)
    if scope_activity.is_process:
        return run.do("end_process", path)  # type: ignore[no-any-return]
    raise_to_scope(run, path)
    return scope_activity.kind.complete(run, path, scope_activity)


@operation
def path_gone(run: Run, scope: Execution, path: Execution) -> None:
    """One of several concurrent paths is over; the last one left is folded into its scope."""
    tree.remove(run, path)
    tree.fold(run, scope)


def raise_to_scope(run: Run, scope: Execution) -> None:
    """All inside is done: the scope's execution stands for the scope activity itself."""
    run.emit(PathPlaced(scope.id, scope.scope_activity, None, Phase.ACTIVE))
