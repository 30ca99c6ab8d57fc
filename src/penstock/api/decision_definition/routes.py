"""Camunda 7 `/decision-definition`. Every operation on one definition exists by id, by key, and by key and tenant."""

from functools import partial
from typing import Any

from penstock.api import definitions, problems
from penstock.api.decision_definition import dto
from penstock.api.decision_definition.evaluate import evaluate
from penstock.api.decision_definition.query import SELECTION
from penstock.api.http import Request, Response, Route
from penstock.api.querying import counted, listed
from penstock.store.protocol import Row
from penstock.store.query import Query, eq

BASE = "/decision-definition"


async def find(request: Request) -> Any:
    """`GET /decision-definition`"""
    return await listed(request, SELECTION.get(request), dto.decision_definition)


async def count(request: Request) -> Any:
    """`GET /decision-definition/count`"""
    return await counted(request, SELECTION.get(request))


async def _row(request: Request, id: str) -> Row:
    rows = await request.engine.rows(Query("decision_definition", (eq("id", id),)))
    if not rows:
        raise problems.invalid(404, _missing(id), 0)
    return rows[0]


def _missing(id: str) -> str:
    return f"no deployed decision definition found with id '{id}': decisionDefinition is null"


async def get(request: Request, id: str) -> Any:
    """`GET /decision-definition/{id}`"""
    return dto.decision_definition(await _row(request, id))


async def xml(request: Request, id: str) -> Any:
    """`GET /decision-definition/{id}/xml`"""
    return {"id": id, "dmnXml": await definitions.file_of(request, await _row(request, id))}


async def diagram(request: Request, id: str) -> Response | None:
    """`GET /decision-definition/{id}/diagram`: the picture that was deployed beside the model; 204 without one."""
    rows = await request.engine.rows(Query("decision_definition", (eq("id", id),)))
    if not rows:
        raise problems.Problem(400, "NotFoundException", _missing(id), 0)
    return await definitions.picture_of(request, rows[0])


async def history_time_to_live(request: Request, id: str) -> None:
    """`PUT /decision-definition/{id}/history-time-to-live`"""
    days = definitions.time_to_live(request)
    if not await request.engine.count(Query("decision_definition", (eq("id", id),))):
        raise problems.Problem(400, "NotFoundException", _missing(id), 0)
    await request.engine.set_decision_time_to_live(id, days, user=request.user)


async def _newest(request: Request, key: str, tenant: str | None) -> str:
    found = await request.engine.latest_decision(key, tenant)
    if found is None:
        raise definitions.unmatched("decision", key, tenant)
    return found


_each = partial(definitions.routes, BASE, _newest)

ROUTES = (
    Route("GET", BASE, find),
    Route("GET", BASE + "/count", count),
    *_each("GET", "", get),
    *_each("GET", "/xml", xml),
    *_each("GET", "/diagram", diagram, produces=None),
    *_each("POST", "/evaluate", evaluate),
    *_each("PUT", "/history-time-to-live", history_time_to_live),
)
