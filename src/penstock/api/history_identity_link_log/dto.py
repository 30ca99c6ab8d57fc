"""Log of identity links as JSON (Camunda 7 `HistoricIdentityLinkLogDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def identity_link_log(row: Row) -> dict[str, Any]:
    """`HistoricIdentityLinkLogDto` of a row of the view `identity_link_log`."""
    in_process = row["definition_id"] is not None
    return {
        "id": row["id"],
        "time": write(row["occurred_ms"]),
        "type": row["type"],
        "userId": row["user_id"],
        "groupId": row["group_id"],
        "taskId": row["task_id"],
        "processDefinitionId": row["definition_id"],
        "processDefinitionKey": row["definition_key"],
        "operationType": row["operation"],
        "assignerId": row["assigner_id"],
        "tenantId": row["tenant_id"],
        "removalTime": write(row["removal_ms"]),
        "rootProcessInstanceId": row["root_id"] if in_process else None,
    }
