"""The execution tree: how paths fork, fold and end, by Camunda 7's rules (`PvmExecutionImpl`).

A scope with one path is that path itself. A fork makes concurrent children; when one of them is left, it is folded back
into its scope. Client-visible execution ids follow from this.
"""

from __future__ import annotations

from penstock.engine.behavior import Steps
from penstock.engine.definition import Activity
from penstock.engine.events import (
    ExecutionCreated,
    ExecutionEnded,
    ExecutionExpanded,
    ExecutionFolded,
    ExecutionKind,
    ExecutionMoved,
    ExternalTaskDeleted,
    InstanceEnded,
    InstanceState,
    SubscriptionDeleted,
)
from penstock.engine.incidents import close_for, drop_incidents
from penstock.engine.jobs import delete_job
from penstock.engine.state import Execution
from penstock.engine.tasks import end_task
from penstock.engine.unit import Run
from penstock.engine.variables import map_out, remove_local, set_local
from penstock.model.graph import TriggerKind


def live_children(run: Run, scope: Execution) -> list[Execution]:
    """The children that take part in the present: all but kept ones."""
    executions = run.instance.executions
    return [child for id in scope.children if (child := executions[id]).kind is not ExecutionKind.KEPT]


def has_live_children(run: Run, scope: Execution) -> bool:
    """Whether there are any."""
    executions = run.instance.executions
    return any(executions[id].kind is not ExecutionKind.KEPT for id in scope.children)


def scope_of(run: Run, x: Execution) -> Execution:
    """The execution whose scope `x` runs in: its parent for a concurrent path, else itself."""
    return run.parent(x) if x.kind is ExecutionKind.PATH else x


def enclosing_instance(run: Run, x: Execution, a: Activity) -> str:
    """The activity instance in which the activity `a` lies when path `x` enters it."""
    scope = scope_of(run, x)
    if x.kind is ExecutionKind.PATH and throws_compensation(run.activity_by_id(scope.scope_activity)):
        # A compensation handler lies in its own scope, not in the event that has thrown.
        owner = execution_for(run, scope, a.parent.id) if a.parent is not None else None
        found = owner.scope_instance if owner is not None else scope.parent_instance
        assert found is not None
        return found
    assert scope.scope_instance is not None
    return scope.scope_instance


def throws_compensation(a: Activity) -> bool:
    """Whether `a` is an event whose scope holds running compensation handlers."""
    trigger = a.trigger
    return (
        a.node is not None
        and trigger is not None
        and trigger.kind in (TriggerKind.COMPENSATION, TriggerKind.CANCEL)
        and a.node.kind in ("intermediateThrowEvent", "endEvent")
    )


def execution_for(run: Run, x: Execution, scope_activity: str) -> Execution | None:
    """The nearest execution from `x` outwards that owns the scope of `scope_activity`."""
    at: Execution | None = x
    while at is not None:
        if at.kind is not ExecutionKind.PATH and at.scope_activity == scope_activity:
            return at
        at = run.instance.executions[at.parent] if at.parent is not None else None
    return None


def add_scope(run: Run, path: Execution, activity: str) -> Execution:
    """Opens the scope of `activity` below the path that enters it."""
    new = run.new_id()
    run.emit(ExecutionCreated(new, path.id, ExecutionKind.SCOPE, activity))
    return run.instance.executions[new]


def add_path(run: Run, scope: Execution) -> Execution:
    """A further concurrent path in `scope`, without looking at the others."""
    new = run.new_id()
    run.emit(ExecutionCreated(new, scope.id, ExecutionKind.PATH))
    return run.instance.executions[new]


def expand(run: Run, scope: Execution) -> Execution:
    """The scope's single path becomes a concurrent one. Returns it."""
    new = run.new_id()
    i = run.instance
    run.emit(
        ExecutionExpanded(
            scope.id,
            new,
            scope.activity,
            variables=_of_tasks(run, scope),
            tasks=list(scope.tasks),
            incidents=[
                id for id in scope.incidents if scope.activity is None or i.incidents[id].activity == scope.activity
            ],
        )
    )
    return run.instance.executions[new]


def concurrent_path(run: Run, scope: Execution) -> Execution:
    """A new concurrent path in `scope`; a path that was alone there becomes concurrent (Camunda 7
    `PvmExecutionImpl.createConcurrentExecution`)."""
    executions = run.instance.executions
    live = (child for id in scope.children if (child := executions[id]).kind is not ExecutionKind.KEPT)
    first, second = next(live, None), next(live, None)
    if first is None:
        if not stays(run, scope):
            expand(run, scope)
    elif second is None and first.kind is ExecutionKind.SCOPE:
        path = add_path(run, scope)
        run.emit(ExecutionMoved(first.id, path.id))
    return add_path(run, scope)


def stays(run: Run, scope: Execution) -> bool:
    """Whether the scope stands for itself, apart from the paths inside."""
    return run.activity_by_id(scope.scope_activity).kind.stays


def fold(run: Run, scope: Execution) -> None:
    """If exactly one concurrent path is left in `scope`, it becomes the scope's own path (Camunda 7
    `tryPruneLastConcurrentChild`)."""
    if stays(run, scope):
        return
    executions = run.instance.executions
    last: Execution | None = None
    for id in scope.children:
        child = executions[id]
        if child.kind is ExecutionKind.KEPT:
            continue
        if last is not None:
            return
        last = child
    if last is not None and last.kind is ExecutionKind.PATH:
        for name in [name for name in last.variables if name in scope.variables]:
            # Camunda 7 keeps the scope's variable and gives it the path's value.
            set_local(run, scope, name, last.variables[name].value)
            remove_local(run, last, name)
        run.emit(
            ExecutionFolded(
                last.id,
                scope.id,
                last.activity,
                list(last.children),
                [*_ids(last), *_of_tasks(run, last)],
                list(last.tasks),
                list(last.incidents),
            )
        )
        run.replaced[last.id] = scope


def _of_tasks(run: Run, x: Execution) -> list[str]:
    """The ids of the variables of the tasks at `x`: views show them at the execution of their task."""
    return [found.id for task in x.tasks for found in run.instance.tasks[task].variables.values()]


def _ids(x: Execution) -> list[str]:
    """The ids of the variables of `x`, for the views."""
    return [found.id for found in x.variables.values()]


def drop_waits(run: Run, x: Execution, *, keep_compensation: bool = False) -> None:
    """Deletes what waits at `x`: subscriptions, jobs, user and external tasks."""
    i = run.instance
    for id in list(x.tasks):
        end_task(run, i.tasks[id], "deleted")
    for id in list(x.subscriptions):
        if keep_compensation and i.subscriptions[id].type == "compensate":
            continue
        run.emit(SubscriptionDeleted(id))
    for id in list(x.jobs):
        delete_job(run, i.jobs[id])
    for id in list(x.external_tasks):
        drop_external_task(run, id)


def drop_external_task(run: Run, external_task: str, worker: str | None = None) -> None:
    """Cancels an external task, with its incident."""
    task = run.instance.external_tasks[external_task]
    close_for(run, task.id, resolved=False)
    run.emit(
        ExternalTaskDeleted(
            external_task=task.id,
            worker=worker,
            log=run.new_id(),
            activity=task.activity,
            execution=task.execution,
            activity_instance=task.activity_instance,
            topic=task.topic,
            priority=task.priority,
            retries=task.retries,
        )
    )


def drop_kept(run: Run, x: Execution) -> None:
    """Removes kept executions below `x`, with their subscriptions: nothing there will be compensated any more."""
    for id in list(x.children):
        child = run.instance.executions[id]
        if child.kind is ExecutionKind.KEPT:
            drop_kept(run, child)
            drop_waits(run, child)
            run.emit(ExecutionEnded(child.id, _ids(child)))


def ended(run: Run, state: InstanceState, reason: str | None, end_activity: str | None = None) -> InstanceEnded:
    """The end of the instance, with the moment from which its history may be removed (Camunda 7's strategy `end`)."""
    days = run.definition.history_ttl_days
    removal_ms = None if days is None else run.unit.now_ms + days * 86_400_000
    return InstanceEnded(state, reason, end_activity, started_ms=run.instance.started_ms, removal_ms=removal_ms)


def remove(run: Run, x: Execution) -> None:
    """Takes an execution without children out of the tree, with all that still waits at it."""
    drop_kept(run, x)
    drop_waits(run, x)
    drop_incidents(run, x)
    run.emit(ExecutionEnded(x.id, _ids(x)))


def destroy(run: Run, x: Execution) -> Steps:
    """Ends the scope `x`: output mappings, then everything that waits there, then the execution itself.

    Camunda 7 `ExecutionEntity.destroy`: output mappings run also when the activity was interrupted."""
    a = run.activity_by_id(x.scope_activity)
    if a.outputs and not run.skip_io_mappings:
        yield from map_out(run, x, a.outputs)
    remove(run, x)
