"""`/history/cleanup`: has history deleted that is past its removal time."""

from typing import Any

from penstock.api import problems
from penstock.api.http import Request, Route
from penstock.api.job.dto import job
from penstock.api.shared_query import one
from penstock.runtime import cleanup
from penstock.store.protocol import Row
from penstock.store.query import Query, eq

PATH = "/history/cleanup"


async def _job(request: Request, refusal: str) -> Row:
    row = await one(request, Query("job", (eq("kind", cleanup.CLEANUP),)))
    if row is None:
        raise problems.rest(404, refusal)
    return row


async def start(request: Request) -> Any:
    """`POST /history/cleanup`."""
    immediately_due = request.flag("immediatelyDue", True)
    change = cleanup.schedule(immediately_due, request.engine.settings.default_retries)
    row = await request.engine.administer(change, user=request.user)
    return None if row is None else job(row)


async def get_job(request: Request) -> Any:
    """`GET /history/cleanup/job`."""
    return job(await _job(request, "History cleanup job does not exist"))


async def get_jobs(request: Request) -> Any:
    """`GET /history/cleanup/jobs`: there is one."""
    return [job(await _job(request, "History cleanup jobs are empty"))]


async def configuration(_request: Request) -> Any:
    """`GET /history/cleanup/configuration`: there is no batch window."""
    return {"batchWindowStartTime": None, "batchWindowEndTime": None, "enabled": True}


ROUTES: tuple[Route, ...] = (
    Route("POST", PATH, start, consumes=None),
    Route("GET", PATH + "/job", get_job),
    Route("GET", PATH + "/jobs", get_jobs),
    Route("GET", PATH + "/configuration", configuration),
)
