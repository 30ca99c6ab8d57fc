"""What is in the store: views, jobs, incidents, definitions."""

from collections.abc import AsyncIterator

from penstock.base.clock import SystemClock
from penstock.base.errors import PenstockError
from penstock.bpmn.elements import TABLE
from penstock.cli.checks.finding import Found, failed, ok, warning
from penstock.cli.checks.server import backlog, views
from penstock.engine.definition import Definition
from penstock.model.reader import read_bpmn
from penstock.runtime.projector import PROJECTION
from penstock.store.inspection import Inspection
from penstock.store.protocol import Row
from penstock.store.query import AnyOf, Op, Query, Where, eq, is_null, not_null

LATE_MS = 60_000
"""A due job, or an expired lease, that nobody has taken for so long is stuck."""


async def contents(inspection: Inspection, nodes: int) -> AsyncIterator[Found]:
    """`nodes`: how many servers use the store."""
    now_ms = SystemClock().now_ms()
    yield await _views(inspection, now_ms, nodes)
    yield await _leases(inspection, now_ms)
    yield await _due(inspection, now_ms, nodes)
    dead = await inspection.count(Query("job", (eq("retries", 0),)))
    incidents = await inspection.count(Query("incident", (is_null("ended_ms"),)))
    for found in backlog(dead, incidents):
        yield found
    async for found in _definitions(inspection):
        yield found


async def _views(inspection: Inspection, now_ms: int, nodes: int) -> Found:
    positions = await inspection.view_positions(PROJECTION)
    heads = await inspection.heads()
    rows = sum(max(0, head - positions.get(stream, 0)) for stream, head in heads.items())
    oldest = await inspection.read_log(positions, 1) if rows else []
    return views(rows, (now_ms - oldest[0].at_ms) / 1_000 if oldest else 0.0, serving=nodes > 0)


async def _leases(inspection: Inspection, now_ms: int) -> Found:
    where = (not_null("lease_owner"), Where("lease_expires_ms", Op.LT, now_ms - LATE_MS))
    stuck = await inspection.count(Query("job", where))
    if not stuck:
        return ok("leases", "no job is held by a node that is gone")
    return warning(
        "leases",
        f"{stuck} jobs are held by nodes that are gone",
        "any server that executes jobs takes them over: start one without --no-jobs",
    )


async def _due(inspection: Inspection, now_ms: int, nodes: int) -> Found:
    where = (
        is_null("lease_owner"),
        AnyOf((Where("due_ms", Op.LT, now_ms - LATE_MS), is_null("due_ms"))),
        Where("created_ms", Op.LT, now_ms - LATE_MS),
        Where("retries", Op.GT, 0),
        eq("suspended", False),
    )
    late = await inspection.count(Query("job", where))
    if not late:
        return ok("due jobs", "none is late")
    advice = "servers run with --no-jobs, or have more jobs than they can do" if nodes else "no server runs: start one"
    return warning("due jobs", f"{late} jobs have been due for more than {LATE_MS // 1_000} s", advice)


async def _definitions(inspection: Inspection) -> AsyncIterator[Found]:
    rows = await inspection.rows(Query("process_definition"))
    broken = 0
    for row in rows:
        why = await _unreadable(inspection, row)
        if why is not None:
            broken += 1
            yield failed(
                "definitions",
                f"{row['id']} cannot be read: {why}",
                "its instances stand still: deploy the model again and migrate them, or restore a backup",
            )
    if not broken:
        yield ok("definitions", f"all {len(rows)} can be read")


async def _unreadable(inspection: Inspection, row: Row) -> str | None:
    where = (eq("deployment_id", row["deployment_id"]), eq("name", row["resource_name"]))
    resources = await inspection.rows(Query("resource", where, columns=("content",)))
    if not resources:
        return f"its resource {row['resource_name']} is missing"
    try:
        file, _ = read_bpmn(resources[0]["content"], row["resource_name"])
        process = next((process for process in file.processes if process.id == row["key"]), None)
        if process is None:
            return f"{row['resource_name']} has no process {row['key']}"
        Definition.build(
            process,
            id=row["id"],
            version=row["version"],
            deployment=row["deployment_id"],
            tenant=row["tenant_id"],
            table=TABLE,
        )
    except PenstockError as error:
        return error.message
    return None
