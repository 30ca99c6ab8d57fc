"""Executions as JSON (Camunda 7 `ExecutionDto`)."""

from typing import Any

from penstock.store.protocol import Row


def execution(row: Row) -> dict[str, Any]:
    """`ExecutionDto` of a row of the view `execution`."""
    return {
        "id": row["id"],
        "processInstanceId": row["instance_id"],
        "ended": False,
        "tenantId": row["tenant_id"],
    }
