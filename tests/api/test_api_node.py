"""Whole stories over a real node with a store in memory."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from penstock.api.app import create_app
from penstock.base.clock import VirtualClock
from penstock.base.ids import UuidSource
from penstock.runtime.node import Node
from penstock.runtime.protocol import Settings
from penstock.store.memory.store import MemoryStore

MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
             targetNamespace="http://example.org/orders">
  <message id="paid" name="paid"/><message id="ordered" name="ordered"/>
  <process id="order" name="Order" isExecutable="true" camunda:historyTimeToLive="P30D" camunda:versionTag="1.0">
    <startEvent id="start"/>
    <startEvent id="byMessage"><messageEventDefinition messageRef="ordered"/></startEvent>
    <serviceTask id="charge" camunda:type="external" camunda:topic="charging"/>
    <intermediateCatchEvent id="wait"><messageEventDefinition messageRef="paid"/></intermediateCatchEvent>
    <endEvent id="end"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="charge"/>
    <sequenceFlow id="f0" sourceRef="byMessage" targetRef="charge"/>
    <sequenceFlow id="f2" sourceRef="charge" targetRef="wait"/>
    <sequenceFlow id="f3" sourceRef="wait" targetRef="end"/>
  </process>
</definitions>
"""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    clock = VirtualClock()
    store = MemoryStore(clock)
    await store.open()
    node = Node(store, clock=clock, ids=UuidSource(clock), settings=Settings(execute_jobs=False))
    await node.start()
    transport = httpx.ASGITransport(app=create_app(node))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test/engine-rest") as found:
        files = [("order.bpmn", ("order.bpmn", MODEL.encode(), "text/xml"))]
        made = await found.post("/deployment/create", data={"deployment-name": "orders"}, files=files)
        assert made.status_code == 200, made.text
        yield found
    await node.close()
    await store.close()


async def _ok(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def _charge(client: httpx.AsyncClient, variables: dict[str, Any] | None = None) -> None:
    fetch = {"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "charging", "lockDuration": 10_000}]}
    (task,) = await _ok(await client.post("/external-task/fetchAndLock", json=fetch))
    done = {"workerId": "w", "variables": variables}
    await _ok(await client.post(f"/external-task/{task['id']}/complete", json=done), 204)


async def test_an_order_from_start_to_end(client: httpx.AsyncClient) -> None:
    body = {"businessKey": "4711", "variables": {"amount": {"value": 5}}, "withVariablesInReturn": True}
    order = await _ok(await client.post("/process-definition/key/order/start", json=body))
    assert (order["ended"], order["businessKey"], order["variables"]["amount"]["value"]) == (False, "4711", 5)
    fetch = {"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "charging", "lockDuration": 10_000}]}
    (task,) = await _ok(await client.post("/external-task/fetchAndLock", json=fetch))
    assert (task["processInstanceId"], task["businessKey"]) == (order["id"], "4711")
    assert task["variables"]["amount"] == {"type": "Integer", "value": 5, "valueInfo": {}}
    wrong = await client.post(f"/external-task/{task['id']}/complete", json={"workerId": "other"})
    assert (wrong.status_code, wrong.json()["type"]) == (400, "RestException")
    done = {"workerId": "w", "variables": {"receipt": {"value": "r1"}}}
    await _ok(await client.post(f"/external-task/{task['id']}/complete", json=done), 204)
    again = await client.post(f"/external-task/{task['id']}/complete", json=done)
    assert (again.status_code, again.json()["type"]) == (404, "RestException")
    message = {"messageName": "paid", "correlationKeys": {"receipt": {"value": "r1"}}, "resultEnabled": True}
    (result,) = await _ok(await client.post("/message", json=message))
    assert (result["resultType"], result["execution"]["processInstanceId"]) == ("Execution", order["id"])
    gone = await client.post("/message", json=message)
    assert (gone.status_code, gone.json()["type"]) == (400, "RestException")


async def test_statistics_follow_the_instances(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await _ok(await client.post("/process-definition/key/order/start", json={}))
    await _charge(client)
    found = await _ok(await client.get("/process-definition/key/order/statistics"))
    assert {item["id"]: item["instances"] for item in found} == {"charge": 2, "wait": 1}
    (whole,) = await _ok(await client.get("/process-definition/statistics"))
    assert (whole["instances"], whole["definition"]["key"]) == (3, "order")


async def test_repeated_requests_with_a_key_happen_once(client: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "k1"}
    first = await _ok(await client.post("/process-definition/key/order/start", json={}, headers=key))
    second = await _ok(await client.post("/process-definition/key/order/start", json={}, headers=key))
    assert first["id"] == second["id"]
    fetch = {"workerId": "w", "maxTasks": 9, "topics": [{"topicName": "charging", "lockDuration": 10_000}]}
    (task,) = await _ok(await client.post("/external-task/fetchAndLock", json=fetch))
    for _ in range(2):
        done = await client.post(f"/external-task/{task['id']}/complete", json={"workerId": "w"}, headers=key)
        assert done.status_code == 204, done.text
    for _ in range(2):
        sent = await client.post("/message", json={"messageName": "paid"}, headers=key)
        assert sent.status_code == 204, sent.text
    other = await client.post("/message", json={"messageName": "paid"}, headers={"idempotency-key": "k2"})
    assert other.status_code == 400, other.text


async def test_a_message_starts_an_instance(client: httpx.AsyncClient) -> None:
    body = {"messageName": "ordered", "businessKey": "b", "resultEnabled": True, "variablesInResultEnabled": True,
            "processVariables": {"n": {"value": 1}}}  # fmt: skip
    (result,) = await _ok(await client.post("/message", json=body))
    assert (result["resultType"], result["execution"]) == ("ProcessDefinition", None)
    assert (result["processInstance"]["businessKey"], result["variables"]["n"]["value"]) == ("b", 1)
    (task,) = await _ok(await client.get("/external-task"))
    assert task["processInstanceId"] == result["processInstance"]["id"]


async def test_suspended_definitions_and_instances(client: httpx.AsyncClient) -> None:
    await _ok(await client.post("/process-definition/key/order/start", json={}))
    body = {"suspended": True, "includeProcessInstances": True}
    await _ok(await client.put("/process-definition/key/order/suspended", json=body), 204)
    refused = await client.post("/process-definition/key/order/start", json={})
    assert (refused.status_code, refused.json()["type"]) == (500, "RestException")
    fetch = {"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "charging", "lockDuration": 10_000}]}
    assert await _ok(await client.post("/external-task/fetchAndLock", json=fetch)) == []
    body = {"suspended": False, "includeProcessInstances": True, "processDefinitionKey": "order"}
    await _ok(await client.put("/process-definition/suspended", json=body), 204)
    assert len(await _ok(await client.post("/external-task/fetchAndLock", json=fetch))) == 1


async def test_how_long_history_is_kept_can_be_changed(client: httpx.AsyncClient) -> None:
    path = "/process-definition/key/order/history-time-to-live"
    assert (await _ok(await client.get("/process-definition/key/order")))["historyTimeToLive"] == 30
    for days in (7, None):
        await _ok(await client.put(path, json={"historyTimeToLive": days}), 204)
        assert (await _ok(await client.get("/process-definition/key/order")))["historyTimeToLive"] == days
    refused = await client.put(path, json={"historyTimeToLive": -1})
    assert refused.status_code == 400, refused.text


async def test_the_priority_of_a_job_definition(client: httpx.AsyncClient) -> None:
    model = MODEL.replace('id="order"', 'id="later"').replace('name="ordered"', 'name="later"')
    model = model.replace('<serviceTask id="charge"', '<serviceTask id="charge" camunda:asyncBefore="true"')
    files = [("later.bpmn", ("later.bpmn", model.encode(), "text/xml"))]
    await _ok(await client.post("/deployment/create", data={"deployment-name": "later"}, files=files))
    await _ok(await client.post("/process-definition/key/later/start", json={}))
    (found,) = await _ok(await client.get("/job-definition", params={"processDefinitionKey": "later"}))
    path = f"/job-definition/{found['id']}/jobPriority"
    await _ok(await client.put(path, json={"priority": 42, "includeJobs": True}), 204)
    (job,) = await _ok(await client.get("/job"))
    assert job["priority"] == 42
    assert (await _ok(await client.get(f"/job-definition/{found['id']}")))["overridingJobPriority"] == 42
    await _ok(await client.put(path, json={"priority": None}), 204)
    assert (await _ok(await client.get(f"/job-definition/{found['id']}")))["overridingJobPriority"] is None
    refused = await client.put(path, json={"includeJobs": True})
    assert refused.status_code == 400, refused.text


async def test_the_model_comes_back_as_it_was(client: httpx.AsyncClient) -> None:
    xml = await _ok(await client.get("/process-definition/key/order/xml"))
    assert xml["bpmn20Xml"] == MODEL
    assert (await client.get("/process-definition/key/order/diagram")).status_code == 204
    unknown = await client.get("/process-definition/nope/diagram")
    assert (unknown.status_code, unknown.json()["type"]) == (400, "NotFoundException")
    form = await _ok(await client.get("/process-definition/key/order/startForm"))
    assert form == {"key": None, "camundaFormRef": None, "contextPath": None}
