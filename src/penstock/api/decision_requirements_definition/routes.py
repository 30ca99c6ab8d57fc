"""Camunda 7 `/decision-requirements-definition`."""

from functools import partial
from typing import Any

from penstock.api import definitions, problems
from penstock.api.decision_requirements_definition.dto import requirements_definition
from penstock.api.decision_requirements_definition.query import SELECTION
from penstock.api.http import Request, Response, Route
from penstock.api.querying import counted, listed
from penstock.store.protocol import Row
from penstock.store.query import Query, eq, eq_or_null

BASE = "/decision-requirements-definition"
TABLE = "decision_requirements_definition"


async def find(request: Request) -> Any:
    """`GET /decision-requirements-definition`"""
    return await listed(request, SELECTION.get(request), requirements_definition)


async def count(request: Request) -> Any:
    """`GET /decision-requirements-definition/count`"""
    return await counted(request, SELECTION.get(request))


async def _row(request: Request, id: str) -> Row:
    rows = await request.engine.rows(Query(TABLE, (eq("id", id),)))
    if not rows:
        raise problems.invalid(404, _missing(id), 0)
    return rows[0]


def _missing(id: str) -> str:
    return f"no deployed decision requirements definition found with id '{id}': decisionRequirementsDefinition is null"


async def get(request: Request, id: str) -> Any:
    """`GET /decision-requirements-definition/{id}`"""
    return requirements_definition(await _row(request, id))


async def xml(request: Request, id: str) -> Any:
    """`GET /decision-requirements-definition/{id}/xml`"""
    return {"id": id, "dmnXml": await definitions.file_of(request, await _row(request, id))}


async def diagram(request: Request, id: str) -> Response | None:
    """`GET /decision-requirements-definition/{id}/diagram`"""
    rows = await request.engine.rows(Query(TABLE, (eq("id", id),)))
    if not rows:
        raise problems.Problem(400, "NotFoundException", _missing(id), 0)
    return await definitions.picture_of(request, rows[0])


async def _newest(request: Request, key: str, tenant: str | None) -> str:
    where = (eq("key", key), eq("latest", True), eq_or_null("tenant_id", tenant))
    rows = await request.engine.rows(Query(TABLE, where, columns=("id",)))
    if not rows:
        raise definitions.unmatched("decision requirements", key, tenant)
    found: str = rows[0]["id"]
    return found


_each = partial(definitions.routes, BASE, _newest, "GET")

ROUTES = (
    Route("GET", BASE, find),
    Route("GET", BASE + "/count", count),
    *_each("", get),
    *_each("/xml", xml),
    *_each("/diagram", diagram, produces=None),
)
