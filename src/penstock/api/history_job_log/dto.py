"""Log rows of jobs as JSON (Camunda 7 `HistoricJobLogDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.runtime.batches.kinds import KINDS as BATCH_KINDS
from penstock.store.protocol import Row


def job_log(row: Row) -> dict[str, Any]:
    """`HistoricJobLogDto` of a row of the view `job_log`."""
    state = row["state"]
    return {
        "id": row["id"],
        "timestamp": write(row["occurred_ms"]),
        "removalTime": write(row["removal_ms"]),
        "jobId": row["job_id"],
        "jobDueDate": write(row["due_ms"]),
        "jobRetries": row["retries"],
        "jobPriority": row["priority"],
        "jobExceptionMessage": row["message"],
        "failedActivityId": row["failed_activity_id"],
        "jobDefinitionId": row["job_definition_id"],
        "jobDefinitionType": row["job_type"],
        "jobDefinitionConfiguration": row["job_configuration"],
        "activityId": row["activity_id"],
        "executionId": row["execution_id"],
        "processInstanceId": row["instance_id"],
        "processDefinitionId": row["definition_id"],
        "processDefinitionKey": row["definition_key"],
        "deploymentId": row["deployment_id"],
        "tenantId": row["tenant_id"],
        "hostname": None,
        "rootProcessInstanceId": row["root_id"] if row["instance_id"] is not None else None,
        "batchId": row["job_configuration"] if row["job_type"] in BATCH_KINDS else None,
        "creationLog": state == "created",
        "failureLog": state == "failed",
        "successLog": state == "successful",
        "deletionLog": state == "deleted",
    }
