"""Generated and deployed forms, of start events and of user tasks."""

import httpx
import pytest
from calls import ok, refused, started, task_of

HEAD = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">"""
FIELDS = """<extensionElements><camunda:formData businessKey="order">
<camunda:formField id="order" type="long"/>
<camunda:formField id="name" label="Name" type="string" defaultValue="Ada"><camunda:validation>
 <camunda:constraint name="required"/><camunda:constraint name="maxlength" config="5"/></camunda:validation></camunda:formField>
<camunda:formField id="amount" type="long"><camunda:validation><camunda:constraint name="max" config="9"/>
 </camunda:validation></camunda:formField>
<camunda:formField id="count" type="long"/>
<camunda:formField id="agreed" type="boolean" defaultValue="true"/>
<camunda:formField id="day" type="date" defaultValue="01/02/2024"/>
<camunda:formField id="when" type="date" datePattern="yyyy"/>
<camunda:formField id="colour" type="enum" defaultValue="red"><camunda:value id="red" name="Red"/></camunda:formField>
<camunda:formField id="fixed" type="string"><camunda:validation><camunda:constraint name="readonly"/>
 </camunda:validation></camunda:formField>
</camunda:formData></extensionElements>"""
FLOWS = """<endEvent id="e"/><sequenceFlow id="f1" sourceRef="s" targetRef="t"/>
<sequenceFlow id="f2" sourceRef="t" targetRef="e"/></process></definitions>"""


def process(start: str, task: str, attributes: str = "", task_attributes: str = "") -> bytes:
    return f"""{HEAD}<process id="formed" isExecutable="true" camunda:historyTimeToLive="5">
<startEvent id="s" {attributes}>{start}</startEvent><userTask id="t" {task_attributes}>{task}</userTask>{FLOWS}""".encode()


async def deployed(rest: httpx.AsyncClient, *files: tuple[str, bytes]) -> str:
    parts = [(name, (name, content, "text/plain")) for name, content in files]
    answer = await rest.post("/deployment/create", data={"deployment-name": "d"}, files=parts)
    assert answer.status_code == 200, answer.text
    return str(next(iter(answer.json()["deployedProcessDefinitions"])))


START = "/process-definition/key/formed"


async def submitted(rest: httpx.AsyncClient, **variables: object) -> dict[str, tuple[str, object]]:
    body = {"variables": {name: {"value": value} for name, value in variables.items()}}
    instance = (await ok(rest, "POST", START + "/submit-form", body))["id"]
    found = await ok(rest, "GET", f"/process-instance/{instance}/variables")
    return {name: (value["type"], value["value"]) for name, value in found.items()}


async def test_a_start_form_shows_its_defaults(rest: httpx.AsyncClient) -> None:
    id = await deployed(rest, ("p.bpmn", process(FIELDS, "")))
    assert (await ok(rest, "GET", START + "/startForm"))["key"] == (
        f"embedded:engine://engine/:engine/process-definition/{id}/rendered-form"
    )
    found = await ok(rest, "GET", START + "/form-variables")
    assert {name: (value["type"], value["value"]) for name, value in found.items()} == {
        "order": ("Long", None),
        "name": ("String", "Ada"),
        "amount": ("Long", None),
        "count": ("Long", None),
        "agreed": ("Boolean", True),
        "day": ("String", "01/02/2024"),
        "when": ("String", ""),
        "colour": ("String", "red"),
        "fixed": ("String", None),
    }
    assert list(await ok(rest, "GET", START + "/form-variables", variableNames="day,name")) == ["name", "day"]


async def test_submitted_values_are_converted(rest: httpx.AsyncClient) -> None:
    await deployed(rest, ("p.bpmn", process(FIELDS, "")))
    found = await submitted(rest, amount=7, count="8", agreed="TRUE", day="3/4/2024", when="2020", order="A1", more=1)
    assert found == {
        "name": ("String", "Ada"),
        "amount": ("Long", 7),
        "count": ("Long", 8),
        "agreed": ("Boolean", True),
        "day": ("Date", "2024-04-03T00:00:00.000+0000"),
        "when": ("Date", "2020-01-01T00:00:00.000+0000"),
        "colour": ("String", "red"),
        "order": ("String", "A1"),
        "more": ("Integer", 1),
    }


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"name": "too long"}, "Invalid value submitted for form field 'name': validation of maxlength(5) failed."),
        ({"name": ""}, "Invalid value submitted for form field 'name': validation of required failed."),
        ({"amount": 10}, "Invalid value submitted for form field 'amount': validation of max(9) failed."),
        ({"fixed": "x"}, "Invalid value submitted for form field 'fixed': validation of readonly failed."),
        ({"colour": "blue"}, "Invalid value for enum form property: blue"),
        ({"colour": 1}, "Value '1' is not of type String."),
        ({"day": "2024-01-02"}, "Could not parse value '2024-01-02' as date using date format 'dd/MM/yyyy'."),
        ({"agreed": 1}, "Value '1' is not of type Boolean."),
    ],
)
async def test_what_does_not_fit_is_refused(
    rest: httpx.AsyncClient, variables: dict[str, object], message: str
) -> None:
    id = await deployed(rest, ("p.bpmn", process(FIELDS, "")))
    body = {"variables": {name: {"value": value} for name, value in variables.items()}}
    answer = await rest.post(START + "/submit-form", json=body)
    assert (answer.status_code, answer.json()["type"]) == (500, "RestException")
    assert answer.json()["message"] == f"Cannot instantiate process definition {id}: {message}"


async def test_what_is_no_number(rest: httpx.AsyncClient) -> None:
    await deployed(rest, ("p.bpmn", process(FIELDS, FIELDS)))
    text = {"variables": {"count": {"value": "x"}}}
    assert await refused(rest, "POST", START + "/submit-form", text) == (500, "NumberFormatException")
    task = await task_of(rest, await started(rest, "formed"), "t")
    assert await refused(rest, "POST", f"/task/{task}/submit-form", text) == (500, "NumberFormatException")
    text = {"variables": {"amount": {"value": "1"}}}
    assert await refused(rest, "POST", f"/task/{task}/submit-form", text) == (500, "RestException")
    await ok(rest, "POST", f"/task/{task}/submit-form", {"variables": {"amount": {"value": 1}}})


async def test_a_task_form_shows_variables_before_defaults(rest: httpx.AsyncClient) -> None:
    await deployed(rest, ("p.bpmn", process("", FIELDS)))
    day = {"value": "2023-02-03T00:00:00.000+0000", "type": "Date"}
    instance = await started(rest, "formed", variables={"day": day, "name": {"value": "Bob"}, "x": {"value": 1}})
    task = await task_of(rest, instance, "t")
    found = await ok(rest, "GET", f"/task/{task}/form-variables")
    assert {name: found[name]["value"] for name in ("day", "name", "colour", "x")} == {
        "day": "03/02/2023",
        "name": "Bob",
        "colour": "red",
        "x": 1,
    }
    await ok(rest, "PUT", f"/task/{task}/variables/amount", {"value": "many"})
    failed = await refused(rest, "GET", f"/task/{task}/form-variables")
    assert failed == (500, "FormFieldValidationException")


async def test_deployed_start_forms(rest: httpx.AsyncClient) -> None:
    form = b'{"id": "myForm", "components": []}'
    by_key = process("", "", 'camunda:formKey="embedded:deployment:start.html"')
    await deployed(rest, ("p.bpmn", by_key), ("start.html", b"<form/>"))
    answer = await rest.get(START + "/deployed-start-form")
    assert (answer.text, answer.headers["content-type"]) == ("<form/>", "application/xhtml+xml")
    by_reference = process("", "", 'camunda:formRef="myForm" camunda:formRefBinding="deployment"')
    await deployed(rest, ("p.bpmn", by_reference), ("my.form", form))
    answer = await rest.get(START + "/deployed-start-form")
    assert (answer.content, answer.headers["content-type"]) == (form, "application/json")
    reference = {"key": "myForm", "binding": "deployment", "version": None}
    assert (await ok(rest, "GET", START + "/startForm"))["camundaFormRef"] == reference
    invalid = "InvalidRequestException"
    await deployed(rest, ("p.bpmn", by_key))
    assert await refused(rest, "GET", START + "/deployed-start-form") == (404, invalid)
    await deployed(rest, ("p.bpmn", process("", "")))
    assert await refused(rest, "GET", START + "/deployed-start-form") == (400, invalid)


async def test_unknown_definitions(rest: httpx.AsyncClient) -> None:
    path = "/process-definition/nope"
    assert await refused(rest, "GET", path + "/startForm") == (400, "InvalidRequestException")
    assert await refused(rest, "GET", path + "/deployed-start-form") == (404, "InvalidRequestException")
    assert await refused(rest, "GET", path + "/form-variables") == (400, "NotFoundException")
    assert await refused(rest, "GET", path + "/rendered-form") == (400, "NotFoundException")
    assert await refused(rest, "GET", path + "/diagram") == (400, "NotFoundException")
    assert await refused(rest, "POST", path + "/submit-form", {}) == (500, "RestException")


async def test_history_has_the_text_that_was_submitted(rest: httpx.AsyncClient) -> None:
    await deployed(rest, ("p.bpmn", process(FIELDS, FIELDS)))
    sent = {"name": {"value": "Bob"}, "amount": {"value": 1}, "more": {"value": "x"}}
    instance = (await ok(rest, "POST", START + "/submit-form", {"variables": sent}))["id"]
    task = await task_of(rest, instance, "t")
    await ok(rest, "POST", f"/task/{task}/submit-form", {"variables": {"name": {"value": "Eve"}}})
    query = {"processInstanceId": instance, "sortBy": "occurrence", "sortOrder": "asc"}
    found = await ok(rest, "GET", "/history/detail", formFields="true", **query)
    assert [(d["type"], d["fieldId"], d["fieldValue"], d["taskId"]) for d in found] == [
        ("formField", "name", "Bob", None),
        ("formField", "more", "x", None),
        ("formField", "name", "Eve", task),
    ]
    assert found[0]["executionId"] == found[0]["activityInstanceId"] == instance
    assert found[2]["activityInstanceId"].startswith("t:")
    everything = await ok(rest, "GET", "/history/detail", **query)
    updates = await ok(rest, "GET", "/history/detail", variableUpdates="true", **query)
    assert len(everything) == len(updates) + 3
    assert await ok(rest, "GET", f"/history/detail/{found[0]['id']}") == found[0]
    assert await refused(rest, "GET", f"/history/detail/{found[0]['id']}/data") == (404, "InvalidRequestException")


async def test_the_form_of_a_delegated_task_gives_it_back(rest: httpx.AsyncClient) -> None:
    await deployed(rest, ("p.bpmn", process("", "", task_attributes='camunda:assignee="anna"')))
    instance = await started(rest, "formed")
    task = await task_of(rest, instance, "t")
    await ok(rest, "POST", f"/task/{task}/delegate", {"userId": "dora"})
    await ok(rest, "POST", f"/task/{task}/submit-form", {"variables": {"x": {"value": "y"}}})
    after = await ok(rest, "GET", f"/task/{task}")
    assert (after["assignee"], after["delegationState"]) == ("anna", "RESOLVED")
    assert [d["fieldId"] for d in await ok(rest, "GET", "/history/detail", formFields="true")] == ["x"]
