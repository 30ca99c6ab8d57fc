"""Instructions to start at, before or after places, or to cancel them (Camunda 7 `ProcessInstanceModificationInstructionDto`)."""

from collections.abc import Sequence
from typing import Any

from penstock.api import problems, values
from penstock.api.dto import Body
from penstock.engine.commands import StartInstruction
from penstock.expr.values import TypedValue

_STARTS = ("startBeforeActivity", "startAfterActivity", "startTransition")


class Instruction(Body):
    """One instruction of a start, modification or restart."""

    type: str | None = None
    activity_id: str | None = None
    transition_id: str | None = None
    activity_instance_id: str | None = None
    transition_instance_id: str | None = None
    ancestor_activity_instance_id: str | None = None
    cancel_current_active_activity_instances: bool | None = None
    variables: dict[str, Any] | None = None


def read(found: Sequence[Instruction], *, cancel: bool = True) -> tuple[StartInstruction, ...]:
    """Commands for the instructions. `cancel`: whether `cancel` is allowed. Raises 400 with Camunda's wording."""
    return tuple(_one(item, cancel) for item in found)


def _one(item: Instruction, cancel: bool) -> StartInstruction:
    kind = item.type
    if kind in _STARTS:
        if kind == "startTransition":
            if item.transition_id is None:
                raise _missing(kind, "'transitionId' must be set")
            if item.activity_id is not None:
                raise _missing(kind, "'activityId' must not be set")
        elif item.activity_id is None:
            raise _missing(kind, "'activityId' must be set")
    elif kind == "cancel" and cancel:
        targets = (item.activity_id, item.activity_instance_id, item.transition_instance_id)
        if sum(target is not None for target in targets) != 1:
            raise _missing(
                kind, "exactly one, 'activityId', 'activityInstanceId', or 'transitionInstanceId' must be set"
            )
    else:
        raise problems.unreadable()
    return StartInstruction(
        type=kind,
        activity=item.activity_id,
        transition=item.transition_id,
        activity_instance=item.activity_instance_id,
        transition_instance=item.transition_instance_id,
        ancestor_activity_instance=item.ancestor_activity_instance_id,
        variables=_variables(item.variables),
        cancel_current_active=bool(item.cancel_current_active_activity_instances),
    )


def _variables(found: dict[str, Any] | None) -> dict[str, tuple[TypedValue, bool]]:
    return {
        name: (values.read(dto, name), isinstance(dto, dict) and dto.get("local") is True)
        for name, dto in (found or {}).items()
    }


def _missing(kind: str, what: str) -> problems.Problem:
    return problems.invalid(400, f"For instruction type '{kind}': {what}")
