"""Decision definitions as JSON (Camunda 7 `DecisionDefinitionDto` and the bodies of its operations)."""

from collections.abc import Mapping
from typing import Any

from penstock.api.decision_requirements_definition.dto import requirements_definition
from penstock.api.dto import Body


class Evaluation(Body):
    """`EvaluateDecisionDto`."""

    variables: dict[str, Any] | None = None


def decision_definition(row: Mapping[str, Any]) -> dict[str, Any]:
    """`DecisionDefinitionDto` of a row of `decision_definition`."""
    return {
        **requirements_definition(row),
        "decisionRequirementsDefinitionId": row["requirements_id"],
        "decisionRequirementsDefinitionKey": row["requirements_key"],
        "historyTimeToLive": row["history_time_to_live"],
        "versionTag": row["version_tag"],
    }
