"""Running and ended process instances as JSON (Camunda 7 `HistoricProcessInstanceDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def historic_process_instance(row: Row) -> dict[str, Any]:
    """`HistoricProcessInstanceDto` of a row of the view `process_instance`."""
    return {
        "id": row["id"],
        "rootProcessInstanceId": row["root_id"],
        "superProcessInstanceId": row["super_instance_id"],
        "superCaseInstanceId": None,
        "caseInstanceId": row["case_instance_id"],
        "processDefinitionName": row["definition_name"],
        "processDefinitionKey": row["definition_key"],
        "processDefinitionVersion": row["definition_version"],
        "processDefinitionId": row["definition_id"],
        "businessKey": row["business_key"],
        "startTime": write(row["started_ms"]),
        "endTime": write(row["ended_ms"]),
        "removalTime": write(row["removal_ms"]),
        "durationInMillis": row["duration_ms"],
        "startUserId": row["start_user_id"],
        "startActivityId": row["start_activity_id"],
        "deleteReason": row["delete_reason"],
        "tenantId": row["tenant_id"],
        "state": row["state"],
        "restartedProcessInstanceId": None,
    }
