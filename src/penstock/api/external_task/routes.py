"""Camunda 7 `/external-task`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from penstock.api import batches, problems, values
from penstock.api.dto import SPAN_MS_MAX
from penstock.api.external_task import dto, results
from penstock.api.external_task.fetch import fetch_and_lock
from penstock.api.external_task.query import RETRIES_LEFT, SELECTION
from penstock.api.http import Request, Response, Route
from penstock.api.querying import by_id, by_ids, counted, listed, shard_or_none
from penstock.base.errors import BadRequest, BadUserRequest, NotFound, NotValid, NullValue
from penstock.engine.commands import (
    CompleteExternalTask,
    FailExternalTask,
    SetExternalTaskPriority,
    SetExternalTaskRetries,
    ThrowExternalTaskError,
)
from penstock.engine.events import JobKind
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
        if request.idempotency_key is not None and shard_or_none(id) is not None:
            return id
        raise NotFound(f"Cannot find external task with id {id}: externalTask is null", external_task=id)
    return instance


def _worker(worker: str | None) -> str:
    if worker is None:
        raise problems.null("workerId is null")
    return worker


class _WorkerErrors:
    """How Camunda answers what workers do: an unknown task 404, a task of another worker 400, both `RestException`;
    what the engine fails at, and a suspended instance, stays as it is. (The engine misses with NullValue what has gone
    between the look and the step.)"""

    __slots__ = ("_id",)

    def __init__(self, id: str) -> None:
        self._id = id

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if isinstance(error, NotFound | NullValue):
            raise problems.rest(404, f"External task with id {self._id} does not exist") from error
        if isinstance(error, BadRequest | BadUserRequest | NotValid):
            raise problems.rest(400, error.message) from error


@contextmanager
def _operator_errors(id: str) -> Iterator[None]:
    """How Camunda answers what operators do: an unknown task is 404 `InvalidRequestException`."""
    try:
        yield
    except (NotFound, NullValue) as error:
        raise problems.invalid(404, f"External task with id {id} does not exist", 0) from error


async def complete(request: Request, id: str) -> None:
    """`POST /external-task/{id}/complete`"""
    body = request.body(dto.Complete)
    variables, local = values.read_all(body.variables), values.read_all(body.local_variables)
    with _WorkerErrors(id):
        command = CompleteExternalTask(
            instance=await _instance(request, id),
            external_task=id,
            worker=_worker(body.worker_id),
            variables=variables,
            local_variables=local,
            seen_results=await results.seen(request, id, variables, local),
            append_results=results.appended(body.variables),
            user=request.user,
        )
        await request.engine.execute(command, idempotency_key=request.idempotency_key)


async def failure(request: Request, id: str) -> None:
    """`POST /external-task/{id}/failure`"""
    body = request.body(dto.Failure)
    variables, local = values.read_all(body.variables), values.read_all(body.local_variables)
    for name, number in (("retries", body.retries), ("retryDuration", body.retry_timeout)):
        if number is not None and number < 0:
            raise problems.engine(f"{name} is not greater than or equal to 0")
    with _WorkerErrors(id):
        command = FailExternalTask(
            instance=await _instance(request, id),
            external_task=id,
            worker=_worker(body.worker_id),
            error_message=body.error_message,
            error_details=body.error_details,
            retries=body.retries or 0,
            retry_timeout_ms=min(body.retry_timeout or 0, SPAN_MS_MAX),
            variables=variables,
            local_variables=local,
            seen_results=await results.seen(request, id, variables, local),
            append_results=results.appended(body.variables),
            user=request.user,
        )
        await request.engine.execute(command, idempotency_key=request.idempotency_key)


async def bpmn_error(request: Request, id: str) -> None:
    """`POST /external-task/{id}/bpmnError`"""
    body = request.body(dto.BpmnError)
    variables = values.read_all(body.variables)
    if body.error_code is None:
        raise problems.null("errorCode is null")
    with _WorkerErrors(id):
        command = ThrowExternalTaskError(
            instance=await _instance(request, id),
            external_task=id,
            worker=_worker(body.worker_id),
            error_code=body.error_code,
            error_message=body.error_message,
            variables=variables,
            seen_results=await results.seen(request, id, variables),
            append_results=results.appended(body.variables),
            user=request.user,
        )
        await request.engine.execute(command, idempotency_key=request.idempotency_key)


# ------------------------------------------------------------------------------------------ locks


def _duration(name: str, duration_ms: int | None) -> int:
    if duration_ms is None or duration_ms <= 0:
        raise BadUserRequest(f"{name} is not greater than 0")
    return min(duration_ms, SPAN_MS_MAX)


async def extend_lock(request: Request, id: str) -> None:
    """`POST /external-task/{id}/extendLock`"""
    body = request.body(dto.ExtendLock)
    with _WorkerErrors(id):
        duration_ms = _duration("lockTime", body.new_duration)
        await request.engine.extend_lock(id, _worker(body.worker_id), duration_ms)


async def lock(request: Request, id: str) -> None:
    """`POST /external-task/{id}/lock`"""
    body = request.body(dto.Lock)
    with _WorkerErrors(id):
        duration_ms = _duration("lockDuration", body.lock_duration)
        await request.engine.lock_external_task(id, _worker(body.worker_id), duration_ms)


async def unlock(request: Request, id: str) -> None:
    """`POST /external-task/{id}/unlock`: with any body, or none."""
    with _operator_errors(id):
        await request.engine.unlock_external_task(id, user=request.user)


# ------------------------------------------------------------------------------------------ operators


def _retries(retries: int | None) -> int:
    if retries is None:
        raise problems.invalid(400, "The number of retries cannot be null.")
    if retries < 0:
        raise problems.bad_user_request("The number of retries cannot be negative")
    return retries


async def set_retries(request: Request, id: str) -> None:
    """`PUT /external-task/{id}/retries`"""
    retries = _retries(request.body(dto.Retries).retries)
    with _operator_errors(id):
        instance = await _instance(request, id)
        await request.engine.execute(
            SetExternalTaskRetries(instance=instance, external_task=id, retries=retries, user=request.user)
        )


async def set_priority(request: Request, id: str) -> None:
    """`PUT /external-task/{id}/priority`"""
    priority = request.body(dto.Priority).priority
    if priority is None:
        raise problems.rest(400, "The priority of external task '" + id + "' cannot be null.", None)
    with _operator_errors(id):
        instance = await _instance(request, id)
        await request.engine.execute(
            SetExternalTaskPriority(instance=instance, external_task=id, priority=priority, user=request.user)
        )


async def _ids(request: Request, body: dto.SetRetries) -> list[str]:
    """The tasks that the ids and queries name, each once; whether those named by id exist is not looked at. Raises
    400."""
    if body.external_task_ids is not None and None in body.external_task_ids:
        raise problems.invalid(400, "External task id cannot be null: externalTaskIds contains null value")
    wheres: list[list[Term]] = []
    if body.external_task_query is not None:
        wheres.append(SELECTION.where_of_json(body.external_task_query, request.engine.clock.now_ms()))
    instances = await batches.instances(
        request, body.process_instance_ids, body.process_instance_query, body.historic_process_instance_query
    )
    if instances:
        wheres.append(list(by_ids(instances, "instance_id")))
    found = dict.fromkeys(id for id in body.external_task_ids or () if id is not None)
    for where in wheres:
        rows = await request.engine.rows(Query(TABLE, where, columns=("id",)))
        found.update((row["id"], None) for row in rows)
    return list(found)


async def _targets(request: Request, body: dto.SetRetries) -> list[Row]:
    """As `_ids`, with their rows. Raises 400, and 404 for an unknown id."""
    ids = await _ids(request, body)
    if not ids:
        raise problems.bad_user_request("externalTaskIds is empty")
    rows = {row["id"]: row for row in await request.engine.rows(Query(TABLE, by_ids(ids)))}
    for id in ids:
        if id not in rows:
            raise problems.invalid(404, f"Cannot find external task with id {id}: externalTask is null", 0)
    return [rows[id] for id in ids]


async def set_retries_of_all(request: Request) -> None:
    """`PUT /external-task/retries`"""
    body = request.body(dto.SetRetries)
    retries = _retries(body.retries)
    for row in await _targets(request, body):
        command = SetExternalTaskRetries(
            instance=row["instance_id"], external_task=row["id"], retries=retries, user=request.user
        )
        with _operator_errors(row["id"]):
            await request.engine.execute(command)


async def set_retries_async(request: Request) -> Any:
    """`POST /external-task/retries-async`"""
    body = request.body(dto.SetRetries)
    if body.retries is None:
        raise problems.invalid(400, "The number of retries cannot be null.")
    ids = await _ids(request, body)
    if not ids:
        raise problems.invalid(400, "externalTaskIds is empty")
    template = SetExternalTaskRetries(
        instance="", external_task="", retries=body.retries, user=request.user, logged=False
    )
    operation = batches.logged(
        "SetExternalTaskRetries", len(ids), ("retries", str(body.retries)), entity="ExternalTask"
    )
    return await batches.make(request, JobKind.SET_EXTERNAL_TASK_RETRIES, ids, template, operation)


ROUTES = (
    Route("GET", "/external-task", find),
    Route("POST", "/external-task", find_by_body),
    Route("GET", "/external-task/count", count),
    Route("POST", "/external-task/count", count_by_body),
    Route("POST", "/external-task/fetchAndLock", fetch_and_lock),
    Route("GET", "/external-task/topic-names", topic_names),
    Route("PUT", "/external-task/retries", set_retries_of_all),
    Route("POST", "/external-task/retries-async", set_retries_async),
    Route("GET", "/external-task/{id}", get),
    Route("GET", "/external-task/{id}/errorDetails", error_details, produces=("text/plain", "application/json")),
    Route("POST", "/external-task/{id}/complete", complete),
    Route("POST", "/external-task/{id}/failure", failure),
    Route("POST", "/external-task/{id}/bpmnError", bpmn_error),
    Route("POST", "/external-task/{id}/extendLock", extend_lock),
    Route("POST", "/external-task/{id}/lock", lock),
    Route("POST", "/external-task/{id}/unlock", unlock, consumes=None),
    Route("PUT", "/external-task/{id}/retries", set_retries),
    Route("PUT", "/external-task/{id}/priority", set_priority),
)
