"""Migration plans and what is wrong with them, as Camunda 7 writes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api import problems, values
from penstock.api.dto import Body
from penstock.base.errors import MigrationPlanInvalid, MigrationRefused
from penstock.engine.commands import MigrationInstruction, Variables
from penstock.engine.migration_check import InstanceReport


class Instruction(Body):
    """`MigrationInstructionDto`."""

    source_activity_ids: list[Any] | None = None
    target_activity_ids: list[Any] | None = None
    update_event_trigger: bool | None = None


class Plan(Body):
    """`MigrationPlanDto`."""

    source_process_definition_id: str | None = None
    target_process_definition_id: str | None = None
    instructions: list[Instruction] | None = None
    variables: dict[str, Any] | None = None


class Generation(Body):
    """`MigrationPlanGenerationDto`."""

    source_process_definition_id: str | None = None
    target_process_definition_id: str | None = None
    update_event_triggers: bool = False
    variables: dict[str, Any] | None = None


class Execution(Body):
    """`MigrationExecutionDto`."""

    migration_plan: Plan | None = None
    process_instance_ids: list[Any] | None = None
    process_instance_query: dict[str, Any] | None = None
    skip_io_mappings: bool = False
    skip_custom_listeners: bool = False


def read_instruction(found: Instruction) -> MigrationInstruction:
    """The instruction of a plan: Camunda takes the first activity of each list."""
    if not found.source_activity_ids or not found.target_activity_ids:
        raise problems.null("A migration instruction needs sourceActivityIds and targetActivityIds, each with one id")
    return MigrationInstruction(
        source=_id(found.source_activity_ids[0]),
        target=_id(found.target_activity_ids[0]),
        update_event_trigger=bool(found.update_event_trigger),
    )


def _id(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise problems.unreadable()


def write_instruction(instruction: MigrationInstruction) -> dict[str, Any]:
    """`MigrationInstructionDto`."""
    return {
        "sourceActivityIds": [instruction.source],
        "targetActivityIds": [instruction.target],
        "updateEventTrigger": instruction.update_event_trigger,
    }


def write_plan(
    source: str, target: str, instructions: Sequence[MigrationInstruction], variables: Variables | None
) -> dict[str, Any]:
    """`MigrationPlanDto`."""
    return {
        "sourceProcessDefinitionId": source,
        "targetProcessDefinitionId": target,
        "instructions": [write_instruction(item) for item in instructions],
        "variables": None if variables is None else values.write_all(variables),
    }


EMPTY_REPORT: Mapping[str, Any] = {"instructionReports": [], "variableReports": {}}


def plan_report(error: MigrationPlanInvalid, variables: Variables) -> dict[str, Any]:
    """`MigrationPlanReportDto`."""
    return {
        "instructionReports": [
            {"instruction": write_instruction(instruction), "failures": list(failures)}
            for instruction, failures in error.instructions
        ],
        "variableReports": {
            name: {**values.write(variables[name], deserialize=False), "failures": list(failures)}
            for name, failures in error.variables.items()
        },
    }


def instance_report(error: MigrationRefused) -> dict[str, Any]:
    """`MigratingProcessInstanceValidationReportDto`."""
    return {
        "processInstanceId": error.instance,
        "failures": list(error.failures),
        "activityInstanceValidationReports": [_report(item, "activityInstanceId") for item in error.activities],
        "transitionInstanceValidationReports": [_report(item, "transitionInstanceId") for item in error.transitions],
    }


def _report(found: InstanceReport, id_name: str) -> dict[str, Any]:
    return {
        "migrationInstruction": None if found.instruction is None else write_instruction(found.instruction),
        id_name: found.id,
        "sourceScopeId": found.source,
        "failures": found.failures,
    }
