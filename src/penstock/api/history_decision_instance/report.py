"""How much history decisions have, how much of it may go, and how often the decisions of a graph were evaluated."""

from typing import Any

from penstock.api import problems
from penstock.api.http import Request
from penstock.api.querying import Selection, modifier, page
from penstock.api.shared_query import any_of, without_tenant
from penstock.store.query import Group, Op, Order, Query, Term, Where, eq

DEFINITIONS = Selection(
    "decision_definition",
    {
        "decisionDefinitionIdIn": any_of("id"),
        "decisionDefinitionKeyIn": any_of("key"),
        "tenantIdIn": any_of("tenant_id"),
        "withoutTenantId": without_tenant(),
        "compact": modifier(),
    },
    {"finished": Order("id")},
)


async def cleanable(request: Request) -> Any:
    """`GET /history/decision-definition/cleanable-decision-instance-report`"""
    rows = await _rows(request)
    first, most = page(request)
    return rows[first or 0 :][: most if most is None else max(most, 0)]


async def cleanable_count(request: Request) -> Any:
    """`…/count`"""
    return {"count": len(await _rows(request))}


async def _rows(request: Request) -> list[dict[str, Any]]:
    order = DEFINITIONS.get(request).order
    definitions = await request.engine.rows(Query("decision_definition", DEFINITIONS.where_of_text(request)))
    finished = await _counts(request)
    cleanable_ = await _counts(request, Where("removal_ms", Op.LE, request.engine.clock.now_ms()))
    rows = [
        {
            "decisionDefinitionId": row["id"],
            "decisionDefinitionKey": row["key"],
            "decisionDefinitionName": row["name"],
            "decisionDefinitionVersion": row["version"],
            "historyTimeToLive": row["history_time_to_live"],
            "finishedDecisionInstanceCount": finished.get(row["id"], 0),
            "cleanableDecisionInstanceCount": cleanable_.get(row["id"], 0),
            "tenantId": row["tenant_id"],
        }
        for row in definitions
    ]
    if request.flag("compact"):
        rows = [row for row in rows if row["cleanableDecisionInstanceCount"]]
    if order:
        rows.sort(key=lambda row: row["finishedDecisionInstanceCount"], reverse=order[0].descending)
    return rows


async def _counts(request: Request, *terms: Term) -> dict[str, int]:
    groups = await request.engine.groups(Group("decision_instance", ("decision_id",), terms))
    return {row["decision_id"]: row["count"] for row in groups}


async def statistics(request: Request, id: str) -> Any:
    """`GET /history/decision-requirements-definition/{id}/statistics`: evaluations by decision."""
    found = await request.engine.rows(Query("decision_requirements_definition", (eq("id", id),), columns=("id",)))
    if not found:
        raise problems.Problem(
            400,
            "NotFoundException",
            f"no deployed decision requirements definition found with id '{id}': decisionRequirementsDefinition is null",
            0,
        )
    where: list[Term] = [eq("requirements_id", id)]
    instance = request.text("decisionInstanceId")
    if instance is not None:
        roots = await request.engine.rows(Query("decision_instance", (eq("id", instance),), columns=("instance_id",)))
        where.append(eq("instance_id", roots[0]["instance_id"] if roots else ""))
    groups = await request.engine.groups(Group("decision_instance", ("decision_key",), where))
    return [{"decisionDefinitionKey": row["decision_key"], "evaluations": row["count"]} for row in groups]
