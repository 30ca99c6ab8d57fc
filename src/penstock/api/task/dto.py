"""Tasks and their links as JSON (Camunda 7 `TaskDto`, `IdentityLinkDto`, `FormDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def task(row: Row) -> dict[str, Any]:
    """`TaskDto` of a row of the view `task`. A standalone task shows no process instance."""
    in_process = row["definition_id"] is not None
    return {
        "id": row["id"],
        "name": row["name"],
        "assignee": row["assignee"],
        "created": write(row["created_ms"]),
        "due": write(row["due_ms"]),
        "followUp": write(row["follow_up_ms"]),
        "lastUpdated": write(row["last_updated_ms"]),
        "delegationState": row["delegation_state"],
        "description": row["description"],
        "executionId": row["execution_id"],
        "owner": row["owner"],
        "parentTaskId": row["parent_task_id"],
        "priority": row["priority"],
        "processDefinitionId": row["definition_id"],
        "processInstanceId": row["instance_id"] if in_process else None,
        "taskDefinitionKey": row["task_key"],
        "caseExecutionId": None,
        "caseInstanceId": row["case_instance_id"],
        "caseDefinitionId": None,
        "suspended": row["suspended"],
        "formKey": row["form_key"],
        "camundaFormRef": row["form_ref"],
        "tenantId": row["tenant_id"],
        "taskState": row["task_state"],
    }


def link(type: str | None, user: str | None, group: str | None) -> dict[str, Any]:
    """`IdentityLinkDto`."""
    return {"userId": user, "groupId": group, "type": type}


def form(key: str | None, ref: dict[str, Any] | None) -> dict[str, Any]:
    """`FormDto`. Penstock has no application of its own, so there is no context path."""
    return {"key": key, "camundaFormRef": ref, "contextPath": None}
