"""Open incidents as JSON (Camunda 7 `IncidentDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def incident(row: Row) -> dict[str, Any]:
    """`IncidentDto` of a row of the view `incident`."""
    return {
        "id": row["id"],
        "processDefinitionId": row["definition_id"],
        "processInstanceId": row["instance_id"],
        "executionId": row["execution_id"],
        "incidentTimestamp": write(row["created_ms"]),
        "incidentType": row["type"],
        "activityId": row["activity_id"],
        "failedActivityId": row["failed_activity_id"],
        "causeIncidentId": row["cause_incident_id"],
        "rootCauseIncidentId": row["root_cause_incident_id"],
        "configuration": row["configuration"],
        "incidentMessage": row["message"],
        "tenantId": row["tenant_id"],
        "jobDefinitionId": row["job_definition_id"],
        "annotation": row["annotation"],
    }
