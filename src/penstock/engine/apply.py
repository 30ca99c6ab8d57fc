"""How an event changes the state of an instance: the only code that does.

One small function per event class. What was logged once is applied by the same function for ever, so live state equals
replayed state. Events that matter to views only have no applier here.
"""

from collections.abc import Callable
from typing import Any

from penstock.engine import events as e
from penstock.engine.events import ExecutionKind
from penstock.engine.state import (
    Execution,
    ExternalTask,
    Incident,
    Instance,
    Job,
    Phase,
    Subscription,
    Task,
    Variable,
)


def apply(instance: Instance, event: e.AnyEvent, at_ms: int) -> None:
    """Changes `instance` by one event that happened at `at_ms`."""
    applier = APPLIERS.get(type(event))
    if applier is not None:
        applier(instance, event, at_ms)


def replay(units: list[e.InstanceEvents]) -> Instance:
    """The state that the logged units of one instance lead to, in the order of their revisions."""
    first = units[0]
    instance = Instance(id=first.instance, root=first.root, definition=first.definition, tenant=first.tenant)
    for unit in units:
        for event in unit.events:
            apply(instance, event, unit.at_ms)
        instance.revision = unit.revision
        instance.definition = unit.definition
    return instance


def _instance_started(i: Instance, v: e.InstanceStarted, at_ms: int) -> None:
    i.business_key = v.business_key
    i.super_instance, i.super_execution = v.super_instance, v.super_execution
    i.started_ms = at_ms
    key = (i.definition or "").rpartition(":")[0].rpartition(":")[0]
    i.executions[i.id] = Execution(
        id=i.id,
        parent=None,
        kind=ExecutionKind.INSTANCE,
        scope_activity=key,
        scope_instance=i.id,
        scope_started_ms=at_ms,
    )


def _instance_ended(i: Instance, v: e.InstanceEnded, at_ms: int) -> None:
    i.ended = True
    i.executions.clear()
    i.tasks.clear()
    i.external_tasks.clear()
    i.jobs.clear()
    i.subscriptions.clear()
    i.incidents.clear()


def _suspension_set(i: Instance, v: e.SuspensionSet, at_ms: int) -> None:
    i.suspended = v.suspended
    for job in i.jobs.values():
        job.suspended = v.suspended


def _business_key_set(i: Instance, v: e.BusinessKeySet, at_ms: int) -> None:
    i.business_key = v.business_key


def _hang(i: Instance, child: str, parent: Execution) -> None:
    """`child` is the last of the children of `parent`."""
    x = i.executions[child]
    x.parent = parent.id
    parent.children[child] = None
    i.places += 1
    x.place = i.places


def _execution_created(i: Instance, v: e.ExecutionCreated, at_ms: int) -> None:
    i.executions[v.execution] = Execution(
        id=v.execution, parent=v.parent, kind=v.kind, scope_activity=v.activity, scope_started_ms=at_ms
    )
    parent = i.executions[v.parent]
    _hang(i, v.execution, parent)
    if v.kind is ExecutionKind.SCOPE:
        # The path goes into the scope; it stands nowhere until the scope ends.
        parent.phase, parent.activity, parent.flow = Phase.IDLE, None, None


def _execution_moved(i: Instance, v: e.ExecutionMoved, at_ms: int) -> None:
    x = i.executions[v.execution]
    if x.parent is not None:
        del i.executions[x.parent].children[x.id]
    _hang(i, x.id, i.executions[v.parent])


def _execution_folded(i: Instance, v: e.ExecutionFolded, at_ms: int) -> None:
    path, scope = i.executions.pop(v.execution), i.executions[v.into]
    del scope.children[path.id]
    _stand(scope, path)
    for child in path.children:
        _hang(i, child, scope)
    scope.variables.update(path.variables)
    _take_waits(i, scope, path, activity=None)
    for subscription in path.subscriptions:
        i.subscriptions[subscription].execution = scope.id
        scope.subscriptions[subscription] = None


def _execution_expanded(i: Instance, v: e.ExecutionExpanded, at_ms: int) -> None:
    scope = i.executions[v.scope]
    path = Execution(id=v.execution, parent=scope.id, kind=ExecutionKind.PATH, scope_started_ms=at_ms)
    i.executions[path.id] = path
    _hang(i, path.id, scope)
    _stand(path, scope)
    _take_waits(i, path, scope, activity=scope.activity)
    scope.phase, scope.activity, scope.activity_instance = Phase.IDLE, None, None
    scope.flow, scope.called, scope.parent_instance = None, None, None


def _stand(to: Execution, source: Execution) -> None:
    """`to` stands from now on where `source` stands."""
    to.phase, to.activity, to.activity_instance = source.phase, source.activity, source.activity_instance
    to.started_ms, to.flow, to.called = source.started_ms, source.flow, source.called
    to.parent_instance = source.parent_instance


def _take_waits(i: Instance, to: Execution, source: Execution, activity: str | None) -> None:
    """Tasks, and jobs (of `activity` only, when given), wait at `to` from now on."""
    for task in source.tasks:
        i.tasks[task].execution = to.id
    to.tasks.update(source.tasks)
    source.tasks.clear()
    for external in source.external_tasks:
        i.external_tasks[external].execution = to.id
    to.external_tasks.update(source.external_tasks)
    source.external_tasks.clear()
    for job in list(source.jobs):
        if activity is None or i.jobs[job].activity == activity:
            i.jobs[job].execution = to.id
            to.jobs[job] = None
            del source.jobs[job]
    for incident in list(source.incidents):
        if activity is None or i.incidents[incident].activity == activity:
            i.incidents[incident].execution = to.id
            to.incidents[incident] = None
            del source.incidents[incident]


def _execution_ended(i: Instance, v: e.ExecutionEnded, at_ms: int) -> None:
    x = i.executions.pop(v.execution)
    parent = i.executions[x.parent] if x.parent is not None else None
    if parent is not None:
        del parent.children[x.id]
        if x.kind is ExecutionKind.SCOPE and parent.activity is None:
            # The path that had gone into the scope stands at the scope's activity again, which it has left.
            parent.activity, parent.phase = x.scope_activity, Phase.IDLE
            parent.activity_instance = None


def _execution_kept(i: Instance, v: e.ExecutionKept, at_ms: int) -> None:
    x = Execution(
        id=v.execution,
        parent=v.parent,
        kind=ExecutionKind.KEPT,
        scope_activity=v.activity,
        scope_instance=v.activity_instance,
        scope_started_ms=at_ms,
        variables={name: Variable(id, value) for id, name, value in v.variables},
    )
    i.executions[x.id] = x
    _hang(i, x.id, i.executions[v.parent])


def _execution_revived(i: Instance, v: e.ExecutionRevived, at_ms: int) -> None:
    x = i.executions[v.execution]
    x.kind = ExecutionKind.SCOPE
    x.activity = x.scope_activity


def _instance_migrated(i: Instance, v: e.InstanceMigrated, at_ms: int) -> None:
    i.definition = v.definition
    i.executions[i.id].scope_activity = v.definition.rpartition(":")[0].rpartition(":")[0]


def _path_detached(i: Instance, v: e.PathDetached, at_ms: int) -> None:
    path = Execution(id=v.execution, parent=None, kind=ExecutionKind.PATH, scope_started_ms=at_ms)
    i.executions[path.id] = path
    _hand_over(i, path, i.executions[v.source], v)


def _path_attached(i: Instance, v: e.PathAttached, at_ms: int) -> None:
    _hand_over(i, i.executions[v.into], i.executions.pop(v.execution), v)


def _hand_over(i: Instance, to: Execution, source: Execution, v: e.PathDetached | e.PathAttached) -> None:
    """What stands at `source` stands at `to`, with the children and variables that the event names."""
    activity = source.activity
    _stand(to, source)
    for child in v.children:
        del source.children[child]
        _hang(i, child, to)
    moving = set(v.variables)
    for name in [name for name, found in source.variables.items() if found.id in moving]:
        to.variables[name] = source.variables.pop(name)
    if activity is not None:
        _take_waits(i, to, source, activity=activity)
    source.phase, source.activity, source.activity_instance = Phase.IDLE, None, None
    source.flow, source.called, source.parent_instance = None, None, None


def _execution_detached(i: Instance, v: e.ExecutionDetached, at_ms: int) -> None:
    x = i.executions[v.execution]
    if x.parent is not None:
        del i.executions[x.parent].children[x.id]
    x.parent = None


def _activity_migrated(i: Instance, v: e.ActivityMigrated, at_ms: int) -> None:
    x = i.executions[v.execution]
    if v.kept:
        x.scope_activity = v.activity
        return
    stands = x.activity_instance == v.activity_instance
    if stands:
        x.activity, x.parent_instance = v.activity, v.parent_activity_instance
    if v.scope:
        if stands and x.scope_instance is None:
            x.scope_instance, x.scope_started_ms = v.activity_instance, x.started_ms
        x.scope_activity = v.activity


def _job_migrated(i: Instance, v: e.JobMigrated, at_ms: int) -> None:
    job = i.jobs[v.job]
    job.activity, job.job_definition, job.flow = v.activity, v.job_definition, v.flow
    if v.updated:
        job.due_ms, job.cycle = v.due_ms, v.cycle


def _subscription_migrated(i: Instance, v: e.SubscriptionMigrated, at_ms: int) -> None:
    found = i.subscriptions[v.subscription]
    before = i.executions.get(found.execution)
    if before is not None:
        before.subscriptions.pop(found.id, None)
    found.activity, found.execution, found.name = v.activity, v.execution, v.name
    i.executions[v.execution].subscriptions[found.id] = None


def _task_migrated(i: Instance, v: e.TaskMigrated, at_ms: int) -> None:
    task = i.tasks[v.task]
    task.key = v.key
    if v.form_key is None:
        task.fields.pop("form_key", None)
    else:
        task.fields["form_key"] = v.form_key


def _external_migrated(i: Instance, v: e.ExternalTaskMigrated, at_ms: int) -> None:
    i.external_tasks[v.external_task].activity = v.activity


def _incident_migrated(i: Instance, v: e.IncidentMigrated, at_ms: int) -> None:
    i.incidents[v.incident].activity = v.activity


def _activity_started(i: Instance, v: e.ActivityStarted, at_ms: int) -> None:
    x = i.executions[v.execution]
    x.phase, x.activity, x.activity_instance = Phase.ACTIVE, v.activity, v.activity_instance
    x.parent_instance, x.started_ms, x.flow = v.parent_activity_instance, at_ms, None
    if v.scope:
        x.scope_instance, x.scope_started_ms = v.activity_instance, at_ms
        x.scope_activity = v.activity


def _activity_ended(i: Instance, v: e.ActivityEnded, at_ms: int) -> None:
    x = i.executions[v.execution]
    x.phase, x.activity_instance = Phase.IDLE, None
    x.called = None


def _path_placed(i: Instance, v: e.PathPlaced, at_ms: int) -> None:
    x = i.executions[v.execution]
    x.phase, x.activity, x.flow = Phase(v.phase), v.activity, v.flow
    if x.phase is Phase.ACTIVE and v.activity == x.scope_activity:
        # The paths inside are done; the execution stands for its scope activity itself.
        x.activity_instance, x.started_ms = x.scope_instance, x.scope_started_ms
    elif x.phase is not Phase.JOINING:
        x.activity_instance = None


def _activity_updated(i: Instance, v: e.ActivityUpdated, at_ms: int) -> None:
    if v.called_instance is not None and v.execution is not None:
        i.executions[v.execution].called = v.called_instance


def _variables(i: Instance, scope: str, task: str | None) -> dict[str, Variable]:
    return i.tasks[task].variables if task is not None else i.executions[scope].variables


def _variable_set(i: Instance, v: e.VariableSet, at_ms: int) -> None:
    variables = _variables(i, v.scope, v.task)
    found = variables.get(v.name)
    if found is None:
        variables[v.name] = Variable(v.variable, v.value, v.revision)
    else:
        found.value, found.revision = v.value, v.revision


def _variable_removed(i: Instance, v: e.VariableRemoved, at_ms: int) -> None:
    _variables(i, v.scope, v.task).pop(v.name, None)


_TASK_FIELDS = (
    "name",
    "description",
    "assignee",
    "owner",
    "priority",
    "due_ms",
    "follow_up_ms",
    "form_key",
    "parent_task",
    "form_ref",
    "delegation_state",
    "case_instance",
)


def _task_created(i: Instance, v: e.TaskCreated, at_ms: int) -> None:
    i.tasks[v.task] = Task(
        id=v.task,
        execution=v.execution,
        activity_instance=v.activity_instance,
        key=v.key,
        created_ms=at_ms,
        fields={name: value for name in _TASK_FIELDS if (value := getattr(v, name)) is not None},
    )
    if v.execution is not None:
        i.executions[v.execution].tasks[v.task] = None


def _task_changed(i: Instance, v: e.TaskChanged, at_ms: int) -> None:
    fields = i.tasks[v.task].fields
    for name, value in v.changes.items():
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value


def _task_ended(i: Instance, v: e.TaskEnded, at_ms: int) -> None:
    task = i.tasks.pop(v.task)
    if task.execution is not None:
        i.executions[task.execution].tasks.pop(v.task, None)


def _link_added(i: Instance, v: e.IdentityLinkAdded, at_ms: int) -> None:
    i.tasks[v.task].links.append((v.type, v.user, v.group, v.link))


def _link_removed(i: Instance, v: e.IdentityLinkRemoved, at_ms: int) -> None:
    task = i.tasks[v.task]
    task.links = [link for link in task.links if link != (v.type, v.user, v.group, v.link)]


def _trace_carried(i: Instance, v: e.TraceCarried, at_ms: int) -> None:
    i.trace = v.traceparent


def _external_created(i: Instance, v: e.ExternalTaskCreated, at_ms: int) -> None:
    i.external_tasks[v.external_task] = ExternalTask(
        id=v.external_task,
        execution=v.execution,
        activity=v.activity,
        activity_instance=v.activity_instance,
        topic=v.topic,
        created_ms=at_ms,
        priority=v.priority,
        trace=i.trace,
    )
    i.executions[v.execution].external_tasks[v.external_task] = None


def _external_failed(i: Instance, v: e.ExternalTaskFailed, at_ms: int) -> None:
    task = i.external_tasks[v.external_task]
    task.retries, task.error_message, task.error_details = v.retries, v.error_message, v.error_details


def _external_retries_set(i: Instance, v: e.ExternalTaskRetriesSet, at_ms: int) -> None:
    i.external_tasks[v.external_task].retries = v.retries


def _external_priority_set(i: Instance, v: e.ExternalTaskPrioritySet, at_ms: int) -> None:
    i.external_tasks[v.external_task].priority = v.priority


def _external_gone(i: Instance, v: e.ExternalTaskCompleted | e.ExternalTaskDeleted, at_ms: int) -> None:
    task = i.external_tasks.pop(v.external_task)
    i.executions[task.execution].external_tasks.pop(v.external_task, None)


def _job_created(i: Instance, v: e.JobCreated, at_ms: int) -> None:
    i.jobs[v.job] = Job(
        id=v.job,
        kind=v.kind,
        execution=v.execution,
        activity=v.activity,
        retries=v.retries,
        created_ms=at_ms,
        due_ms=v.due_ms,
        priority=v.priority,
        exclusive=v.exclusive,
        configuration=v.configuration,
        repeat_left=v.repeat_left,
        cycle=v.cycle,
        flow=v.flow,
        payload=v.payload,
        job_definition=v.job_definition,
        trace=i.trace,
    )
    if v.execution is not None:
        i.executions[v.execution].jobs[v.job] = None


def _job_gone(i: Instance, v: e.JobExecuted | e.JobDeleted, at_ms: int) -> None:
    job = i.jobs.pop(v.job)
    if job.execution is not None and job.execution in i.executions:
        i.executions[job.execution].jobs.pop(v.job, None)


def _job_failed(i: Instance, v: e.JobFailed, at_ms: int) -> None:
    job = i.jobs[v.job]
    job.retries, job.message, job.failed_activity = v.retries, v.message, v.failed_activity
    if v.due_ms is not None:
        job.due_ms = v.due_ms


def _job_changed(i: Instance, v: e.JobChanged, at_ms: int) -> None:
    job = i.jobs[v.job]
    for name, value in v.changes.items():
        setattr(job, name, value)


def _subscription_created(i: Instance, v: e.SubscriptionCreated, at_ms: int) -> None:
    i.subscriptions[v.subscription] = Subscription(
        id=v.subscription,
        type=v.type,
        name=v.name,
        execution=v.execution,
        activity=v.activity,
        created_ms=at_ms,
        configuration=v.configuration,
    )
    i.executions[v.execution].subscriptions[v.subscription] = None


def _subscription_deleted(i: Instance, v: e.SubscriptionDeleted, at_ms: int) -> None:
    found = i.subscriptions.pop(v.subscription)
    if found.execution in i.executions:
        i.executions[found.execution].subscriptions.pop(v.subscription, None)


def _incident_opened(i: Instance, v: e.IncidentOpened, at_ms: int) -> None:
    i.incidents[v.incident] = Incident(
        id=v.incident,
        type=v.type,
        execution=v.execution,
        activity=v.activity,
        configuration=v.configuration,
        cause=v.cause,
        root=v.root,
    )
    i.executions[v.execution].incidents[v.incident] = None


def _incident_closed(i: Instance, v: e.IncidentClosed, at_ms: int) -> None:
    found = i.incidents.pop(v.incident)
    if found.execution in i.executions:
        i.executions[found.execution].incidents.pop(v.incident, None)


APPLIERS: dict[type[Any], Callable[[Instance, Any, int], None]] = {
    e.InstanceStarted: _instance_started,
    e.InstanceEnded: _instance_ended,
    e.SuspensionSet: _suspension_set,
    e.BusinessKeySet: _business_key_set,
    e.ExecutionCreated: _execution_created,
    e.ExecutionMoved: _execution_moved,
    e.ExecutionFolded: _execution_folded,
    e.ExecutionExpanded: _execution_expanded,
    e.ExecutionEnded: _execution_ended,
    e.ExecutionKept: _execution_kept,
    e.ExecutionRevived: _execution_revived,
    e.InstanceMigrated: _instance_migrated,
    e.PathDetached: _path_detached,
    e.PathAttached: _path_attached,
    e.ExecutionDetached: _execution_detached,
    e.ActivityMigrated: _activity_migrated,
    e.JobMigrated: _job_migrated,
    e.SubscriptionMigrated: _subscription_migrated,
    e.TaskMigrated: _task_migrated,
    e.ExternalTaskMigrated: _external_migrated,
    e.IncidentMigrated: _incident_migrated,
    e.ActivityStarted: _activity_started,
    e.ActivityEnded: _activity_ended,
    e.ActivityUpdated: _activity_updated,
    e.PathPlaced: _path_placed,
    e.VariableSet: _variable_set,
    e.VariableRemoved: _variable_removed,
    e.TaskCreated: _task_created,
    e.TaskChanged: _task_changed,
    e.TaskEnded: _task_ended,
    e.IdentityLinkAdded: _link_added,
    e.IdentityLinkRemoved: _link_removed,
    e.TraceCarried: _trace_carried,
    e.ExternalTaskCreated: _external_created,
    e.ExternalTaskFailed: _external_failed,
    e.ExternalTaskRetriesSet: _external_retries_set,
    e.ExternalTaskPrioritySet: _external_priority_set,
    e.ExternalTaskCompleted: _external_gone,
    e.ExternalTaskDeleted: _external_gone,
    e.JobCreated: _job_created,
    e.JobExecuted: _job_gone,
    e.JobDeleted: _job_gone,
    e.JobFailed: _job_failed,
    e.JobChanged: _job_changed,
    e.SubscriptionCreated: _subscription_created,
    e.SubscriptionDeleted: _subscription_deleted,
    e.IncidentOpened: _incident_opened,
    e.IncidentClosed: _incident_closed,
}
