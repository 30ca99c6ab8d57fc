"""`GET /history/process-definition/{id}/statistics`: how often each activity was entered, ended, canceled."""

from collections.abc import Iterable, Sequence
from typing import Any

from penstock.api import problems
from penstock.api.http import Request
from penstock.api.querying import Selection, moment
from penstock.store.query import Exists, Group, Op, Order, Term, eq, is_null, not_null, one_of

PROCESS: tuple[tuple[str, str], ...] = (("shard", "shard"), ("id", "instance_id"))
_PERIOD = Selection(
    "process_instance",
    {
        "startedAfter": moment("started_ms", Op.GE),
        "startedBefore": moment("started_ms", Op.LE),
        "finishedAfter": moment("ended_ms", Op.GE),
        "finishedBefore": moment("ended_ms", Op.LE),
    },
    {"activityId": Order("activity_id")},
)
_COUNTS = {
    "instances": (is_null("ended_ms"),),
    "finished": (not_null("ended_ms"),),
    "canceled": (eq("canceled", True),),
    "completeScope": (eq("completes_scope", True),),
}
_INCIDENTS = {"openIncidents": "open", "resolvedIncidents": "resolved", "deletedIncidents": "deleted"}
_NAMES = ("instances", "canceled", "finished", "completeScope", *_INCIDENTS)


async def statistics(request: Request, id: str) -> Any:
    """One record for each activity that something is to be said about."""
    descending = _descending(request)
    where = [eq("definition_id", id), *_instances(request)]
    wanted = [name for name in ("finished", "canceled", "completeScope") if request.flag(name)]
    found: dict[str, dict[str, Any]] = {}
    for name in ("instances", *wanted):
        await _add(request, found, name, Group("activity_instance", ("activity_id",), (*where, *_COUNTS[name])))
    if request.flag("incidents"):
        for name, state in _INCIDENTS.items():
            await _add(request, found, name, Group("incident", ("activity_id",), (*where, eq("state", state))))
    rows = sorted(found.values(), key=lambda row: row["id"] or "")
    return rows[::-1] if descending else rows


async def _add(request: Request, found: dict[str, dict[str, Any]], name: str, group: Group) -> None:
    for row in await request.engine.groups(group):
        activity = row["activity_id"]
        counts = found.setdefault(activity, {"id": activity, **dict.fromkeys(_NAMES, 0)})
        counts[name] = row["count"]


def _instances(request: Request) -> Iterable[Term]:
    """Terms on what belongs to the process instances that are asked about."""
    ids = request.text("processInstanceIdIn")
    if ids is not None:
        yield one_of("instance_id", ids.split(","))
    period: Sequence[Term] = _PERIOD.where_of_text(request)
    if period:
        yield Exists("process_instance", PROCESS, period)


def _descending(request: Request) -> bool:
    by, direction = request.text("sortBy"), request.text("sortOrder")
    if by is not None and by != "activityId":
        raise problems.invalid(400, f"Cannot set query parameter 'sortBy' to value '{by}'")
    if direction is not None and direction not in ("asc", "desc"):
        raise problems.invalid(400, f"Cannot set query parameter 'sortOrder' to value '{direction}'")
    if (by is None) != (direction is None):
        raise problems.invalid(400, "Only a single sorting parameter specified. sortBy and sortOrder required")
    return direction == "desc"
