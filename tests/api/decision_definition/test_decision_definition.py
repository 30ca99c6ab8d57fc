"""Decisions over REST: deployed, listed, read, evaluated, replaced, deleted; and used by a process."""

from typing import Any

import httpx
from calls import ok, refused

DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"
DISH = f"""<definitions xmlns="{DMN}" xmlns:camunda="http://camunda.org/schema/1.0/dmn" id="dishes" name="Dishes"
  namespace="http://example.org/dmn">
<decision id="dish" name="Dish" camunda:historyTimeToLive="3" camunda:versionTag="1.0"><decisionTable id="t">
<input id="i1" label="Season"><inputExpression typeRef="string"><text>season</text></inputExpression></input>
<output id="o1" name="dish" typeRef="string"/><output id="o2" name="price"/>
<rule id="r1"><inputEntry><text>"Winter"</text></inputEntry><outputEntry><text>"Stew"</text></outputEntry>
<outputEntry><text>12.5</text></outputEntry></rule></decisionTable></decision></definitions>"""
MENU = DISH.replace('id="dishes"', 'id="menu"').replace(
    "</definitions>",
    '<decision id="menu-choice" name="Menu"><variable name="line" typeRef="string"/><informationRequirement>'
    '<requiredDecision href="#dish"/></informationRequirement>'
    '<literalExpression><text>dish + "!"</text></literalExpression></decision></definitions>',
)
PROCESS = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><process id="order" isExecutable="true"><startEvent id="s"/>
<businessRuleTask id="choose" camunda:decisionRef="menu-choice" camunda:decisionRefBinding="deployment"
  camunda:mapDecisionResult="singleEntry" camunda:resultVariable="line"/><userTask id="eat"/>
<sequenceFlow id="f1" sourceRef="s" targetRef="choose"/><sequenceFlow id="f2" sourceRef="choose" targetRef="eat"/>
</process></definitions>"""
WINTER = {"variables": {"season": {"value": "Winter", "type": "String"}}}
NONE = (404, "RestException")


async def deploy(rest: httpx.AsyncClient, tenant: str | None = None, **files: str) -> Any:
    names = {name.replace("_", "."): text for name, text in files.items()}
    data = {"deployment-name": "d"} | ({"tenant-id": tenant} if tenant else {})
    answer = await rest.post(
        "/deployment/create", data=data, files={name: (name, text) for name, text in names.items()}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_deployment_names_its_decisions(rest: httpx.AsyncClient) -> None:
    made = await deploy(rest, dish_dmn=DISH)
    (decision,) = made["deployedDecisionDefinitions"].values()
    assert decision["id"].startswith("dish:1:")
    del decision["id"], decision["deploymentId"]
    assert decision == {
        "key": "dish",
        "category": "http://example.org/dmn",
        "name": "Dish",
        "version": 1,
        "resource": "dish.dmn",
        "tenantId": None,
        "decisionRequirementsDefinitionId": None,
        "decisionRequirementsDefinitionKey": None,
        "historyTimeToLive": 3,
        "versionTag": "1.0",
    }
    assert made["deployedDecisionRequirementsDefinitions"] is None


async def test_two_decisions_make_a_graph(rest: httpx.AsyncClient) -> None:
    made = await deploy(rest, menu_dmn=MENU, menu_svg="<svg/>")
    (graph,) = made["deployedDecisionRequirementsDefinitions"].values()
    assert (graph["key"], graph["name"], graph["version"]) == ("menu", "Dishes", 1)
    assert {each["decisionRequirementsDefinitionId"] for each in made["deployedDecisionDefinitions"].values()} == {
        graph["id"]
    }
    path = "/decision-requirements-definition"
    assert await ok(rest, "GET", f"{path}/{graph['id']}") == graph == await ok(rest, "GET", f"{path}/key/menu")
    assert await ok(rest, "GET", path, key="menu", latestVersion="true") == [graph]
    assert await ok(rest, "GET", f"{path}/count") == {"count": 1}
    assert (await ok(rest, "GET", f"{path}/{graph['id']}/xml"))["dmnXml"] == MENU
    assert (await rest.get(f"{path}/{graph['id']}/diagram")).text == "<svg/>"
    assert await refused(rest, "GET", f"{path}/key/nope") == NONE
    assert await refused(rest, "GET", f"{path}/nope") == (404, "InvalidRequestException")
    found = await ok(
        rest, "GET", "/decision-definition", decisionRequirementsDefinitionKey="menu", sortBy="key", sortOrder="asc"
    )
    assert [row["key"] for row in found] == ["dish", "menu-choice"]


async def test_versions_and_tenants_are_told_apart(rest: httpx.AsyncClient) -> None:
    await deploy(rest, dish_dmn=DISH)
    second = await deploy(rest, dish_dmn=DISH.replace('"Stew"', '"Soup"'))
    await deploy(rest, tenant="t1", dish_dmn=DISH.replace('"Stew"', '"Fish"'))
    base = "/decision-definition"
    assert await ok(rest, "GET", f"{base}/count") == {"count": 3}
    assert [row["version"] for row in await ok(rest, "GET", base, latestVersion="true", withoutTenantId="true")] == [2]

    async def dish(path: str) -> str:
        (rule,) = await ok(rest, "POST", f"{base}/{path}/evaluate", WINTER)
        found: str = rule["dish"]["value"]
        return found

    assert await dish("key/dish") == "Soup"
    assert await dish("key/dish/tenant-id/t1") == "Fish"
    await ok(rest, "DELETE", f"/deployment/{second['id']}")
    assert await dish("key/dish") == "Stew"
    assert (await ok(rest, "GET", f"{base}/key/dish"))["version"] == 1
    assert await refused(rest, "POST", f"{base}/key/dish/tenant-id/t2/evaluate", WINTER) == NONE


async def test_evaluation_answers_with_types(rest: httpx.AsyncClient) -> None:
    await deploy(rest, dish_dmn=DISH)
    path = "/decision-definition/key/dish/evaluate"
    assert await ok(rest, "POST", path, WINTER) == [
        {
            "dish": {"type": "String", "value": "Stew", "valueInfo": {}},
            "price": {"type": None, "value": 12.5, "valueInfo": {}},
        }
    ]
    assert await ok(rest, "POST", path, {}) == []
    assert await refused(rest, "POST", "/decision-definition/nope/evaluate", WINTER) == (404, "InvalidRequestException")
    bad = {"variables": {"season": {"value": "x", "type": "Integer"}}}
    assert await refused(rest, "POST", path, bad) == (400, "InvalidRequestException")


async def test_a_failing_decision_is_refused(rest: httpx.AsyncClient) -> None:
    await deploy(rest, dish_dmn=DISH.replace("<text>season</text>", "<text>((</text>"))
    answer = await rest.post("/decision-definition/key/dish/evaluate", json=WINTER)
    assert (answer.status_code, answer.json()["type"]) == (500, "RestException")
    assert answer.json()["message"].endswith("Exception while evaluating decision with key 'null'")


async def test_files_that_are_no_dmn_are_refused(rest: httpx.AsyncClient) -> None:
    for text in (
        "<a/>",
        "{",
        DISH.replace('id="i1"', ""),
        DISH.replace('camunda:historyTimeToLive="3"', 'camunda:historyTimeToLive="x"'),
    ):
        answer = await rest.post("/deployment/create", data={"deployment-name": "d"}, files={"d.dmn": ("d.dmn", text)})
        assert (answer.status_code, answer.json()["type"]) == (500, "ProcessEngineException"), text
        assert "d.dmn" in answer.json()["message"]
    answer = await rest.post("/deployment/create", files=[("a", ("a.dmn", DISH)), ("b", ("b.dmn", DISH))])
    assert "same key 'dish'" in answer.json()["message"]
    assert await ok(rest, "GET", "/decision-definition/count") == {"count": 0}


async def test_the_time_to_live_is_set_and_logged(rest: httpx.AsyncClient) -> None:
    await deploy(rest, dish_dmn=DISH)
    path = "/decision-definition/key/dish"
    await ok(rest, "PUT", f"{path}/history-time-to-live", {"historyTimeToLive": 7})
    assert (await ok(rest, "GET", path))["historyTimeToLive"] == 7
    (logged, *_) = await ok(rest, "GET", "/history/user-operation", property="historyTimeToLive")
    assert (logged["entityType"], logged["orgValue"], logged["newValue"]) == ("DecisionDefinition", "3", "7")
    assert await refused(rest, "PUT", f"{path}/history-time-to-live", {"historyTimeToLive": -1}) == (
        400,
        "BadUserRequestException",
    )


async def test_a_process_uses_the_decision_of_its_deployment(rest: httpx.AsyncClient) -> None:
    made = await deploy(rest, order_bpmn=PROCESS, menu_dmn=MENU)
    await deploy(rest, menu_dmn=MENU.replace('"Stew"', '"Soup"'))
    instance = await ok(rest, "POST", "/process-definition/key/order/start", WINTER)
    variable = await ok(rest, "GET", f"/process-instance/{instance['id']}/variables/line")
    assert variable["value"] == "Stew!"
    history = "/history/decision-instance"
    rows = await ok(rest, "GET", history, processInstanceId=instance["id"], includeInputs="true", includeOutputs="true")
    by_key = {row["decisionDefinitionKey"]: row for row in rows}
    assert by_key.keys() == {"dish", "menu-choice"}
    dish, menu = by_key["dish"], by_key["menu-choice"]
    assert dish["rootDecisionInstanceId"] == menu["id"]
    assert (menu["rootDecisionInstanceId"], menu["rootProcessInstanceId"]) == (None, instance["id"])
    assert {row["activityId"] for row in rows} == {"choose"}
    assert [(each["clauseName"], each["value"]) for each in dish["inputs"]] == [("Season", "Winter")]
    assert [(each["variableName"], each["ruleOrder"], each["value"]) for each in dish["outputs"]] == [
        ("dish", 1, "Stew"),
        ("price", 1, 12.5),
    ]
    await ok(rest, "DELETE", f"/deployment/{made['id']}?cascade=true")
    assert await ok(rest, "GET", f"{history}/count") == {"count": 0}


async def test_a_missing_decision_fails_the_start(rest: httpx.AsyncClient) -> None:
    await deploy(rest, order_bpmn=PROCESS)
    answer = await rest.post("/process-definition/key/order/start", json=WINTER)
    assert (answer.status_code, answer.json()["type"]) == (500, "RestException")
    assert "no decision definition deployed with key 'menu-choice'" in answer.json()["message"]
