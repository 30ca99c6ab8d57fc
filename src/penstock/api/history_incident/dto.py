"""Open and closed incidents as JSON (Camunda 7 `HistoricIncidentDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def historic_incident(row: Row) -> dict[str, Any]:
    """`HistoricIncidentDto` of a row of the view `incident`."""
    state = row["state"]
    return {
        "id": row["id"],
        "processDefinitionKey": row["definition_key"],
        "processDefinitionId": row["definition_id"],
        "processInstanceId": row["instance_id"],
        "executionId": row["execution_id"],
        # What has no instance, a start timer or a batch, is its own root in the log.
        "rootProcessInstanceId": row["root_id"] if row["instance_id"] is not None else None,
        "createTime": write(row["created_ms"]),
        "endTime": write(row["ended_ms"]),
        "removalTime": write(row["removal_ms"]),
        "incidentType": row["type"],
        "activityId": row["activity_id"],
        "failedActivityId": row["failed_activity_id"],
        "causeIncidentId": row["cause_incident_id"],
        "rootCauseIncidentId": row["root_cause_incident_id"],
        "configuration": row["configuration"],
        "historyConfiguration": row["history_configuration"],
        "incidentMessage": row["message"],
        "tenantId": row["tenant_id"],
        "jobDefinitionId": row["job_definition_id"],
        "open": state == "open",
        "deleted": state == "deleted",
        "resolved": state == "resolved",
        "annotation": row["annotation"],
    }
