"""Camunda 7 `/metrics`: numbers since the beginning of history, counted from it.

Camunda's nodes report counters of their own from time to time; here history is the only source, so the interval query,
which lists those reports, is always empty, and metrics that history does not hold are 0.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.api import dates, problems
from penstock.api.http import Request
from penstock.api.querying import Kind, whole
from penstock.store.query import Op, Query, Term, Where, eq, is_null, not_null

ROWS_MAX = 200
"""Most rows of an interval query that Camunda 7 accepts."""


class Source(msgspec.Struct, frozen=True):
    """What a metric counts: rows of `table` whose moment `column` lies in the asked time and for which `where` holds."""

    table: str
    column: str
    where: tuple[Term, ...] = ()


SOURCES: Mapping[str, Source] = {
    "activity-instance-start": Source("activity_instance", "started_ms"),
    "flow-node-instances": Source("activity_instance", "started_ms"),
    "activity-instance-end": Source("activity_instance", "ended_ms", (not_null("ended_ms"),)),
    "root-process-instance-start": Source("process_instance", "started_ms", (is_null("super_instance_id"),)),
    "process-instances": Source("process_instance", "started_ms", (is_null("super_instance_id"),)),
    "executed-decision-instances": Source("decision_instance", "evaluated_ms"),
    "decision-instances": Source("decision_instance", "evaluated_ms"),
    "job-successful": Source("job_log", "occurred_ms", (eq("state", "successful"),)),
    "job-failed": Source("job_log", "occurred_ms", (eq("state", "failed"),)),
}


async def summed(request: Request, name: str) -> Any:
    """`GET /metrics/{metrics-name}/sum`. An unknown metric is 0, as in Camunda."""
    begin, end = _moment(request, "startDate"), _moment(request, "endDate")
    source = SOURCES.get(name)
    if source is None:
        return {"result": 0}
    where = list(source.where)
    if begin is not None:
        where.append(Where(source.column, Op.GE, begin))
    if end is not None:
        where.append(Where(source.column, Op.LT, end))
    return {"result": await request.engine.count(Query(source.table, where))}


async def listed(request: Request) -> Any:
    """`GET /metrics`"""
    _moment(request, "startDate")
    _moment(request, "endDate")
    for name in ("firstResult", "maxResults", "interval"):
        text = request.text(name)
        if text is not None:
            number = whole(text, Kind.LONG)
            if number is None:
                raise problems.invalid(400, f"Cannot convert value {text} to java type java.lang.Long")
            if name == "maxResults" and number > ROWS_MAX:
                raise problems.engine(f"Metrics interval query row limit can't be set larger than {ROWS_MAX}.")
    return []


async def forget(request: Request) -> None:
    """`DELETE /metrics/task-worker`: no worker is counted, so there is nothing to forget."""
    _moment(request, "date")


def _moment(request: Request, name: str) -> int | None:
    text = request.text(name)
    if not text:
        return None
    moment = dates.parse(text)
    if moment is None:
        raise problems.invalid(400, f'Cannot convert value "{text}" to java type java.util.Date')
    return moment
