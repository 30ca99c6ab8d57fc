"""Moving a live process instance to another definition (Camunda 7 `MigrateProcessInstanceCmd`).

1. The instance is taken apart and checked against the plan.
2. Scopes that the plan does not map end, from the inside out, by the old definition: end listeners and output mappings
   run, what was inside moves out.
3. From the outside in, every part becomes one of the new definition. Scopes that the target has in between are opened
   once per parent, with input mappings, start listeners and everything that listens there.
4. The plan's variables are set.
"""

from __future__ import annotations

from collections import deque

from penstock.base.errors import Failure
from penstock.engine.behavior import Steps
from penstock.engine.cancel import cancel
from penstock.engine.catching import SUBSCRIBED, subscribe
from penstock.engine.commands import MigrateInstance
from penstock.engine.definition import Activity, Definition, job_definition_id, timer_configuration
from penstock.engine.events import (
    ActivityMigrated,
    ActivityUpdated,
    ExecutionKept,
    ExecutionKind,
    ExternalTaskMigrated,
    IncidentMigrated,
    InstanceMigrated,
    JobKind,
    JobMigrated,
    PathPlaced,
    SubscriptionCreated,
    SubscriptionDeleted,
    SubscriptionMigrated,
    TaskMigrated,
    VariablesMigrated,
)
from penstock.engine.jobs import create_timer, delete_job, due_of
from penstock.engine.migration_check import check_definition, check_parts
from penstock.engine.migration_parts import Part, PartKind, Parts
from penstock.engine.migration_tree import (
    attach,
    become_leaf,
    become_scope,
    detach,
    drop_kept,
    free_path,
    leave,
    locate,
)
from penstock.engine.modify import open_scope_for
from penstock.engine.questions import LoadDefinition
from penstock.engine.state import Execution, Job, Phase, Subscription
from penstock.engine.tasks import create_timeout
from penstock.engine.unit import Run, Unit
from penstock.engine.variables import evaluate_text, set_variable
from penstock.model.graph import TimerKind, TriggerKind

REASON = "migration"
"""Camunda 7's delete reason for scopes that go."""

Branch = dict[str, Part]
"""Scope of the target definition → the part that stands for it, from the instance down to one part."""

_COMPENSATING = (PartKind.KEPT, PartKind.COMPENSATION)


def migrate(unit: Unit, command: MigrateInstance) -> Steps:
    """Handles the command."""
    run = unit.runs.get(command.instance)
    if run is None or run.instance.ended:
        raise Failure(
            f"ENGINE-23003 Process instance '{command.instance}' cannot be migrated. The process instance does not exist"
        )
    target: Definition = yield LoadDefinition(id=command.target)
    check_definition(run, command.source, target)
    run.skip_listeners, run.skip_io_mappings = command.skip_custom_listeners, command.skip_io_mappings
    parts = Parts(run, target, command.instructions)
    check_parts(run, parts)
    yield from _remove_unmapped(run, parts.root)
    run.emit(InstanceMigrated(target.id, target.name))
    run.definition = target
    yield from _move_all(run, parts)
    _variables(run)
    for name, value in command.variables.items():
        set_variable(run, run.top, name, value)
    yield from unit.work()


# ------------------------------------------------------------------------------------------ what the target has not


def _remove_unmapped(run: Run, part: Part) -> Steps:
    for child in list(part.children):
        yield from _remove_unmapped(run, child)
    if part.kind not in (PartKind.ACTIVITY, PartKind.KEPT):
        return
    if part.target is not None:
        for waiting in part.removing:
            _drop(run, waiting)
        return
    parent, children = part.parent, list(part.children)
    assert parent is not None
    for child in children:
        detach(run, child)
    if part.kind is PartKind.KEPT:
        drop_kept(run, part)
    else:
        path = run.parent(part.x)
        yield from cancel(run, part.x, REASON)
        leave(run, parent, run.replaced.get(path.id, path))
    part.put_below(None)
    for child in children:
        attach(run, child, parent)


def _drop(run: Run, waiting: Job | Subscription) -> None:
    if isinstance(waiting, Job):
        delete_job(run, waiting)
    else:
        run.emit(SubscriptionDeleted(waiting.id))


# ------------------------------------------------------------------------------------------ from the outside in


def _move_all(run: Run, parts: Parts) -> Steps:
    todo: deque[tuple[Part, Branch]] = deque([(parts.root, {})])
    while todo:
        part, branch = todo.popleft()
        yield from _move(run, part, branch)
        if part.kind not in (PartKind.ACTIVITY, PartKind.KEPT):
            continue
        # What is added between a part and its children is added once for all of them, but compensation never shares it.
        active, kept = dict(branch), dict(branch)
        for known in (active, kept):
            _visited(known, part)
        todo.extend((child, kept if child.kind in _COMPENSATING else active) for child in part.children)


def _visited(branch: Branch, part: Part) -> None:
    if part.target is not None and part.target.scope:
        branch[part.target.id] = part


def _move(run: Run, part: Part, branch: Branch) -> Steps:
    target = part.handler_target if part.kind is PartKind.KEPT and part.target is None else part.target
    assert target is not None
    if part.parent is not None and target.parent is not part.parent.target:
        yield from _reparent(run, part, target, branch)
    locate(run, part)
    if part.kind is PartKind.ACTIVITY:
        # A scope that is only there for the continuation after its end listens to nothing.
        ended = part.x.phase is Phase.AFTER and part.x.activity == part.x.scope_activity
        _become(run, part, target)
        if not ended:
            _waiting(run, part)
            _emerging(run, part)
    elif part.kind is PartKind.TRANSITION:
        _transition(run, part, target)
    else:
        _compensation(run, part)


def _reparent(run: Run, part: Part, target: Activity, branch: Branch) -> Steps:
    missing: list[Activity] = []
    scope = target.parent
    assert scope is not None
    while scope.id not in branch:
        missing.insert(0, scope)
        assert scope.parent is not None
        scope = scope.parent
    if missing:
        above = branch[scope.id]
        if part.kind in _COMPENSATING:
            _keep_scopes(run, above, missing, branch)
        else:
            yield from _open_scopes(run, above, missing, branch)
    assert target.parent is not None
    detach(run, part)
    attach(run, part, branch[target.parent.id])


def _open_scopes(run: Run, above: Part, missing: list[Activity], branch: Branch) -> Steps:
    path = free_path(run, above)
    for scope in missing:
        path = yield from open_scope_for(run, path, scope)
        assert path.scope_instance is not None
        part = Part(PartKind.ACTIVITY, path.scope_instance, path, None, scope)
        part.put_below(above)
        run.emit(PathPlaced(path.id, None, None, Phase.IDLE))
        _visited(branch, part)
        above = part


def _keep_scopes(run: Run, above: Part, missing: list[Activity], branch: Branch) -> None:
    """Scopes that compensation goes through on its way in."""
    for scope in missing:
        kept = run.new_id()
        run.emit(ExecutionKept(kept, above.x.id, scope.id, run.instance_id_of(scope.id), []))
        run.emit(
            SubscriptionCreated(
                subscription=run.new_id(),
                type="compensate",
                name=None,
                execution=above.x.id,
                activity=scope.id,
                configuration=kept,
            )
        )
        part = Part(PartKind.KEPT, kept, run.instance.executions[kept], None, scope)
        part.put_below(above)
        _visited(branch, part)
        above = part


# ------------------------------------------------------------------------------------------ one part


def _become(run: Run, part: Part, target: Activity) -> None:
    """The activity instance belongs to the target from now on."""
    parent = part.parent
    if parent is None:
        part.current = target
        return
    if target.scope and not part.is_scope:
        become_scope(run, part, target)
    elif part.is_scope and not target.scope:
        become_leaf(run, part)
    part.current = target
    x = part.x
    run.emit(
        ActivityMigrated(
            execution=x.id,
            activity=target.id,
            activity_instance=part.id,
            parent_activity_instance=parent.id,
            type=target.type,
            name=target.name,
            scope=target.scope,
            composite=target.composite and target.scope,
        )
    )
    if x.called is not None and x.activity_instance != part.id:
        # As in Camunda 7: the execution that has called is that of the scope around as well.
        run.emit(ActivityUpdated(part.id, called_instance=x.called))
    if target.inner is not None:
        _done_instances(run, x, target.inner)
    for id in x.tasks:
        form = target.node.form if target.node is not None else None
        form_key = evaluate_text(run, form.form_key, x) if form is not None else None
        run.emit(TaskMigrated(id, target.id, x.id, form_key))
    for id in x.external_tasks:
        run.emit(ExternalTaskMigrated(id, target.id))
    for id in x.incidents:
        if run.instance.incidents[id].configuration not in run.instance.jobs:
            run.emit(IncidentMigrated(id, target.id))


def _done_instances(run: Run, body: Execution, inner: Activity) -> None:
    """Instances of a parallel body that have ended stay in the tree until it ends."""
    for id in body.children:
        path = run.instance.executions[id]
        if path.kind is ExecutionKind.PATH and path.activity is not None and path.phase is Phase.IDLE:
            run.emit(PathPlaced(path.id, inner.id, None, Phase.IDLE))


def _waiting(run: Run, part: Part) -> None:
    """Timers and subscriptions that go on."""
    for waiting, target, update in part.updating:
        if isinstance(waiting, Job):
            _timer(run, part.x, waiting, target, update)
        else:
            _subscription(run, part.x, waiting, target, update)


def _timer(run: Run, x: Execution, job: Job, target: Activity, update: bool) -> None:
    trigger = target.trigger
    if job.kind is JobKind.TIMER_TASK_LISTENER:
        assert target.node is not None and target.node.user_task is not None
        listener = (job.configuration or "").partition("$")[2]
        listeners = target.node.user_task.listeners
        trigger = next((item.timer for item in listeners if item.timer is not None and item.id == listener), None)
    definition = None
    due_ms, cycle = job.due_ms, job.cycle
    if trigger is not None and trigger.timer is not None:
        definition = job_definition_id(run.definition.id, target.id, job.kind.value, timer_configuration(trigger))
        if update:
            due_ms, found = due_of(run, trigger, x)
            repeats = target.node is not None and not target.node.interrupting
            cycle = found if trigger.timer is TimerKind.CYCLE and repeats else cycle
    run.emit(JobMigrated(job.id, target.id, definition, None, update, due_ms, cycle))
    _incidents_of(run, job, target, definition)


def _incidents_of(run: Run, job: Job, target: Activity, definition: str | None) -> None:
    for incident in list(run.instance.incidents.values()):
        if incident.configuration == job.id:
            run.emit(IncidentMigrated(incident.id, target.id, definition))


def _subscription(run: Run, x: Execution, found: Subscription, target: Activity, update: bool) -> None:
    name = found.name
    trigger = target.trigger
    if update and trigger is not None and trigger.kind in SUBSCRIBED and trigger.kind is not TriggerKind.CONDITIONAL:
        name = evaluate_text(run, trigger.name, x)
    run.emit(SubscriptionMigrated(found.id, target.id, x.id, name))


def _emerging(run: Run, part: Part) -> None:
    """What the target waits for and the source did not."""
    for a in part.emerging:
        trigger = a.trigger
        assert trigger is not None and a.node is not None
        if trigger.kind is TriggerKind.TIMER:
            create_timer(run, part.x, a, repeats=trigger.timer is TimerKind.CYCLE and not a.node.interrupting)
        else:
            subscribe(run, part.x, a)
    for id in part.timeouts:
        for task in list(part.x.tasks):
            create_timeout(run, part.x, run.instance.tasks[task], id)


def _transition(run: Run, part: Part, target: Activity) -> None:
    """An asynchronous continuation waits before or after the target from now on."""
    job = run.instance.jobs[part.job]
    flow: str | None = None
    if job.configuration == "async-after" and target.outgoing:
        flow = target.outgoing[0].id if len(target.outgoing) == 1 else job.flow
    definition = job_definition_id(run.definition.id, target.id, JobKind.ASYNC.value, job.configuration)
    run.emit(PathPlaced(part.x.id, target.id, flow, part.x.phase))
    run.emit(JobMigrated(job.id, target.id, definition, flow))
    _incidents_of(run, job, target, definition)


def _compensation(run: Run, part: Part) -> None:
    """What can be compensated belongs to the target from now on."""
    assert part.subscription is not None and part.parent is not None
    target = part.target
    if part.kind is PartKind.KEPT and target is not None:
        assert part.x.scope_instance is not None
        run.emit(
            ActivityMigrated(
                execution=part.x.id,
                activity=target.id,
                activity_instance=part.x.scope_instance,
                parent_activity_instance=part.parent.id,
                type=target.type,
                kept=True,
            )
        )
        part.current = target
        target = part.handler_target
    if target is not None:
        found = part.subscription
        run.emit(SubscriptionMigrated(found.id, target.id, part.parent.x.id, found.name))


def _variables(run: Run) -> None:
    """History shows live variables with the new definition. Where they live there stays what it was (Camunda 7 does not
    write it again)."""
    # By id, which is the order of creation: a state that comes from chunks has another one.
    for _, x in sorted(run.instance.executions.items()):
        done = x.kind is ExecutionKind.PATH and not x.children and x.activity_instance is None and not x.jobs
        if x.variables and not done:
            run.emit(VariablesMigrated(x.id, [found.id for found in x.variables.values()]))
