"""A deployed decision as the engine uses it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.dmn.camunda.definitions import CamundaModel


class DecisionFacts(msgspec.Struct, frozen=True):
    """Id and name of a decision definition."""

    id: str
    name: str | None


class DeployedDecision(msgspec.Struct, frozen=True):
    """One version of a decision, with its whole file.

    `definitions`: those of the file by key, of the same deployment. `requirements`: id of the decision requirements
    definition. `history_ttl_days`: None keeps history for ever.
    """

    id: str
    key: str
    tenant: str | None
    model: CamundaModel
    definitions: Mapping[str, DecisionFacts]
    requirements: str | None
    history_ttl_days: int | None


def deployed(row: Mapping[str, Any], siblings: Mapping[str, DecisionFacts], model: CamundaModel) -> DeployedDecision:
    """Of a row of `decision_definition`."""
    return DeployedDecision(
        id=row["id"],
        key=row["key"],
        tenant=row["tenant_id"],
        model=model,
        definitions=siblings,
        requirements=row["requirements_id"],
        history_ttl_days=row["history_time_to_live"],
    )
