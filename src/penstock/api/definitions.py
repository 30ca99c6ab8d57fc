"""What definitions of all kinds have: criteria of their lists, paths by id, key and tenant, a time to live, the file that
they came from, and the picture beside it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from penstock.api import problems
from penstock.api.deployment.media import media_type
from penstock.api.dto import Body, Int
from penstock.api.http import Handler, Request, Response, Route, attachment
from penstock.api.querying import Filter, integer, like, modifier, tenants, text, texts, when
from penstock.store.protocol import Row
from penstock.store.query import Order, Query, eq, is_null

FindByKey = Callable[[Request, str, str | None], Awaitable[str]]
"""The id of the newest definition of a key, of a tenant or of none. Raises 404."""

SORTINGS: Mapping[str, Order] = {
    "category": Order("category"),
    "key": Order("key"),
    "id": Order("id"),
    "name": Order("name"),
    "version": Order("version"),
    "deploymentId": Order("deployment_id"),
    "tenantId": Order("tenant_id"),
}


class HistoryTimeToLive(Body):
    """`HistoryTimeToLiveDto`."""

    history_time_to_live: Int | None = None


def filters(kind: str) -> dict[str, Filter]:
    """The criteria that lists of every kind understand; `kind` as in `processDefinition`."""
    without_tenant_too = f"include{kind[0].upper()}{kind[1:]}sWithoutTenantId"
    return {
        f"{kind}Id": text("id"),
        f"{kind}IdIn": texts("id"),
        "name": text("name"),
        "nameLike": like("name"),
        "deploymentId": text("deployment_id"),
        "key": text("key"),
        "keyLike": like("key"),
        "category": text("category"),
        "categoryLike": like("category"),
        "version": integer("version"),
        "latestVersion": when(eq("latest", True)),
        "resourceName": text("resource_name"),
        "resourceNameLike": like("resource_name"),
        "tenantIdIn": tenants(including_without=without_tenant_too),
        "withoutTenantId": when(is_null("tenant_id")),
        without_tenant_too: modifier(),
    }


def unmatched(what: str, key: str, tenant: str | None) -> problems.Problem:
    """404 `RestException`: there is no `what` (such as `process`) definition of this key and tenant."""
    whose = "no tenant-id" if tenant is None else f"tenant-id: {tenant}"
    return problems.rest(404, f"No matching {what} definition with key: {key} and {whose}", None)


def routes(
    base: str,
    find: FindByKey,
    method: str,
    action: str,
    handler: Handler,
    keyed: Handler | None = None,
    **options: Any,
) -> list[Route]:
    """Three routes for one operation: by id, by key, by key and tenant. `keyed`: the handler of the latter two, where it is
    not the same operation on the newest definition; `options`: as of `Route`."""

    async def newest(request: Request, key: str, tenant: str | None = None) -> Any:
        return await handler(request, await find(request, key, tenant))

    paths = (
        (f"{base}/{{id}}{action}", handler),
        (f"{base}/key/{{key}}{action}", keyed or newest),
        (f"{base}/key/{{key}}/tenant-id/{{tenant}}{action}", keyed or newest),
    )
    return [Route(method, path, each, **options) for path, each in paths]


def time_to_live(request: Request) -> int | None:
    """The days of a body `HistoryTimeToLiveDto`. Raises 400 for a negative number."""
    days = request.body(HistoryTimeToLive).history_time_to_live
    if days is not None and days < 0:
        raise problems.bad_user_request("historyTimeToLive is not greater than or equal to 0")
    return days


async def _content(request: Request, row: Row, name: str) -> bytes:
    where = (eq("deployment_id", row["deployment_id"]), eq("name", name))
    rows = await request.engine.rows(Query("resource", where))
    if not rows:
        raise problems.invalid(404, f"No resource found with name '{name}' in deployment '{row['deployment_id']}'.", 0)
    content: bytes = rows[0]["content"]
    return content


async def file_of(request: Request, row: Row) -> str:
    """The text of a definition's file."""
    return (await _content(request, row, row["resource_name"])).decode("utf-8-sig", "replace")


async def picture_of(request: Request, row: Row) -> Response | None:
    """A definition's picture; None without one."""
    name = row["diagram_name"]
    if not name:
        return None
    plain = name.rpartition("/")[2]
    return attachment(await _content(request, row, name), media_type(plain), plain)
