"""Cancelling: interrupting events, terminating, deleting. From the leaves to the root of what is cancelled.

Camunda 7 `PvmExecutionImpl.deleteCascade`, `interrupt`: end listeners run, output mappings run, history says canceled.
"""

from __future__ import annotations

from penstock.engine import tree
from penstock.engine.behavior import Steps
from penstock.engine.events import (
    ActivityEnded,
    ActivityUpdated,
    ExecutionKind,
    InstanceState,
    PathPlaced,
)
from penstock.engine.incidents import drop_incidents, load_run
from penstock.engine.jobs import delete_job
from penstock.engine.listeners import notify
from penstock.engine.state import Execution, Phase
from penstock.engine.tasks import end_task, notify_task
from penstock.engine.unit import Run


def cancel(run: Run, x: Execution, reason: str | None) -> Steps:
    """Cancels everything below `x`, then what `x` is in, then removes `x`."""
    yield from clear(run, x, reason)
    if x.kind is ExecutionKind.SCOPE:
        yield from _cancel_scope(run, x, reason)
        yield from tree.destroy(run, x)
    else:
        tree.remove(run, x)


def clear(run: Run, x: Execution, reason: str | None) -> Steps:
    """Cancels everything below `x` and the activity in which its own path is (not the scope that `x` owns)."""
    executions = run.instance.executions
    while children := tree.live_children(run, x):
        for child in children:
            if executions.get(child.id) is child and child.parent == x.id:
                yield from cancel(run, child, reason)
    if x.activity_instance is not None and x.activity_instance != x.scope_instance:
        called = x.called
        yield from _cancel_activity(run, x, reason)
        if called is not None and x.scope_instance is not None:
            # As in Camunda 7: the execution that has called is that of the scope around as well.
            run.emit(ActivityUpdated(x.scope_instance, called_instance=called))
    elif x.phase in (Phase.BEFORE, Phase.AFTER):
        a = run.activity(x)
        for id in list(x.jobs):
            if run.instance.jobs[id].activity == a.id:
                delete_job(run, run.instance.jobs[id])


def _cancel_scope(run: Run, x: Execution, reason: str | None) -> Steps:
    if x.scope_instance is None:
        return
    if x.phase is Phase.AFTER and x.activity == x.scope_activity:
        # Its activity instance has ended; only the continuation was still to come.
        return
    if x.activity_instance != x.scope_instance:
        run.emit(PathPlaced(x.id, x.scope_activity, None, Phase.ACTIVE))
    yield from _cancel_activity(run, x, reason)


def _cancel_activity(run: Run, x: Execution, reason: str | None) -> Steps:
    a = run.activity(x)
    if x.called is not None:
        called = yield from load_run(run, x.called)
        if called is not None and not called.instance.ended:
            called.skip_listeners, called.skip_io_mappings = run.skip_listeners, run.skip_io_mappings
            yield from cancel_instance(called, run.unit.called_state, reason)
    yield from drop_tasks(run, x, "deleted")
    if a.end_listeners and not run.skip_listeners:
        yield from notify(run, x, a, "end")
    if x.activity_instance is not None:
        run.emit(ActivityEnded(x.id, a.id, x.activity_instance, x.started_ms, True, False))
    for id in list(x.external_tasks):
        tree.drop_external_task(run, id)
    for id in list(x.jobs):
        if run.instance.jobs[id].activity == a.id:
            delete_job(run, run.instance.jobs[id])


def drop_tasks(run: Run, x: Execution, reason: str | None) -> Steps:
    """Ends the user tasks that wait at `x`."""
    for id in list(x.tasks):
        task = run.instance.tasks[id]
        if not run.skip_listeners:
            yield from notify_task(run, x, task, "delete")
        end_task(run, task, reason or "deleted")


def interrupt(run: Run, scope: Execution, reason: str | None) -> Steps:
    """Cancels everything inside `scope`, which stays; nothing waits at it any more but compensation (Camunda 7
    `ExecutionEntity.interrupt`)."""
    yield from drop_tasks(run, scope, reason)
    yield from clear(run, scope, reason)
    tree.drop_waits(run, scope, keep_compensation=True)
    if scope.phase is not Phase.IDLE or scope.activity is not None:
        run.emit(PathPlaced(scope.id, None, None, Phase.IDLE))


def cancel_instance(run: Run, state: InstanceState, reason: str | None) -> Steps:
    """Cancels the whole instance; it ends in `state`."""
    top = run.top
    yield from clear(run, top, reason)
    if run.definition.root.end_listeners and not run.skip_listeners:
        yield from notify(run, top, run.definition.root, "end")
    tree.drop_kept(run, top)
    tree.drop_waits(run, top)
    drop_incidents(run, top)
    run.emit(tree.ended(run, state, reason))
