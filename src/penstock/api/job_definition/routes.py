"""`/job-definition`: the places of process definitions that make jobs."""

from collections.abc import Sequence
from typing import Any

from penstock.api import problems
from penstock.api.dto import Body
from penstock.api.http import Request, Route
from penstock.api.job.routes import Retries, change, moment
from penstock.api.job_definition.dto import job_definition
from penstock.api.querying import Filter, Selection, modifier, tenants, text
from penstock.api.shared_query import any_of, flagged, list_routes, one, without_tenant
from penstock.api.shared_suspension import Suspension, later, of_definition
from penstock.base.errors import NotFound
from penstock.runtime.administration import job_definition_suspended
from penstock.runtime.suspensions import JOB_DEFINITION, Later, schedule
from penstock.store.protocol import Row
from penstock.store.query import Order, Query, Term, eq, not_null

PATH = "/job-definition"

FILTERS: dict[str, Filter] = {
    "jobDefinitionId": text("id"),
    "activityIdIn": any_of("activity_id"),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "jobType": text("type"),
    "jobConfiguration": text("configuration"),
    "active": flagged(lambda: (eq("suspended", False),)),
    "suspended": flagged(lambda: (eq("suspended", True),)),
    "withOverridingJobPriority": flagged(lambda: (not_null("job_priority"),)),
    "tenantIdIn": tenants(including_without="includeJobDefinitionsWithoutTenantId"),
    "withoutTenantId": without_tenant(),
    "includeJobDefinitionsWithoutTenantId": modifier(),
}

JOB_DEFINITIONS = Selection(
    "job_definition",
    FILTERS,
    {
        "jobDefinitionId": Order("id"),
        "activityId": Order("activity_id"),
        "processDefinitionId": Order("definition_id"),
        "processDefinitionKey": Order("definition_key"),
        "jobType": Order("type"),
        "jobConfiguration": Order("configuration"),
        "tenantId": Order("tenant_id"),
    },
)


class JobPriority(Body):
    """`JobDefinitionPriorityDto`."""

    priority: int | None = None
    include_jobs: bool = False


async def _found(request: Request, id: str) -> Row | None:
    return await one(request, Query("job_definition", (eq("id", id),)))


async def get(request: Request, id: str) -> Any:
    """`GET /job-definition/{id}`."""
    row = await _found(request, id)
    if row is None:
        raise problems.invalid(404, f"Job Definition with id {id} does not exist")
    return job_definition(row)


async def set_retries(request: Request, id: str) -> Any:
    """`PUT /job-definition/{id}/retries`: of its jobs that have none left, as in Camunda."""
    body = request.body(Retries)
    if body.retries is None:
        raise problems.Problem(500, "NullPointerException", "retries is null")
    if body.retries < 0:
        raise problems.invalid(
            500,
            "ENGINE-13054 The number of job retries must be a non-negative Integer, "
            f"but '{body.retries}' has been provided.",
        )
    changes: dict[str, Any] = {"retries": body.retries}
    if body.due_date is not None:
        changes["due_ms"] = moment(body.due_date)
    for row in await request.engine.rows(Query("job", (eq("job_definition_id", id), eq("retries", 0)))):
        try:
            await change(request, row, "SetJobRetries", changes)
        except NotFound:
            continue  # it was done or deleted meanwhile


async def set_priority(request: Request, id: str) -> Any:
    """`PUT /job-definition/{id}/jobPriority`."""
    body = request.body(JobPriority)
    if body.priority is None and body.include_jobs:
        raise problems.invalid(400, f"Cannot reset priority for job definition {id} with includeJobs=true")
    if await _found(request, id) is None:
        raise problems.invalid(404, f"Job definition with id '{id}' does not exist: jobDefinition is null")
    await request.engine.set_job_definition_priority(
        id, body.priority, include_jobs=body.include_jobs, user=request.user
    )


async def _suspend(request: Request, ids: Sequence[str], body: Suspension, at_ms: int | None) -> None:
    if ids and at_ms is not None:
        task = Later(what=JOB_DEFINITION, ids=ids, suspended=body.suspended, include=body.include_jobs)
        entry = job_definition_suspended(ids, body.suspended)
        change = schedule(task, at_ms, request.engine.settings.default_retries, entry)
        await request.engine.administer(change, user=request.user)
    elif ids:
        await request.engine.suspend_job_definition(
            ids, body.suspended, include_jobs=body.include_jobs, user=request.user
        )


async def suspend(request: Request, id: str) -> Any:
    """`PUT /job-definition/{id}/suspended`. One that does not exist is passed over, as in Camunda."""
    body = request.body(Suspension)
    at_ms = later(body.execution_date, f"Job Definition with id {id}")
    if await _found(request, id) is not None:
        await _suspend(request, [id], body, at_ms)


async def suspend_all(request: Request) -> Any:
    """`PUT /job-definition/suspended`: by process definition."""
    body = request.body(Suspension)
    if body.job_definition_id is not None:
        raise problems.invalid(
            400, "Either processDefinitionId or processDefinitionKey can be set to update the suspension state."
        )
    count = sum(item is not None for item in (body.process_definition_id, body.process_definition_key))
    if count != 1:
        word = "Either" if count == 0 else "Only one of"
        raise problems.invalid(
            400,
            f"{word} jobDefinitionId, processDefinitionId or processDefinitionKey should be set to update the suspension "
            "state.",
        )
    at_ms = later(body.execution_date, "job definitions")
    terms: tuple[Term, ...] = of_definition(body)
    rows = await request.engine.rows(Query("job_definition", terms, columns=("id",)))
    await _suspend(request, [row["id"] for row in rows], body, at_ms)


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, JOB_DEFINITIONS, job_definition),
    Route("GET", PATH + "/{id}", get),
    Route("PUT", PATH + "/{id}/retries", set_retries),
    Route("PUT", PATH + "/{id}/jobPriority", set_priority),
    Route("PUT", PATH + "/{id}/suspended", suspend),
    Route("PUT", PATH + "/suspended", suspend_all),
)
