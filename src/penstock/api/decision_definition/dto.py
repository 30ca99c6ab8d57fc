"""Decision definitions as JSON (Camunda 7 `DecisionDefinitionDto` and the bodies of its operations)."""

from collections.abc import Mapping
from typing import Any

from penstock.api.dto import Body, Int


class Evaluation(Body):
    """`EvaluateDecisionDto`."""

    variables: dict[str, Any] | None = None


class HistoryTimeToLive(Body):
    """`HistoryTimeToLiveDto`."""

    history_time_to_live: Int | None = None


def decision_definition(row: Mapping[str, Any]) -> dict[str, Any]:
    """`DecisionDefinitionDto` of a row of `decision_definition`."""
    return {
        "id": row["id"],
        "key": row["key"],
        "category": row["category"],
        "name": row["name"],
        "version": row["version"],
        "resource": row["resource_name"],
        "deploymentId": row["deployment_id"],
        "tenantId": row["tenant_id"],
        "decisionRequirementsDefinitionId": row["requirements_id"],
        "decisionRequirementsDefinitionKey": row["requirements_key"],
        "historyTimeToLive": row["history_time_to_live"],
        "versionTag": row["version_tag"],
    }
