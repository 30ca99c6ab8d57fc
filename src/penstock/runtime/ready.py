"""The rows by which waiting work is found: external tasks, jobs, event subscriptions, user tasks.

A pure function of what a unit did and the state after it. Rows of things that the unit both made and ended never
appear. The columns of a lease (worker and expiry, owner and expiry) are the store's alone: they are only written when an
event says so (a failure gives the lease back).
"""

from collections.abc import Iterable, Iterator
from typing import Any

from penstock.base.ids import shard_of
from penstock.engine import events as e
from penstock.engine.definition import Definition
from penstock.engine.state import ExternalTask, Instance, Job, Subscription
from penstock.store.protocol import AnyChange, Change, RowChange, UpdateWhere

EXTERNAL_TASK, JOB, SUBSCRIPTION, USER_TASK = "external_task", "job", "event_subscription", "user_task"


class Touched:
    """What a unit did to the ready rows of one instance: ids per table with the columns that changed."""

    __slots__ = ("business_key", "created", "gone", "migrated", "moved", "patches", "suspended")

    def __init__(self) -> None:
        self.created: dict[tuple[str, str], dict[str, Any]] = {}
        self.gone: dict[tuple[str, str], None] = {}
        self.patches: dict[tuple[str, str], dict[str, Any]] = {}
        self.moved: dict[str, None] = {}
        self.suspended = False
        self.business_key = False
        self.migrated = False

    def create(self, table: str, id: str, extra: dict[str, Any]) -> None:
        self.created[table, id] = extra

    def end(self, table: str, id: str) -> None:
        key = (table, id)
        if key in self.created:
            del self.created[key]
        else:
            self.gone[key] = None
        self.patches.pop(key, None)

    def patch(self, table: str, id: str, values: dict[str, Any]) -> None:
        key = (table, id)
        if key in self.created:
            self.created[key].update(values)
        else:
            self.patches.setdefault(key, {}).update(values)


def ready_rows(events: e.InstanceEvents, instance: Instance, definition: Definition | None) -> list[AnyChange]:
    """The row changes that follow from one unit's events of one instance; `instance` is its state after the unit."""
    touched = note(None, events)
    return [] if touched is None else changes_of(touched, instance, definition)


def note(touched: Touched | None, events: e.InstanceEvents) -> Touched | None:
    """Takes in one part of a unit after others (`touched`); None as long as there is nothing to note."""
    for event in events.events:
        read = _READERS.get(type(event))
        if read is not None:
            if touched is None:
                touched = Touched()
            read(touched, event, events)
    return touched


def announced(rows: Iterable[AnyChange], instance: Instance) -> Iterator[str]:
    """Whom these changes give something to do, as `Batch.notify` names them: what is new, and what may be tried again.
    A task that has just failed is not to be had before its retry."""
    for row in rows:
        if type(row) is not RowChange or row.change is Change.DELETE:
            continue
        values = row.values
        if row.change is Change.UPDATE and (not values.get("retries") or "lock_expires_ms" in values):
            continue
        if row.table == JOB:
            yield "jobs"
        elif row.table == EXTERNAL_TASK:
            yield f"external:{instance.external_tasks[values['id']].topic}"


def changes_of(touched: Touched, instance: Instance, definition: Definition | None) -> list[AnyChange]:
    """The row changes that follow from a whole unit; `instance` is its state after it."""
    shard = shard_of(instance.root)
    _follow_moves(touched, instance)
    changes: list[AnyChange] = [
        RowChange(table, Change.DELETE, {"shard": shard, "id": id}) for table, id in touched.gone
    ]
    for (table, id), extra in touched.created.items():
        values = _ROWS[table](instance, definition, id)
        if values is not None:
            values["shard"] = shard
            values["id"] = id
            values.update(extra)
            changes.append(RowChange(table, Change.INSERT, values))
    for (table, id), patch in touched.patches.items():
        if patch:
            changes.append(RowChange(table, Change.UPDATE, {"shard": shard, "id": id, **patch}))
    if touched.business_key and not instance.ended:
        changes.append(
            UpdateWhere(EXTERNAL_TASK, "instance_id", (instance.id,), {"business_key": instance.business_key})
        )
    if touched.migrated and not instance.ended:
        changes += _migrated_rows(instance, definition)
    if touched.suspended and not instance.ended:
        for table in (EXTERNAL_TASK, JOB):
            changes.append(UpdateWhere(table, "instance_id", (instance.id,), {"suspended": instance.suspended}))
    return changes


def _migrated_rows(instance: Instance, definition: Definition | None) -> Iterator[AnyChange]:
    """Everything that waits belongs to the new definition; which activity, its own event has said."""
    assert definition is not None
    common = {"definition_id": definition.id, "definition_key": definition.key}
    more: dict[str, dict[str, Any]] = {
        EXTERNAL_TASK: {**common, "version_tag": definition.process.version_tag},
        JOB: {**common, "deployment_id": definition.deployment_id},
        SUBSCRIPTION: common,
        USER_TASK: {"definition_id": definition.id},
    }
    for table, values in more.items():
        yield UpdateWhere(table, "instance_id", (instance.id,), values)


def _follow_moves(touched: Touched, instance: Instance) -> None:
    """What waits at an execution that was folded or expanded has that execution's id from now on."""
    for id in touched.moved:
        x = instance.executions.get(id)
        if x is None:
            continue
        for table, ids in ((EXTERNAL_TASK, x.external_tasks), (JOB, x.jobs), (SUBSCRIPTION, x.subscriptions)):
            for item in ids:
                if (table, item) not in touched.created:
                    touched.patch(table, item, {"execution_id": id})


# ------------------------------------------------------------------------------------------ whole rows


def _common(instance: Instance, definition: Definition | None) -> dict[str, Any]:
    return {
        "root_id": instance.root,
        "instance_id": instance.id,
        "definition_id": instance.definition,
        "definition_key": definition.key if definition is not None else None,
        "tenant_id": instance.tenant,
    }


def _external_task(instance: Instance, definition: Definition | None, id: str) -> dict[str, Any] | None:
    task: ExternalTask | None = instance.external_tasks.get(id)
    if task is None:
        return None
    row = _common(instance, definition)
    node = None
    if definition is not None:
        row["version_tag"] = definition.process.version_tag
        activity = definition.activities.get(task.activity)
        node = activity.node if activity is not None else None
    row.update(
        execution_id=task.execution,
        activity_id=task.activity,
        activity_instance_id=task.activity_instance,
        topic=task.topic,
        priority=task.priority,
        retries=task.retries,
        error_message=task.error_message,
        error_details=task.error_details,
        suspended=instance.suspended,
        business_key=instance.business_key,
        created_ms=task.created_ms,
        properties=dict(node.properties) if node is not None and node.properties else None,
    )
    return row


def _job(instance: Instance, definition: Definition | None, id: str) -> dict[str, Any] | None:
    job: Job | None = instance.jobs.get(id)
    if job is None:
        return None
    row = _common(instance, definition)
    row.update(
        execution_id=job.execution,
        activity_id=job.activity,
        job_definition_id=job.job_definition,
        deployment_id=definition.deployment_id if definition is not None else None,
        kind=job.kind.value,
        configuration=job.configuration,
        due_ms=job.due_ms,
        retries=job.retries,
        priority=job.priority,
        exclusive=job.exclusive,
        suspended=job.suspended or instance.suspended,
        created_ms=job.created_ms,
        message=job.message,
        failed_activity_id=job.failed_activity,
        cycle=job.cycle,
        repeat_left=job.repeat_left,
        flow=job.flow,
    )
    return row


def _subscription(instance: Instance, definition: Definition | None, id: str) -> dict[str, Any] | None:
    found: Subscription | None = instance.subscriptions.get(id)
    if found is None:
        return None
    row = _common(instance, definition)
    row.update(
        execution_id=found.execution,
        activity_id=found.activity,
        type=found.type,
        name=found.name,
        configuration=found.configuration,
        created_ms=found.created_ms,
    )
    return row


def _user_task(instance: Instance, definition: Definition | None, id: str) -> dict[str, Any] | None:
    if id not in instance.tasks:
        return None
    return {"root_id": instance.root, "instance_id": instance.id, "definition_id": instance.definition}


_ROWS = {EXTERNAL_TASK: _external_task, JOB: _job, SUBSCRIPTION: _subscription, USER_TASK: _user_task}


# ------------------------------------------------------------------------------------------ one reader per event


def _external_created(t: Touched, v: e.ExternalTaskCreated, _: e.InstanceEvents) -> None:
    t.create(EXTERNAL_TASK, v.external_task, {})


def _external_failed(t: Touched, v: e.ExternalTaskFailed, unit: e.InstanceEvents) -> None:
    # Camunda 7 `ExternalTaskEntity.failed`: the worker stays, its lock lasts until the retry.
    retry_at_ms = v.retry_at_ms if v.retry_at_ms is not None else unit.at_ms
    t.patch(
        EXTERNAL_TASK,
        v.external_task,
        {
            "retries": v.retries,
            "error_message": v.error_message,
            "error_details": v.error_details,
            "lock_expires_ms": retry_at_ms,
        },
    )


def _external_retries(t: Touched, v: e.ExternalTaskRetriesSet, _: e.InstanceEvents) -> None:
    t.patch(EXTERNAL_TASK, v.external_task, {"retries": v.retries})


def _external_priority(t: Touched, v: e.ExternalTaskPrioritySet, _: e.InstanceEvents) -> None:
    t.patch(EXTERNAL_TASK, v.external_task, {"priority": v.priority})


def _external_gone(t: Touched, v: e.ExternalTaskCompleted | e.ExternalTaskDeleted, _: e.InstanceEvents) -> None:
    t.end(EXTERNAL_TASK, v.external_task)


def _job_created(t: Touched, v: e.JobCreated, _: e.InstanceEvents) -> None:
    t.create(JOB, v.job, {})


def _job_failed(t: Touched, v: e.JobFailed, _: e.InstanceEvents) -> None:
    values: dict[str, Any] = {
        "retries": v.retries,
        "message": v.message,
        "stacktrace": v.stacktrace,
        "failed_activity_id": v.failed_activity,
        "failure_log_id": v.log or None,
        "lease_owner": None,
        "lease_expires_ms": None,
    }
    if v.due_ms is not None:
        values["due_ms"] = v.due_ms
    t.patch(JOB, v.job, values)


def _job_changed(t: Touched, v: e.JobChanged, _: e.InstanceEvents) -> None:
    t.patch(JOB, v.job, dict(v.changes))


def _job_gone(t: Touched, v: e.JobExecuted | e.JobDeleted, _: e.InstanceEvents) -> None:
    t.end(JOB, v.job)


def _subscribed(t: Touched, v: e.SubscriptionCreated, _: e.InstanceEvents) -> None:
    t.create(SUBSCRIPTION, v.subscription, {})


def _unsubscribed(t: Touched, v: e.SubscriptionDeleted, _: e.InstanceEvents) -> None:
    t.end(SUBSCRIPTION, v.subscription)


def _task_created(t: Touched, v: e.TaskCreated, _: e.InstanceEvents) -> None:
    t.create(USER_TASK, v.task, {})


def _task_ended(t: Touched, v: e.TaskEnded, _: e.InstanceEvents) -> None:
    t.end(USER_TASK, v.task)


def _folded(t: Touched, v: e.ExecutionFolded, _: e.InstanceEvents) -> None:
    t.moved[v.into] = None


def _expanded(t: Touched, v: e.ExecutionExpanded, _: e.InstanceEvents) -> None:
    t.moved[v.execution] = None
    t.moved[v.scope] = None


def _attached(t: Touched, v: e.PathAttached, _: e.InstanceEvents) -> None:
    t.moved[v.into] = None


def _migrated(t: Touched, v: e.InstanceMigrated, _: e.InstanceEvents) -> None:
    t.migrated = True


def _job_migrated(t: Touched, v: e.JobMigrated, _: e.InstanceEvents) -> None:
    values: dict[str, Any] = {"activity_id": v.activity, "job_definition_id": v.job_definition, "flow": v.flow}
    if v.updated:
        values |= {"due_ms": v.due_ms, "cycle": v.cycle}
    t.patch(JOB, v.job, values)


def _subscription_migrated(t: Touched, v: e.SubscriptionMigrated, _: e.InstanceEvents) -> None:
    t.patch(SUBSCRIPTION, v.subscription, {"activity_id": v.activity, "execution_id": v.execution, "name": v.name})


def _external_migrated(t: Touched, v: e.ExternalTaskMigrated, _: e.InstanceEvents) -> None:
    t.patch(EXTERNAL_TASK, v.external_task, {"activity_id": v.activity})


def _suspended(t: Touched, v: e.SuspensionSet, _: e.InstanceEvents) -> None:
    t.suspended = True


def _business_key(t: Touched, v: e.BusinessKeySet, _: e.InstanceEvents) -> None:
    t.business_key = True


_READERS: dict[type[Any], Any] = {
    e.ExternalTaskCreated: _external_created,
    e.ExternalTaskFailed: _external_failed,
    e.ExternalTaskRetriesSet: _external_retries,
    e.ExternalTaskPrioritySet: _external_priority,
    e.ExternalTaskCompleted: _external_gone,
    e.ExternalTaskDeleted: _external_gone,
    e.JobCreated: _job_created,
    e.JobFailed: _job_failed,
    e.JobChanged: _job_changed,
    e.JobExecuted: _job_gone,
    e.JobDeleted: _job_gone,
    e.SubscriptionCreated: _subscribed,
    e.SubscriptionDeleted: _unsubscribed,
    e.TaskCreated: _task_created,
    e.TaskEnded: _task_ended,
    e.ExecutionFolded: _folded,
    e.ExecutionExpanded: _expanded,
    e.PathAttached: _attached,
    e.InstanceMigrated: _migrated,
    e.JobMigrated: _job_migrated,
    e.SubscriptionMigrated: _subscription_migrated,
    e.ExternalTaskMigrated: _external_migrated,
    e.SuspensionSet: _suspended,
    e.BusinessKeySet: _business_key,
}
