"""`GET /history/process-instance/report`: how long process instances took (Camunda 7 `HistoricProcessInstanceReportDto`)."""

from typing import Any

from penstock.api import periods, problems
from penstock.api.http import Request
from penstock.store.query import Op, Query, Term, Where, not_null, one_of

TYPES = ("duration", "count")


async def report(request: Request) -> Any:
    """Durations of ended instances by month or quarter of their start, as JSON or CSV."""
    kind = request.text("reportType")
    if kind is not None and kind not in TYPES:
        raise problems.invalid(400, f"Cannot set query parameter 'reportType' to value '{kind}'")
    where: list[Term] = [not_null("ended_ms"), not_null("duration_ms")]
    for name, column in (("processDefinitionIdIn", "definition_id"), ("processDefinitionKeyIn", "definition_key")):
        value = request.text(name)
        if value is not None:
            where.append(one_of(column, value.split(",")))
    for name, op in (("startedAfter", Op.GE), ("startedBefore", Op.LE)):
        moment = periods.moment_of(request, name)
        if moment is not None:
            where.append(Where("started_ms", op, moment))
    if kind != "duration":
        raise problems.invalid(400, f"Unknown report type {kind or 'null'}")
    unit = periods.unit_of(request)
    rows = await request.engine.rows(Query("process_instance", where, columns=("started_ms", "duration_ms")))
    found = periods.by_period(((row["started_ms"], row["duration_ms"]) for row in rows), unit)
    if request.accepted in periods.CSV:
        return periods.csv(found, request.accepted, "process-instance-report.csv")
    return found
