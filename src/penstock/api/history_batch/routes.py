"""Camunda 7 `/history/batch`: batches, under way and ended."""

from collections.abc import Sequence
from typing import Any

from penstock.api import batches, problems
from penstock.api.batch.dto import historic_batch
from penstock.api.batch.routes import FILTERS, TABLE
from penstock.api.http import Request, Route
from penstock.api.querying import Filter, Kind, Selection, custom
from penstock.api.removal_time import RemovalTimeBody, mode_of, template_of
from penstock.api.shared_query import list_routes, one
from penstock.base.errors import BadUserRequest
from penstock.engine.events import JobKind
from penstock.store.query import Group, Op, Order, Query, Term, Where, eq, is_null, not_null, one_of

PATH = "/history/batch"


class SetRemovalTime(RemovalTimeBody):
    """`SetRemovalTimeToHistoricBatchesDto`."""

    historic_batch_ids: list[str | None] | None = None
    historic_batch_query: dict[str, Any] | None = None


HISTORIC_FILTERS: dict[str, Filter] = {
    **FILTERS,
    "completed": custom(Kind.BOOLEAN, lambda value, _: (not_null("ended_ms") if value else is_null("ended_ms"),)),
}

HISTORIC_BATCHES = Selection(
    TABLE,
    HISTORIC_FILTERS,
    {
        "batchId": Order("id"),
        "startTime": Order("started_ms"),
        "endTime": Order("ended_ms"),
        "tenantId": Order("tenant_id"),
    },
)

CLEANABLE = Selection(TABLE, {}, {"finished": Order("type")})


async def get(request: Request, id: str) -> Any:
    """`GET /history/batch/{id}`."""
    row = await one(request, Query(TABLE, (eq("id", id),)))
    if row is None:
        raise problems.invalid(404, f"Historic batch with id '{id}' does not exist")
    return historic_batch(row)


async def delete(request: Request, id: str) -> None:
    """`DELETE /history/batch/{id}`: only of a batch that has ended."""
    try:
        await request.engine.delete_history_batch(id, user=request.user)
    except BadUserRequest as error:
        raise problems.invalid(400, error.message, 0) from error


async def cleanable(request: Request) -> Any:
    """`GET /history/batch/cleanable-batch-report`: per type, how many batches have ended, and how many may be removed.
    Batches have no time to live here, only removal times that were set."""
    query = CLEANABLE.get(request)
    found = await _report(request)
    for order in query.order:
        found.sort(key=lambda row: row["finishedBatchesCount"], reverse=order.descending)
    first = query.offset or 0
    return found[first:] if query.limit is None else found[first : first + query.limit]


async def count_cleanable(request: Request) -> Any:
    """`GET /history/batch/cleanable-batch-report/count`."""
    return {"count": len(await _report(request))}


async def _report(request: Request) -> list[dict[str, Any]]:
    past = Where("removal_ms", Op.LE, request.engine.clock.now_ms())
    all_types = await request.engine.groups(Group(TABLE, ("type",)))
    finished = await _counts(request, (not_null("ended_ms"),))
    removable = await _counts(request, (past,))
    return [
        {
            "batchType": group["type"],
            "historyTimeToLive": None,
            "finishedBatchesCount": finished.get(group["type"], 0),
            "cleanableBatchesCount": removable.get(group["type"], 0),
        }
        for group in all_types
    ]


async def _counts(request: Request, where: Sequence[Term]) -> dict[str, int]:
    return {row["type"]: row["count"] for row in await request.engine.groups(Group(TABLE, ("type",), where))}


async def set_removal_time(request: Request) -> Any:
    """`POST /history/batch/set-removal-time`."""
    body = request.body(SetRemovalTime)
    mode = mode_of(body)
    if body.historic_batch_ids is None and body.historic_batch_query is None:
        raise problems.bad_user_request("Neither query nor ids provided.")
    template = template_of(body, mode, request.user)
    found: dict[str, None] = {}
    if body.historic_batch_query is not None:
        now_ms = request.engine.clock.now_ms()
        where = HISTORIC_BATCHES.where_of_json(body.historic_batch_query, now_ms)
        found.update((row["id"], None) for row in await request.engine.rows(Query(TABLE, where)))
    if body.historic_batch_ids:
        query = Query(TABLE, (one_of("id", [id for id in body.historic_batch_ids if id is not None]),))
        found.update((row["id"], None) for row in await request.engine.rows(query))
    if not found:
        raise problems.bad_user_request("historicBatches is empty")
    operation = batches.logged("SetRemovalTime", len(found), ("mode", mode), entity="Batch")
    return await batches.make(request, JobKind.BATCH_REMOVAL_TIME, list(found), template, operation)


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, HISTORIC_BATCHES, historic_batch, post=False),
    Route("GET", PATH + "/cleanable-batch-report", cleanable),
    Route("GET", PATH + "/cleanable-batch-report/count", count_cleanable),
    Route("POST", PATH + "/set-removal-time", set_removal_time),
    Route("GET", PATH + "/{id}", get),
    Route("DELETE", PATH + "/{id}", delete, consumes=None),
)
