"""Camunda 7 `/history/decision-instance`, and what history says of decision definitions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.api import problems, removal
from penstock.api.history_decision_instance import dto, report
from penstock.api.history_decision_instance.query import DECISION_INSTANCES
from penstock.api.http import Request, Route
from penstock.api.querying import by_id, counted
from penstock.store.protocol import Row
from penstock.store.query import Order, Query, one_of

PATH = "/history/decision-instance"
CLEANABLE = "/history/decision-definition/cleanable-decision-instance-report"

Write = Callable[..., dict[str, Any]]


async def find(request: Request) -> Any:
    """`GET /history/decision-instance`"""
    rows = await removal.rows(request.engine, DECISION_INSTANCES.get(request))
    return await _written(request, rows)


async def count(request: Request) -> Any:
    """`GET /history/decision-instance/count`"""
    return await counted(request, Query("decision_instance", DECISION_INSTANCES.where_of_text(request)))


async def get(request: Request, id: str) -> Any:
    """`GET /history/decision-instance/{id}`"""
    rows = await removal.rows(request.engine, Query("decision_instance", by_id(id)))
    if not rows:
        raise problems.invalid(404, f"Historic decision instance with id '{id}' does not exist")
    return (await _written(request, rows))[0]


async def _written(request: Request, rows: Sequence[Row]) -> list[dict[str, Any]]:
    inputs = await _parts(request, rows, "includeInputs", "decision_input", dto.clause)
    outputs = await _parts(request, rows, "includeOutputs", "decision_output", dto.output)
    return [dto.decision_instance(row, inputs.get(row["id"]), outputs.get(row["id"])) for row in rows]


async def _parts(
    request: Request, rows: Sequence[Row], asked: str, table: str, write: Write
) -> Mapping[str, list[dict[str, Any]]]:
    """The inputs or outputs of these decision instances, by their ids, when they are asked for."""
    if not rows or not request.flag(asked):
        return {}
    decisions = {row["id"]: row for row in rows}
    found: dict[str, list[dict[str, Any]]] = {}
    binary = not request.flag("disableBinaryFetching")
    deserialize = not request.flag("disableCustomObjectDeserialization")
    of_them = one_of("decision_instance_id", tuple(decisions))
    for part in await request.engine.rows(Query(table, (of_them,), (Order("sequence"),))):
        decision = decisions[part["decision_instance_id"]]
        written = write(part, decision, binary=binary, deserialize=deserialize)
        found.setdefault(decision["id"], []).append(written)
    return found


ROUTES = (
    Route("GET", PATH, find),
    Route("GET", PATH + "/count", count),
    Route("GET", PATH + "/{id}", get),
    Route("GET", CLEANABLE, report.cleanable),
    Route("GET", CLEANABLE + "/count", report.cleanable_count),
    Route("GET", "/history/decision-requirements-definition/{id}/statistics", report.statistics),
)
