"""`/history/job-log`: what happened to jobs."""

from typing import Any

from penstock.api import problems
from penstock.api.history_job_log.dto import job_log
from penstock.api.http import Request, Response, Route
from penstock.api.querying import Filter, Kind, Selection, by_id, identifier, integer, tenants, text
from penstock.api.shared_query import any_of, exists, flagged, list_routes, listed_rows, nothing, one, without_tenant
from penstock.store.protocol import Row
from penstock.store.query import Op, Order, Query, Term, eq, one_of

PATH = "/history/job-log"


def _state(state: str) -> Filter:
    terms: tuple[Term, ...] = (eq("state", state),)
    return flagged(lambda: terms)


FILTERS: dict[str, Filter] = {
    "logId": identifier(),
    "jobId": identifier("job_id"),
    "jobExceptionMessage": text("message"),
    "jobDefinitionId": text("job_definition_id"),
    "jobDefinitionType": text("job_type"),
    "jobDefinitionConfiguration": text("job_configuration"),
    "activityIdIn": any_of("activity_id"),
    "failedActivityIdIn": any_of("failed_activity_id"),
    "executionIdIn": any_of("execution_id"),
    "processInstanceId": identifier("instance_id"),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "deploymentId": exists(
        "process_definition", (("id", "definition_id"),), lambda value: (eq("deployment_id", value),)
    ),
    "hostname": nothing(),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
    "jobPriorityLowerThanOrEquals": integer("priority", Op.LE, Kind.LONG),
    "jobPriorityHigherThanOrEquals": integer("priority", Op.GE, Kind.LONG),
    "creationLog": _state("created"),
    "failureLog": _state("failed"),
    "successLog": _state("successful"),
    "deletionLog": _state("deleted"),
}

JOB_LOGS = Selection(
    "job_log",
    FILTERS,
    {
        "timestamp": Order("occurred_ms"),
        "jobId": Order("job_id"),
        "jobDefinitionId": Order("job_definition_id"),
        "jobDueDate": Order("due_ms"),
        "jobRetries": Order("retries"),
        "jobPriority": Order("priority"),
        "activityId": Order("activity_id"),
        "executionId": Order("execution_id"),
        "processInstanceId": Order("instance_id"),
        "processDefinitionId": Order("definition_id"),
        "processDefinitionKey": Order("definition_key"),
        "deploymentId": Order("deployment_id", table="process_definition", link=(("id", "definition_id"),)),
        "hostname": Order("id"),
        "occurrence": Order("sequence"),
        "tenantId": Order("tenant_id"),
    },
)


async def _row(request: Request, id: str) -> Row | None:
    return await one(request, Query("job_log", by_id(id)))


async def get(request: Request, id: str) -> Any:
    """`GET /history/job-log/{id}`."""
    row = await _row(request, id)
    if row is None:
        raise problems.invalid(404, f"Historic job log with id {id} does not exist")
    return (await _with_deployments(request, [row]))[0]


async def stacktrace(request: Request, id: str) -> Any:
    """`GET /history/job-log/{id}/stacktrace`."""
    row = await _row(request, id)
    if row is None:
        raise problems.invalid(404, f"No historic job log found with id {id}: historicJobLog is null")
    return Response(200, row["stacktrace"].encode(), "text/plain") if row["stacktrace"] else None


async def _with_deployments(request: Request, rows: list[Row]) -> list[dict[str, Any]]:
    """The deployment of each row is its definition's: the log does not repeat it."""
    ids = sorted({row["definition_id"] for row in rows if row["definition_id"] is not None})
    deployments: dict[str, str] = {}
    if ids:
        query = Query("process_definition", (one_of("id", ids),), columns=("id", "deployment_id"))
        deployments = {row["id"]: row["deployment_id"] for row in await request.engine.rows(query)}
    return [
        {**job_log(row), "deploymentId": row["deployment_id"] or deployments.get(row["definition_id"])} for row in rows
    ]


async def get_all(request: Request) -> Any:
    """`GET /history/job-log`."""
    return await _with_deployments(request, await listed_rows(request, JOB_LOGS.get(request)))


async def query(request: Request) -> Any:
    """`POST /history/job-log`."""
    return await _with_deployments(request, await listed_rows(request, JOB_LOGS.post(request)))


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, get_all),
    Route("POST", PATH, query),
    *(route for route in list_routes(PATH, JOB_LOGS, job_log) if route.path.endswith("/count")),
    Route("GET", PATH + "/{id}", get),
    Route("GET", PATH + "/{id}/stacktrace", stacktrace, produces=("text/plain",)),
)
