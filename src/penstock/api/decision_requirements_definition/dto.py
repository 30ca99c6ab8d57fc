"""Decision requirements definitions as JSON (Camunda 7 `DecisionRequirementsDefinitionDto`)."""

from collections.abc import Mapping
from typing import Any


def requirements_definition(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a row of `decision_requirements_definition`."""
    return {
        "id": row["id"],
        "key": row["key"],
        "category": row["category"],
        "name": row["name"],
        "version": row["version"],
        "resource": row["resource_name"],
        "deploymentId": row["deployment_id"],
        "tenantId": row["tenant_id"],
    }
