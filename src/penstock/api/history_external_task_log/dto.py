"""Log rows of external tasks as JSON (Camunda 7 `HistoricExternalTaskLogDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def external_task_log(row: Row) -> dict[str, Any]:
    """`HistoricExternalTaskLogDto` of a row of the view `external_task_log`."""
    state = row["state"]
    return {
        "id": row["id"],
        "timestamp": write(row["occurred_ms"]),
        "removalTime": write(row["removal_ms"]),
        "externalTaskId": row["external_task_id"],
        "topicName": row["topic"],
        "workerId": row["worker_id"],
        "priority": row["priority"],
        "retries": row["retries"],
        "errorMessage": row["error_message"],
        "activityId": row["activity_id"],
        "activityInstanceId": row["activity_instance_id"],
        "executionId": row["execution_id"],
        "processInstanceId": row["instance_id"],
        "processDefinitionId": row["definition_id"],
        "processDefinitionKey": row["definition_key"],
        "tenantId": row["tenant_id"],
        "rootProcessInstanceId": row["root_id"],
        "creationLog": state == "created",
        "failureLog": state == "failed",
        "successLog": state == "successful",
        "deletionLog": state == "deleted",
    }
