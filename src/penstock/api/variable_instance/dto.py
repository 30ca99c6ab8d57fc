"""Variables as JSON (Camunda 7 `VariableInstanceDto`)."""

from typing import Any

from penstock.api.shared_query import value_of
from penstock.store.protocol import Row


def variable_instance(row: Row, *, deserialize: bool) -> dict[str, Any]:
    """`VariableInstanceDto` of a row of the view `variable`. The variables of a standalone task name no process."""
    in_process = row["definition_id"] is not None
    return {
        **value_of(row, deserialize=deserialize),
        "id": row["id"],
        "name": row["name"],
        "processDefinitionId": row["definition_id"],
        "processInstanceId": row["instance_id"] if in_process else None,
        "executionId": row["execution_id"],
        "caseInstanceId": None,
        "caseExecutionId": None,
        "taskId": row["task_id"],
        "batchId": None,
        "activityInstanceId": row["activity_instance_id"],
        "errorMessage": None,
        "tenantId": row["tenant_id"],
    }
