"""`/incident`: what stands still until a person acts."""

from typing import Any

from penstock.api import problems
from penstock.api.dto import Body
from penstock.api.http import Request, Route
from penstock.api.incident.dto import incident
from penstock.api.incident.query import INCIDENTS
from penstock.api.querying import by_id
from penstock.api.shared_query import list_routes, one
from penstock.base.errors import NotFound
from penstock.engine.commands import AnnotateIncident, ResolveIncident
from penstock.store.protocol import Row
from penstock.store.query import Query

PATH = "/incident"
OF_THE_ENGINE = ("failedJob", "failedExternalTask")
"""Incidents that end when their job or external task gets retries, and not before."""


class Annotation(Body):
    """`AnnotationDto`."""

    annotation: str | None = None


async def _found(request: Request, id: str) -> Row | None:
    return await one(request, Query("incident", (*INCIDENTS.always, *by_id(id))))


async def get(request: Request, id: str) -> Any:
    """`GET /incident/{id}`."""
    row = await _found(request, id)
    if row is None:
        raise problems.invalid(404, f"No matching incident with id {id}")
    return incident(row)


async def resolve(request: Request, id: str) -> Any:
    """`DELETE /incident/{id}`: only incidents that a client has created."""
    gone = problems.invalid(404, f"Cannot find an incident with id '{id}': incident is null")
    row = await _found(request, id)
    if row is None:
        raise gone
    if row["type"] in OF_THE_ENGINE:
        raise problems.invalid(400, f"Cannot resolve an incident of type {row['type']}")
    try:
        await request.engine.execute(ResolveIncident(instance=row["instance_id"], incident=id, user=request.user))
    except NotFound:
        raise gone from None


async def _annotate(request: Request, id: str, annotation: str | None) -> None:
    row = await _found(request, id)
    if row is None:
        raise problems.bad_user_request("incident is null")
    await request.engine.execute(
        AnnotateIncident(instance=row["instance_id"], incident=id, annotation=annotation, user=request.user)
    )


async def set_annotation(request: Request, id: str) -> Any:
    """`PUT /incident/{id}/annotation`."""
    await _annotate(request, id, request.body(Annotation).annotation)


async def clear_annotation(request: Request, id: str) -> Any:
    """`DELETE /incident/{id}/annotation`."""
    await _annotate(request, id, None)


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, INCIDENTS, incident, post=False),
    Route("GET", PATH + "/{id}", get),
    Route("DELETE", PATH + "/{id}", resolve, consumes=None),
    Route("PUT", PATH + "/{id}/annotation", set_annotation),
    Route("DELETE", PATH + "/{id}/annotation", clear_annotation, consumes=None),
)
