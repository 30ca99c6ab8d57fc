"""The history of decisions that no process asked for: read, filtered, counted, removed."""

from typing import Any

import httpx
from calls import ok, refused

PATH = "/history/decision-instance"
DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"
MODEL = f"""<definitions xmlns="{DMN}" xmlns:camunda="http://camunda.org/schema/1.0/dmn" id="sums" name="Sums" namespace="n">
<decision id="total" name="Total" camunda:historyTimeToLive="1"><informationRequirement><requiredDecision href="#base"/>
</informationRequirement><decisionTable id="t" hitPolicy="COLLECT" aggregation="SUM">
<input id="i" label="Amount"><inputExpression typeRef="integer"><text>amount</text></inputExpression></input>
<output id="o" label="Fee" name="fee" typeRef="double"/>
<rule id="r1"><inputEntry><text>-</text></inputEntry><outputEntry><text>base</text></outputEntry></rule>
<rule id="r2"><inputEntry><text>&gt; 10</text></inputEntry><outputEntry><text>2.5</text></outputEntry></rule>
</decisionTable></decision>
<decision id="base" name="Base"><variable name="base" typeRef="integer"/>
<literalExpression><text>5</text></literalExpression></decision></definitions>"""


async def evaluated(rest: httpx.AsyncClient, amount: int = 20) -> Any:
    if not (await ok(rest, "GET", "/decision-definition/count"))["count"]:
        await rest.post("/deployment/create", data={"deployment-name": "d"}, files={"d.dmn": ("d.dmn", MODEL)})
    rest.clock.advance_ms(1)  # type: ignore[attr-defined]
    body = {"variables": {"amount": {"value": amount, "type": "Integer"}}}
    found = await ok(rest, "POST", "/decision-definition/key/total/evaluate", body)
    (root,) = await ok(
        rest, "GET", PATH, decisionDefinitionKey="total", sortBy="evaluationTime", sortOrder="desc", maxResults="1"
    )
    assert found[0]["fee"]["value"] == root["collectResultValue"]
    return root


async def test_one_evaluation(rest: httpx.AsyncClient) -> None:
    root = await evaluated(rest)
    assert (root["decisionDefinitionName"], root["collectResultValue"]) == ("Total", 7.5)
    for name in (
        "processInstanceId",
        "processDefinitionId",
        "rootProcessInstanceId",
        "activityId",
        "rootDecisionInstanceId",
    ):
        assert root[name] is None
    assert root["removalTime"] > root["evaluationTime"]
    assert (root["inputs"], root["outputs"]) == ([], [])
    full = await ok(rest, "GET", f"{PATH}/{root['id']}", includeInputs="true", includeOutputs="true")
    (given,) = full["inputs"]
    assert (given["clauseId"], given["clauseName"], given["type"], given["value"]) == ("i", "Amount", "Integer", 20)
    assert [(each["ruleId"], each["ruleOrder"], each["type"], each["value"]) for each in full["outputs"]] == [
        ("r1", 1, "Double", 5.0),
        ("r2", 2, "Double", 2.5),
    ]
    assert given["decisionInstanceId"] == root["id"]
    assert await refused(rest, "GET", f"{PATH}/nope") == (404, "InvalidRequestException")


async def test_criteria(rest: httpx.AsyncClient) -> None:
    root = await evaluated(rest)

    async def count(**query: str) -> int:
        found: int = (await ok(rest, "GET", f"{PATH}/count", **query))["count"]
        assert len(await ok(rest, "GET", PATH, **query)) == found
        return found

    assert await count() == 2
    assert await count(rootDecisionInstancesOnly="true") == 1
    assert await count(rootDecisionInstanceId=root["id"]) == 2
    assert await count(decisionInstanceIdIn=root["id"]) == 1
    assert await count(decisionDefinitionKeyIn="total,base") == 2
    assert await count(decisionDefinitionNameLike="Ba%") == 1
    assert await count(decisionRequirementsDefinitionKey="sums") == 2
    assert await count(processInstanceId=root["id"]) == 0
    assert await count(activityIdIn="x") == 0
    assert await count(caseInstanceId="x") == 0
    assert await count(evaluatedBefore="2020-01-01T00:00:00.000+0000") == 0
    assert await count(evaluatedAfter="2020-01-01T00:00:00.000+0000") == 2
    assert await refused(rest, "GET", PATH, sortBy="x", sortOrder="asc") == (400, "InvalidRequestException")


async def test_reports(rest: httpx.AsyncClient) -> None:
    root = await evaluated(rest)
    await evaluated(rest, 5)
    graph = root["decisionRequirementsDefinitionId"]
    path = f"/history/decision-requirements-definition/{graph}/statistics"
    both = {row["decisionDefinitionKey"]: row["evaluations"] for row in await ok(rest, "GET", path)}
    assert both == {"base": 2, "total": 2}
    one = await ok(rest, "GET", path, decisionInstanceId=root["id"])
    assert sorted(row["evaluations"] for row in one) == [1, 1]
    assert await refused(rest, "GET", "/history/decision-requirements-definition/x/statistics") == (
        400,
        "NotFoundException",
    )
    cleanable = "/history/decision-definition/cleanable-decision-instance-report"
    (row,) = await ok(rest, "GET", cleanable, decisionDefinitionKeyIn="total")
    assert (row["finishedDecisionInstanceCount"], row["cleanableDecisionInstanceCount"], row["historyTimeToLive"]) == (
        2,
        0,
        1,
    )
    assert await ok(rest, "GET", f"{cleanable}/count") == {"count": 2}
    assert await ok(rest, "GET", "/metrics/decision-instances/sum") == {"result": 4}


async def test_cleanup_takes_what_is_past_its_removal_time(rest: httpx.AsyncClient) -> None:
    await evaluated(rest)
    rest.clock.advance_ms(2 * 86_400_000)  # type: ignore[attr-defined]
    await evaluated(rest)
    job = await ok(rest, "POST", "/history/cleanup")
    await ok(rest, "POST", f"/job/{job['id']}/execute")
    left = await ok(rest, "GET", PATH, includeOutputs="true")
    assert len(left) == 2
    assert all(row["outputs"] for row in left)
