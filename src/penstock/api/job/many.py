"""`POST /job/retries`: retries of many jobs, as a batch."""

from typing import Any

from penstock.api import problems
from penstock.api.dto import Body
from penstock.api.http import Request, Route
from penstock.api.job.query import POSTED_JOBS
from penstock.api.process_instance.asynchronous import retries_of_jobs
from penstock.store.query import Query


class RetriesOfMany(Body):
    """`SetJobRetriesDto`."""

    retries: int | None = None
    job_ids: list[str | None] | None = None
    job_query: dict[str, Any] | None = None
    due_date: str | int | None = None


async def set_retries(request: Request) -> Any:
    """`POST /job/retries`."""
    body = request.body(RetriesOfMany)
    if body.retries is None:
        raise problems.invalid(400, "retries is null")
    if not body.job_ids and body.job_query is None:
        raise problems.engine("ENGINE-13050 You must specify at least one of jobIds or jobQuery.")
    found = dict.fromkeys(id for id in body.job_ids or () if id is not None)
    if body.job_query is not None:
        where = POSTED_JOBS.where_of_json(body.job_query, request.engine.clock.now_ms())
        rows = await request.engine.rows(Query("job", where, columns=("id",)))
        found.update((row["id"], None) for row in rows)
    return await retries_of_jobs(request, list(found), body.retries, body.due_date)


ROUTES: tuple[Route, ...] = (Route("POST", "/job/retries", set_retries),)
