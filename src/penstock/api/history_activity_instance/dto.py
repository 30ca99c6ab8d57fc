"""Activity instances as JSON (Camunda 7 `HistoricActivityInstanceDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def historic_activity_instance(row: Row) -> dict[str, Any]:
    """`HistoricActivityInstanceDto` of a row of the view `activity_instance`."""
    return {
        "id": row["id"],
        "parentActivityInstanceId": row["parent_id"],
        "activityId": row["activity_id"],
        "activityName": row["name"],
        "activityType": row["type"],
        "processDefinitionKey": row["definition_key"],
        "processDefinitionId": row["definition_id"],
        "processInstanceId": row["instance_id"],
        "executionId": row["execution_id"],
        "taskId": row["task_id"],
        "assignee": row["assignee"],
        "calledProcessInstanceId": row["called_instance_id"],
        "calledCaseInstanceId": row["called_case_instance_id"],
        "startTime": write(row["started_ms"]),
        "endTime": write(row["ended_ms"]),
        "durationInMillis": row["duration_ms"],
        "canceled": row["canceled"],
        "completeScope": row["completes_scope"],
        "tenantId": row["tenant_id"],
        "removalTime": write(row["removal_ms"]),
        "rootProcessInstanceId": row["root_id"],
    }
