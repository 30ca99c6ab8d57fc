"""operaton-tasks 1.0b3: what its worker does, piece by piece. `ENGINE_REST_POLL_TTL_SECONDS` must be 1."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from operaton.tasks import operaton_session, settings
from operaton.tasks.healthz import healthz
from operaton.tasks.main import handlers
from operaton.tasks.runtime import ExternalTaskComplete, ExternalTaskFailure, ExternalTaskTopic
from operaton.tasks.types import (
    CompleteExternalTaskDto,
    ExternalTaskBpmnError,
    ExternalTaskFailureDto,
    LockedExternalTaskDto,
    VariableValueDto,
    VariableValueType,
)
from operaton.tasks.utils import request_with_auth_retry, verify_response_status
from operaton.tasks.worker import LimitReached, fetch_and_lock_and_complete
from operaton_order import content
from runner import Rig, raises

Outcome = ExternalTaskComplete | ExternalTaskFailure
LOOP = asyncio.new_event_loop()  # the package has a lock of its own, which belongs to one loop


def _run(rig: Rig, work: Awaitable[Any]) -> Any:
    settings.ENGINE_REST_BASE_URL = rig.url

    async def run() -> Any:
        return await asyncio.wait_for(work, 40)

    return LOOP.run_until_complete(run())


def _work(
    rig: Rig,
    topic: str,
    handler: Callable[[LockedExternalTaskDto], Awaitable[Outcome]],
    *,
    limit: int = 1,
    local: bool = False,
) -> None:
    """The package's worker, until it has reported `limit` tasks."""

    async def work() -> None:
        async with operaton_session() as http:
            topics = {topic: ExternalTaskTopic(handler=handler, localVariables=local)}
            await fetch_and_lock_and_complete(http, topics, limit=limit)

    raises(LimitReached, lambda: _run(rig, work()))


def _value(value: Any, type: VariableValueType, **info: Any) -> VariableValueDto:
    return VariableValueDto(value=value, type=type, valueInfo=info or None)


def check_complete(rig: Rig) -> None:
    instance, topic = rig.work(amount=12, details={"value": '{"a": [1]}', "type": "Json"})
    seen: list[LockedExternalTaskDto] = []

    async def handler(task: LockedExternalTaskDto) -> Outcome:
        seen.append(task)
        variables = {
            "answer": _value(42, VariableValueType.Integer),
            "list": _value("[1]", VariableValueType.Json),
            "when": _value("2024-02-29T12:00:00.000+0100", VariableValueType.Date),
            "bytes": _value("aGVsbG8=", VariableValueType.Bytes),
            "file": _value("aGVsbG8=", VariableValueType.File, filename="a.txt", mimetype="text/plain"),
            "nothing": _value(None, VariableValueType.Null),
        }
        local = {"given": _value("local", VariableValueType.String)}
        response = CompleteExternalTaskDto(workerId=task.workerId, variables=variables, localVariables=local)
        return ExternalTaskComplete(task=task, response=response)

    _work(rig, topic, handler)
    (task,) = seen
    assert (task.activityId, task.processInstanceId, task.priority, task.suspended) == ("Work", instance, 7, False)
    assert (task.retries, task.businessKey, task.tenantId, task.errorMessage) == (None, None, None, None)
    assert task.variables["amount"].value == 12 and task.variables["details"].value == '{"a": [1]}'
    assert rig.ended(instance) == "Done"
    values = {name: rig.variable(instance, name) for name in ("answer", "list", "when", "nothing", "taken")}
    when = values.pop("when")
    assert values == {"answer": 42, "list": "[1]", "nothing": None, "taken": "local"}
    assert datetime.strptime(when, "%Y-%m-%dT%H:%M:%S.%f%z").isoformat() == "2024-02-29T11:00:00+00:00"


def check_local_variables_only(rig: Rig) -> None:
    _, topic = rig.work(amount=12)
    seen: list[list[str]] = []

    async def handler(task: LockedExternalTaskDto) -> Outcome:
        seen.append(sorted(task.variables or {}))
        return ExternalTaskComplete(task=task, response=CompleteExternalTaskDto(workerId=task.workerId))

    _work(rig, topic, handler, local=True)
    assert seen == [["inside"]]


def check_exception_is_a_failure_without_retries(rig: Rig) -> None:
    instance, topic = rig.work()

    async def handler(task: LockedExternalTaskDto) -> Outcome:
        raise ValueError("no luck")

    _work(rig, topic, handler)
    (incident,) = rig.get("/incident", processInstanceId=instance)
    assert (incident["incidentType"], incident["incidentMessage"]) == ("failedExternalTask", "no luck")
    (task,) = rig.get("/external-task", processInstanceId=instance)
    # The client unlocks what it has failed without a timeout.
    assert (task["retries"], task["workerId"], task["lockExpirationTime"]) == (0, None, None)


def check_failure_with_retries(rig: Rig) -> None:
    instance, topic = rig.work()
    tries: list[int | None] = []

    async def handler(task: LockedExternalTaskDto) -> Outcome:
        tries.append(task.retries)
        if len(tries) > 1:
            return ExternalTaskComplete(task=task, response=CompleteExternalTaskDto(workerId=task.workerId))
        failure = ExternalTaskFailureDto(
            workerId=task.workerId,
            errorMessage="once",
            errorDetails="details",
            retries=2,
            retryTimeout=100,
            variables={"failed": _value(True, VariableValueType.Boolean)},
            localVariables={"given": _value("of the failure", VariableValueType.String)},
        )
        return ExternalTaskFailure(task=task, response=failure)

    _work(rig, topic, handler, limit=2)
    assert tries == [None, 2]
    assert rig.ended(instance) == "Done"
    assert [rig.variable(instance, name) for name in ("failed", "taken")] == [True, "of the failure"]


def check_bpmn_error(rig: Rig) -> None:
    instance, topic = rig.work()

    async def handler(task: LockedExternalTaskDto) -> Outcome:
        error = ExternalTaskBpmnError(
            workerId=task.workerId,
            errorCode="REFUSED",
            errorMessage="not today",
            variables={"why": _value("rain", VariableValueType.String)},
        )
        return ExternalTaskComplete(task=task, response=error)

    _work(rig, topic, handler)
    assert rig.ended(instance) == "Refused"
    assert [rig.variable(instance, name) for name in ("why", "reason")] == ["rain", "not today"]


def check_refused_completion_becomes_a_failure(rig: Rig) -> None:
    instance, topic = rig.work()

    async def handler(task: LockedExternalTaskDto) -> Outcome:
        broken = {"when": _value("yesterday", VariableValueType.Date)}
        response = CompleteExternalTaskDto(workerId=task.workerId, variables=broken)
        return ExternalTaskComplete(task=task, response=response)

    _work(rig, topic, handler)
    (incident,) = rig.get("/incident", processInstanceId=instance)
    assert (incident["incidentMessage"], rig.ended(instance)) == ("Task completion failed", None)


def check_heartbeat_extends_the_lock(rig: Rig) -> None:
    instance, topic = rig.work()
    locked_until: list[str] = []

    async def handler(task: LockedExternalTaskDto) -> Outcome:
        def until() -> str:
            return str(rig.get("/external-task", externalTaskId=task.id)[0]["lockExpirationTime"])

        locked_until.append(await asyncio.to_thread(until))
        while await asyncio.to_thread(until) == locked_until[0]:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.05)
        locked_until.append(await asyncio.to_thread(until))
        return ExternalTaskComplete(task=task, response=CompleteExternalTaskDto(workerId=task.workerId))

    _work(rig, topic, handler)
    assert locked_until[0] < locked_until[1]
    assert rig.ended(instance) == "Done"


def check_start_unlocks_what_an_earlier_run_had_locked(rig: Rig) -> None:
    instance, topic = rig.work()
    topics = [{"topicName": topic, "lockDuration": 3_600_000}]
    (locked,) = rig.post(
        "/external-task/fetchAndLock", {"workerId": settings.TASKS_WORKER_ID, "maxTasks": 1, "topics": topics}
    )

    async def handler(task: LockedExternalTaskDto) -> Outcome:
        return ExternalTaskComplete(task=task, response=CompleteExternalTaskDto(workerId=task.workerId))

    assert [task["id"] for task in rig.get("/external-task", workerId=settings.TASKS_WORKER_ID)] == [locked["id"]]
    _work(rig, topic, handler)
    assert rig.ended(instance) == "Done"


def check_health(rig: Rig) -> None:
    assert _run(rig, healthz()).timestamp
    (topic,) = (name for name in handlers if name == settings.TASKS_HEARTBEAT_TOPIC)
    instance = rig.start(rig.deploy("work")["key"], topic=topic)
    _work(rig, topic, handlers[topic].handler)
    assert rig.ended(instance) == "Done"
    assert _run(rig, healthz()).timestamp == rig.variable(instance, "timestamp")


def check_requests_of_its_session(rig: Rig) -> None:
    file = {"value": "aGVsbG8=", "type": "File", "valueInfo": {"filename": "a.txt"}}
    instance, _ = rig.work(file=file)

    async def calls() -> None:
        assert await content(instance, "file") == b"hello"
        async with operaton_session("Basic ZGVtbzpkZW1v") as http:
            url = f"{settings.ENGINE_REST_BASE_URL}/process-instance/{instance}"
            answer = await verify_response_status(await request_with_auth_retry(http, "GET", url))
            assert (await answer.json())["id"] == instance
            unknown = await request_with_auth_retry(http, "GET", f"{settings.ENGINE_REST_BASE_URL}/process-instance/x")
            assert (unknown.status, unknown.content_type) == (404, "application/json")

    _run(rig, calls())
