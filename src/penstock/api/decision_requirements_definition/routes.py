"""Camunda 7 `/decision-requirements-definition`."""

from typing import Any

from penstock.api import problems
from penstock.api.decision_requirements_definition.dto import requirements_definition
from penstock.api.decision_requirements_definition.query import SELECTION
from penstock.api.definitions import file_of, picture_of
from penstock.api.http import Handler, Request, Response, Route
from penstock.api.querying import counted, listed
from penstock.store.protocol import Row
from penstock.store.query import Query, Term, eq, is_null

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
    return {"id": id, "dmnXml": await file_of(request, await _row(request, id))}


async def diagram(request: Request, id: str) -> Response | None:
    """`GET /decision-requirements-definition/{id}/diagram`"""
    rows = await request.engine.rows(Query(TABLE, (eq("id", id),)))
    if not rows:
        raise problems.Problem(400, "NotFoundException", _missing(id), 0)
    return await picture_of(request, rows[0])


def _by_key(handler: Handler) -> Handler:
    """The same operation on the newest definition of a key, and perhaps a tenant."""

    async def handle(request: Request, key: str, tenant: str | None = None) -> Any:
        whose: Term = is_null("tenant_id") if tenant is None else eq("tenant_id", tenant)
        where = (eq("key", key), eq("latest", True), whose)
        rows = await request.engine.rows(Query(TABLE, where, columns=("id",)))
        if not rows:
            text = "no tenant-id" if tenant is None else f"tenant-id: {tenant}"
            raise problems.rest(404, f"No matching decision requirements definition with key: {key} and {text}", None)
        return await handler(request, rows[0]["id"])

    return handle


def _each(action: str, handler: Handler, **options: Any) -> list[Route]:
    """Three routes for one operation."""
    return [
        Route("GET", f"{BASE}/{{id}}{action}", handler, **options),
        Route("GET", f"{BASE}/key/{{key}}{action}", _by_key(handler), **options),
        Route("GET", f"{BASE}/key/{{key}}/tenant-id/{{tenant}}{action}", _by_key(handler), **options),
    ]


ROUTES = (
    Route("GET", BASE, find),
    Route("GET", BASE + "/count", count),
    *_each("", get),
    *_each("/xml", xml),
    *_each("/diagram", diagram, produces=None),
)
