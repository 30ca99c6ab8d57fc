"""`/job`: timers and asynchronous continuations."""

from typing import Any

from penstock.api import dates, problems
from penstock.api.dto import Body
from penstock.api.http import Request, Response, Route
from penstock.api.job.dto import job
from penstock.api.job.query import JOBS, POSTED_JOBS
from penstock.api.querying import by_id
from penstock.api.shared_query import list_routes, one
from penstock.api.shared_suspension import Suspension, of_definition
from penstock.base.errors import Failure, NotFound, Refused
from penstock.engine.commands import ChangeJob, DeleteJob, ExecuteJob, RecalculateJob
from penstock.store.protocol import Row
from penstock.store.query import Query, Term, eq

PATH = "/job"


class Retries(Body):
    """`JobRetriesDto`."""

    retries: int | None = None
    due_date: str | int | None = None


class DueDate(Body):
    """`JobDuedateDto`."""

    duedate: str | int | None = None
    cascade: bool = False


class Priority(Body):
    """`PriorityDto`."""

    priority: int | None = None


async def found(request: Request, id: str) -> Row | None:
    """The row of a job that waits."""
    return await one(request, Query("job", by_id(id)))


def instance_of(row: Row) -> str:
    """What commands call the job's instance: a start timer belongs to none, and commands to it name the job alone."""
    return row["instance_id"] or ""


def moment(value: str | int | None) -> int | None:
    """A date of a body: text in Camunda's format, or milliseconds. Raises 400."""
    if value is None or value == "":
        return None
    if isinstance(value, int):
        return value
    parsed = dates.parse(value)
    if parsed is None:
        raise problems.unreadable()
    return parsed


async def get(request: Request, id: str) -> Any:
    """`GET /job/{id}`."""
    row = await found(request, id)
    if row is None:
        raise problems.invalid(404, f"Job with id {id} does not exist")
    return job(row)


async def stacktrace(request: Request, id: str) -> Any:
    """`GET /job/{id}/stacktrace`."""
    row = await found(request, id)
    if row is None:
        raise problems.invalid(404, f"No job found with id {id}: job is null")
    return Response(200, row["stacktrace"].encode(), "text/plain") if row["stacktrace"] else None


async def execute(request: Request, id: str) -> Any:
    """`POST /job/{id}/execute`. As in Camunda, a job that fails is answered like one that does not exist."""
    row = await found(request, id)
    if row is None:
        raise problems.invalid(404, f"No job found with id '{id}': job is null")
    try:
        await request.engine.execute(ExecuteJob(instance=instance_of(row), job=id, user=request.user))
    except (Refused, Failure) as error:
        raise problems.invalid(404, error.message) from error


async def change(request: Request, row: Row, operation: str, changes: dict[str, Any], *, cascade: bool = False) -> None:
    """Sets attributes of one job."""
    await request.engine.execute(
        ChangeJob(
            instance=instance_of(row),
            job=row["id"],
            changes=changes,
            operation=operation,
            cascade=cascade,
            user=request.user,
        )
    )


async def set_retries(request: Request, id: str) -> Any:
    """`PUT /job/{id}/retries`. Whatever the engine refuses is 500 `InvalidRequestException`."""
    body = request.body(Retries)
    if body.retries is None:
        raise problems.invalid(400, "retries is null")
    if body.retries < 0:
        raise problems.invalid(
            500, f"The number of job retries must be a non-negative Integer, but '{body.retries}' has been provided."
        )
    changes: dict[str, Any] = {"retries": body.retries}
    if body.due_date is not None:
        changes["due_ms"] = moment(body.due_date)
    await _changed(request, id, "SetJobRetries", changes)


async def _changed(
    request: Request, id: str, operation: str, changes: dict[str, Any], *, cascade: bool = False
) -> None:
    row = await found(request, id)
    if row is None:
        raise problems.invalid(500, f"No job found with id '{id}'.")
    try:
        await change(request, row, operation, changes, cascade=cascade)
    except (Refused, Failure) as error:
        raise problems.invalid(500, error.message) from error


async def set_due_date(request: Request, id: str) -> Any:
    """`PUT /job/{id}/duedate`."""
    body = request.body(DueDate)
    await _changed(request, id, "SetDueDate", {"due_ms": moment(body.duedate)}, cascade=body.cascade)


async def recalculate(request: Request, id: str) -> Any:
    """`POST /job/{id}/duedate/recalculate`."""
    row = await found(request, id)
    if row is None:
        raise problems.invalid(404, f"No job found with id '{id}': job is null", 0)
    command = RecalculateJob(
        instance=instance_of(row),
        job=id,
        creation_date_based=request.flag("creationDateBased", True),
        user=request.user,
    )
    try:
        await request.engine.execute(command)
    except NotFound as error:
        raise problems.invalid(404, error.message, 0) from error
    except (Refused, Failure) as error:
        raise problems.invalid(500, error.message, 0) from error


async def set_priority(request: Request, id: str) -> Any:
    """`PUT /job/{id}/priority`."""
    body = request.body(Priority)
    if body.priority is None:
        raise problems.rest(400, f"Priority for job '{id}' cannot be null.", None)
    row = await found(request, id)
    if row is None:
        raise problems.invalid(404, f"No job found with id '{id}': job is null")
    with problems.reported(""):
        await change(request, row, "SetPriority", {"priority": body.priority})


async def _suspend(request: Request, row: Row, suspended: bool) -> None:
    try:
        await change(request, row, "SuspendJob" if suspended else "ActivateJob", {"suspended": suspended})
    except NotFound:
        return  # it was done or deleted meanwhile


async def suspend(request: Request, id: str) -> Any:
    """`PUT /job/{id}/suspended`. A job that does not exist is passed over, as in Camunda."""
    body = request.body(Suspension)
    row = await found(request, id)
    if row is not None:
        await _suspend(request, row, body.suspended)


async def suspend_all(request: Request) -> Any:
    """`PUT /job/suspended`: by job definition, process instance or process definition."""
    body = request.body(Suspension)
    if body.job_id is not None:
        raise problems.invalid(
            400,
            "Either jobDefinitionId, processInstanceId, processDefinitionId or processDefinitionKey can be set to update "
            "the suspension state.",
        )
    named = (
        body.job_definition_id,
        body.process_instance_id,
        body.process_definition_id,
        body.process_definition_key,
    )
    count = sum(item is not None for item in named)
    if count != 1:
        word = "Either" if count == 0 else "Only one of"
        raise problems.invalid(
            400,
            f"{word} jobId, jobDefinitionId, processInstanceId, processDefinitionId or processDefinitionKey should be set "
            "to update the suspension state.",
        )
    terms: tuple[Term, ...]
    if body.job_definition_id is not None:
        terms = (eq("job_definition_id", body.job_definition_id),)
    elif body.process_instance_id is not None:
        terms = tuple(by_id(body.process_instance_id, "instance_id"))
    else:
        terms = of_definition(body)
    for row in await request.engine.rows(Query("job", (*terms, eq("suspended", not body.suspended)))):
        await _suspend(request, row, body.suspended)


async def delete(request: Request, id: str) -> Any:
    """`DELETE /job/{id}`."""
    row = await found(request, id)
    if row is None:
        raise problems.invalid(404, f"No job found with id '{id}': job is null")
    with problems.reported(""):
        await request.engine.execute(DeleteJob(instance=instance_of(row), job=id, user=request.user))


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, JOBS, job, posted=POSTED_JOBS),
    Route("GET", PATH + "/{id}", get),
    Route("DELETE", PATH + "/{id}", delete, consumes=None),
    Route("GET", PATH + "/{id}/stacktrace", stacktrace, produces=("text/plain",)),
    Route("POST", PATH + "/{id}/execute", execute, consumes=None),
    Route("PUT", PATH + "/{id}/retries", set_retries),
    Route("PUT", PATH + "/{id}/duedate", set_due_date),
    Route("POST", PATH + "/{id}/duedate/recalculate", recalculate, consumes=None),
    Route("PUT", PATH + "/{id}/priority", set_priority),
    Route("PUT", PATH + "/{id}/suspended", suspend),
    Route("PUT", PATH + "/suspended", suspend_all),
)
