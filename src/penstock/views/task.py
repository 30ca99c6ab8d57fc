"""User tasks, open and finished (Camunda 7 `Task` while `live`, and `HistoricTaskInstance`).

A standalone task is its own instance: `instance_id` is its id and `definition_id` is null; REST shows no process
instance for it.
"""

from typing import Any

from penstock.engine import events
from penstock.views.unit import Unit, View

TABLE = "task"
CREATED = "Created"
UPDATED = "Updated"
COMPLETED = "Completed"
DELETED = "Deleted"

COLUMNS = {
    "key": "task_key",
    "name": "name",
    "description": "description",
    "assignee": "assignee",
    "owner": "owner",
    "priority": "priority",
    "due_ms": "due_ms",
    "follow_up_ms": "follow_up_ms",
    "form_key": "form_key",
    "form_ref": "form_ref",
    "parent_task": "parent_task_id",
    "delegation_state": "delegation_state",
    "case_instance": "case_instance_id",
}
"""Field of `TaskChanged.changes` → column."""


def created(unit: Unit, event: events.TaskCreated, index: int) -> None:
    unit.new_tasks.add(event.task)
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": event.task,
            "execution_id": event.execution,
            "activity_instance_id": event.activity_instance,
            "task_key": event.key,
            "name": event.name,
            "description": event.description,
            "assignee": event.assignee,
            "owner": event.owner,
            "priority": event.priority,
            "due_ms": event.due_ms,
            "follow_up_ms": event.follow_up_ms,
            "created_ms": unit.at_ms,
            "parent_task_id": event.parent_task,
            "delegation_state": event.delegation_state,
            "suspended": unit.suspended,
            "form_key": event.form_key,
            "form_ref": event.form_ref,
            "task_state": CREATED,
            "last_updated_ms": None,
            "live": True,
        },
    )


def changed(unit: Unit, event: events.TaskChanged, index: int) -> None:
    values: dict[str, Any] = {COLUMNS[field]: value for field, value in event.changes.items()}
    values["task_state"] = UPDATED
    values["last_updated_ms"] = unit.at_ms
    unit.update(TABLE, event.task, values)


def _touched(unit: Unit, task: str | None) -> None:
    """Camunda counts changes of links and of task-local variables as updates of a task that exists."""
    if task is not None and task not in unit.new_tasks:
        unit.update(TABLE, task, {"task_state": UPDATED, "last_updated_ms": unit.at_ms})


def link_changed(unit: Unit, event: events.IdentityLinkAdded | events.IdentityLinkRemoved, index: int) -> None:
    _touched(unit, event.task)


def variable_changed(unit: Unit, event: events.VariableSet | events.VariableRemoved, index: int) -> None:
    if event.task is not None:
        _touched(unit, event.task)


def remarked(
    unit: Unit,
    event: events.CommentAdded
    | events.CommentChanged
    | events.CommentsDeleted
    | events.AttachmentAdded
    | events.AttachmentDeleted,
    index: int,
) -> None:
    _touched(unit, event.task)


def ended(unit: Unit, event: events.TaskEnded, index: int) -> None:
    began_ms = unit.at_ms if event.task in unit.new_tasks else event.started_ms
    unit.update(
        TABLE,
        event.task,
        {
            "ended_ms": unit.at_ms,
            "duration_ms": unit.at_ms - began_ms if began_ms else None,
            "delete_reason": event.reason,
            "task_state": COMPLETED if event.reason == "completed" else DELETED,
            "live": False,
        },
    )


def folded(unit: Unit, event: events.ExecutionFolded, index: int) -> None:
    for task in event.tasks:
        unit.update(TABLE, task, {"execution_id": event.into})


def expanded(unit: Unit, event: events.ExecutionExpanded, index: int) -> None:
    for task in event.tasks:
        unit.update(TABLE, task, {"execution_id": event.execution})


def attached(unit: Unit, event: events.PathAttached, index: int) -> None:
    for task in event.tasks:
        unit.update(TABLE, task, {"execution_id": event.into})


def migrated(unit: Unit, event: events.TaskMigrated, index: int) -> None:
    unit.update(
        TABLE,
        event.task,
        {
            "definition_id": unit.common["definition_id"],
            "definition_key": unit.common["definition_key"],
            "task_key": event.key,
            "execution_id": event.execution,
            "form_key": event.form_key,
        },
    )


def suspension_set(unit: Unit, event: events.SuspensionSet, index: int) -> None:
    unit.update_all(TABLE, {"suspended": event.suspended})


VIEW = View(
    TABLE,
    {
        events.TaskCreated: created,
        events.TaskChanged: changed,
        events.IdentityLinkAdded: link_changed,
        events.IdentityLinkRemoved: link_changed,
        events.VariableSet: variable_changed,
        events.VariableRemoved: variable_changed,
        events.CommentAdded: remarked,
        events.CommentChanged: remarked,
        events.CommentsDeleted: remarked,
        events.AttachmentAdded: remarked,
        events.AttachmentDeleted: remarked,
        events.TaskEnded: ended,
        events.ExecutionFolded: folded,
        events.ExecutionExpanded: expanded,
        events.PathAttached: attached,
        events.TaskMigrated: migrated,
        events.SuspensionSet: suspension_set,
    },
)
