"""Camunda 7 `/batch`: operations on many things that are still under way."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api import problems
from penstock.api.batch.dto import batch, statistics
from penstock.api.dto import Body
from penstock.api.http import Request, Route
from penstock.api.querying import Filter, Kind, Selection, counted, custom, moment, tenants, text
from penstock.api.shared_query import list_routes, one, without_tenant
from penstock.base.errors import BadUserRequest
from penstock.store.protocol import Row
from penstock.store.query import Exists, Group, Not, Op, Order, Query, eq, is_null, one_of

PATH = "/batch"
TABLE = "batch"

FILTERS: dict[str, Filter] = {
    "batchId": text("id"),
    "type": text("type"),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
}

RUNNING: dict[str, Filter] = {
    **FILTERS,
    "suspended": custom(Kind.BOOLEAN, lambda value, _: (eq("suspended", value),)),
}

_OF_BATCH = (("job_definition_id", "job_definition_id"),)
_FAILED = (eq("retries", 0), is_null("instance_id"))

STATISTICS: dict[str, Filter] = {
    **RUNNING,
    "createdBy": text("user_id"),
    "startedBefore": moment("started_ms", Op.LE),
    "startedAfter": moment("started_ms", Op.GE),
    "withFailures": custom(Kind.BOOLEAN, lambda value, _: (Exists("job", _OF_BATCH, _FAILED),) if value else ()),
    "withoutFailures": custom(
        Kind.BOOLEAN, lambda value, _: (Not(Exists("job", _OF_BATCH, _FAILED)),) if value else ()
    ),
}

SORTINGS = {"batchId": Order("id"), "tenantId": Order("tenant_id")}

BATCHES = Selection(TABLE, RUNNING, SORTINGS, always=(is_null("ended_ms"),))
BATCH_STATISTICS = Selection(
    TABLE, STATISTICS, {**SORTINGS, "startTime": Order("started_ms")}, always=(is_null("ended_ms"),)
)


class Suspension(Body):
    """`SuspensionStateDto`."""

    suspended: bool = False


async def get(request: Request, id: str) -> Any:
    """`GET /batch/{id}`."""
    row = await one(request, Query(TABLE, (eq("id", id), is_null("ended_ms"))))
    if row is None:
        raise problems.invalid(404, f"Batch with id '{id}' does not exist")
    return batch(row)


async def suspend(request: Request, id: str) -> None:
    """`PUT /batch/{id}/suspended`."""
    try:
        await request.engine.suspend_batch(id, request.body(Suspension).suspended, user=request.user)
    except BadUserRequest as error:
        raise problems.invalid(400, error.message, 0) from error


async def delete(request: Request, id: str) -> None:
    """`DELETE /batch/{id}`."""
    try:
        await request.engine.delete_batch(id, cascade=request.flag("cascade"), user=request.user)
    except BadUserRequest as error:
        raise problems.invalid(400, error.message, 0) from error


async def list_statistics(request: Request) -> Any:
    """`GET /batch/statistics`: with how many jobs are done, left and failed."""
    rows = await request.engine.rows(BATCH_STATISTICS.get(request))
    waiting = await _counts(request, rows)
    failed = await _counts(request, rows, failed=True)
    return [statistics(row, waiting.get(_key(row), 0), failed.get(_key(row), 0)) for row in rows]


def _key(row: Row) -> str:
    key: str = row["job_definition_id"]
    return key


async def _counts(request: Request, rows: Sequence[Row], *, failed: bool = False) -> Mapping[str, int]:
    of_batches = (one_of("job_definition_id", [_key(row) for row in rows]), is_null("instance_id"))
    where = (*of_batches, eq("retries", 0)) if failed else of_batches
    groups = await request.engine.groups(Group("job", ("job_definition_id",), where)) if rows else []
    return {_key(group): group["count"] for group in groups}


async def count_statistics(request: Request) -> Any:
    """`GET /batch/statistics/count`."""
    return await counted(request, Query(TABLE, BATCH_STATISTICS.where_of_text(request)))


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, BATCHES, batch, post=False),
    Route("GET", PATH + "/statistics", list_statistics),
    Route("GET", PATH + "/statistics/count", count_statistics),
    Route("GET", PATH + "/{id}", get),
    Route("DELETE", PATH + "/{id}", delete, consumes=None),
    Route("PUT", PATH + "/{id}/suspended", suspend),
)
