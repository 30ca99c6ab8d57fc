"""Jobs as JSON (Camunda 7 `JobDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.runtime.batches.kinds import KINDS as BATCH_KINDS
from penstock.runtime.suspensions import KINDS as SUSPENSIONS
from penstock.store.protocol import Row


def job(row: Row) -> dict[str, Any]:
    """`JobDto` of a row of `job`. A job that suspends or activates a definition shows none, as in Camunda."""
    of_definition = row["kind"] not in SUSPENSIONS
    return {
        "id": row["id"],
        "jobDefinitionId": row["job_definition_id"],
        "processInstanceId": row["instance_id"],
        "processDefinitionId": row["definition_id"] if of_definition else None,
        "processDefinitionKey": row["definition_key"] if of_definition else None,
        "executionId": row["execution_id"],
        "exceptionMessage": row["message"],
        "failedActivityId": row["failed_activity_id"],
        "retries": row["retries"],
        "dueDate": write(row["due_ms"]),
        "suspended": row["suspended"],
        "priority": row["priority"],
        "tenantId": row["tenant_id"],
        "createTime": write(row["created_ms"]),
        "batchId": row["configuration"] if row["kind"] in BATCH_KINDS else None,
    }
