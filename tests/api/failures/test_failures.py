"""What a person is told of a failure: the job's message and stack name the place in the model and the values there."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.real_node import rest_client
from penstock.runtime.protocol import Settings

HEAD = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
"""
PROCESS = """<process id="p" isExecutable="true" camunda:historyTimeToLive="P1D">
<startEvent id="s"/><sequenceFlow id="f0" sourceRef="s" targetRef="sub"/>
<subProcess id="sub"><startEvent id="s2"/><sequenceFlow id="f1" sourceRef="s2" targetRef="a"/>
{element}
</subProcess></process></definitions>"""
IO = '<extensionElements><camunda:inputOutput><camunda:inputParameter name="total">{}</camunda:inputParameter>'
SCRIPT = '<camunda:script scriptFormat="javascript">var a = 1;\na.b.c</camunda:script>'
EXTERNAL = 'camunda:type="external" camunda:topic="t"'
DMN = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">
<decision id="dish" name="Dish"><decisionTable id="t" hitPolicy="COLLECT">
<input id="i" label="Guests"><inputExpression id="x"><text>amount</text></inputExpression></input><output id="o" name="x"/>
<rule id="r1"><inputEntry id="c1"><text>&lt; 10</text></inputEntry><outputEntry id="e1"><text>1</text></outputEntry></rule>
<rule id="r2"><inputEntry id="c2"><text>{cell}</text></inputEntry><outputEntry id="e2"><text>{output}</text></outputEntry>
</rule></decisionTable></decision></definitions>"""

CASES: dict[str, tuple[str, list[str]]] = {
    "expression": (
        '<serviceTask id="a" name="Act" camunda:asyncBefore="true" camunda:expression="${order.total.x(amount)}"/>',
        ['with order = {"total":1}', "with amount = 50", "at serviceTask 'a' (Act), line 6"],
    ),
    "script": (
        '<scriptTask id="a" camunda:asyncBefore="true" scriptFormat="javascript"><script>var a = amount;\n'
        "  return a.b.c;\n</script></scriptTask>",
        ["at script line 2: return a.b.c;", "at scriptTask 'a', line 6"],
    ),
    "input parameter": (
        f'<serviceTask id="a" camunda:asyncBefore="true" {EXTERNAL}>'
        + IO.format("${amount.x()}")
        + "</camunda:inputOutput></extensionElements></serviceTask>",
        ["with amount = 50", "at input parameter 'total'", "at serviceTask 'a', line 6"],
    ),
    "script of a parameter": (
        f'<serviceTask id="a" camunda:asyncBefore="true" {EXTERNAL}>'
        + IO.format(SCRIPT)
        + "</camunda:inputOutput></extensionElements></serviceTask>",
        ["at script line 2: a.b.c", "at input parameter 'total'", "at serviceTask 'a', line 6"],
    ),
    "execution listener": (
        f'<serviceTask id="a" camunda:asyncBefore="true" {EXTERNAL}><extensionElements>'
        '<camunda:executionListener event="start" expression="${amount.x}"/></extensionElements></serviceTask>',
        ["with amount = 50", "at execution listener of the event start", "at serviceTask 'a', line 6"],
    ),
    "task listener": (
        '<userTask id="a" camunda:asyncBefore="true"><extensionElements>'
        '<camunda:taskListener event="create" expression="${nobody}"/></extensionElements></userTask>',
        ["at task listener of the event create", "at userTask 'a', line 6"],
    ),
    "collection": (
        f'<serviceTask id="a" camunda:asyncBefore="true" {EXTERNAL}><multiInstanceLoopCharacteristics'
        ' camunda:collection="order"/></serviceTask>',
        ["at multi-instance body of serviceTask 'a', line 6"],
    ),
    "gateway": (
        '<exclusiveGateway id="a" camunda:asyncBefore="true"/><endEvent id="e"/>'
        '<sequenceFlow id="big" sourceRef="a" targetRef="e"><conditionExpression>${amount &gt; 99}</conditionExpression>'
        '</sequenceFlow><sequenceFlow id="named" sourceRef="a" targetRef="e"><conditionExpression>${name == "x"}'
        "</conditionExpression></sequenceFlow>",
        [
            "with amount = 50",
            'with name = "Anna"',
            "at sequence flow 'big', whose condition is false: ${amount > 99}",
            "at sequence flow 'named', whose condition is false: ${name == \"x\"}",
            "at exclusiveGateway 'a', line 6",
        ],
    ),
    "called definition": (
        '<callActivity id="a" camunda:asyncBefore="true" calledElement="nobody"/>',
        ["at callActivity 'a', line 6"],
    ),
    "missing decision": (
        '<businessRuleTask id="a" camunda:asyncBefore="true" camunda:decisionRef="nobody"/>',
        ["at businessRuleTask 'a', line 6"],
    ),
    "rule": (
        '<businessRuleTask id="a" camunda:asyncBefore="true" camunda:decisionRef="rule"/>',
        [
            "with the input value 50",
            "at rule 2",
            "at input 'i' (Guests)",
            "at decision 'rule' (Dish)",
            "at businessRuleTask 'a', line 6",
        ],
    ),
    "output": (
        '<businessRuleTask id="a" camunda:asyncBefore="true" camunda:decisionRef="output"/>',
        [
            "with amount = 50",
            "at output 'o' (x)",
            "at rule 2 (r2)",
            "at decision 'output' (Dish)",
            "at businessRuleTask 'a', line 6",
        ],
    ),
}
VARIABLES = {
    "amount": {"value": 50, "type": "Integer"},
    "name": {"value": "Anna", "type": "String"},
    "order": {"value": json.dumps({"total": 1}), "type": "Json"},
}


@pytest.fixture
async def rest() -> AsyncIterator[httpx.AsyncClient]:
    async with rest_client(Settings(execute_jobs=False)) as found:
        yield found


async def _deploy(rest: httpx.AsyncClient, **files: str) -> None:
    parts = [(name, (name.replace("_", "."), text)) for name, text in files.items()]
    answer = await rest.post("/deployment/create", data={"deployment-name": "d"}, files=parts)
    assert answer.status_code == 200, answer.text


async def _failed_job(rest: httpx.AsyncClient) -> dict[str, Any]:
    started = await rest.post("/process-definition/key/p/start", json={"variables": VARIABLES})
    assert started.status_code == 200, started.text
    (job,) = (await rest.get("/job")).json()
    await rest.put(f"/job/{job['id']}/retries", json={"retries": 1})
    answer = await rest.post(f"/job/{job['id']}/execute")
    found: dict[str, Any] = (await rest.get(f"/job/{job['id']}")).json()
    assert answer.json()["message"] == found["exceptionMessage"]
    return found


@pytest.mark.parametrize("name", CASES)
async def test_the_stack_of_a_failed_job_ends_in_the_model(rest: httpx.AsyncClient, name: str) -> None:
    element, expected = CASES[name]
    rule = DMN.replace('id="dish"', 'id="rule"').format(cell="5 +", output="1")
    output = DMN.replace('id="dish"', 'id="output"').format(cell="-", output="amount.x()")
    await _deploy(rest, p_bpmn=HEAD + PROCESS.format(element=element), rule_dmn=rule, output_dmn=output)
    job = await _failed_job(rest)
    lines = (await rest.get(f"/job/{job['id']}/stacktrace")).text.splitlines()
    assert lines[0].endswith(job["exceptionMessage"].splitlines()[0])
    assert [line.strip() for line in lines if line.startswith("\t")] == [
        *expected,
        "at subProcess 'sub', line 5",
        f"at process 'p', version 1 ({job['processDefinitionId']})",
    ]
    (incident,) = (await rest.get("/incident")).json()
    assert incident["failedActivityId"].partition("#")[0] == "a"


async def test_the_stack_names_who_called(rest: httpx.AsyncClient) -> None:
    outer = '<callActivity id="a" camunda:asyncBefore="true" calledElement="q">\n<extensionElements>'
    outer += '<camunda:in variables="all"/></extensionElements></callActivity>'
    inner = PROCESS.replace('"p"', '"q"').format(element='<serviceTask id="a" camunda:expression="${amount.x}"/>')
    await _deploy(rest, p_bpmn=HEAD + PROCESS.format(element=outer), q_bpmn=HEAD + inner)
    job = await _failed_job(rest)
    stack = (await rest.get(f"/job/{job['id']}/stacktrace")).text
    places = [line.strip().partition(" (")[0] for line in stack.splitlines() if line.startswith("\t")]
    assert places == [
        "with amount = 50",
        "at serviceTask 'a', line 6",
        "at subProcess 'sub', line 5",
        "at process 'q', version 1",
        "at callActivity 'a', line 6",
        "at subProcess 'sub', line 5",
        "at process 'p', version 1",
    ]
