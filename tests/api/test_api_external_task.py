"""`/external-task` over a fake node."""

import asyncio
from typing import Any

import httpx
import pytest
from fake_engine import FakeEngine

from penstock.api.app import create_app
from penstock.base.errors import BadUserRequest, EntitySuspended, NotFound
from penstock.engine.commands import CompleteExternalTask, FailExternalTask, SetExternalTaskRetries
from penstock.engine.events import ExecutionKind
from penstock.engine.state import Execution, Instance, Variable
from penstock.expr.values import TypedValue

PATH = "/engine-rest/external-task"
TASK = "00000000-0000-7000-8000-000000000001"
INSTANCE = "00000000-0000-7000-8000-000000000002"
INNER = "00000000-0000-7000-8000-000000000003"


async def _task(engine: FakeEngine) -> None:
    engine.owners[TASK] = INSTANCE
    await engine.insert(
        "external_task", id=TASK, shard=1, topic="t", priority=0, instance_id=INSTANCE, execution_id=INNER, created_ms=0,
        suspended=False, definition_id="k:1:x", definition_key="k", properties={"currency": "EUR"}, error_details="trace",
    )  # fmt: skip
    outer = {"a": Variable("1", TypedValue("Integer", 1)), "j": Variable("2", TypedValue("Json", "{}"))}
    inner = {"a": Variable("3", TypedValue("Integer", 2))}
    engine.instances_by_id[INSTANCE] = Instance(
        INSTANCE, INSTANCE, "k:1:x",
        executions={
            INSTANCE: Execution(INSTANCE, None, ExecutionKind.INSTANCE, variables=outer),
            INNER: Execution(INNER, INSTANCE, ExecutionKind.SCOPE, variables=inner),
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "variables"),
    [
        ({}, {"a": 2, "j": "{}"}),
        ({"variables": None}, {"a": 2, "j": "{}"}),
        ({"variables": []}, {}),
        ({"variables": ["j", "x"]}, {"j": "{}"}),
        ({"localVariables": True}, {"a": 2}),
    ],
)
async def test_workers_get_the_variables_they_ask_for(
    engine: FakeEngine, client: httpx.AsyncClient, topic: dict[str, Any], variables: dict[str, Any]
) -> None:
    await _task(engine)
    asked = {"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "t", "lockDuration": 1000, **topic}]}
    locked = (await client.post(PATH + "/fetchAndLock", json=asked)).json()
    assert {name: value["value"] for name, value in locked[0]["variables"].items()} == variables
    assert (locked[0]["workerId"], locked[0]["errorDetails"], locked[0]["extensionProperties"]) == ("w", "trace", {})


async def test_fields_that_the_java_client_sends_as_null_are_defaults(
    engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    await _task(engine)
    names = ("variables", "businessKey", "processDefinitionId", "processDefinitionIdIn", "processDefinitionKey",
             "processDefinitionKeyIn", "processDefinitionVersionTag", "processVariables", "tenantIdIn")  # fmt: skip
    topic = {**dict.fromkeys(names), "topicName": "t", "lockDuration": 1000, "includeExtensionProperties": True}
    asked = {"workerId": "w", "maxTasks": "5", "usePriority": None, "sorting": [], "topics": [topic]}
    answer = await client.post(PATH + "/fetchAndLock", json=asked)
    assert answer.json()[0]["extensionProperties"] == {"currency": "EUR"}
    assert answer.headers["content-type"] == "application/json"
    expected = {"activityId", "activityInstanceId", "errorMessage", "errorDetails", "executionId", "id",
                "lockExpirationTime", "createTime", "processDefinitionId", "processDefinitionKey",
                "processDefinitionVersionTag", "processInstanceId", "retries", "suspended", "workerId", "topicName",
                "tenantId", "priority", "variables", "businessKey", "extensionProperties"}  # fmt: skip
    assert set(answer.json()[0]) == expected


TOPIC = {"topicName": "t", "lockDuration": 1000}


@pytest.mark.parametrize(
    ("body", "status", "found"),
    [
        ({}, 500, "workerId is null"),
        ({"maxTasks": 1, "topics": []}, 500, "workerId is null"),
        ({"workerId": "w", "topics": []}, 200, None),
        ({"workerId": "w", "maxTasks": 1}, 200, None),
        ({"workerId": "w", "maxTasks": 0, "topics": [TOPIC]}, 200, None),
        ({"workerId": "w", "maxTasks": -1, "topics": [TOPIC]}, 500, "maxResults is not greater than or equal to 0"),
        ({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "t"}]}, 500, "lockTime is not greater than 0"),
        ({"workerId": "w", "maxTasks": 1, "topics": [{"lockDuration": 1}]}, 500, "topicName is null"),
        (
            {"workerId": "w", "maxTasks": 1, "topics": [TOPIC], "asyncResponseTimeout": 99999999},
            400,
            "The asynchronous response timeout cannot be set to a value greater than 1800000 milliseconds",
        ),
        (
            {"workerId": "w", "maxTasks": 1, "topics": [TOPIC], "sorting": [{"sortBy": "x", "sortOrder": "asc"}]},
            400,
            "Cannot set query sortBy parameter to value x",
        ),
    ],
)
async def test_fetches_that_make_no_sense(client: httpx.AsyncClient, body: Any, status: int, found: str | None) -> None:
    answer = await client.post(PATH + "/fetchAndLock", json=body)
    assert answer.status_code == status
    assert (answer.json() if found is None else answer.json()["message"]) == ([] if found is None else found)


async def test_process_variables_choose_instances(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await _task(engine)
    await engine.insert(
        "variable", id=INNER, shard=2, instance_id=INSTANCE, execution_id=INSTANCE, name="n", type="Integer",
        long_value=1, double_value=1.0,
    )  # fmt: skip
    for value, count in ((2, 0), (1, 1)):
        topic = {**TOPIC, "processVariables": {"n": value}}
        asked = {"workerId": "w", "maxTasks": 1, "topics": [topic]}
        assert len((await client.post(PATH + "/fetchAndLock", json=asked)).json()) == count


async def test_a_worker_that_has_gone_locks_nothing(engine: FakeEngine) -> None:
    canceled = asyncio.Event()

    async def wait_for_ever(*_args: Any, **_options: Any) -> list[Any]:
        try:
            await asyncio.Event().wait()
        finally:
            canceled.set()
        return []

    engine.fetch_and_lock = wait_for_ever  # type: ignore[method-assign]
    asked = b'{"workerId":"w","maxTasks":1,"asyncResponseTimeout":60000,"topics":[{"topicName":"t","lockDuration":1}]}'
    messages = [{"type": "http.request", "body": asked}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(_message: Any) -> None:
        return None

    scope = {"type": "http", "method": "POST", "path": PATH + "/fetchAndLock", "query_string": b"", "headers": []}
    await asyncio.wait_for(create_app(engine)(scope, receive, send), 5)  # type: ignore[arg-type]
    assert canceled.is_set()


@pytest.mark.parametrize("action", ["complete", "failure", "bpmnError", "extendLock", "lock"])
async def test_what_workers_do_wrong(engine: FakeEngine, client: httpx.AsyncClient, action: str) -> None:
    body = {"workerId": "w", "errorCode": "e", "newDuration": 0, "lockDuration": -1}
    if action in ("extendLock", "lock"):
        refused = await client.post(f"{PATH}/{TASK}/{action}", json=body)
    else:
        gone = await client.post(f"{PATH}/{TASK}/{action}", json=body)
        assert (gone.status_code, gone.json()["type"], gone.json()["code"]) == (404, "RestException", 0)
        engine.owners[TASK] = INSTANCE
        engine.failing = BadUserRequest("It is locked by worker 'x'.")
        refused = await client.post(f"{PATH}/{TASK}/{action}", json=body)
        engine.failing = EntitySuspended("suspended")
        suspended = await client.post(f"{PATH}/{TASK}/{action}", json=body)
        assert (suspended.status_code, suspended.json()["type"]) == (400, "RestException")
    assert (refused.status_code, refused.json()["type"], refused.json()["code"]) == (400, "RestException", 0)


async def test_work_done_becomes_a_command(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.owners[TASK] = INSTANCE
    body = {"workerId": "w", "variables": {"a": {"value": 1}}, "localVariables": None}
    headers = {"idempotency-key": "k"}
    assert (await client.post(f"{PATH}/{TASK}/complete", json=body, headers=headers)).status_code == 204
    assert engine.commands[-1] == CompleteExternalTask(
        instance=INSTANCE, external_task=TASK, worker="w", variables={"a": TypedValue("Integer", 1)}
    )
    assert engine.keys[-1] == f"POST {PATH}/{TASK}/complete k"
    body = {"workerId": "w", "errorMessage": "m", "retries": 2, "retryTimeout": 10}
    assert (await client.post(f"{PATH}/{TASK}/failure", json=body)).status_code == 204
    assert engine.commands[-1] == FailExternalTask(
        instance=INSTANCE, external_task=TASK, worker="w", error_message="m", retries=2, retry_timeout_ms=10
    )


@pytest.mark.parametrize("content", [b"", b"null", b"{}"])
async def test_unlocking_takes_any_body(engine: FakeEngine, client: httpx.AsyncClient, content: bytes) -> None:
    for headers in ({}, {"content-type": "application/json"}, {"content-type": "text/plain"}):
        answer = await client.post(f"{PATH}/{TASK}/unlock", content=content, headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
    engine.failing = NotFound("gone")
    answer = await client.post(f"{PATH}/{TASK}/unlock")
    assert (answer.status_code, answer.json()["type"]) == (404, "InvalidRequestException")


async def test_operators(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await _task(engine)
    assert (await client.put(PATH + "/retries", json={"retries": 3, "externalTaskIds": [TASK]})).status_code == 204
    assert engine.commands == [SetExternalTaskRetries(instance=INSTANCE, external_task=TASK, retries=3)]
    by_query = {"retries": 1, "externalTaskQuery": {"topicName": "t"}}
    assert (await client.put(PATH + "/retries", json=by_query)).status_code == 204
    assert len(engine.commands) == 2
    for body, status in (
        ({"externalTaskIds": [TASK]}, 400),
        ({"retries": -1, "externalTaskIds": [TASK]}, 400),
        ({"retries": 1}, 400),
        ({"retries": 1, "externalTaskIds": ["x"]}, 404),
    ):
        assert (await client.put(PATH + "/retries", json=body)).status_code == status
    answer = await client.post(PATH + "/retries-async", json=by_query)
    assert (answer.status_code, answer.json()["type"], answer.json()["totalJobs"]) == (
        200,
        "set-external-task-retries",
        1,
    )
    assert (await client.get(f"{PATH}/{TASK}/errorDetails")).text == "trace"
    assert (await client.get(f"{PATH}/x/errorDetails")).status_code == 500
    assert (await client.get(PATH + "/topic-names")).json() == ["t"]
    assert (await client.get(PATH + "/topic-names?withLockedTasks=true")).json() == []
