"""Moving parts of a migrating instance in the execution tree (Camunda 7 `MigratingActivityInstance` and its behaviours).

A part that moves is first detached: what it stands on becomes a path that hangs nowhere, and its old path is folded
away. Then it is attached to a free path of its new scope.
"""

from __future__ import annotations

from penstock.engine import tree
from penstock.engine.definition import Activity
from penstock.engine.events import (
    ExecutionCreated,
    ExecutionDetached,
    ExecutionEnded,
    ExecutionKind,
    ExecutionMoved,
    PathAttached,
    PathDetached,
    PathPlaced,
    SubscriptionDeleted,
    SubscriptionMigrated,
)
from penstock.engine.migration_behavior import is_body
from penstock.engine.migration_parts import Part, PartKind
from penstock.engine.state import Execution, Phase
from penstock.engine.unit import Run
from penstock.engine.variables import set_local
from penstock.expr.values import TypedValue

# ------------------------------------------------------------------------------------------ detaching


def locate(run: Run, part: Part) -> None:
    """Finds where the part stands now: paths fold and unfold when others come and go."""
    i = run.instance
    if part.kind is PartKind.TRANSITION:
        execution = i.jobs[part.job].execution
        assert execution is not None
        part.x = i.executions[execution]
    elif part.kind is PartKind.ACTIVITY and not part.is_scope:
        x = i.executions.get(part.x.id)
        if x is None or x.activity_instance != part.id:
            part.x = next(x for x in i.executions.values() if x.activity_instance == part.id)


def detach(run: Run, part: Part) -> None:
    """Takes the part out of the scope that it is in."""
    locate(run, part)
    parent = part.parent
    assert parent is not None
    if part.kind is PartKind.KEPT:
        run.emit(ExecutionDetached(part.x.id))
    elif part.kind is not PartKind.COMPENSATION:
        path = run.parent(part.x) if part.is_scope else part.x
        loose = _loosen(run, path, [part.x.id] if part.is_scope else [], own=path.kind is ExecutionKind.PATH)
        if not part.is_scope:
            part.x = loose
        leave(run, parent, path)
    part.put_below(None)


def _loosen(run: Run, x: Execution, children: list[str], *, own: bool) -> Execution:
    """What stands at `x`, with those children, stands at a path that hangs nowhere. `own`: with its variables."""
    i = run.instance
    incidents = [id for id in x.incidents if x.activity is None or i.incidents[id].activity == x.activity]
    variables = [found.id for found in x.variables.values()] if own else []
    new = run.new_id()
    run.emit(PathDetached(x.id, new, x.activity, children, variables, list(x.tasks), incidents))
    return i.executions[new]


def leave(run: Run, parent: Part, path: Execution) -> None:
    """`path` is free: it goes, when it is one of several (Camunda 7 `destroyAttachableExecution`)."""
    if path.kind is not ExecutionKind.PATH:
        run.emit(PathPlaced(path.id, None, None, Phase.IDLE))
        return
    scope = run.parent(path)
    tree.remove(run, path)
    if parent.current is not None and is_body(parent.current):
        _count(run, scope, "nrOfActiveInstances", -1)
    else:
        tree.fold(run, scope)


# ------------------------------------------------------------------------------------------ attaching


def attach(run: Run, part: Part, parent: Part) -> None:
    """Puts a detached part into the scope of `parent`."""
    part.put_below(parent)
    if part.kind is PartKind.KEPT:
        run.emit(ExecutionMoved(part.x.id, parent.x.id))
    elif part.kind is not PartKind.COMPENSATION:
        path = free_path(run, parent)
        _settle(run, run.parent(part.x) if part.is_scope else part.x, path, [part.x.id] if part.is_scope else [])
        if not part.is_scope:
            part.x = path
    if part.subscription is not None:
        found = part.subscription
        run.emit(SubscriptionMigrated(found.id, found.activity, parent.x.id, found.name))


def _settle(run: Run, loose: Execution, path: Execution, children: list[str]) -> None:
    variables = [found.id for found in loose.variables.values()]
    run.emit(
        PathAttached(loose.id, path.id, loose.activity, children, variables, list(loose.tasks), list(loose.incidents))
    )


def free_path(run: Run, parent: Part) -> Execution:
    """A path of the scope of `parent` on which nothing stands (Camunda 7 `createAttachableExecution`)."""
    scope = parent.x
    if parent.current is not None and is_body(parent.current):
        return _instance_path(run, scope, parent.current)
    if tree.live_children(run, scope) or scope.activity is not None:
        return tree.concurrent_path(run, scope)
    return scope


def _instance_path(run: Run, scope: Execution, body: Activity) -> Execution:
    """One more instance of a multi-instance body (Camunda 7 `createInnerInstance`)."""
    assert body.loop is not None
    number = _count(run, scope, "nrOfInstances", 1) - 1
    if body.loop.sequential:
        return scope
    _count(run, scope, "nrOfActiveInstances", 1)
    path = tree.add_path(run, scope)
    set_local(run, path, "loopCounter", TypedValue("Integer", number))
    return path


def _count(run: Run, scope: Execution, name: str, by: int) -> int:
    found = scope.variables.get(name)
    before = found.value.value if found is not None else 0
    number = (before if isinstance(before, int) else 0) + by
    set_local(run, scope, name, TypedValue("Integer", number))
    return number


# ------------------------------------------------------------------------------------------ scope or not


def become_scope(run: Run, part: Part, target: Activity) -> None:
    """The activity has become a scope: it gets an execution of its own; local variables stay with the path."""
    path = part.x
    loose = _loosen(run, path, [], own=False)
    new = run.new_id()
    run.emit(ExecutionCreated(new, path.id, ExecutionKind.SCOPE, target.id))
    part.x = run.instance.executions[new]
    _settle(run, loose, part.x, [])


def become_leaf(run: Run, part: Part) -> None:
    """The activity is a scope no longer: it stands on its path, with the variables that the scope had."""
    scope = part.x
    path = run.parent(scope)
    loose = _loosen(run, scope, [], own=True)
    run.emit(ExecutionEnded(scope.id))
    _settle(run, loose, path, [])
    part.x = path


def drop_kept(run: Run, part: Part) -> None:
    """A kept scope that the target does not have goes, with its subscription; nothing is compensated."""
    assert part.subscription is not None
    run.emit(SubscriptionDeleted(part.subscription.id))
    run.emit(ExecutionEnded(part.x.id, part.own_variables()))
