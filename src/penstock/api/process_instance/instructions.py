"""Instructions of a modification from JSON (Camunda 7 `ProcessInstanceModificationInstructionDto`)."""

from collections.abc import Mapping
from typing import Any

from penstock.api import problems, values
from penstock.api.dto import Body, convert
from penstock.engine.commands import StartInstruction
from penstock.expr.values import TypedValue

_NEEDS = {
    "startBeforeActivity": ("activityId",),
    "startAfterActivity": ("activityId",),
    "startTransition": ("transitionId",),
    "cancel": ("activityId", "activityInstanceId", "transitionInstanceId"),
}


class Instruction(Body):
    """One instruction as it is sent."""

    type: str | None = None
    activity_id: str | None = None
    transition_id: str | None = None
    activity_instance_id: str | None = None
    transition_instance_id: str | None = None
    ancestor_activity_instance_id: str | None = None
    cancel_current_active_activity_instances: bool = False
    variables: dict[str, Any] | None = None


def read(instructions: Any) -> tuple[StartInstruction, ...]:
    """The instructions of a body (None: none), in order. Raises 400."""
    if instructions is None:
        return ()
    if not isinstance(instructions, list):
        raise problems.unreadable()
    return tuple(_read(convert(item, Instruction)) for item in instructions)


def _read(item: Instruction) -> StartInstruction:
    kind = item.type
    if kind is None:
        raise problems.invalid(400, "The instruction type must be set")
    needs = _NEEDS.get(kind)
    if needs is None:
        raise problems.unreadable()
    given = {
        "activityId": item.activity_id,
        "transitionId": item.transition_id,
        "activityInstanceId": item.activity_instance_id,
        "transitionInstanceId": item.transition_instance_id,
    }
    if all(given[name] is None for name in needs):
        names = " or ".join(f"'{name}'" for name in needs)
        raise problems.invalid(400, f"For instruction type '{kind}': {names} must be set")
    return StartInstruction(
        type=kind,
        activity=item.activity_id,
        transition=item.transition_id,
        activity_instance=item.activity_instance_id,
        transition_instance=item.transition_instance_id,
        ancestor_activity_instance=item.ancestor_activity_instance_id,
        variables=_variables(item.variables),
        cancel_current_active=item.cancel_current_active_activity_instances,
    )


def _variables(variables: Mapping[str, Any] | None) -> dict[str, tuple[TypedValue, bool]]:
    read_values = values.read_all(variables)
    local = {name: isinstance(dto, Mapping) and dto.get("local") is True for name, dto in (variables or {}).items()}
    return {name: (value, local[name]) for name, value in read_values.items()}
