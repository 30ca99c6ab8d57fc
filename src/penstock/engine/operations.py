"""The operation log: how a command is called there, and which properties it has changed.

As in Camunda 7 (`UserOperationLogManager` and the commands that call it): one entry for each command, with one row for
each changed property. A task operation that changes nothing has none; other operations without properties have one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from penstock.engine import commands as c
from penstock.engine.events import OperationLogged
from penstock.engine.state import Job, Task
from penstock.engine.unit import Run, Unit

OPERATOR, TASK_WORKER = "Operator", "TaskWorker"

Change = tuple[str | None, str | None, str | None]
"""(property, old value, new value)."""

NOTHING: Change = (None, None, None)
"""What the row of an operation without properties says."""

TASK_PROPERTIES = {
    "name": "name",
    "description": "description",
    "assignee": "assignee",
    "owner": "owner",
    "priority": "priority",
    "due_ms": "dueDate",
    "follow_up_ms": "followUpDate",
    "parent_task": "parentTask",
    "delegation_state": "delegation",
    "case_instance": "caseInstanceId",
}
"""Field of a task → its name in the log (Camunda 7 `TaskEntity`)."""

_TASK_TYPES = {
    "claim": "Claim",
    "unclaim": "Assign",
    "assign": "Assign",
    "delegate": "Delegate",
    "resolve": "Resolve",
    "update": "Update",
    "set_owner": "SetOwner",
    "set_priority": "SetPriority",
}


class Entry(msgspec.Struct, kw_only=True):
    """What the log says of one operation, beside whose it is and when."""

    type: str
    entity: str
    category: str = OPERATOR
    changes: Sequence[Change] = (NOTHING,)
    execution: str | None = None
    task: str | None = None
    job: str | None = None
    external_task: str | None = None
    job_definition: str | None = None
    annotation: str | None = None


Describe = Callable[[], Entry]
"""Called when the command has done its work."""


def watch(unit: Unit, command: c.Command) -> Callable[[Any], None] | None:
    """Takes note of what is so before the command. What comes back writes the entry, given the command's result; None:
    nobody is to know of it."""
    if not (unit.logs_operations and command.logged):
        return None
    created = _CREATORS.get(type(command))
    if created is not None:
        return lambda result: _log(unit.runs.get(result), created(unit, command, result))
    run = unit.runs.get(command.instance) if isinstance(command, c.InstanceCommand) else None
    prepare = _WATCHERS.get(type(command))
    describe = prepare(run, command) if run is not None and prepare is not None else None
    if describe is None:
        return None
    return lambda _result: _log(run, describe())


def _log(run: Run | None, entry: Entry | None) -> None:
    if run is None or entry is None or not entry.changes:
        return
    run.emit(
        OperationLogged(
            operation=run.unit.ids.new(),
            operation_type=entry.type,
            entity_type=entry.entity,
            category=entry.category,
            user=run.unit.user,
            rows=[("", *change) for change in entry.changes],
            task=entry.task,
            job=entry.job,
            external_task=entry.external_task,
            annotation=entry.annotation,
            job_definition=entry.job_definition,
            execution=entry.execution,
        )
    )


def text(value: Any) -> str | None:
    """A value as the log shows it (Java's `String.valueOf`; moments are milliseconds already)."""
    if value is None or isinstance(value, str):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


# ------------------------------------------------------------------------------------------ instances


def _started(_: Unit, command: c.StartInstance, instance: str) -> Entry | None:
    """Only starts by definition: Camunda has no entry for those by message, condition, signal or timer."""
    if command.start_event is not None or command.start_job is not None:
        return None
    return Entry(type="Create", entity="ProcessInstance")


def _of_instance(type: str, *changes: Change, annotation: str | None = None) -> Describe:
    entry = Entry(type=type, entity="ProcessInstance", changes=changes or (NOTHING,), annotation=annotation)
    return lambda: entry


def _deleted(run: Run, command: c.DeleteInstance) -> Describe:
    return _of_instance("Delete")


def _modified(run: Run, command: c.ModifyInstance) -> Describe:
    return _of_instance("ModifyProcessInstance", annotation=command.annotation)


def _activated(run: Run, command: c.ActivateAdHoc) -> Describe:
    return _of_instance("ActivateAdHoc", ("activityIds", None, ",".join(command.activities)))


def _suspended(run: Run, command: c.SetSuspension) -> Describe:
    state = "suspended" if command.suspended else "active"
    return _of_instance("Suspend" if command.suspended else "Activate", ("suspensionState", None, state))


def _variables(run: Run, command: c.SetVariables) -> Describe:
    task = run.instance.tasks.get(command.task) if command.task is not None else None
    entry = Entry(type=command.operation, entity="Variable")
    if task is not None:
        entry = _of_task(task, command.operation, entity="Variable", changes=[NOTHING])
    return lambda: entry


def _incident_created(run: Run, command: c.CreateIncident) -> Describe:
    return _of_instance(
        "CreateIncident",
        ("incidentType", None, command.type),
        ("configuration", None, command.configuration),
    )


def _incident_resolved(run: Run, command: c.ResolveIncident) -> Describe:
    return _of_instance("Resolve", ("incidentId", None, command.incident))


def _incident_annotated(run: Run, command: c.AnnotateIncident) -> Describe:
    type = "SetAnnotation" if command.annotation is not None else "ClearAnnotation"
    entry = Entry(type=type, entity="Incident", changes=[("incidentId", None, command.incident)])
    return lambda: entry


# ------------------------------------------------------------------------------------------ tasks


def _of_task(task: Task, type: str, *, entity: str = "Task", changes: Sequence[Change]) -> Entry:
    return Entry(
        type=type, entity=entity, category=TASK_WORKER, changes=changes, task=task.id, execution=task.execution
    )


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    return [
        (name, text(before.get(field)), text(after.get(field)))
        for field, name in TASK_PROPERTIES.items()
        if before.get(field) != after.get(field)
    ]


def _task_changed(run: Run, command: c.ChangeTask) -> Describe | None:
    task = run.instance.tasks.get(command.task)
    if task is None:
        return None
    before = dict(task.fields)
    return lambda: _of_task(task, _TASK_TYPES[command.operation], changes=_changed(before, task.fields))


def _task_completed(run: Run, command: c.CompleteTask) -> Describe | None:
    return _task_ended(run.instance.tasks.get(command.task), "Complete")


def _task_deleted(run: Run, command: c.DeleteTask) -> Describe | None:
    return _task_ended(run.instance.tasks.get(command.task), "Delete")


def _task_ended(task: Task | None, type: str) -> Describe | None:
    if task is None:
        return None
    before = dict(task.fields)
    return lambda: _of_task(task, type, changes=[*_changed(before, task.fields), ("delete", "false", "true")])


def _task_created(unit: Unit, command: c.CreateTask, id: str) -> Entry | None:
    task = unit.runs[id].instance.tasks[id]
    # What a new task of Camunda begins with is no change.
    changes = _changed({"priority": 50}, task.fields)
    return _of_task(task, "Create", changes=changes or [NOTHING])


def _link_changed(run: Run, command: c.ChangeIdentityLink) -> Describe | None:
    task = run.instance.tasks.get(command.task)
    if task is None:
        return None
    who = command.link_user if command.link_user is not None else command.link_group
    type = f"{'Add' if command.add else 'Delete'}{'User' if command.link_user is not None else 'Group'}Link"
    entry = _of_task(task, type, entity="IdentityLink", changes=[(command.type, None, who)])
    return lambda: entry


# ------------------------------------------------------------------------------------------ comments, attachments


def _comment_changed(run: Run, command: c.ChangeComment) -> Describe:
    return _comment(run, command.task, "UpdateComment", ("comment", command.before, command.message))


def _comments_deleted(run: Run, command: c.DeleteComments) -> Describe:
    return _comment(run, command.task, "DeleteComment", ("comment", None, None))


def _comment(run: Run, task_id: str | None, type: str, change: Change) -> Describe:
    task = run.instance.tasks.get(task_id) if task_id is not None else None
    if task is not None:
        entry = _of_task(task, type, entity="Comment", changes=[change])
    else:
        entry = Entry(type=type, entity="Comment", category=TASK_WORKER, changes=[change], execution=run.instance.id)
    return lambda: entry


def _attachment_added(run: Run, command: c.AddAttachment) -> Describe | None:
    return _attachment(run, command.task, "AddAttachment", command.name)


def _attachment_deleted(run: Run, command: c.DeleteAttachment) -> Describe | None:
    return _attachment(run, command.task, "DeleteAttachment", command.name)


def _attachment(run: Run, task_id: str, type: str, name: str | None) -> Describe | None:
    task = run.instance.tasks.get(task_id)
    if task is None:
        return None
    entry = _of_task(task, type, entity="Attachment", changes=[("name", None, name)])
    return lambda: entry


# ------------------------------------------------------------------------------------------ jobs, external tasks


def job_changes(operation: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, list[Change]]:
    """(type of the operation, its properties) of a change of a job; `before`, `after`: retries, due_ms, priority,
    suspended."""
    if "suspended" in after:
        state = "suspended" if after["suspended"] else "active"
        return "SuspendJob" if after["suspended"] else "ActivateJob", [("suspensionState", None, state)]
    names = {"retries": "retries", "due_ms": "duedate", "priority": "priority"}
    changes: list[Change] = [
        (names[field], text(before.get(field)), text(value)) for field, value in after.items() if field in names
    ]
    return operation, changes


def _of_job(job: Job, type: str, changes: Sequence[Change]) -> Entry:
    return Entry(type=type, entity="Job", changes=changes, job=job.id, job_definition=job.job_definition)


def _job_changed(run: Run, command: c.ChangeJob) -> Describe | None:
    job = run.instance.jobs.get(command.job)
    if job is None:
        return None
    before = {"retries": job.retries, "due_ms": job.due_ms, "priority": job.priority}
    entry = _of_job(job, *job_changes(command.operation, before, command.changes))
    return lambda: entry


def _job_deleted(run: Run, command: c.DeleteJob) -> Describe | None:
    return _job_ended(run, command.job, "Delete")


def _job_executed(run: Run, command: c.ExecuteJob) -> Describe | None:
    """Only those that somebody has asked for."""
    return _job_ended(run, command.job, "Execute") if command.owner is None else None


def _job_ended(run: Run, id: str, type: str) -> Describe | None:
    job = run.instance.jobs.get(id)
    if job is None:
        return None
    entry = _of_job(job, type, [NOTHING])
    return lambda: entry


def _job_recalculated(run: Run, command: c.RecalculateJob) -> Describe | None:
    job = run.instance.jobs.get(command.job)
    if job is None:
        return None
    before = job.due_ms
    based = ("creationDateBased", None, text(command.creation_date_based))
    return lambda: _of_job(job, "RecalculateDueDate", [("duedate", text(before), text(job.due_ms)), based])


def _external_task(property: str, type: str) -> Callable[[Run, Any], Describe | None]:
    def prepare(run: Run, command: Any) -> Describe | None:
        task = run.instance.external_tasks.get(command.external_task)
        if task is None:
            return None
        change = (property, text(getattr(task, property)), text(getattr(command, property)))
        entry = Entry(type=type, entity="ExternalTask", changes=[change], external_task=task.id)
        return lambda: entry

    return prepare


_CREATORS: dict[type[c.Command], Callable[[Unit, Any, str], Entry | None]] = {
    c.StartInstance: _started,
    c.CreateTask: _task_created,
}
"""Commands whose instance is there only afterwards: its id is their result."""

_WATCHERS: dict[type[c.Command], Callable[[Run, Any], Describe | None]] = {
    c.DeleteInstance: _deleted,
    c.ModifyInstance: _modified,
    c.ActivateAdHoc: _activated,
    c.SetSuspension: _suspended,
    c.SetVariables: _variables,
    c.CreateIncident: _incident_created,
    c.ResolveIncident: _incident_resolved,
    c.AnnotateIncident: _incident_annotated,
    c.ChangeTask: _task_changed,
    c.CompleteTask: _task_completed,
    c.DeleteTask: _task_deleted,
    c.ChangeIdentityLink: _link_changed,
    c.ChangeComment: _comment_changed,
    c.DeleteComments: _comments_deleted,
    c.AddAttachment: _attachment_added,
    c.DeleteAttachment: _attachment_deleted,
    c.ChangeJob: _job_changed,
    c.DeleteJob: _job_deleted,
    c.ExecuteJob: _job_executed,
    c.RecalculateJob: _job_recalculated,
    c.SetExternalTaskRetries: _external_task("retries", "SetExternalTaskRetries"),
    c.SetExternalTaskPriority: _external_task("priority", "SetPriority"),
}
"""One row for each command that the log knows."""
