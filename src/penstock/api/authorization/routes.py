"""`/authorization`: who may do what."""

from typing import Any

from penstock.api import options, problems
from penstock.api.administration import administer
from penstock.api.authorization.dto import AuthorizationBody, authorization, changed, created
from penstock.api.authorization.query import AUTHORIZATIONS
from penstock.api.http import Request, Route
from penstock.api.shared_query import list_routes, must
from penstock.identity import authorizations, membership, permissions
from penstock.identity.permissions import Resource
from penstock.store.protocol import Row
from penstock.store.query import Query, eq

PATH = "/authorization"
ITEM = PATH + "/{id}"


async def _row(request: Request, id: str) -> Row:
    query = Query(authorizations.TABLE, (eq("id", id),))
    return await must(request, query, f"Authorization with id {id} does not exist.")


async def create(request: Request) -> Any:
    """`POST /authorization/create`."""
    row = await request.engine.administer(
        authorizations.create(created(request.body(AuthorizationBody))), user=request.user
    )
    return authorization(row)


async def get(request: Request, id: str) -> Any:
    """`GET /authorization/{id}`."""
    return authorization(await _row(request, id))


async def put(request: Request, id: str) -> None:
    """`PUT /authorization/{id}`: its type stays."""
    body = request.body(AuthorizationBody)
    wanted = changed(body, await _row(request, id))
    await administer(request, authorizations.change(id, wanted))


async def delete(request: Request, id: str) -> None:
    """`DELETE /authorization/{id}`."""
    await administer(request, authorizations.delete(id))


async def check(request: Request) -> Any:
    """`GET /authorization/check`: whether the authenticated user, or another one, may do something."""
    name, resource_name = _must(request, "permissionName"), _must(request, "resourceName")
    resource = request.integer("resourceType")
    if resource is None:
        raise problems.invalid(400, "Query parameter 'resourceType' cannot be null")
    if request.user is None:
        raise problems.invalid(401, "You must be authenticated in order to use this resource.")
    resource_id, user = request.text("resourceId"), request.text("userId")
    bits = permissions.bits(name, resource)
    if user is None or user == request.user:
        user = request.user
    elif not await _allowed(
        request, request.user, permissions.bits("READ", Resource.AUTHORIZATION), Resource.AUTHORIZATION, None
    ):
        raise problems.invalid(403, "You must have READ permission for Authorization resource.")
    if not permissions.is_valid(name, resource):
        raise problems.bad_user_request(
            f"ENGINE-03088 The resource type '{resource_name}' is not valid for '{name}' permission."
        )
    return {
        "permissionName": name,
        "resourceName": resource_name,
        "resourceId": resource_id,
        "authorized": await _allowed(request, user, bits, resource, resource_id),
    }


def _must(request: Request, name: str) -> str:
    value = request.text(name)
    if value is None:
        raise problems.invalid(400, f"Query parameter '{name}' cannot be null")
    return value


async def _allowed(request: Request, user: str, bits: int, resource: int, resource_id: str | None) -> bool:
    """What the stored authorizations say, unless everything is allowed."""
    if not request.engine.settings.authorization_check:
        return True
    groups = await membership.groups_of(request.engine, user)
    rows = await request.engine.rows(authorizations.concerning(resource, resource_id))
    return authorizations.allows(rows, user, groups, bits, resource, resource_id)


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, AUTHORIZATIONS, authorization, post=False),
    Route("OPTIONS", PATH, options.links(PATH, options.COLLECTION)),
    Route("GET", PATH + "/check", check),
    Route("POST", PATH + "/create", create),
    Route("GET", ITEM, get),
    Route("PUT", ITEM, put),
    Route("DELETE", ITEM, delete),
    Route("OPTIONS", ITEM, options.links(ITEM, options.ITEM)),
)
