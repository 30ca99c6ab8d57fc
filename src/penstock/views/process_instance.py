"""Process instances, running and finished (Camunda 7 `HistoricProcessInstance`, and `/process-instance` while running)."""

from penstock.engine import events
from penstock.views.unit import Unit, View, definition_parts

TABLE = "process_instance"


def started(unit: Unit, event: events.InstanceStarted, index: int) -> None:
    definition = unit.definition
    key, version = definition_parts(definition) if definition is not None else (None, None)
    common = unit.common
    unit.started = True
    unit.insert(
        TABLE,
        {
            "shard": unit.shard,
            "id": unit.instance,
            "root_id": unit.root,
            "definition_id": definition,
            "definition_key": key,
            "definition_name": event.definition_name,
            "definition_version": version,
            "business_key": event.business_key,
            "tenant_id": common["tenant_id"],
            "started_ms": unit.at_ms,
            "start_user_id": event.start_user,
            "start_activity_id": event.start_activity,
            "super_instance_id": event.super_instance,
            "super_execution_id": event.super_execution,
            "case_instance_id": event.case_instance,
            "state": events.InstanceState.ACTIVE.value,
            "suspended": False,
        },
    )


def ended(unit: Unit, event: events.InstanceEnded, index: int) -> None:
    unit.ended = True
    began_ms = unit.at_ms if unit.started else event.started_ms
    unit.update(
        TABLE,
        unit.instance,
        {
            "ended_ms": unit.at_ms,
            "duration_ms": unit.at_ms - began_ms if began_ms else None,
            "state": event.state.value,
            "delete_reason": event.reason,
            "end_activity_id": event.end_activity,
            "removal_ms": event.removal_ms,
        },
    )


def suspension_set(unit: Unit, event: events.SuspensionSet, index: int) -> None:
    state = events.InstanceState.SUSPENDED if event.suspended else events.InstanceState.ACTIVE
    unit.update(TABLE, unit.instance, {"suspended": event.suspended, "state": state.value})


def business_key_set(unit: Unit, event: events.BusinessKeySet, index: int) -> None:
    unit.update(TABLE, unit.instance, {"business_key": event.business_key})


def migrated(unit: Unit, event: events.InstanceMigrated, index: int) -> None:
    key, version = definition_parts(event.definition)
    unit.update(
        TABLE,
        unit.instance,
        {
            "definition_id": event.definition,
            "definition_key": key,
            "definition_name": event.definition_name,
            "definition_version": version,
        },
    )


def removal_time_set(unit: Unit, event: events.RemovalTimeSet, index: int) -> None:
    unit.update(TABLE, unit.instance, {"removal_ms": event.removal_ms})


VIEW = View(
    TABLE,
    {
        events.InstanceStarted: started,
        events.InstanceEnded: ended,
        events.SuspensionSet: suspension_set,
        events.BusinessKeySet: business_key_set,
        events.InstanceMigrated: migrated,
        events.RemovalTimeSet: removal_time_set,
    },
    owners=("id",),
)
