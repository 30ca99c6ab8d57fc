"""`/group`: groups and their members."""

from typing import Any

from penstock.api import options
from penstock.api.administration import administer
from penstock.api.group.dto import GroupBody, group
from penstock.api.group.query import GROUPS
from penstock.api.http import Request, Route
from penstock.api.shared_query import list_routes, must
from penstock.identity import groups
from penstock.store.query import Query, eq

PATH = "/group"
ITEM = PATH + "/{id}"
MEMBERS = ITEM + "/members"


async def create(request: Request) -> None:
    """`POST /group/create`."""
    await request.engine.administer(groups.create(request.body(GroupBody).group()), user=request.user)


async def get(request: Request, id: str) -> Any:
    """`GET /group/{id}`."""
    query = Query(groups.TABLE, (eq("id", id),))
    return group(await must(request, query, f"Group with id {id} does not exist"))


async def put(request: Request, id: str) -> None:
    """`PUT /group/{id}`."""
    await administer(request, groups.change(id, request.body(GroupBody).group()))


async def delete(request: Request, id: str) -> None:
    """`DELETE /group/{id}`; one that does not exist is passed over, as in Camunda."""
    await request.engine.administer(groups.delete(id), user=request.user)


async def add_member(request: Request, id: str, user: str) -> None:
    """`PUT /group/{id}/members/{userId}`."""
    await request.engine.administer(groups.add_member(id, user), user=request.user)


async def remove_member(request: Request, id: str, user: str) -> None:
    """`DELETE /group/{id}/members/{userId}`."""
    await request.engine.administer(groups.remove_member(id, user), user=request.user)


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, GROUPS, group),
    Route("OPTIONS", PATH, options.links(PATH, options.COLLECTION)),
    Route("POST", PATH + "/create", create),
    Route("GET", ITEM, get),
    Route("PUT", ITEM, put),
    Route("DELETE", ITEM, delete),
    Route("OPTIONS", ITEM, options.links(ITEM, options.ITEM)),
    Route("OPTIONS", MEMBERS, options.links(MEMBERS, options.MEMBERS)),
    Route("PUT", MEMBERS + "/{userId}", add_member, consumes=None),
    Route("DELETE", MEMBERS + "/{userId}", remove_member),
)
