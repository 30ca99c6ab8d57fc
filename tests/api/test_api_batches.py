"""Batches, migration, modification and restarts over a real node."""

from typing import Any

import httpx
import pytest

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="test"><message id="msg" name="go"/>'
)
START = [{"type": "startBeforeActivity", "activityId": "b"}]
BEFORE_A = [{"type": "startBeforeActivity", "activityId": "a"}]
PAST = "2030-01-01T00:00:00.000+0000"


def model(*, version: int = 1) -> bytes:
    """Two user tasks, an external task and a message beside each other."""
    body = (
        '<startEvent id="start"/><parallelGateway id="fork"/><userTask id="a"/><userTask id="b"/>'
        '<serviceTask id="work" camunda:type="external" camunda:topic="t"/>'
        '<receiveTask id="wait" messageRef="msg"/><serviceTask id="later" camunda:asyncBefore="true" '
        f'camunda:expression="${{{version}}}"/>'
    )
    pairs = ("start fork", "fork a", "fork b", "fork work", "fork wait", "fork later")
    flows = "".join(
        f'<sequenceFlow id="f{n}" sourceRef="{source}" targetRef="{target}"/>'
        for n, (source, target) in enumerate(pair.split() for pair in pairs)
    )
    return (
        f'{HEAD}<process id="p" isExecutable="true" camunda:historyTimeToLive="P1D">{body}{flows}</process></definitions>'
    ).encode()


class World:
    """A definition with two instances, and calls that must succeed."""

    def __init__(self, rest: httpx.AsyncClient, definition: str, ids: list[str]) -> None:
        self.rest = rest
        self.definition = definition
        self.ids = ids

    async def post(self, path: str, **body: Any) -> Any:
        return await ok(self.rest.post(path, json=body))

    async def get(self, path: str, **parameters: Any) -> Any:
        return await ok(self.rest.get(path, params=parameters))

    async def jobs(self, kind: str) -> list[Any]:
        definitions = {found["id"] for found in await self.get("/job-definition") if found["jobType"] == kind}
        return [job for job in await self.get("/job") if job["jobDefinitionId"] in definitions]

    async def run(self, made: dict[str, Any]) -> None:
        """Executes the seed job of a batch, then its execution jobs."""
        for column in ("seedJobDefinitionId", "batchJobDefinitionId"):
            for job in await self.get("/job", jobDefinitionId=made[column]):
                await ok(self.rest.post(f"/job/{job['id']}/execute"))


async def ok(call: Any) -> Any:
    answer = await call
    assert answer.status_code in (200, 204), answer.text
    return answer.json() if answer.content else None


async def deploy(rest: httpx.AsyncClient, data: bytes) -> str:
    files = {"p.bpmn": ("p.bpmn", data, "text/xml")}
    made = await ok(rest.post("/deployment/create", data={"deployment-name": "d"}, files=files))
    (id,) = made["deployedProcessDefinitions"]
    assert isinstance(id, str)
    return id


@pytest.fixture
async def world(rest: httpx.AsyncClient) -> World:
    definition = await deploy(rest, model())
    path = f"/process-definition/{definition}/start"
    variables = {"variables": {"v": {"value": 1, "type": "Integer"}}}
    ids = [(await ok(rest.post(path, json=variables)))["id"] for _ in range(2)]
    return World(rest, definition, ids)


async def refused(rest: httpx.AsyncClient, path: str, body: Any) -> tuple[int, str, str]:
    answer = await rest.post(path, json=body)
    found = answer.json()
    return answer.status_code, found["type"], found["message"]


# ------------------------------------------------------------------------------------------ batches


async def test_a_batch_from_its_making_to_its_end(world: World) -> None:
    made = await world.post("/process-instance/delete", processInstanceIds=world.ids, deleteReason="away")
    assert (made["type"], made["totalJobs"], made["jobsCreated"], made["suspended"]) == (
        "instance-deletion",
        2,
        0,
        False,
    )
    assert await world.get("/batch") == [made] == [await world.get(f"/batch/{made['id']}")]
    assert await world.get("/batch/count", type="instance-deletion") == {"count": 1}
    (statistics,) = await world.get("/batch/statistics")
    assert (statistics["remainingJobs"], statistics["completedJobs"], statistics["failedJobs"]) == (2, 0, 0)
    (seed,) = await world.get("/job", jobDefinitionId=made["seedJobDefinitionId"])
    assert (seed["processInstanceId"], seed["retries"]) == (None, 3)
    await ok(world.rest.post(f"/job/{seed['id']}/execute"))
    first, second = await world.get("/job", jobDefinitionId=made["batchJobDefinitionId"])
    await ok(world.rest.post(f"/job/{first['id']}/execute"))
    (statistics,) = await world.get("/batch/statistics")
    assert (statistics["jobsCreated"], statistics["remainingJobs"], statistics["completedJobs"]) == (2, 1, 1)
    await ok(world.rest.put(f"/batch/{made['id']}/suspended", json={"suspended": True}))
    assert (await world.get(f"/batch/{made['id']}"))["suspended"]
    assert (await world.get("/job", jobDefinitionId=made["batchJobDefinitionId"]))[0]["suspended"]
    await ok(world.rest.post(f"/job/{second['id']}/execute"))
    assert await world.get("/process-instance") == []
    (monitor,) = await world.get("/job", jobDefinitionId=made["monitorJobDefinitionId"])
    await ok(world.rest.post(f"/job/{monitor['id']}/execute"))
    assert await world.get("/batch") == []
    (ended,) = await world.get("/history/batch", completed=True)
    assert ended["id"] == made["id"]
    assert ended["endTime"] is not None
    await ok(world.rest.delete(f"/history/batch/{made['id']}"))
    assert await world.get("/history/batch") == []
    log = await world.get("/history/job-log", jobDefinitionId=made["batchJobDefinitionId"])
    assert log == []


async def test_a_deleted_batch(world: World) -> None:
    made = await world.post("/process-instance/delete", processInstanceIds=world.ids)
    await ok(world.rest.delete(f"/batch/{made['id']}"))
    assert await world.get("/job", jobDefinitionId=made["seedJobDefinitionId"]) == []
    assert len(await world.get("/history/batch")) == 1
    assert (await world.rest.delete(f"/batch/{made['id']}")).status_code == 400
    assert (await world.rest.get(f"/batch/{made['id']}")).status_code == 404
    assert (await world.rest.put(f"/batch/{made['id']}/suspended", json={})).status_code == 400


async def test_the_operation_log_of_a_batch(world: World) -> None:
    await world.post("/process-instance/delete", processInstanceIds=world.ids, deleteReason="away")
    log = await world.get("/history/user-operation", operationType="Delete")
    assert {(entry["property"], entry["newValue"]) for entry in log} == {
        ("nrOfInstances", "2"),
        ("async", "true"),
        ("deleteReason", "away"),
        ("type", "runtime"),
    }
    assert {entry["category"] for entry in log} == {"Operator"}


# ------------------------------------------------------------------------------------------ each kind


async def test_asynchronous_operations_on_instances(world: World) -> None:
    query = {"processDefinitionId": world.definition}
    for path, kind, body in (
        ("/process-instance/suspended-async", "instance-update-suspension-state", {"suspended": True}),
        ("/process-instance/suspended-async", "instance-update-suspension-state", {"suspended": False}),
        ("/process-instance/variables-async", "set-variables", {"variables": {"w": {"value": 2}}}),
        ("/process-instance/message-async", "correlate-message", {"messageName": "go"}),
    ):
        made = await world.post(path, processInstanceQuery=query, **body)
        assert (made["type"], made["totalJobs"]) == (kind, 2)
        await world.run(made)
    assert {row["suspended"] for row in await world.get("/process-instance")} == {False}
    assert len(await world.get("/history/variable-instance", variableName="w")) == 2
    assert await world.get("/event-subscription") == []


async def test_retries_of_jobs(world: World) -> None:
    (job, _) = await world.get("/job", processDefinitionId=world.definition)
    made = await world.post("/job/retries", jobIds=[job["id"]], retries=5)
    assert (made["type"], made["totalJobs"]) == ("set-job-retries", 1)
    await world.run(made)
    assert (await world.get(f"/job/{job['id']}"))["retries"] == 5
    for path, body in (
        ("/process-instance/job-retries", {"processInstances": world.ids}),
        ("/process-instance/job-retries-historic-query-based", {"historicProcessInstanceQuery": {"unfinished": True}}),
        ("/job/retries", {"jobQuery": {"processDefinitionId": world.definition}}),
    ):
        made = await world.post(path, retries=7, dueDate=PAST, **body)
        await world.run(made)
        jobs = await world.get("/job", processDefinitionId=world.definition)
        assert {(job["retries"], job["dueDate"]) for job in jobs} == {(7, PAST)}


async def test_retries_of_external_tasks(world: World) -> None:
    made = await world.post("/external-task/retries-async", processInstanceIds=world.ids, retries=4)
    await world.run(made)
    assert {task["retries"] for task in await world.get("/external-task")} == {4}


async def test_history_of_instances(world: World) -> None:
    made = await world.post(
        "/history/process-instance/set-removal-time",
        historicProcessInstanceIds=world.ids,
        absoluteRemovalTime=PAST,
    )
    await world.run(made)
    rows = await world.get("/history/process-instance")
    assert {row["removalTime"] for row in rows} == {PAST}
    await world.run(await world.post("/process-instance/delete", processInstanceIds=world.ids))
    made = await world.post("/history/process-instance/delete", historicProcessInstanceQuery={"finished": True})
    assert (made["type"], made["totalJobs"]) == ("historic-instance-deletion", 2)
    await world.run(made)
    assert await world.get("/history/process-instance") == []


DECISION = (
    b'<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" xmlns:camunda="http://camunda.org/schema/1.0/dmn" '
    b'id="d" name="d" namespace="n"><decision id="d1" name="D" camunda:historyTimeToLive="5"><decisionTable id="t">'
    b'<output id="o" name="x" typeRef="integer"/><rule id="r"><outputEntry id="e"><text>1</text></outputEntry></rule>'
    b"</decisionTable></decision></definitions>"
)


async def test_history_of_decisions(rest: httpx.AsyncClient) -> None:
    world = World(rest, "", [])
    files = {"d.dmn": ("d.dmn", DECISION, "text/xml")}
    await ok(rest.post("/deployment/create", data={"deployment-name": "d"}, files=files))
    for _ in range(2):
        await world.post("/decision-definition/key/d1/evaluate", variables={})
    path = "/history/decision-instance"
    first, second = await world.get(path)
    made = await world.post(
        path + "/set-removal-time", historicDecisionInstanceIds=[first["id"]], absoluteRemovalTime=PAST
    )
    assert (made["type"], made["totalJobs"]) == ("decision-set-removal-time", 1)
    await world.run(made)
    assert (await world.get(f"{path}/{first['id']}"))["removalTime"] == PAST
    query = {"decisionDefinitionKey": "d1"}
    made = await world.post(path + "/set-removal-time", historicDecisionInstanceQuery=query, clearedRemovalTime=True)
    await world.run(made)
    assert {row["removalTime"] for row in await world.get(path)} == {None}
    made = await world.post(path + "/set-removal-time", historicDecisionInstanceQuery=query, calculatedRemovalTime=True)
    await world.run(made)
    assert (await world.get(f"{path}/{first['id']}"))["removalTime"] == first["removalTime"]
    made = await world.post(path + "/delete", historicDecisionInstanceIds=[first["id"]])
    assert (made["type"], made["totalJobs"]) == ("historic-decision-instance-deletion", 1)
    await world.run(made)
    assert [row["id"] for row in await world.get(path)] == [second["id"]]
    await world.run(await world.post(path + "/delete", historicDecisionInstanceQuery=query))
    assert await world.get(path) == []


async def test_modification(world: World) -> None:
    body = {"processDefinitionId": world.definition, "processInstanceIds": world.ids, "instructions": START}
    assert await ok(world.rest.post("/modification/execute", json=body)) is None
    assert len(await world.get("/task", taskDefinitionKey="b")) == 4
    made = await world.post("/modification/executeAsync", **body)
    assert (made["type"], made["totalJobs"]) == ("instance-modification", 2)
    await world.run(made)
    made = await world.post(f"/process-instance/{world.ids[0]}/modification-async", instructions=START)
    await world.run(made)
    assert len(await world.get("/task", taskDefinitionKey="b")) == 7


async def test_a_modification_is_made_of_all_or_none(world: World) -> None:
    body = {
        "processDefinitionId": world.definition,
        "processInstanceIds": [*world.ids, "gone"],
        "instructions": START,
    }
    status, type, message = await refused(world.rest, "/modification/execute", body)
    assert (status, type) == (500, "ProcessEngineException")
    assert "Process instance 'gone' cannot be modified. The process instance does not exist" in message
    assert len(await world.get("/task", taskDefinitionKey="b")) == 2


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_restart(world: World, asynchronous: bool) -> None:
    await world.run(await world.post("/process-instance/delete", processInstanceIds=world.ids))
    path = f"/process-definition/{world.definition}/restart"
    body = {"processInstanceIds": world.ids, "instructions": BEFORE_A}
    if asynchronous:
        made = await world.post(path + "-async", **body)
        assert (made["type"], made["totalJobs"]) == ("instance-restart", 2)
        await world.run(made)
    else:
        assert await world.post(path, **body) is None
    assert len(await world.get("/process-instance")) == 2
    assert {task["taskDefinitionKey"] for task in await world.get("/task")} == {"a"}
    variables = await world.get("/variable-instance")
    assert {(found["name"], found["value"]) for found in variables} == {("v", 1)}


# ------------------------------------------------------------------------------------------ migration


async def test_migration(world: World) -> None:
    target = await deploy(world.rest, model(version=2))
    ends = {"sourceProcessDefinitionId": world.definition, "targetProcessDefinitionId": target}
    plan = await world.post("/migration/generate", **ends)
    sources = [instruction["sourceActivityIds"][0] for instruction in plan["instructions"]]
    assert sorted(sources) == ["a", "b", "fork", "later", "wait", "work"]
    assert await world.post("/migration/validate", **plan) == {"instructionReports": [], "variableReports": {}}
    first, second = world.ids
    assert await world.post("/migration/execute", migrationPlan=plan, processInstanceIds=[first]) is None
    assert (await world.get(f"/process-instance/{first}"))["definitionId"] == target
    made = await world.post("/migration/executeAsync", migrationPlan=plan, processInstanceIds=[second])
    assert made["type"] == "instance-migration"
    await world.run(made)
    for path in ("/process-instance", "/task", "/external-task", "/job", "/event-subscription", "/variable-instance"):
        rows = [row for row in await world.get(path) if row.get("processInstanceId", row["id"]) is not None]
        names = ("definitionId", "processDefinitionId")
        found = {row[name] for row in rows for name in names if row.get(name) is not None}
        assert found <= {target}, path


async def test_an_invalid_plan(world: World) -> None:
    plan = {
        "sourceProcessDefinitionId": world.definition,
        "targetProcessDefinitionId": world.definition,
        "instructions": [{"sourceActivityIds": ["a"], "targetActivityIds": ["work"]}],
    }
    report = await world.post("/migration/validate", **plan)
    (found,) = report["instructionReports"]
    wrong = (
        "Activities have incompatible types (UserTaskActivityBehavior is not compatible with "
        "ExternalTaskActivityBehavior)"
    )
    assert found["failures"] == [wrong]
    answer = await world.rest.post(
        "/migration/execute", json={"migrationPlan": plan, "processInstanceIds": [world.ids[0]]}
    )
    assert answer.status_code == 400
    assert answer.json()["type"] == "MigrationPlanValidationException"
    assert answer.json()["validationReport"] == report


async def test_an_instance_that_does_not_fit(world: World) -> None:
    plan = {
        "sourceProcessDefinitionId": world.definition,
        "targetProcessDefinitionId": world.definition,
        "instructions": [{"sourceActivityIds": ["a"], "targetActivityIds": ["a"]}],
    }
    answer = await world.rest.post("/migration/execute", json={"migrationPlan": plan, "processInstanceIds": world.ids})
    assert (answer.status_code, answer.json()["type"]) == (400, "MigratingProcessInstanceValidationException")
    report = answer.json()["validationReport"]
    assert report["processInstanceId"] == world.ids[0]
    assert sorted(item["sourceScopeId"] for item in report["activityInstanceValidationReports"]) == [
        "b",
        "wait",
        "work",
    ]
    assert [item["sourceScopeId"] for item in report["transitionInstanceValidationReports"]] == ["later"]


# ------------------------------------------------------------------------------------------ what is refused

NULLS = [None]
INVALID, PLAIN, REST = "InvalidRequestException", "ProcessEngineException", "RestException"


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/process-instance/delete", {}, "processInstanceIds is empty"),
        (
            "/process-instance/delete",
            {"processInstanceIds": NULLS},
            "Process instance ids cannot be null: Process instance ids contains null value",
        ),
        ("/process-instance/suspended-async", {"suspended": True}, "Either processInstanceIds, processInstanceQuery"),
        (
            "/process-instance/suspended-async",
            {"suspended": True, "processInstanceIds": NULLS},
            "Cannot be null.: Process Instance ids contains null value",
        ),
        ("/process-instance/variables-async", {"processInstanceIds": ["x"]}, "variables is null"),
        ("/process-instance/variables-async", {"variables": {"a": {"value": 1}}}, "No process instances found."),
        ("/process-instance/message-async", {"messageName": "m"}, "No process instances found."),
        ("/process-instance/job-retries", {"processInstances": ["x"]}, "retries is null"),
        ("/process-instance/job-retries", {"processInstances": ["x"], "retries": 1}, "jobIds is empty"),
        ("/process-instance/job-retries", {"retries": 1}, "ENGINE-13051"),
        ("/job/retries", {"jobIds": ["x"]}, "retries is null"),
        ("/job/retries", {"retries": 1}, "ENGINE-13050"),
        ("/job/retries", {"jobIds": ["x"], "retries": -1}, "Retries count is not greater than or equal to 0"),
        ("/external-task/retries-async", {"externalTaskIds": ["x"]}, "The number of retries cannot be null."),
        (
            "/external-task/retries-async",
            {"externalTaskIds": NULLS, "retries": 1},
            "External task id cannot be null: externalTaskIds contains null value",
        ),
        ("/external-task/retries-async", {"retries": 1}, "externalTaskIds is empty"),
        ("/history/process-instance/delete", {}, "historicProcessInstanceIds is empty"),
        ("/history/process-instance/set-removal-time", {}, "Neither query nor ids provided."),
        (
            "/history/process-instance/set-removal-time",
            {"historicProcessInstanceIds": ["x"]},
            "removalTime is null",
        ),
        (
            "/history/process-instance/set-removal-time",
            {"historicProcessInstanceIds": ["x"], "clearedRemovalTime": True, "calculatedRemovalTime": True},
            "The removal time modes are mutually exclusive: mode is not null",
        ),
        ("/history/batch/set-removal-time", {"clearedRemovalTime": True}, "Neither query nor ids provided."),
        ("/history/decision-instance/delete", {}, "historicDecisionInstanceIds is empty"),
        ("/history/decision-instance/set-removal-time", {}, "Neither query nor ids provided."),
        ("/modification/execute", {"instructions": START}, "processDefinitionId is null"),
        ("/modification/executeAsync", {"processDefinitionId": "x"}, "instructions"),
        ("/modification/execute", {"processDefinitionId": "x", "instructions": START}, "Process instance ids is empty"),
        ("/process-instance/x/modification-async", {}, "The provided instuctions are invalid."),
        ("/process-instance/x/modification-async", {"instructions": START}, "The process instance does not exist"),
        ("/process-definition/x/restart-async", {"processInstanceIds": ["x"]}, "instructions"),
        ("/process-definition/x/restart-async", {"instructions": START}, "processInstanceIds is empty"),
        ("/migration/generate", {}, "Source process definition id is null"),
        (
            "/migration/generate",
            {"sourceProcessDefinitionId": "x"},
            "ENGINE-23008 Source process definition with id 'x'",
        ),
        ("/migration/execute", {}, "migration plan is null"),
    ],
)
async def test_what_is_refused(rest: httpx.AsyncClient, path: str, body: dict[str, Any], message: str) -> None:
    status, _, found = await refused(rest, path, body)
    assert status in (400, 500)
    assert message in found
    assert await ok(rest.get("/batch")) == []


@pytest.mark.parametrize(
    "path",
    [
        "/process-instance/delete",
        "/process-instance/suspended-async",
        "/process-instance/variables-async",
        "/process-instance/message-async",
        "/process-instance/job-retries",
        "/job/retries",
        "/external-task/retries-async",
        "/history/process-instance/delete",
        "/history/process-instance/set-removal-time",
        "/history/batch/set-removal-time",
        "/modification/execute",
        "/migration/generate",
        "/migration/validate",
        "/migration/execute",
        "/process-definition/x/restart",
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"x"',
        b'{"processInstanceIds": 5}',
        b'{"processInstanceQuery": []}',
        b'{"instructions": {}}',
        b'{"instructions": [5]}',
        b'{"migrationPlan": 5}',
        b'{"migrationPlan": {"instructions": [{"sourceActivityIds": [[]], "targetActivityIds": [{}]}]}}',
        b'{"variables": 5, "processInstanceIds": ["x"]}',
        b'{"variables": {"a": 5}, "processInstanceIds": ["x"]}',
        b'{"retries": "many", "jobIds": ["x"]}',
        b'{"retries": 1, "jobIds": ["x"], "dueDate": "then"}',
        b'{"absoluteRemovalTime": {}, "historicProcessInstanceIds": ["x"], "historicBatchIds": ["x"]}',
        b'{"sourceProcessDefinitionId": [], "targetProcessDefinitionId": 1}',
    ],
)
async def test_what_makes_no_sense_is_no_defect(rest: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await rest.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code < 501
    if answer.status_code == 500:
        assert answer.json()["type"] in (PLAIN, "NullPointerException", "NullValueException"), answer.text
