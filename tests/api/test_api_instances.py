"""Resources of running instances, over a node that records commands and a store that holds rows."""

from typing import Any

import httpx
import pytest
from fake_engine import FakeEngine

from penstock.base.errors import Failure, NotFound, TaskAlreadyClaimed
from penstock.engine.commands import (
    ChangeIdentityLink,
    ChangeJob,
    ChangeTask,
    CompleteTask,
    CreateIncident,
    CreateTask,
    ExecuteJob,
    ModifyInstance,
    SetSuspension,
    SetVariables,
    TriggerMessage,
)
from penstock.engine.events import ExecutionKind
from penstock.engine.state import Execution, Instance, Phase, Task, Variable
from penstock.expr.values import TypedValue

ROOT = "http://penstock.test/engine-rest"
PI = "00000000-0000-7000-8000-000000000001"
EXECUTION = "00000000-0000-7000-8000-000000100001"
TASK = "00000000-0000-7000-8000-000000200001"
JOB = "00000000-0000-7000-8000-000000300001"
INCIDENT = "00000000-0000-7000-8000-000000400001"
DEFINITION = "p:1:00000000-0000-7000-8000-000000000fff"
COMMON = {"root_id": PI, "instance_id": PI, "definition_id": DEFINITION, "definition_key": "p"}


def _variable(type: str, value: Any, info: dict[str, Any] | None = None) -> Variable:
    return Variable("v", TypedValue(type, value, info))


@pytest.fixture
def live(engine: FakeEngine) -> Instance:
    """An instance with one execution, where a task waits."""
    root = Execution(PI, None, ExecutionKind.INSTANCE, scope_activity="p", scope_instance=PI)
    root.variables["outer"] = _variable("Integer", 1)
    root.children[EXECUTION] = None
    path = Execution(EXECUTION, PI, ExecutionKind.PATH, phase=Phase.ACTIVE, activity="a", activity_instance="a:1")
    path.variables["inner"] = _variable("String", "x")
    task = Task(TASK, EXECUTION, "a:1", "a", 0, {"name": "A", "assignee": "anna", "priority": 50})
    task.links.append(("candidate", None, "sales", "l"))
    task.variables["own"] = _variable("File", b"abc", {"filename": "a.txt", "mimeType": "text/plain"})
    found = Instance(PI, PI, DEFINITION, executions={PI: root, EXECUTION: path}, tasks={TASK: task})
    engine.instances_by_id[PI] = found
    engine.owners.update({PI: PI, EXECUTION: PI, TASK: PI})
    return found


async def _call(client: httpx.AsyncClient, method: str, path: str, json: Any = None) -> httpx.Response:
    return await client.request(method, ROOT + path, json=json)


def _problem(response: httpx.Response) -> tuple[int, str, int | None]:
    body = response.json()
    return response.status_code, body["type"], body["code"]


# ------------------------------------------------------------------------------------------ variables


async def test_an_execution_shows_its_own_variables_a_process_instance_path_what_is_visible(
    client: httpx.AsyncClient, live: Instance
) -> None:
    local = (await _call(client, "GET", f"/execution/{EXECUTION}/localVariables")).json()
    assert set(local) == {"inner"}
    visible = (await _call(client, "GET", f"/process-instance/{EXECUTION}/variables")).json()
    assert {name: item["value"] for name, item in visible.items()} == {"inner": "x", "outer": 1}


async def test_a_task_sees_its_own_variables_first(client: httpx.AsyncClient, live: Instance) -> None:
    assert set((await _call(client, "GET", f"/task/{TASK}/variables")).json()) == {"own", "inner", "outer"}
    assert set((await _call(client, "GET", f"/task/{TASK}/localVariables")).json()) == {"own"}


async def test_the_content_of_a_file(client: httpx.AsyncClient, live: Instance) -> None:
    response = await _call(client, "GET", f"/task/{TASK}/localVariables/own/data")
    assert response.content == b"abc"
    assert response.headers["content-type"] == "text/plain"
    assert 'filename="a.txt"' in response.headers["content-disposition"]
    refused = await _call(client, "GET", f"/task/{TASK}/variables/outer/data")
    assert _problem(refused) == (400, "InvalidRequestException", None)


async def test_setting_a_variable(client: httpx.AsyncClient, engine: FakeEngine, live: Instance) -> None:
    response = await _call(client, "PUT", f"/execution/{EXECUTION}/localVariables/n", {"value": 5, "type": "Long"})
    assert response.status_code == 204
    assert engine.commands == [
        SetVariables(instance=PI, execution=EXECUTION, modifications={"n": TypedValue("Long", 5)}, local=True)
    ]


async def test_uploading_a_file(client: httpx.AsyncClient, engine: FakeEngine, live: Instance) -> None:
    response = await client.post(
        f"{ROOT}/process-instance/{PI}/variables/f/data",
        data={"valueType": "File"},
        files={"data": ("h.txt", b"hello", "text/plain")},
    )
    assert response.status_code == 204
    (command,) = engine.commands
    assert isinstance(command, SetVariables)
    assert not command.local
    assert command.modifications["f"] == TypedValue("File", b"hello", {"filename": "h.txt", "mimeType": "text/plain"})


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/execution/unknown/localVariables", (500, "NullValueException", 0)),
        ("GET", "/execution/unknown/localVariables/x", (500, "RestException", 0)),
        ("PUT", "/execution/unknown/localVariables/x", (500, "RestException", 0)),
        ("DELETE", "/execution/unknown/localVariables/x", (500, "RestException", 0)),
        ("POST", "/execution/unknown/localVariables", (500, "RestException", 0)),
        ("GET", "/task/unknown", (404, "InvalidRequestException", None)),
        ("PUT", "/task/unknown", (404, "InvalidRequestException", None)),
        ("POST", "/task/unknown/claim", (500, "NullValueException", 0)),
        ("POST", "/task/unknown/unclaim", (400, "NotFoundException", 0)),
        ("POST", "/task/unknown/delegate", (500, "NullValueException", 0)),
        ("POST", "/task/unknown/complete", (500, "RestException", 0)),
        ("POST", "/task/unknown/submit-form", (500, "RestException", 0)),
        ("GET", "/task/unknown/form", (400, "RestException", 0)),
        ("GET", "/task/unknown/form-variables", (400, "BadUserRequestException", 0)),
        ("GET", "/process-instance/unknown", (404, "InvalidRequestException", None)),
        ("DELETE", "/process-instance/unknown", (404, "InvalidRequestException", 0)),
        ("GET", "/process-instance/unknown/activity-instances", (404, "InvalidRequestException", None)),
        ("GET", "/variable-instance/unknown", (404, "InvalidRequestException", None)),
        ("GET", "/incident/unknown", (404, "InvalidRequestException", None)),
        ("DELETE", "/incident/unknown", (404, "InvalidRequestException", None)),
        ("PUT", "/incident/unknown/annotation", (400, "BadUserRequestException", 0)),
        ("POST", "/job/unknown/execute", (404, "InvalidRequestException", None)),
        ("GET", "/job-definition/unknown", (404, "InvalidRequestException", None)),
        ("GET", "/history/process-instance/unknown", (404, "InvalidRequestException", None)),
        ("GET", "/history/activity-instance/unknown", (404, "InvalidRequestException", None)),
    ],
)
async def test_unknown_ids_answer_per_operation(
    client: httpx.AsyncClient, method: str, path: str, expected: tuple[int, str, int | None]
) -> None:
    body = None if method in ("GET", "DELETE") else {}
    assert _problem(await _call(client, method, path, body)) == expected


# ------------------------------------------------------------------------------------------ tasks


async def test_delegating_makes_the_assignee_the_owner(
    client: httpx.AsyncClient, engine: FakeEngine, live: Instance
) -> None:
    await _call(client, "POST", f"/task/{TASK}/delegate", {"userId": "bob"})
    (command,) = engine.commands
    assert isinstance(command, ChangeTask)
    assert command.changes == {"delegation_state": "PENDING", "owner": "anna", "assignee": "bob"}


async def test_a_refused_claim(client: httpx.AsyncClient, engine: FakeEngine, live: Instance) -> None:
    engine.failing = TaskAlreadyClaimed(f"Task '{TASK}' is already claimed by someone else.")
    response = await _call(client, "POST", f"/task/{TASK}/claim", {"userId": "bob"})
    assert _problem(response) == (500, "TaskAlreadyClaimedException", 0)


async def test_update_replaces_every_attribute(client: httpx.AsyncClient, engine: FakeEngine, live: Instance) -> None:
    due = "2040-01-01T00:00:00.000+0000"
    await _call(client, "PUT", f"/task/{TASK}", {"name": "B", "due": due, "priority": 50})
    (command,) = engine.commands
    assert isinstance(command, ChangeTask)
    assert command.changes == {"name": "B", "assignee": None, "due_ms": 2_208_988_800_000}


async def test_another_tenant_is_refused(client: httpx.AsyncClient, engine: FakeEngine, live: Instance) -> None:
    response = await _call(client, "PUT", f"/task/{TASK}", {"tenantId": "t2"})
    assert _problem(response) == (500, "ProcessEngineException", 0)
    assert engine.commands == []


async def test_completing_with_variables_in_return(
    client: httpx.AsyncClient, engine: FakeEngine, live: Instance
) -> None:
    body = {"variables": {"v": {"value": True}}, "withVariablesInReturn": True}
    response = await _call(client, "POST", f"/task/{TASK}/complete", body)
    assert response.json() == {"outer": {"type": "Integer", "value": 1, "valueInfo": {}}}
    assert engine.commands == [CompleteTask(instance=PI, task=TASK, variables={"v": TypedValue("Boolean", True)})]


async def test_a_wrong_value_is_refused_with_the_operation_in_the_message(
    client: httpx.AsyncClient, engine: FakeEngine, live: Instance
) -> None:
    body = {"variables": {"v": {"value": "x", "type": "Integer"}}}
    response = await _call(client, "POST", f"/task/{TASK}/complete", body)
    assert _problem(response) == (400, "InvalidRequestException", None)
    assert response.json()["message"].startswith(f"Cannot complete task {TASK}: Cannot convert value 'x'")
    assert engine.commands == []


async def test_links_include_the_assignee(client: httpx.AsyncClient, engine: FakeEngine, live: Instance) -> None:
    links = (await _call(client, "GET", f"/task/{TASK}/identity-links")).json()
    assert links == [
        {"userId": None, "groupId": "sales", "type": "candidate"},
        {"userId": "anna", "groupId": None, "type": "assignee"},
    ]
    await _call(client, "POST", f"/task/{TASK}/identity-links/delete", {"groupId": "sales", "type": "candidate"})
    assert engine.commands == [
        ChangeIdentityLink(instance=PI, task=TASK, type="candidate", add=False, link_group="sales")
    ]


async def test_a_standalone_task_needs_a_uuid(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    refused = await _call(client, "POST", "/task/create", {"id": "mine"})
    assert _problem(refused) == (400, "InvalidRequestException", None)
    assert (await _call(client, "POST", "/task/create", {"id": TASK, "name": "T"})).status_code == 204
    assert engine.commands == [CreateTask(fields={"id": TASK, "name": "T", "priority": 0})]


async def _task_row(engine: FakeEngine, id: str, **values: Any) -> None:
    await engine.insert(
        "task", **{**COMMON, "id": id, "live": True, "suspended": False, "created_ms": 1, "priority": 50, **values}
    )


async def test_task_lists(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    other = TASK[:-6] + "200801"
    await _task_row(engine, TASK, name="Task A", assignee="anna")
    await _task_row(engine, other, name="Task B", due_ms=5)
    for task in (TASK, other):
        await engine.insert("identity_link", id=task, root_id=PI, task_id=task, type="candidate", group_id="sales")

    async def names(**body: Any) -> list[str]:
        return [item["name"] for item in (await _call(client, "POST", "/task", body)).json()]

    assert await names(name="task a") == ["Task A"]
    assert await names(candidateGroup="sales") == ["Task B"]
    assert await names(candidateGroup="sales", includeAssignedTasks=True) == ["Task A", "Task B"]
    assert await names(orQueries=[{"assignee": "anna", "candidateGroup": "sales"}]) == ["Task A", "Task B"]
    assert await names(withoutDueDate=True) == ["Task A"]
    assert await names(sorting=[{"sortBy": "name", "sortOrder": "desc"}]) == ["Task B", "Task A"]
    assert (await _call(client, "GET", "/task/count?assigned=true")).json() == {"count": 1}
    refused = await _call(client, "POST", "/task", {"assigneeExpression": "${x}"})
    assert _problem(refused) == (400, "BadUserRequestException", 0)
    both = await _call(client, "GET", "/task?candidateUser=a&candidateGroup=b")
    assert _problem(both) == (500, "ProcessEngineException", 0)


# ------------------------------------------------------------------------------------------ instances and executions


async def test_suspending_what_does_not_exist_changes_nothing(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    assert (await _call(client, "PUT", "/process-instance/x/suspended", {"suspended": True})).status_code == 204
    assert engine.commands == []


async def test_suspending_by_definition(client: httpx.AsyncClient, engine: FakeEngine, live: Instance) -> None:
    await engine.insert(
        "process_instance", id=PI, root_id=PI, definition_id=DEFINITION, definition_key="p", suspended=False
    )
    body = {"processDefinitionKey": "p", "suspended": True}
    assert (await _call(client, "PUT", "/process-instance/suspended", body)).status_code == 204
    assert engine.commands == [SetSuspension(instance=PI, suspended=True)]
    refused = await _call(client, "PUT", "/process-instance/suspended", {"suspended": True})
    assert _problem(refused) == (400, "InvalidRequestException", None)


async def test_modification(client: httpx.AsyncClient, engine: FakeEngine, live: Instance) -> None:
    variables = {"m": {"value": 1, "local": True}}
    instruction = {"type": "startBeforeActivity", "activityId": "b", "variables": variables}
    response = await _call(client, "POST", f"/process-instance/{PI}/modification", {"instructions": [instruction]})
    assert response.status_code == 204
    (command,) = engine.commands
    assert isinstance(command, ModifyInstance)
    assert command.instructions[0].activity == "b"
    assert command.instructions[0].variables == {"m": (TypedValue("Integer", 1), True)}
    missing = {"instructions": [{"type": "startTransition", "activityId": "b"}]}
    refused = await _call(client, "POST", f"/process-instance/{PI}/modification", missing)
    assert _problem(refused) == (400, "InvalidRequestException", None)


async def test_a_message_triggers_an_execution(client: httpx.AsyncClient, engine: FakeEngine, live: Instance) -> None:
    path = f"/execution/{EXECUTION}/messageSubscriptions/order%20paid/trigger"
    assert (await _call(client, "POST", path, {})).status_code == 204
    assert engine.commands == [TriggerMessage(instance=PI, execution=EXECUTION, name="order paid")]


async def test_an_incident_needs_an_execution_in_an_activity(
    client: httpx.AsyncClient, engine: FakeEngine, live: Instance
) -> None:
    body = {"incidentType": "custom", "message": "m"}
    refused = await _call(client, "POST", f"/execution/{PI}/create-incident", body)
    assert _problem(refused) == (400, "RestException", 0)
    engine.answer = INCIDENT
    await engine.insert("incident", **COMMON, id=INCIDENT, type="custom", state="open", execution_id=EXECUTION)
    created = await _call(client, "POST", f"/execution/{EXECUTION}/create-incident", body)
    assert created.json()["id"] == INCIDENT
    assert engine.commands == [CreateIncident(instance=PI, execution=EXECUTION, type="custom", message="m")]


async def test_incidents_of_the_engine_cannot_be_resolved(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    await engine.insert("incident", **COMMON, id=INCIDENT, type="failedJob", state="open")
    refused = await _call(client, "DELETE", f"/incident/{INCIDENT}")
    assert _problem(refused) == (400, "InvalidRequestException", None)


# ------------------------------------------------------------------------------------------ jobs


async def _job(engine: FakeEngine, **values: Any) -> None:
    await engine.insert(
        "job", **{**COMMON, "id": JOB, "kind": "async-continuation", "retries": 3, "suspended": False, **values}
    )


async def test_a_failing_job_is_answered_like_one_that_is_not_there(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    await _job(engine)
    engine.failing = Failure("boom")
    response = await _call(client, "POST", f"/job/{JOB}/execute")
    assert _problem(response) == (404, "InvalidRequestException", None)
    assert engine.commands == [ExecuteJob(instance=PI, job=JOB)]


async def test_a_start_timer_belongs_to_no_instance(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    await _job(engine, instance_id=None, kind="timer-start-event")
    assert (await _call(client, "POST", f"/job/{JOB}/execute")).status_code == 204
    assert engine.commands == [ExecuteJob(instance="", job=JOB)]


async def test_setting_retries(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    await _job(engine)
    assert (await _call(client, "PUT", f"/job/{JOB}/retries", {"retries": 1})).status_code == 204
    assert engine.commands == [ChangeJob(instance=PI, job=JOB, changes={"retries": 1})]
    engine.failing = NotFound("gone")
    refused = await _call(client, "PUT", f"/job/{JOB}/retries", {"retries": 1})
    assert _problem(refused) == (500, "InvalidRequestException", None)


async def test_job_lists(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    await _job(engine, due_ms=1_000, message="broken")

    async def count(query: str) -> int:
        found: int = (await _call(client, "GET", f"/job/count?{query}")).json()["count"]
        return found

    assert await count("messages=true") == 1
    assert await count("timers=true") == 0
    assert await count("dueDates=lt_1970-01-01T00:00:02.000%2B0000") == 1
    assert await count("dueDates=gt_1970-01-01T00:00:02.000%2B0000") == 0
    assert await count("withException=true") == 1
    body = {"dueDates": [{"operator": "lt", "value": "1970-01-01T00:00:02.000+0000"}]}
    assert (await _call(client, "POST", "/job/count", body)).json() == {"count": 1}
