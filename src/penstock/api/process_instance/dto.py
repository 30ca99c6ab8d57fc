"""Process instances as JSON (Camunda 7 `ProcessInstanceDto`)."""

from typing import Any

from penstock.store.protocol import Row


def process_instance(row: Row) -> dict[str, Any]:
    """`ProcessInstanceDto` of a row of the view `process_instance`. `links` is empty on reads, as in Camunda."""
    return {
        "links": [],
        "id": row["id"],
        "definitionId": row["definition_id"],
        "definitionKey": row["definition_key"],
        "businessKey": row["business_key"],
        "caseInstanceId": row["case_instance_id"],
        "ended": row["ended_ms"] is not None,
        "suspended": row["suspended"],
        "tenantId": row["tenant_id"],
    }
