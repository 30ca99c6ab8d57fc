"""`GET /history/process-definition/cleanable-process-instance-report`: how much history each definition has, and how much
of it may go."""

from typing import Any

from penstock.api.http import Request
from penstock.api.querying import Selection, modifier, page
from penstock.api.shared_query import any_of, without_tenant
from penstock.store.query import Group, Op, Order, Query, Where, not_null

DEFINITIONS = Selection(
    "process_definition",
    {
        "processDefinitionIdIn": any_of("id"),
        "processDefinitionKeyIn": any_of("key"),
        "tenantIdIn": any_of("tenant_id"),
        "withoutTenantId": without_tenant(),
        "compact": modifier(),
    },
    {"finished": Order("id")},
)


async def report(request: Request) -> Any:
    """The report; sorted by `finished` when that is asked for."""
    rows = await _rows(request)
    first, most = page(request)
    return rows[first or 0 :][: most if most is None else max(most, 0)]


async def count(request: Request) -> Any:
    """`…/count`."""
    return {"count": len(await _rows(request))}


async def _rows(request: Request) -> list[dict[str, Any]]:
    order = DEFINITIONS.get(request).order
    definitions = await request.engine.rows(Query("process_definition", DEFINITIONS.where_of_text(request)))
    finished = await _counts(request, not_null("ended_ms"))
    cleanable = await _counts(request, Where("removal_ms", Op.LE, request.engine.clock.now_ms()))
    rows = [
        {
            "processDefinitionId": row["id"],
            "processDefinitionKey": row["key"],
            "processDefinitionName": row["name"],
            "processDefinitionVersion": row["version"],
            "historyTimeToLive": row["history_time_to_live"],
            "finishedProcessInstanceCount": finished.get(row["id"], 0),
            "cleanableProcessInstanceCount": cleanable.get(row["id"], 0),
            "tenantId": row["tenant_id"],
        }
        for row in definitions
    ]
    if request.flag("compact"):
        rows = [row for row in rows if row["finishedProcessInstanceCount"] or row["cleanableProcessInstanceCount"]]
    if order:
        rows.sort(key=lambda row: row["finishedProcessInstanceCount"], reverse=order[0].descending)
    return rows


async def _counts(request: Request, term: Where) -> dict[str, int]:
    groups = await request.engine.groups(Group("process_instance", ("definition_id",), (term,)))
    return {row["definition_id"]: row["count"] for row in groups}
