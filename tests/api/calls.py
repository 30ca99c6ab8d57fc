"""Short words for calls of a REST client, and a process with two tasks."""

from typing import Any

import httpx

TWO_TASKS = b"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
<process id="pair" isExecutable="true" name="Pair" camunda:historyTimeToLive="5"><startEvent id="start"/>
<userTask id="taskA" name="Task A" camunda:assignee="anna"/><userTask id="taskB" name="Task B" camunda:candidateGroups="sales"/>
<endEvent id="endA"/><endEvent id="endB"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="taskA"/><sequenceFlow id="f2" sourceRef="start" targetRef="taskB"/>
<sequenceFlow id="f3" sourceRef="taskA" targetRef="endA"/><sequenceFlow id="f4" sourceRef="taskB" targetRef="endB"/>
</process></definitions>"""


async def ok(client: httpx.AsyncClient, method: str, path: str, json: Any = None, **params: Any) -> Any:
    """The body of an answer that must be a success."""
    answer = await client.request(method, path, json=json, params=params or None)
    assert answer.status_code in (200, 204), f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


async def refused(
    client: httpx.AsyncClient, method: str, path: str, json: Any = None, **params: Any
) -> tuple[int, str]:
    """Status and type of an answer that must be a refusal."""
    answer = await client.request(method, path, json=json, params=params or None)
    assert answer.status_code >= 400, answer.text
    return answer.status_code, answer.json()["type"]


async def deployed(client: httpx.AsyncClient, content: bytes = TWO_TASKS) -> str:
    """Deploys a model; the id of its definition."""
    files = [("m.bpmn", ("m.bpmn", content, "text/xml"))]
    answer = await client.post("/deployment/create", data={"deployment-name": "d"}, files=files)
    assert answer.status_code == 200, answer.text
    return str(next(iter(answer.json()["deployedProcessDefinitions"])))


async def started(client: httpx.AsyncClient, key: str = "pair", **body: Any) -> str:
    """Starts an instance; its id."""
    return str((await ok(client, "POST", f"/process-definition/key/{key}/start", body))["id"])


async def task_of(client: httpx.AsyncClient, instance: str, key: str) -> str:
    """The id of an open task."""
    (task,) = await ok(client, "GET", "/task", processInstanceId=instance, taskDefinitionKey=key)
    return str(task["id"])


async def user(client: httpx.AsyncClient, id: str, password: str = "secret-Password1!", **profile: Any) -> None:
    """Creates a user."""
    body = {"profile": {"id": id, **profile}, "credentials": {"password": password}}
    await ok(client, "POST", "/user/create", body)
