"""Camunda 7 `/external-task`."""

from typing import Any

from penstock.api import problems, values
from penstock.api.external_task import dto
from penstock.api.external_task.fetch import fetch_and_lock
from penstock.api.external_task.query import RETRIES_LEFT, SELECTION
from penstock.api.http import Request, Response, Route
from penstock.api.querying import by_id, counted, listed
from penstock.base.errors import Failure, NotFound, Refused
from penstock.engine.commands import (
    CompleteExternalTask,
    FailExternalTask,
    SetExternalTaskPriority,
    SetExternalTaskRetries,
    ThrowExternalTaskError,
)
from penstock.store.protocol import Row
from penstock.store.query import AnyOf, Group, Op, Query, Term, Where, is_null

TABLE = "external_task"


async def find(request: Request) -> Any:
    """`GET /external-task`"""
    return await listed(request, SELECTION.get(request), dto.external_task)


async def find_by_body(request: Request) -> Any:
    """`POST /external-task`"""
    return await listed(request, SELECTION.post(request), dto.external_task)


async def count(request: Request) -> Any:
    """`GET /external-task/count`"""
    return await counted(request, SELECTION.get(request))


async def count_by_body(request: Request) -> Any:
    """`POST /external-task/count`"""
    return await counted(request, SELECTION.post(request))


async def _row(request: Request, id: str) -> Row | None:
    rows = await request.engine.rows(Query(TABLE, by_id(id)))
    return rows[0] if rows else None


async def get(request: Request, id: str) -> Any:
    """`GET /external-task/{id}`"""
    row = await _row(request, id)
    if row is None:
        raise problems.invalid(404, f"External task with id {id} does not exist")
    return dto.external_task(row)


async def error_details(request: Request, id: str) -> Response | None:
    """`GET /external-task/{id}/errorDetails`"""
    row = await _row(request, id)
    if row is None:
        raise problems.rest(
            500,
            f"Cannot get errorDetails of external task {id}: "
            f"Cannot find external task with id {id}: externalTask is null",
        )
    details = row["error_details"]
    return None if details is None else Response(200, details.encode(), "text/plain")


async def topic_names(request: Request) -> Any:
    """`GET /external-task/topic-names`"""
    now_ms = request.engine.clock.now_ms()
    where: list[Term] = []
    if request.flag("withLockedTasks"):
        where.append(Where("lock_expires_ms", Op.GT, now_ms))
    if request.flag("withUnlockedTasks"):
        where.append(AnyOf((is_null("lock_expires_ms"), Where("lock_expires_ms", Op.LE, now_ms))))
    if request.flag("withRetriesLeft"):
        where.append(RETRIES_LEFT)
    return [row["topic"] for row in await request.engine.groups(Group(TABLE, ("topic",), where))]


# ------------------------------------------------------------------------------------------ work done


async def _instance(request: Request, id: str) -> str:
    """The instance of a task. Raises NotFound as Camunda words it.

    A repeated request with an `Idempotency-Key` comes when the task is gone: then the command goes out with the task's
    own id, so that the engine can give the first answer again, or finds no such instance."""
    instance = await request.engine.instance_of(TABLE, id)
    if instance is None:
        if request.idempotency_key is not None:
            return id
        raise NotFound(f"Cannot find external task with id {id}: externalTask is null", external_task=id)
    return instance


def _worker(worker: str | None) -> str:
    if worker is None:
        raise problems.null("workerId is null")
    return worker


def _not_found(message: str, _code: int | None) -> problems.Problem:
    return problems.invalid(404, message, 0)


def _refused(message: str, _code: int | None) -> problems.Problem:
    return problems.rest(400, message)


class _Reported:
    """Camunda's answers of the worker's operations: an unknown task 404 `RestException`, a wrong worker 400
    `RestException`, a value that cannot be read 400 `InvalidRequestException`; what the engine fails at stays as it is."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, problems.Problem):
            if error.type == "InvalidRequestException" and error.args[0]:
                raise problems.invalid(error.status, f"{self.what}: {error.message}", error.rest_code) from error
        elif isinstance(error, NotFound):
            raise problems.rest(404, error.message) from error
        elif type(error).__name__ == "NullValue":
            return
        elif isinstance(error, Refused):
            raise problems.rest(400, error.message) from error


async def complete(request: Request, id: str) -> None:
    """`POST /external-task/{id}/complete`"""
    body = request.body(dto.Complete)
    with _Reported(f"Cannot complete external task {id}"):
        variables, local = values.read_all(body.variables), values.read_all(body.local_variables)
        command = CompleteExternalTask(
            instance=await _instance(request, id),
            external_task=id,
            worker=_worker(body.worker_id),
            variables=variables,
            local_variables=local,
            user=request.user,
        )
        await request.engine.execute(command, idempotency_key=request.idempotency_key)
