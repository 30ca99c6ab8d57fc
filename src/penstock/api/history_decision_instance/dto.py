"""Evaluated decisions as JSON (Camunda 7 `HistoricDecisionInstanceDto`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api import values
from penstock.api.dates import write

Row = Mapping[str, Any]


def decision_instance(row: Row, inputs: Sequence[Any] | None, outputs: Sequence[Any] | None) -> dict[str, Any]:
    """Of a row of `decision_instance`. `inputs` and `outputs`: JSON of them; None where they were not asked for."""
    in_process = row["definition_id"] is not None
    return {
        "id": row["id"],
        "decisionDefinitionId": row["decision_id"],
        "decisionDefinitionKey": row["decision_key"],
        "decisionDefinitionName": row["decision_name"],
        "evaluationTime": write(row["evaluated_ms"]),
        "removalTime": write(row["removal_ms"]),
        "processDefinitionId": row["definition_id"],
        "processDefinitionKey": row["definition_key"],
        "processInstanceId": row["instance_id"] if in_process else None,
        "caseDefinitionId": None,
        "caseDefinitionKey": None,
        "caseInstanceId": None,
        "activityId": row["activity_id"],
        "activityInstanceId": row["activity_instance_id"],
        "userId": row["user_id"],
        "inputs": [] if inputs is None else list(inputs),
        "outputs": [] if outputs is None else list(outputs),
        "collectResultValue": row["collected"],
        "rootDecisionInstanceId": row["root_decision_instance_id"],
        "rootProcessInstanceId": row["root_id"] if in_process else None,
        "decisionRequirementsDefinitionId": row["requirements_id"],
        "decisionRequirementsDefinitionKey": row["requirements_key"],
        "tenantId": row["tenant_id"],
    }


def clause(row: Row, decision: Row, *, binary: bool, deserialize: bool) -> dict[str, Any]:
    """`HistoricDecisionInputInstanceDto` of a row of `decision_input`."""
    value = values.write(values.stored(row["type"], row), deserialize=deserialize)
    return {
        "id": row["id"],
        "decisionInstanceId": row["decision_instance_id"],
        "clauseId": row["clause_id"],
        "clauseName": row["clause_name"],
        "errorMessage": None,
        "createTime": write(row["created_ms"]),
        "removalTime": write(decision["removal_ms"]),
        "rootProcessInstanceId": row["root_id"] if decision["definition_id"] is not None else None,
        "type": value["type"],
        "value": value["value"] if binary or value["type"] != "Bytes" else None,
        "valueInfo": value["valueInfo"],
    }


def output(row: Row, decision: Row, *, binary: bool, deserialize: bool) -> dict[str, Any]:
    """`HistoricDecisionOutputInstanceDto` of a row of `decision_output`."""
    return {
        **clause(row, decision, binary=binary, deserialize=deserialize),
        "ruleId": row["rule_id"],
        "ruleOrder": row["rule_order"],
        "variableName": row["variable_name"],
    }
