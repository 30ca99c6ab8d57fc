"""Open and ended tasks as JSON (Camunda 7 `HistoricTaskInstanceDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def historic_task(row: Row) -> dict[str, Any]:
    """`HistoricTaskInstanceDto` of a row of the view `task`. A standalone task shows no process instance."""
    in_process = row["definition_id"] is not None
    return {
        "id": row["id"],
        "processDefinitionKey": row["definition_key"],
        "processDefinitionId": row["definition_id"],
        "processInstanceId": row["instance_id"] if in_process else None,
        "executionId": row["execution_id"],
        "caseDefinitionKey": None,
        "caseDefinitionId": None,
        "caseInstanceId": row["case_instance_id"],
        "caseExecutionId": None,
        "activityInstanceId": row["activity_instance_id"],
        "name": row["name"],
        "description": row["description"],
        "deleteReason": row["delete_reason"],
        "owner": row["owner"],
        "assignee": row["assignee"],
        "startTime": write(row["created_ms"]),
        "endTime": write(row["ended_ms"]),
        "duration": row["duration_ms"],
        "taskDefinitionKey": row["task_key"],
        "priority": row["priority"],
        "due": write(row["due_ms"]),
        "parentTaskId": row["parent_task_id"],
        "followUp": write(row["follow_up_ms"]),
        "tenantId": row["tenant_id"],
        "removalTime": write(row["removal_ms"]),
        "rootProcessInstanceId": row["root_id"] if in_process else None,
        "taskState": row["task_state"],
    }
