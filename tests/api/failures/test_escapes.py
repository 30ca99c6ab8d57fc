"""Hostile expressions in deployed models: each is refused or has a value, none is a defect, and the node goes on."""

from collections.abc import AsyncIterator
from xml.sax.saxutils import quoteattr

import httpx
import pytest

from api.real_node import rest_client
from penstock.runtime.protocol import Settings

FEEL = [
    '"".__class__.__mro__',
    "getClass()",
    "for i in 1..1000000000 return i",
    "for i in 1..1000 return for j in 1..1000 return for k in 1..1000 return i",
    "10 ** 10 ** 10 ** 10",
    'matches("' + "a" * 2000 + '", "(a*)*b\\1")',
    "(" * 5000,
    "1" + "+1" * 5000,
    "(function(f) f(f))(function(f) f(f))",
    "a" * 200_000,
]
JUEL = [
    "${''.getClass().forName('java.lang.Runtime')}",
    "${execution.__class__.__init__.__globals__}",
    "${'{0.__class__}'.format(execution)}",
    "${'a'.repeat(2147483647)}",
    "${'aaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('(a+)+$')}",
    "${" + "(" * 5000 + "1" + ")" * 5000 + "}",
    "${" + "1+" * 50_000 + "1}",
    "${JSON('" + "[" * 20_000 + "')}",
    "${XML('<!DOCTYPE a [<!ENTITY b \"b\">]><a>&b;</a>').textContent()}",
]
BPMN = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
<process id="p" isExecutable="true" camunda:historyTimeToLive="P1D">
<startEvent id="s"/><sequenceFlow id="f0" sourceRef="s" targetRef="a"/><serviceTask id="a" {how}/></process></definitions>"""
DMN = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">
<decision id="d" name="d"><literalExpression id="l"><text><![CDATA[{text}]]></text></literalExpression></decision>
</definitions>"""


@pytest.fixture
async def rest() -> AsyncIterator[httpx.AsyncClient]:
    async with rest_client(Settings(execute_jobs=False)) as found:
        yield found


async def _deploy(rest: httpx.AsyncClient, name: str, text: str) -> httpx.Response:
    return await rest.post("/deployment/create", data={"deployment-name": "d"}, files={name: (name, text)})


async def _goes_on(rest: httpx.AsyncClient) -> None:
    assert (await rest.get("/process-definition/count")).status_code == 200


@pytest.mark.parametrize("text", FEEL, ids=range(len(FEEL)))
async def test_feel_of_a_deployed_decision(rest: httpx.AsyncClient, text: str) -> None:
    assert (await _deploy(rest, "d.dmn", DMN.format(text=text))).status_code == 200
    answer = await rest.post("/decision-definition/key/d/evaluate", json={"variables": {}})
    if answer.status_code == 200:
        assert [value["value"] for rule in answer.json() for value in rule.values()] == [None]
    else:
        assert (answer.status_code, answer.json()["type"]) == (500, "RestException")
    await _goes_on(rest)


@pytest.mark.parametrize("text", JUEL, ids=range(len(JUEL)))
async def test_juel_of_a_deployed_process(rest: httpx.AsyncClient, text: str) -> None:
    answer = await _deploy(rest, "p.bpmn", BPMN.format(how=f"camunda:expression={quoteattr(text)}"))
    if answer.status_code == 200:
        answer = await rest.post("/process-definition/key/p/start", json={})
    assert answer.status_code in (400, 500)
    assert answer.json()["type"] in ("RestException", "ParseException", "ProcessEngineException")
    assert "expression" in answer.json()["message"] or "Error parsing" in answer.json()["message"]
    await _goes_on(rest)


@pytest.mark.parametrize("text", ["${currentUser().getClass()}", "${1 + 1}", "#{execution}", "${ currentUser() }x"])
async def test_a_stored_filter_takes_four_functions_only(rest: httpx.AsyncClient, text: str) -> None:
    made = {"resourceType": "Task", "name": "f", "query": {"orQueries": [{"assigneeExpression": text}]}}
    answer = await rest.post("/filter/create", json=made)
    assert (answer.status_code, answer.json()["type"]) == (400, "BadUserRequestException")
    allowed = {**made, "query": {"assigneeExpression": "${currentUser()}"}}
    assert (await rest.post("/filter/create", json=allowed)).status_code == 200
