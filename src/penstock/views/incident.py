"""Incidents, open and closed (Camunda 7 `Incident` while open, and `HistoricIncident`)."""

from penstock.engine import events
from penstock.views.unit import Unit, View

TABLE = "incident"
OPEN = "open"
RESOLVED = "resolved"
DELETED = "deleted"


def opened(unit: Unit, event: events.IncidentOpened, index: int) -> None:
    unit.insert(
        TABLE,
        {
            **unit.common,
            "id": event.incident,
            "type": event.type,
            "execution_id": event.execution or None,
            "activity_id": event.activity,
            "failed_activity_id": event.failed_activity,
            "configuration": event.configuration,
            "message": event.message,
            "cause_incident_id": event.cause or event.incident,
            "root_cause_incident_id": event.root or event.incident,
            "job_definition_id": event.job_definition,
            "created_ms": unit.at_ms,
            "state": OPEN,
            "history_configuration": event.history_configuration,
            # The incident of a start timer belongs to no instance.
            **({"instance_id": None} if event.configuration == unit.instance else {}),
        },
    )


def closed(unit: Unit, event: events.IncidentClosed, index: int) -> None:
    state = RESOLVED if event.resolved else DELETED
    unit.update(TABLE, event.incident, {"ended_ms": unit.at_ms, "state": state})


def annotated(unit: Unit, event: events.IncidentAnnotated, index: int) -> None:
    unit.update(TABLE, event.incident, {"annotation": event.annotation})


def folded(unit: Unit, event: events.ExecutionFolded, index: int) -> None:
    for incident in event.incidents:
        unit.update(TABLE, incident, {"execution_id": event.into})


def expanded(unit: Unit, event: events.ExecutionExpanded, index: int) -> None:
    for incident in event.incidents:
        unit.update(TABLE, incident, {"execution_id": event.execution})


def attached(unit: Unit, event: events.PathAttached, index: int) -> None:
    for incident in event.incidents:
        unit.update(TABLE, incident, {"execution_id": event.into})


def migrated(unit: Unit, event: events.IncidentMigrated, index: int) -> None:
    unit.update(
        TABLE,
        event.incident,
        {
            "definition_id": unit.common["definition_id"],
            "definition_key": unit.common["definition_key"],
            "activity_id": event.activity,
            "job_definition_id": event.job_definition,
        },
    )


VIEW = View(
    TABLE,
    {
        events.IncidentOpened: opened,
        events.IncidentClosed: closed,
        events.IncidentAnnotated: annotated,
        events.ExecutionFolded: folded,
        events.ExecutionExpanded: expanded,
        events.PathAttached: attached,
        events.IncidentMigrated: migrated,
    },
    owners=("instance_id", "configuration"),
)
