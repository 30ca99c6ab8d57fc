"""`/history/user-operation`: what was done, beyond instances too; and notes on it."""

import httpx
from calls import deployed, ok, refused, started, task_of, user
from real_node import rest_client

from penstock.runtime.protocol import Settings

_HEAD = b"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">"""
EXTERNAL = (
    _HEAD
    + b"""<process id="work" isExecutable="true" camunda:historyTimeToLive="5"><startEvent id="s"/>
<serviceTask id="w" camunda:type="external" camunda:topic="t"/><endEvent id="e"/>
<sequenceFlow id="f1" sourceRef="s" targetRef="w"/><sequenceFlow id="f2" sourceRef="w" targetRef="e"/>
</process></definitions>"""
)
RECEIVING = (
    _HEAD
    + b"""<message id="m" name="go"/>
<process id="waits" isExecutable="true" camunda:historyTimeToLive="5"><startEvent id="s"/>
<receiveTask id="w" messageRef="m"/><endEvent id="e"/>
<sequenceFlow id="f1" sourceRef="s" targetRef="w"/><sequenceFlow id="f2" sourceRef="w" targetRef="e"/>
</process></definitions>"""
)


async def _log(rest: httpx.AsyncClient, **query: object) -> list[tuple[str, str, str | None, str | None]]:
    found = await ok(rest, "GET", "/history/user-operation", **query)
    return [(e["operationType"], e["entityType"], e["property"], e["newValue"]) for e in found]


async def test_operations_beyond_instances(rest: httpx.AsyncClient) -> None:
    definition = await deployed(rest)
    deployment = (await ok(rest, "GET", f"/process-definition/{definition}"))["deploymentId"]
    assert set(await _log(rest, deploymentId=deployment)) == {
        ("Create", "Deployment", "duplicateFilterEnabled", "false"),
        ("Create", "Deployment", "deployChangedOnly", "false"),
    }
    await ok(rest, "PUT", f"/process-definition/{definition}/suspended", {"suspended": True})
    assert ("SuspendProcessDefinition", "ProcessDefinition", "suspensionState", "suspended") in await _log(
        rest, processDefinitionId=definition
    )
    await user(rest, "anna")
    assert await _log(rest, entityType="User") == [("Create", "User", "userId", "anna")]
    (entry,) = await ok(rest, "GET", "/history/user-operation", entityType="User")
    assert (entry["processInstanceId"], entry["rootProcessInstanceId"], entry["category"]) == (None, None, "Admin")


async def test_definition_wide_operations_have_one_entry(rest: httpx.AsyncClient) -> None:
    definition = await deployed(rest)
    instance = await started(rest)
    body = {"suspended": True, "includeProcessInstances": True}
    await ok(rest, "PUT", f"/process-definition/{definition}/suspended", body)
    assert (await ok(rest, "GET", f"/process-instance/{instance}"))["suspended"] is True
    assert await _log(rest, operationType="Suspend") == []


async def test_notes(rest: httpx.AsyncClient) -> None:
    await deployed(rest)
    instance = await started(rest)
    task = await task_of(rest, instance, "taskB")
    await ok(rest, "POST", f"/task/{task}/delegate", {"userId": "dora"})
    entries = await ok(rest, "GET", "/history/user-operation", taskId=task)
    assert len(entries) == 2 and len({entry["operationId"] for entry in entries}) == 1
    path = f"/history/user-operation/{entries[0]['operationId']}"
    await ok(rest, "PUT", path + "/set-annotation", {"annotation": "noted"})

    async def notes() -> list[str | None]:
        found = await ok(rest, "GET", "/history/user-operation", taskId=task)
        return [entry["annotation"] for entry in found]

    assert await notes() == ["noted", "noted"]
    await ok(rest, "DELETE", f"/process-instance/{instance}")
    await ok(rest, "PUT", path + "/clear-annotation")
    assert await notes() == [None, None]
    unknown = "/history/user-operation/x/set-annotation"
    assert await refused(rest, "PUT", unknown, {"annotation": "x"}) == (400, "BadUserRequestException")
    assert set(await _log(rest, entityType="OperationLog")) == {
        ("SetAnnotation", "OperationLog", "operationId", entries[0]["operationId"]),
        ("ClearAnnotation", "OperationLog", "operationId", entries[0]["operationId"]),
    }


async def test_without_authentication_nothing_is_logged_unless_asked_for() -> None:
    async with rest_client(Settings(execute_jobs=False)) as rest:
        await deployed(rest)
        await started(rest)
        await user(rest, "anna")
        assert await _log(rest) == []


async def test_unlocking_an_external_task(rest: httpx.AsyncClient) -> None:
    await deployed(rest, EXTERNAL)
    instance = await started(rest, "work")
    (task,) = await ok(rest, "GET", "/external-task", processInstanceId=instance)
    await ok(rest, "POST", f"/external-task/{task['id']}/unlock")
    await ok(rest, "POST", f"/external-task/{task['id']}/unlock")
    entries = await ok(rest, "GET", "/history/user-operation", externalTaskId=task["id"])
    assert [(e["operationType"], e["entityType"], e["property"]) for e in entries] == [
        ("Unlock", "ExternalTask", None)
    ] * 2
    assert {(e["processInstanceId"], e["rootProcessInstanceId"]) for e in entries} == {(instance, instance)}
    assert {e["processDefinitionKey"] for e in entries} == {"work"}


async def test_a_message_to_all(rest: httpx.AsyncClient) -> None:
    await deployed(rest, RECEIVING)
    first = await started(rest, "waits")
    body = {"messageName": "go", "all": True, "processVariables": {"x": {"value": 1}}}
    await ok(rest, "POST", "/message", body)
    entries = await ok(rest, "GET", "/history/user-operation", operationType="CorrelateMessage")
    assert {(e["property"], e["newValue"], e["processInstanceId"]) for e in entries} == {
        ("messageName", "go", first),
        ("nrOfVariables", "1", first),
        ("processInstanceId", first, first),
    }
    assert len({e["operationId"] for e in entries}) == 1
    await started(rest, "waits"), await started(rest, "waits")
    await ok(rest, "POST", "/message", {"messageName": "go", "all": True})
    more = await ok(rest, "GET", "/history/user-operation", operationType="CorrelateMessage", property="nrOfInstances")
    assert [(e["newValue"], e["processInstanceId"], e["processDefinitionKey"]) for e in more] == [("2", None, "waits")]
    await started(rest, "waits")
    await ok(rest, "POST", "/message", {"messageName": "go"})
    assert len(await _log(rest, operationType="CorrelateMessage", property="messageName")) == 2
