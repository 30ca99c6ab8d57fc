"""`POST …/set-removal-time`: what the bodies have in common (Camunda 7 `AbstractSetRemovalTimeDto`)."""

from penstock.api import problems
from penstock.api.dto import Body
from penstock.api.job.routes import moment
from penstock.runtime.batches.kinds import RemovalTime


class RemovalTimeBody(Body):
    """The modes; exactly one is to be set."""

    absolute_removal_time: str | int | None = None
    cleared_removal_time: bool = False
    calculated_removal_time: bool = False
    hierarchical: bool = False


def mode_of(body: RemovalTimeBody) -> str | None:
    """The mode as the operation log names it; None: none is set. Raises 400 for more than one."""
    modes = [
        ("CALCULATED_REMOVAL_TIME", body.calculated_removal_time),
        ("ABSOLUTE_REMOVAL_TIME", body.absolute_removal_time not in (None, "")),
        ("CLEARED_REMOVAL_TIME", body.cleared_removal_time),
    ]
    found = [name for name, chosen in modes if chosen]
    if len(found) > 1:
        raise problems.bad_user_request("The removal time modes are mutually exclusive: mode is not null")
    return found[0] if found else None


def template_of(body: RemovalTimeBody, mode: str | None, user: str | None) -> RemovalTime:
    """What the batch does. Raises 400 without a mode."""
    if mode is None:
        raise problems.bad_user_request("removalTime is null")
    absolute = mode == "ABSOLUTE_REMOVAL_TIME"
    return RemovalTime(
        at_ms=moment(body.absolute_removal_time) if absolute else None,
        calculated=mode == "CALCULATED_REMOVAL_TIME",
        hierarchical=body.hierarchical,
        user=user,
    )
