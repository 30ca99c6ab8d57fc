"""Process definitions as JSON (Camunda 7 `ProcessDefinitionDto` and the bodies of its operations)."""

from collections.abc import Mapping
from typing import Any

from penstock.api.dto import Body
from penstock.api.instructions import Instruction


class Start(Body):
    """`StartProcessInstanceDto`."""

    variables: dict[str, Any] | None = None
    business_key: str | None = None
    case_instance_id: str | None = None
    start_instructions: list[Instruction] | None = None
    skip_custom_listeners: bool | None = None
    skip_io_mappings: bool | None = None
    with_variables_in_return: bool | None = None


class SubmitForm(Body):
    """`StartProcessInstanceFormDto`."""

    variables: dict[str, Any] | None = None
    business_key: str | None = None


class Suspension(Body):
    """`ProcessDefinitionSuspensionStateDto`."""

    process_definition_id: str | None = None
    process_definition_key: str | None = None
    suspended: bool | None = None
    include_process_instances: bool | None = None
    execution_date: str | None = None


class Restart(Body):
    """`RestartProcessInstanceDto`."""

    process_instance_ids: list[str | None] | None = None
    historic_process_instance_query: dict[str, Any] | None = None
    instructions: list[Instruction] | None = None
    initial_variables: bool | None = None
    skip_custom_listeners: bool | None = None
    skip_io_mappings: bool | None = None
    without_business_key: bool | None = None


def process_definition(row: Mapping[str, Any]) -> dict[str, Any]:
    """`ProcessDefinitionDto` of a row of `process_definition`."""
    return {
        "id": row["id"],
        "key": row["key"],
        "category": row["category"],
        "description": row["description"],
        "name": row["name"],
        "version": row["version"],
        "resource": row["resource_name"],
        "deploymentId": row["deployment_id"],
        "diagram": row["diagram_name"],
        "suspended": row["suspended"],
        "tenantId": row["tenant_id"],
        "versionTag": row["version_tag"],
        "historyTimeToLive": row["history_time_to_live"],
        "startableInTasklist": row["startable_in_tasklist"],
    }
