"""Modification: starting before, after or at places, cancelling activity instances (Camunda 7
`ProcessInstanceModificationBuilder`)."""

from __future__ import annotations

from penstock.base.errors import Failure, NotValid
from penstock.engine import tree
from penstock.engine.behavior import Steps
from penstock.engine.cancel import cancel, cancel_instance, clear, drop_tasks
from penstock.engine.catching import open_scope, open_timers
from penstock.engine.commands import StartInstruction
from penstock.engine.definition import Activity, FlowOut
from penstock.engine.events import ActivityStarted, ExecutionKind, InstanceState, PathPlaced
from penstock.engine.incidents import load_run
from penstock.engine.listeners import notify
from penstock.engine.state import Execution, Phase
from penstock.engine.unit import Run
from penstock.engine.variables import map_in, set_local, set_variable

CANCELED = "Cancellation due to process instance modifcation"
"""Camunda 7's delete reason, spelt so."""


def modify(run: Run, instructions: tuple[StartInstruction, ...]) -> Steps:
    """Applies the instructions in order; an instance without anything left ends EXTERNALLY_TERMINATED."""
    present = _present(run) if any(item.cancel_current_active for item in instructions) else None
    for instruction in instructions:
        if instruction.type == "cancel":
            yield from _cancel(run, instruction, present if instruction.cancel_current_active else None)
        else:
            yield from start_at(run, instruction)
        yield from run.unit.work()
        if run.instance.ended:
            return
    yield from end_if_empty(run)


def end_if_empty(run: Run) -> Steps:
    """An instance without anything left ends."""
    if not _occupied(run):
        yield from end_instance(run, InstanceState.EXTERNALLY_TERMINATED, None)


def end_instance(run: Run, state: InstanceState, reason: str | None) -> Steps:
    """Cancels the instance, and what has called it, as far as nothing else is left there (Camunda 7
    `ExecutionEntity.deletePropagate`)."""
    i = run.instance
    yield from cancel_instance(run, state, reason)
    if i.super_instance is None or i.super_execution is None:
        return
    above: Run | None = yield from load_run(run, i.super_instance)
    if above is not None and i.super_execution in above.instance.executions:
        yield from cancel_place(above, above.instance.executions[i.super_execution])
        if not above.instance.ended:
            yield from end_if_empty(above)


def _occupied(run: Run) -> bool:
    top = run.top
    return bool(tree.live_children(run, top)) or top.phase is not Phase.IDLE or top.activity_instance is not None


# ------------------------------------------------------------------------------------------ cancel


def _cancel(run: Run, instruction: StartInstruction, present: set[str] | None) -> Steps:
    """`present`: what there was before the modification, when only that is canceled."""
    wanted = [x for x in _standing(run) if _is_wanted(x, instruction)]
    if instruction.activity_instance is not None:
        if not wanted and instruction.activity_instance != run.instance.id:
            raise NotValid(
                f"Cannot perform instruction: Cancel activity instance '{instruction.activity_instance}'; "
                f"Activity instance '{instruction.activity_instance}' does not exist: activityInstance is null"
            )
        if instruction.activity_instance == run.instance.id:
            yield from clear(run, run.top, CANCELED)
            return
    elif instruction.transition_instance is not None:
        if not wanted:
            raise NotValid(
                f"Cannot perform instruction: Cancel transition instance '{instruction.transition_instance}'; "
                f"Transition instance '{instruction.transition_instance}' does not exist: transitionInstance is null"
            )
    else:
        activity = instruction.activity or ""
        if activity not in run.definition.activities:
            raise NotValid(
                f"Cannot perform instruction: Cancel all instances of activity '{activity}'; "
                f"Activity '{activity}' does not exist: activity is null"
            )
    for x in wanted:
        if x.id not in run.instance.executions:
            # What is left alone in its scope is folded back into the scope's execution.
            x = next((y for y in _standing(run) if _is_wanted(y, instruction)), x)
        if x.id in run.instance.executions and (present is None or _name(x, instruction.activity) in present):
            yield from cancel_place(run, x)


def _is_wanted(x: Execution, instruction: StartInstruction) -> bool:
    if instruction.activity_instance is not None:
        return _is_instance(x, instruction.activity_instance)
    if instruction.transition_instance is not None:
        return x.id == instruction.transition_instance
    return _is_at(x, instruction.activity or "")


def _name(x: Execution, activity: str | None) -> str:
    """The id by which the instance of `activity` at `x` is known again: a transition has no other than its execution's."""
    scope = x.kind is ExecutionKind.SCOPE and x.scope_activity == activity
    return (x.scope_instance if scope else x.activity_instance) or x.id


def _present(run: Run) -> set[str]:
    return {name for x in _standing(run) for name in (_name(x, x.activity), _name(x, x.scope_activity))}


def _standing(run: Run) -> list[Execution]:
    """Every execution that stands somewhere, in the order of the tree."""
    found: list[Execution] = []
    todo = [run.top]
    while todo:
        x = todo.pop(0)
        if x.kind is not ExecutionKind.KEPT:
            found.append(x)
            todo[:0] = [run.instance.executions[id] for id in x.children]
    return found


def _is_instance(x: Execution, activity_instance: str) -> bool:
    return activity_instance in (x.activity_instance, x.scope_instance if x.kind is ExecutionKind.SCOPE else None)


def _is_at(x: Execution, activity: str) -> bool:
    if x.kind is ExecutionKind.SCOPE and x.scope_activity == activity:
        return True
    return x.activity == activity and (x.activity_instance is not None or x.phase in (Phase.BEFORE, Phase.AFTER))


def cancel_place(run: Run, x: Execution) -> Steps:
    """Cancels the scope or path `x`; the scopes around that are empty then go as well (but not the instance)."""
    top = x
    # What is canceled from outside is terminated externally, called instances as well.
    run.unit.called_state = InstanceState.EXTERNALLY_TERMINATED
    while True:
        if top.kind is ExecutionKind.INSTANCE:
            yield from drop_tasks(run, top, CANCELED)
            if top.phase is Phase.BEFORE and not run.skip_listeners:
                # As Camunda 7: the execution of the instance is in an activity and in an activity instance (its own).
                yield from notify(run, top, run.activity(top), "end")
            yield from clear(run, top, CANCELED)
            if top.phase is not Phase.IDLE or top.activity is not None:
                run.emit(PathPlaced(top.id, None, None, Phase.IDLE))
            return
        parent = run.parent(top)
        yield from cancel(run, top, CANCELED)
        if parent.kind is ExecutionKind.PATH:
            # The path had only that scope.
            top = parent
            continue
        if tree.live_children(run, parent) or tree.stays(run, parent):
            a = run.activity_by_id(parent.scope_activity)
            if not a.kind.child_canceled(run, parent, a):
                tree.fold(run, parent)
            return
        if parent.kind is ExecutionKind.INSTANCE:
            run.emit(PathPlaced(parent.id, None, None, Phase.IDLE))
            return
        top = parent


# ------------------------------------------------------------------------------------------ start


def start_at(run: Run, instruction: StartInstruction) -> Steps:
    """Starts before or after an activity, or along a sequence flow, in the nearest open scope; scopes that are missing are
    opened on the way (Camunda 7 `AbstractInstantiationCmd`)."""
    target, flow = _target(run, instruction)
    scopes: list[Activity] = []
    scope_activity = target.parent
    assert scope_activity is not None
    owner: Execution | None = None
    while owner is None:
        if scope_activity.is_process:
            _check_ancestor(run, instruction, flow.id if flow is not None else target.id)
            owner = run.top
            break
        owner = _single_scope(run, scope_activity, instruction)
        if owner is None:
            scopes.insert(0, scope_activity)
            assert scope_activity.parent is not None
            scope_activity = scope_activity.parent
    path = _place_in(run, owner, scope_activity)
    for scope in scopes:
        path = yield from open_scope_for(run, path, scope)
    for name, (value, local) in instruction.variables.items():
        if local:
            # A new path is in no activity instance yet, not even in that of a multi-instance body.
            set_local(run, path, name, value, placed=path.kind is not ExecutionKind.PATH)
        else:
            set_variable(run, path, name, value)
    if flow is not None:
        run.push("follow", path, flow)
    else:
        run.push("enter", path, target)


def _check_ancestor(run: Run, instruction: StartInstruction, element: str) -> None:
    """No scope up to the process is the ancestor that the instruction names: then it has to be the process instance."""
    ancestor = instruction.ancestor_activity_instance
    if ancestor is None or ancestor == run.instance.id:
        return
    if not any(_is_instance(x, ancestor) for x in _standing(run)):
        problem = f"Ancestor activity instance '{ancestor}' does not exist: ancestorInstance is null"
    else:
        problem = f"Scope execution for '{ancestor}' cannot be found in parent hierarchy of flow element '{element}'"
    kind = {"startTransition": "Start transition", "startAfterActivity": "Start after activity"}
    what = kind.get(instruction.type, "Start before activity")
    raise NotValid(f"Cannot perform instruction: {what} '{instruction.transition or instruction.activity}'; {problem}")


def _place_in(run: Run, owner: Execution, scope: Activity) -> Execution:
    """The path for something new in the scope `owner`, which is open."""
    if scope.inner is not None:
        return scope.kind.add_by_modification(run, owner, scope)
    return owner if _is_free(run, owner) else tree.concurrent_path(run, owner)


def _is_free(run: Run, owner: Execution) -> bool:
    if tree.live_children(run, owner) or tree.stays(run, owner):
        return False
    if owner.phase is Phase.ACTIVE:
        return owner.activity_instance == owner.scope_instance and run.activity_by_id(owner.scope_activity).composite
    return owner.phase is Phase.IDLE


def _target(run: Run, instruction: StartInstruction) -> tuple[Activity, FlowOut | None]:
    if instruction.type == "startTransition":
        flow = run.definition.flows.get(instruction.transition or "")
        if flow is None:
            raise NotValid(
                f"Cannot perform instruction: Start transition '{instruction.transition}'; "
                f"Element '{instruction.transition}' does not exist in process '{run.definition.id}': element is null"
            )
        return flow.target, flow
    a = run.definition.activities.get(instruction.activity or "")
    kind = "before" if instruction.type == "startBeforeActivity" else "after"
    if a is None:
        raise NotValid(
            f"Cannot perform instruction: Start {kind} activity '{instruction.activity}'; "
            f"Activity '{instruction.activity}' does not exist: activity is null"
        )
    if kind == "before":
        # The inner activity of a multi-instance one means one more instance; the body (`X#multiInstanceBody`) all of them.
        return a, None
    a = a.body or a
    if len(a.outgoing) != 1:
        problem = "has no outgoing sequence flow" if not a.outgoing else "has more than one outgoing sequence flow"
        raise NotValid(
            f"Cannot perform instruction: Start after activity '{a.id}'; "
            f"Cannot start after activity {a.id}; activity {problem}"
        )
    return a.outgoing[0].target, a.outgoing[0]


def _single_scope(run: Run, scope: Activity, instruction: StartInstruction) -> Execution | None:
    found = [
        x
        for x in run.instance.executions.values()
        if x.kind is ExecutionKind.SCOPE
        and x.scope_activity == scope.id
        # One that is only there for the continuation after its end is open no more.
        and not (x.phase is Phase.AFTER and x.activity == scope.id)
    ]
    if instruction.ancestor_activity_instance is not None:
        # Everything between that instance and the target is made anew.
        return next((x for x in found if x.scope_instance == instruction.ancestor_activity_instance), None)
    if len(found) > 1:
        raise Failure(
            f"Ancestor activity execution is ambiguous for activity Activity({scope.id}): name the ancestor activity "
            f"instance in which '{instruction.activity or instruction.transition}' is meant to start"
        )
    return found[0] if found else None


def open_scope_for(run: Run, path: Execution, scope: Activity) -> Steps:
    """Enters a scope without running what is inside."""
    parent_instance = tree.enclosing_instance(run, path, scope)
    e = tree.add_scope(run, path, scope.id)
    run.emit(
        ActivityStarted(e.id, scope.id, run.instance_id_of(scope.id), parent_instance, scope.type, scope.name, True)
    )
    open_scope(run, e, scope)
    run.starting = e.id
    if scope.inputs and not run.skip_io_mappings:
        yield from map_in(run, e, scope.inputs)
    open_timers(run, e, scope)
    if scope.start_listeners and not run.skip_listeners:
        yield from notify(run, e, scope, "start")
    run.starting = None
    opened: Execution = scope.kind.open_for_modification(run, e, scope)
    return opened
