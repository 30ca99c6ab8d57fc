"""The user operation log as JSON (Camunda 7 `UserOperationLogEntryDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def operation(row: Row) -> dict[str, Any]:
    """`UserOperationLogEntryDto` of a row of the view `operation_log`."""
    return {
        "id": row["id"],
        "userId": row["user_id"],
        "timestamp": write(row["occurred_ms"]),
        "operationId": row["operation_id"],
        "operationType": row["operation_type"],
        "entityType": row["entity_type"],
        "category": row["category"],
        "annotation": row["annotation"],
        "property": row["property"],
        "orgValue": row["old_value"],
        "newValue": row["new_value"],
        "deploymentId": row["deployment_id"],
        "processDefinitionId": row["definition_id"],
        "processDefinitionKey": row["definition_key"],
        "processInstanceId": row["instance_id"],
        "executionId": row["execution_id"],
        "caseDefinitionId": None,
        "caseInstanceId": None,
        "caseExecutionId": None,
        "taskId": row["task_id"],
        "externalTaskId": row["external_task_id"],
        "batchId": row["batch_id"],
        "jobId": row["job_id"],
        "jobDefinitionId": row["job_definition_id"],
        "removalTime": write(row["removal_ms"]),
        "rootProcessInstanceId": row["root_id"],
    }
