"""Jobs as JSON (Camunda 7 `JobDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def job(row: Row) -> dict[str, Any]:
    """`JobDto` of a row of `job`."""
    return {
        "id": row["id"],
        "jobDefinitionId": row["job_definition_id"],
        "processInstanceId": row["instance_id"],
        "processDefinitionId": row["definition_id"],
        "processDefinitionKey": row["definition_key"],
        "executionId": row["execution_id"],
        "exceptionMessage": row["message"],
        "failedActivityId": row["failed_activity_id"],
        "retries": row["retries"],
        "dueDate": write(row["due_ms"]),
        "suspended": row["suspended"],
        "priority": row["priority"],
        "tenantId": row["tenant_id"],
        "createTime": write(row["created_ms"]),
        "batchId": None,
    }
