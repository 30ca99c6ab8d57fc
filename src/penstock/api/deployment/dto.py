"""Deployments as JSON (Camunda 7 `DeploymentDto`, `DeploymentWithDefinitionsDto`, `DeploymentResourceDto`)."""

from collections.abc import Mapping
from typing import Any

from penstock.api import dates
from penstock.api.decision_definition.dto import decision_definition
from penstock.api.decision_requirements_definition.dto import requirements_definition
from penstock.api.dto import Body
from penstock.api.http import Request
from penstock.api.options import self_link
from penstock.api.process_definition.dto import process_definition
from penstock.runtime.protocol import Deployed


class Redeployment(Body):
    """Body of `POST /deployment/{id}/redeploy`."""

    resource_ids: list[str] | None = None
    resource_names: list[str] | None = None
    source: str | None = None


def deployment(row: Mapping[str, Any]) -> dict[str, Any]:
    """`DeploymentDto` of a row of `deployment`; `links` is empty on reads, as in Camunda."""
    return {
        "links": [],
        "id": row["id"],
        "name": row["name"],
        "source": row["source"],
        "deploymentTime": dates.write(row["deployed_ms"]),
        "tenantId": row["tenant_id"],
    }


def deployed(request: Request, made: Deployed) -> dict[str, Any]:
    """`DeploymentWithDefinitionsDto`: kinds of definitions that the deployment has not made are null."""
    found = deployment(made.deployment)
    # A definition that waits for its activation date is shown as active here, and as suspended when it is read.
    definitions = {row["id"]: {**process_definition(row), "suspended": False} for row in made.process_definitions}
    decisions = {row["id"]: decision_definition(row) for row in made.decision_definitions}
    requirements = {row["id"]: requirements_definition(row) for row in made.decision_requirements_definitions}
    return {
        **found,
        "links": [self_link(request, f"/deployment/{found['id']}")],
        "deployedProcessDefinitions": definitions or None,
        "deployedCaseDefinitions": None,
        "deployedDecisionDefinitions": decisions or None,
        "deployedDecisionRequirementsDefinitions": requirements or None,
    }


def resource(row: Mapping[str, Any]) -> dict[str, Any]:
    """`DeploymentResourceDto` of a row of `resource`."""
    return {"id": row["id"], "name": row["name"], "deploymentId": row["deployment_id"]}
