"""`/message`, `/signal` and starting over a fake node."""

from typing import Any

import httpx
import pytest
from fake_engine import FakeDefinition, FakeEngine

from penstock.api import subscriptions
from penstock.base.errors import Failure
from penstock.engine.commands import BroadcastSignal, StartInstance, TriggerMessage, TriggerSignal
from penstock.engine.events import ExecutionKind
from penstock.engine.state import Execution, Instance, Subscription, Variable
from penstock.expr.values import TypedValue

ROOT = "/engine-rest"
P1 = "00000000-0000-7000-8000-000000000001"
P2 = "00000000-0000-7000-8000-000000000002"


async def _waiting(engine: FakeEngine, type: str = "message") -> None:
    for number, id in enumerate((P1, P2), 1):
        subscription = id[:-3] + f"f0{number}"
        await engine.insert(
            "event_subscription", id=subscription, shard=number, instance_id=id, execution_id=id, type=type, name="paid",
            created_ms=number, definition_id="k:1:x", tenant_id="t1" if number == 2 else None,
        )  # fmt: skip
        await engine.insert("process_instance", id=id, business_key=f"b{number}")
        engine.owners[id] = id
        engine.instances_by_id[id] = Instance(
            id, id, "k:1:x", business_key=f"b{number}",
            executions={
                id: Execution(
                    id, None, ExecutionKind.INSTANCE, subscriptions={subscription: None},
                    variables={"n": Variable("v", TypedValue("Integer", number))},
                )
            },
            subscriptions={subscription: Subscription(subscription, type, "paid", id, "wait", 0)},
        )  # fmt: skip


async def _start_event(engine: FakeEngine, type: str = "message") -> None:
    engine.definitions["s:1:x"] = FakeDefinition("s:1:x", "s")
    await engine.insert(
        "event_subscription", id=P1[:-3] + "abc", type=type, name="paid", definition_id="s:1:x", activity_id="begin",
        created_ms=0,
    )  # fmt: skip


@pytest.mark.parametrize("live_max", [32, 0])
@pytest.mark.parametrize(
    ("body", "receiver"),
    [
        ({"businessKey": "b2"}, P2),
        ({"correlationKeys": {"n": {"value": 1}}}, P1),
        ({"correlationKeys": {"n": {"value": 2.0, "type": "Double"}}}, P2),
        ({"localCorrelationKeys": {"n": {"value": 2}}}, P2),
        ({"processInstanceId": P1}, P1),
        ({"tenantId": "t1"}, P2),
        ({"withoutTenantId": True}, P1),
        ({"businessKey": "b1", "correlationKeys": {"n": {"value": 2}}}, None),
        ({"correlationKeys": {"n": {"value": "1"}}}, None),
        ({}, None),
    ],
)
async def test_a_message_finds_its_one_receiver(
    engine: FakeEngine, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, body: Any, receiver: str | None,
    live_max: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(subscriptions, "LIVE_CANDIDATES_MAX", live_max)
    await _waiting(engine)
    for id, number in ((P1, 1), (P2, 2)):
        await engine.insert(
            "variable", id=id, instance_id=id, execution_id=id, name="n", type="Integer", long_value=number,
            double_value=float(number),
        )  # fmt: skip
    answer = await client.post(ROOT + "/message", json={"messageName": "paid", **body})
    if receiver is None:
        assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (400, "RestException", 0)
        assert answer.json()["message"].startswith("org.camunda.bpm.engine.MismatchingMessageCorrelationException: ")
        assert engine.commands == []
    else:
        assert (answer.status_code, answer.content) == (204, b"")
        assert engine.commands == [TriggerMessage(instance=receiver, execution=receiver, name="paid")]


async def test_to_all_with_results(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await _waiting(engine)
    await _start_event(engine)
    engine.answer = P1
    body = {
        "messageName": "paid", "all": True, "resultEnabled": True, "variablesInResultEnabled": True,
        "processVariables": {"x": {"value": 1}}, "processVariablesLocal": {"y": {"value": 2}},
    }  # fmt: skip
    answer = await client.post(ROOT + "/message", json=body)
    assert [result["resultType"] for result in answer.json()] == ["Execution", "Execution", "ProcessDefinition"]
    first = answer.json()[0]
    assert first["execution"] == {"id": P1, "processInstanceId": P1, "ended": False, "tenantId": None}
    assert first["processInstance"] is None and first["variables"]["n"]["value"] == 1
    trigger, _, start = engine.commands
    assert isinstance(trigger, TriggerMessage) and isinstance(start, StartInstance)
    assert (set(trigger.variables), set(trigger.local_variables)) == ({"x"}, {"y"})
    assert (start.definition, start.start_event, set(start.variables)) == ("s:1:x", "begin", {"x", "y"})


async def test_start_events_come_last(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await _start_event(engine)
    answer = await client.post(ROOT + "/message", json={"messageName": "paid", "businessKey": "new"})
    assert answer.status_code == 204
    assert engine.commands == [StartInstance(definition="s:1:x", start_event="begin", business_key="new")]
    await _waiting(engine)
    await client.post(ROOT + "/message", json={"messageName": "paid", "businessKey": "b1"})
    assert isinstance(engine.commands[-1], TriggerMessage)
    answer = await client.post(ROOT + "/message", json={"messageName": "paid", "processInstanceId": "x"})
    assert answer.status_code == 400


async def test_suspended_instances_receive_nothing(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await _waiting(engine)
    engine.instances_by_id[P1].suspended = True
    assert (await client.post(ROOT + "/message", json={"messageName": "paid"})).status_code == 204
    assert engine.commands == [TriggerMessage(instance=P2, execution=P2, name="paid")]


@pytest.mark.parametrize(
    "body",
    [{}, {"messageName": "x", "tenantId": "t", "withoutTenantId": True},
     {"messageName": "x", "variablesInResultEnabled": True},
     {"messageName": "x", "processVariables": {"a": {"value": "b", "type": "Integer"}}}],
)  # fmt: skip
async def test_refused_correlations(client: httpx.AsyncClient, body: Any) -> None:
    answer = await client.post(ROOT + "/message", json=body)
    assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (400, "InvalidRequestException", None)


async def test_signals(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await _waiting(engine, "signal")
    await _start_event(engine, "signal")
    assert (await client.post(ROOT + "/signal", json={"name": "paid"})).status_code == 204
    broadcast = engine.commands[-1]
    assert isinstance(broadcast, BroadcastSignal)
    assert [instance for instance, _ in broadcast.receivers] == [P1, P2]
    assert broadcast.starts == (("s:1:x", "begin"),)
    assert (await client.post(ROOT + "/signal", json={"name": "paid", "executionId": P2})).status_code == 204
    assert isinstance(engine.commands[-1], TriggerSignal)
    assert (await client.post(ROOT + "/signal", json={"name": "nobody"})).status_code == 204
    assert len(engine.commands) == 2
    for body, status, type in (
        ({}, 400, "InvalidRequestException"),
        ({"name": "paid", "executionId": "x"}, 500, "NullValueException"),
        ({"name": "other", "executionId": P2}, 500, "NullValueException"),
        ({"name": "paid", "executionId": P2, "tenantId": "t"}, 400, "BadUserRequestException"),
    ):
        answer = await client.post(ROOT + "/signal", json=body)
        assert (answer.status_code, answer.json()["type"]) == (status, type)


async def test_starting(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.definitions["s:1:x"] = FakeDefinition("s:1:x", "s", "t1")
    engine.answer = P1
    path = f"{ROOT}/process-definition/key/s/tenant-id/t1/start"
    body = {
        "businessKey": "b", "variables": {"a": {"value": 1, "type": "Long"}},
        "startInstructions": [{"type": "startBeforeActivity", "activityId": "x",
                               "variables": {"v": {"value": "w", "local": True}}}],
    }  # fmt: skip
    answer = await client.post(path, json=body)
    assert answer.json() == {
        "links": [{"method": "GET", "href": f"http://penstock.test/engine-rest/process-instance/{P1}", "rel": "self"}],
        "id": P1, "definitionId": "s:1:x", "definitionKey": "s", "businessKey": "b", "caseInstanceId": None,
        "ended": True, "suspended": False, "tenantId": "t1",
    }  # fmt: skip
    command = engine.commands[-1]
    assert isinstance(command, StartInstance) and command.variables == {"a": TypedValue("Long", 1)}
    assert command.instructions[0].variables == {"v": (TypedValue("String", "w"), True)}
    missing = await client.post(f"{ROOT}/process-definition/key/s/start", json={})
    assert (missing.status_code, missing.json()["type"], missing.json()["code"]) == (404, "RestException", None)
    unknown = await client.post(f"{ROOT}/process-definition/x/start", json={})
    assert (unknown.status_code, unknown.json()["type"]) == (500, "RestException")
    bad = await client.post(path, json={"variables": {"a": {"value": "x", "type": "Long"}}})
    assert (bad.status_code, bad.json()["type"]) == (400, "InvalidRequestException")
    assert bad.json()["message"].startswith("Cannot instantiate process definition s:1:x: Cannot convert value 'x'")
    engine.failing = Failure("boom")
    failed = await client.post(path, json={"withVariablesInReturn": True})
    assert (failed.status_code, failed.json()["type"], failed.json()["code"]) == (500, "RestException", 0)


async def test_the_variables_of_an_instance_that_ended_at_once_come_from_history(
    engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    engine.definitions["s:1:x"] = FakeDefinition("s:1:x", "s")
    engine.answer = P1
    await engine.insert(
        "variable",
        id=P2,
        shard=1,
        instance_id=P1,
        execution_id=P1,
        name="n",
        type="Integer",
        long_value=7,
        created_ms=0,
    )
    answer = await client.post(f"{ROOT}/process-definition/s:1:x/start", json={"withVariablesInReturn": True})
    assert answer.json()["variables"] == {"n": {"type": "Integer", "value": 7, "valueInfo": {}}}
