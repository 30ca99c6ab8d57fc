"""`/tenant`: tenants, and the users and groups that belong to them."""

from typing import Any

from penstock.api import options
from penstock.api.administration import administer
from penstock.api.http import Request, Route
from penstock.api.shared_query import list_routes, must
from penstock.api.tenant.dto import TenantBody, tenant
from penstock.api.tenant.query import TENANTS
from penstock.identity import tenants
from penstock.identity.tenants import Member
from penstock.store.query import Query, eq

PATH = "/tenant"
ITEM = PATH + "/{id}"
USERS = ITEM + "/user-members"
GROUPS = ITEM + "/group-members"


async def create(request: Request) -> None:
    """`POST /tenant/create`."""
    await request.engine.administer(tenants.create(request.body(TenantBody).tenant()), user=request.user)


async def get(request: Request, id: str) -> Any:
    """`GET /tenant/{id}`."""
    query = Query(tenants.TABLE, (eq("id", id),))
    return tenant(await must(request, query, f"Tenant with id {id} does not exist"))


async def put(request: Request, id: str) -> None:
    """`PUT /tenant/{id}`."""
    await administer(request, tenants.change(id, request.body(TenantBody).tenant()))


async def delete(request: Request, id: str) -> None:
    """`DELETE /tenant/{id}`; one that does not exist is passed over, as in Camunda."""
    await request.engine.administer(tenants.delete(id), user=request.user)


async def add_user(request: Request, id: str, user: str) -> None:
    """`PUT /tenant/{id}/user-members/{userId}`."""
    await request.engine.administer(tenants.add_member(id, Member(user=user)), user=request.user)


async def remove_user(request: Request, id: str, user: str) -> None:
    """`DELETE /tenant/{id}/user-members/{userId}`."""
    await request.engine.administer(tenants.remove_member(id, Member(user=user)), user=request.user)


async def add_group(request: Request, id: str, group: str) -> None:
    """`PUT /tenant/{id}/group-members/{groupId}`."""
    await request.engine.administer(tenants.add_member(id, Member(group=group)), user=request.user)


async def remove_group(request: Request, id: str, group: str) -> None:
    """`DELETE /tenant/{id}/group-members/{groupId}`."""
    await request.engine.administer(tenants.remove_member(id, Member(group=group)), user=request.user)


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, TENANTS, tenant, post=False),
    Route("OPTIONS", PATH, options.links(PATH, options.COLLECTION)),
    Route("POST", PATH + "/create", create),
    Route("GET", ITEM, get),
    Route("PUT", ITEM, put),
    Route("DELETE", ITEM, delete),
    Route("OPTIONS", ITEM, options.links(ITEM, options.ITEM)),
    Route("OPTIONS", USERS, options.links(USERS, options.MEMBERS)),
    Route("PUT", USERS + "/{userId}", add_user, consumes=None),
    Route("DELETE", USERS + "/{userId}", remove_user),
    Route("OPTIONS", GROUPS, options.links(GROUPS, options.MEMBERS)),
    Route("PUT", GROUPS + "/{groupId}", add_group, consumes=None),
    Route("DELETE", GROUPS + "/{groupId}", remove_group),
)
