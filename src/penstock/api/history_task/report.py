"""`GET /history/task/report`: how many tasks were finished, and how long they took (Camunda 7 `TaskReportQueryDto`)."""

from typing import Any

from penstock.api import periods, problems
from penstock.api.http import Request
from penstock.store.query import Group, Op, Query, Term, Where, not_null, one_of

_OF_DEFINITION = ("definition_id", "definition_key", "tenant_id")


async def report(request: Request) -> Any:
    """`reportType` count: by `groupBy` taskName or processDefinition; duration: by `periodUnit` month or quarter."""
    kind = request.text("reportType")
    if kind is None:
        raise problems.invalid(400, "Parameter reportType is not set.")
    if kind not in ("count", "duration"):
        raise problems.invalid(400, f"Cannot set query parameter 'reportType' to value '{kind}'")
    where: list[Term] = [not_null("ended_ms")]
    for name, op in (("completedBefore", Op.LE), ("completedAfter", Op.GE)):
        moment = periods.moment_of(request, name)
        if moment is not None:
            where.append(Where("ended_ms", op, moment))
    return await (_counts if kind == "count" else _durations)(request, where)


async def _counts(request: Request, where: list[Term]) -> Any:
    by = request.text("groupBy")
    if by not in ("taskName", "processDefinition"):
        raise problems.invalid(400, f"groupBy parameter has invalid value: {by or 'null'}")
    columns = ("name", *_OF_DEFINITION) if by == "taskName" else _OF_DEFINITION
    in_process = not_null("definition_id")
    groups = await request.engine.groups(Group("task", columns, (*where, in_process)))
    names: dict[str, str | None] = {}
    ids = sorted({group["definition_id"] for group in groups})
    if ids:
        query = Query("process_definition", (one_of("id", ids),), columns=("id", "name"))
        names = {row["id"]: row["name"] for row in await request.engine.rows(query)}
    return [
        {
            "taskName": group.get("name"),
            "count": group["count"],
            "processDefinitionKey": group["definition_key"],
            "processDefinitionId": group["definition_id"],
            "processDefinitionName": names.get(group["definition_id"]),
            "tenantId": group["tenant_id"],
        }
        for group in groups
    ]


async def _durations(request: Request, where: list[Term]) -> Any:
    unit = periods.unit_of(request)
    query = Query("task", (*where, not_null("duration_ms")), columns=("created_ms", "duration_ms"))
    rows = await request.engine.rows(query)
    return periods.by_period(((row["created_ms"], row["duration_ms"]) for row in rows), unit)
