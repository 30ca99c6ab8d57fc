"""Activity instances (Camunda 7 `HistoricActivityInstance`).

As in Camunda, a row keeps the execution it started in when that execution is folded or expanded; its end writes the
execution that ended it.
"""

from penstock.engine import events
from penstock.views.unit import Unit, View

TABLE = "activity_instance"


def started(unit: Unit, event: events.ActivityStarted, index: int) -> None:
    if event.silent:
        return
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": event.activity_instance,
            "parent_id": event.parent_activity_instance,
            "execution_id": event.execution,
            "activity_id": event.activity,
            "name": event.name,
            "type": event.type,
            "started_ms": unit.at_ms,
            "canceled": False,
            "completes_scope": False,
            "sequence": unit.sequence(index),
        },
    )


def ended(unit: Unit, event: events.ActivityEnded, index: int) -> None:
    unit.update(
        TABLE,
        event.activity_instance,
        {
            "execution_id": event.execution,
            "ended_ms": unit.at_ms,
            "duration_ms": unit.at_ms - event.started_ms,
            "canceled": event.canceled,
            "completes_scope": event.completes_scope,
        },
    )


def updated(unit: Unit, event: events.ActivityUpdated, index: int) -> None:
    known = {"called_instance_id": event.called_instance, "task_id": event.task, "assignee": event.assignee}
    found = {column: value for column, value in known.items() if value is not None}
    if found:
        unit.update(TABLE, event.activity_instance, found)


def task_created(unit: Unit, event: events.TaskCreated, index: int) -> None:
    if event.activity_instance is not None:
        unit.update(TABLE, event.activity_instance, {"task_id": event.task, "assignee": event.assignee})


def task_changed(unit: Unit, event: events.TaskChanged, index: int) -> None:
    if event.activity_instance is not None and "assignee" in event.changes:
        unit.update(TABLE, event.activity_instance, {"assignee": event.changes["assignee"]})


def migrated(unit: Unit, event: events.ActivityMigrated, index: int) -> None:
    if event.kept:
        return
    unit.update(
        TABLE,
        event.activity_instance,
        {
            "definition_id": unit.common["definition_id"],
            "definition_key": unit.common["definition_key"],
            "parent_id": event.parent_activity_instance,
            "execution_id": event.execution,
            "activity_id": event.activity,
            "name": event.name,
            "type": event.type,
        },
    )


VIEW = View(
    TABLE,
    {
        events.ActivityStarted: started,
        events.ActivityEnded: ended,
        events.ActivityUpdated: updated,
        events.TaskCreated: task_created,
        events.TaskChanged: task_changed,
        events.ActivityMigrated: migrated,
    },
)
