"""Job definitions as JSON (Camunda 7 `JobDefinitionDto`)."""

from typing import Any

from penstock.store.protocol import Row


def job_definition(row: Row) -> dict[str, Any]:
    """`JobDefinitionDto` of a row of `job_definition`. As in Camunda, those of process definitions name no deployment."""
    return {
        "id": row["id"],
        "processDefinitionId": row["definition_id"],
        "processDefinitionKey": row["definition_key"],
        "activityId": row["activity_id"],
        "jobType": row["type"],
        "jobConfiguration": row["configuration"],
        "overridingJobPriority": row["job_priority"],
        "suspended": row["suspended"],
        "tenantId": row["tenant_id"],
        "deploymentId": None,
    }
