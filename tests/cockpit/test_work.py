"""What people do in the cockpit, each on an instance of its own, looked at from the REST API afterwards."""

import re
from pathlib import Path
from typing import Any

import pytest
from browser import Cockpit
from crowd import ADA, MODELS
from playwright.async_api import Dialog, expect

from support.processes import Server, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _started(server: Server, key: str, business_key: str, variables: dict[str, Any] | None = None) -> str:
    body = {"businessKey": business_key, "variables": variables or {}}
    id: str = server.post(f"/process-definition/key/{key}/start", body)["id"]
    return id


def _variables(server: Server, instance: str) -> dict[str, Any]:
    found = server.get("/history/variable-instance", processInstanceId=instance, deserializeValues=False)
    return {row["name"]: row["value"] for row in found}


async def test_start_with_a_form_then_work_on_its_task(cockpit: Cockpit, small: Server) -> None:
    page = cockpit.page
    await cockpit.open()
    await page.get_by_role("button", name="Start Approval").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Business key").fill("request-1")
    await expect(dialog.get_by_label("Amount")).to_have_value("100")
    await dialog.get_by_role("button", name="Start", exact=True).click()
    await expect(dialog.get_by_text("Applicant: a value is needed")).to_be_visible()
    await dialog.get_by_label("Applicant").fill("Grace")
    await dialog.get_by_label("Urgency").select_option("High")
    await dialog.get_by_role("button", name="+ Add a variable").click()
    await dialog.get_by_label("Variable name").fill("limit")
    await dialog.get_by_label("Type of limit").select_option("Integer")
    await dialog.get_by_label("Value of limit").fill("many")
    await dialog.get_by_role("button", name="Start", exact=True).click()
    await expect(dialog.get_by_text("limit: Integer: a whole number")).to_be_visible()
    await dialog.get_by_label("Value of limit").fill("7")
    await dialog.get_by_role("button", name="Start", exact=True).click()

    await expect(page.get_by_role("heading", name="request-1")).to_be_visible()
    await cockpit.drawn()
    await expect(page.locator(".djs-element.is-active")).to_have_attribute("data-element-id", "Approve")
    await expect(page.locator(".djs-connection.is-taken")).to_have_attribute("data-element-id", "ToApprove")
    instance = small.get("/process-instance", businessKey="request-1")[0]["id"]
    assert _variables(small, instance) == {"applicant": "Grace", "amount": 100, "urgency": "high", "limit": 7}

    await page.get_by_role("tab", name="Waits for").click()
    await page.get_by_role("link", name="Open the task").click()
    await page.get_by_role("button", name="Claim", exact=True).click()
    await expect(page.get_by_text("Claimed by demo")).to_be_visible()
    assert small.get("/task", processInstanceId=instance)[0]["assignee"] == "demo"
    await page.get_by_label("Approved?").select_option("true")
    await page.get_by_label("Remark").fill("as agreed")
    await page.get_by_role("button", name="Complete").click()
    await expect(page.get_by_text("Approve the request is completed.")).to_be_visible()
    ended = small.get(f"/history/process-instance/{instance}")
    assert ended["state"] == "COMPLETED"
    assert _variables(small, instance)["remark"] == "as agreed"

    await cockpit.open(f"#/process-instance/{instance}")
    await cockpit.drawn()
    taken = page.locator(".djs-connection.is-taken")
    assert {await flow.get_attribute("data-element-id") for flow in await taken.all()} == {
        "ToApprove",
        "Decided",
        "Yes",
    }


async def test_another_try_for_an_external_task(cockpit: Cockpit, small: Server) -> None:
    incident = small.get("/incident", incidentType="failedExternalTask")[-1]
    page = cockpit.page
    await cockpit.open(f"#/process-instance/{incident['processInstanceId']}")
    await page.get_by_text("Error details").click()
    await expect(page.get_by_text("at the till")).to_be_visible()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("It is tried again.")).to_be_visible()
    await expect(page.get_by_text("No open incident.")).to_be_visible()
    assert small.get(f"/external-task/{incident['configuration']}")["retries"] == 1


async def test_everything_that_failed_in_a_process_is_tried_again(cockpit: Cockpit, small: Server) -> None:
    definition = small.get("/process-definition", key="trip")[0]["id"]
    trips = [_started(small, "trip", f"many-{number}") for number in range(3)]
    booking = small.get("/process-definition", key="booking")[0]["id"]
    of_trips = {"processDefinitionId": booking}
    wait_until(lambda: ((found := small.get("/incident/count", **of_trips)["count"]) >= len(trips), found), "incidents")
    assert definition != booking
    failed = small.get("/incident/count", **of_trips)["count"]
    page = cockpit.page
    await cockpit.open(f"#/process-definition/{booking}")
    await cockpit.drawn()
    await page.get_by_role("button", name="Try failed work again").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text(f"{failed} would be tried again, once each.")).to_be_visible()
    await expect(dialog.get_by_text(f"{failed} × ")).to_be_visible()
    assert await cockpit.axe() == []
    await dialog.get_by_label("The error contains").fill("something else")
    await expect(dialog.get_by_text("0 would be tried again")).to_be_visible()
    await dialog.get_by_label("The error contains").fill("LEDGER")
    await expect(dialog.get_by_text(f"{failed} would be tried again")).to_be_visible()
    await dialog.get_by_label("At most per second").fill("many")
    await dialog.get_by_role("button", name="Try again").click()
    await expect(dialog.get_by_text("write a number, such as 100")).to_be_visible()
    await dialog.get_by_label("At most per second").fill("50")
    await dialog.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text(f"{failed} are tried again.")).to_be_visible()
    answer = small.rest.get(f"{small.url}/penstock/v1/reprocessing").json()[0]
    assert (answer["filter"]["processDefinitionId"], answer["ratePerSecond"]) == (booking, 50)


async def test_an_incident_in_a_called_instance_is_followed_mended_and_tried_again(
    cockpit: Cockpit, small: Server
) -> None:
    trip = _started(small, "trip", "trip-1")
    wait_until(lambda: (bool(found := small.get("/incident", processInstanceId=trip)), found), "the incident")
    page = cockpit.page
    await cockpit.open(f"#/process-instance/{trip}")
    await cockpit.drawn()
    await expect(page.locator(".djs-element.is-failed")).to_have_attribute("data-element-id", "CallBooking")
    await page.get_by_role("button", name="Go to its cause").click()
    await expect(page.get_by_text("the ledger is closed").first).to_be_visible()
    await page.get_by_text("Stack trace").click()
    await expect(page.locator("pre")).to_contain_text("ledger is closed")
    await page.get_by_role("tab", name="Variables").click()
    await page.get_by_role("button", name="Add a variable").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("ledger")
    await dialog.get_by_label("Value").fill("open")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("row", name="ledger")).to_be_visible()
    await page.get_by_role("tab", name="Incidents").click()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("h1").get_by_text("Completed")).to_be_visible()
    await page.get_by_role("link", name="called by").click()
    await expect(page.get_by_role("heading", name="trip-1")).to_be_visible()
    await expect(page.locator("h1").get_by_text("Completed")).to_be_visible()
    await page.get_by_role("tab", name="Called").click()
    await expect(page.get_by_role("link", name="Booking", exact=True)).to_be_visible()


VALUES = [
    ("aString", {"value": "a", "type": "String"}, "b", "b"),
    ("aLong", {"value": 9007199254740993, "type": "Long"}, "9007199254740995", 9007199254740995),
    ("aDouble", {"value": 0.5, "type": "Double"}, "0.25", 0.25),
    ("aJson", {"value": "[1]", "type": "Json"}, '{"a": 1}', '{"a": 1}'),
    (
        "anObject",
        {
            "value": "[1]",
            "type": "Object",
            "valueInfo": {"objectTypeName": "java.util.ArrayList", "serializationDataFormat": "application/json"},
        },
        "[2]",
        "[2]",
    ),
]


async def test_variables_of_every_type_are_changed(cockpit: Cockpit, small: Server) -> None:
    instance = _started(small, "approval", "request-2", {**ADA, **{name: value for name, value, _, _ in VALUES}})
    page = cockpit.page
    await cockpit.open(f"#/process-instance/{instance}?tab=variables")
    for name, _, text, _ in VALUES:
        await page.get_by_role("button", name=f"Edit {name}").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Value").fill(text)
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog).to_be_hidden()
    found = _variables(small, instance)
    assert {name: found[name] for name, *_ in VALUES} == {name: value for name, _, _, value in VALUES}

    await page.get_by_role("button", name="Remove aString").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(page.get_by_role("button", name="Edit aString")).to_be_hidden()


async def test_a_file_goes_up_and_comes_down_again(cockpit: Cockpit, small: Server, tmp_path: Path) -> None:
    instance = _started(small, "approval", "request-3", ADA)
    contract = tmp_path / "contract.txt"
    contract.write_text("signed", encoding="ascii")
    page = cockpit.page
    await cockpit.open(f"#/process-instance/{instance}?tab=variables")
    await page.get_by_role("button", name="Add a variable").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("contract")
    await dialog.get_by_label("Type").select_option("File")
    await dialog.get_by_label("Value").set_input_files(contract)
    await dialog.get_by_role("button", name="Save").click()
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="contract.txt").click()
    download = await downloading.value
    assert (await download.path()).read_text(encoding="ascii") == "signed"


async def test_suspend_resume_cancel(cockpit: Cockpit, small: Server) -> None:
    instance = _started(small, "approval", "request-4", ADA)
    page = cockpit.page
    await cockpit.open(f"#/process-instance/{instance}")
    heading = page.locator("h1")
    await page.get_by_role("button", name="Suspend").click()
    await expect(heading.get_by_text("Suspended")).to_be_visible()
    await page.get_by_role("button", name="Resume").click()
    await expect(heading.get_by_text("Running")).to_be_visible()
    await page.get_by_role("button", name="Cancel …").click()
    await page.get_by_role("dialog").get_by_role("button", name="Back").click()
    assert small.get(f"/process-instance/{instance}")["ended"] is False
    await page.get_by_role("button", name="Cancel …").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel the instance").click()
    await expect(heading.get_by_text("Canceled")).to_be_visible()
    assert small.get(f"/history/process-instance/{instance}")["state"] == "EXTERNALLY_TERMINATED"


async def test_instances_are_filtered_by_state_key_and_activity(cockpit: Cockpit, small: Server) -> None:
    definition = small.get("/process-definition", key="order")[0]["id"]
    page = cockpit.page
    await cockpit.open(f"#/process-definition/{definition}")
    rows = page.get_by_role("table", name="Instances").locator("tbody tr")
    await expect(rows).to_have_count(6)
    await page.get_by_label("Business key contains").fill("er-3")
    await expect(rows).to_have_count(1)
    await page.get_by_label("Business key contains").fill("%")
    await expect(page.get_by_text("No instance fits these filters.")).to_be_visible()
    await page.get_by_label("Business key contains").fill("")
    await page.get_by_role("button", name="Completed").click()
    await expect(page.get_by_text("No such instance.")).to_be_visible()
    await page.get_by_role("button", name="Running").click()
    await cockpit.drawn()
    await page.locator('[data-element-id="ShipOrder"] .djs-hit').click()
    await expect(page.get_by_text("No instance fits these filters.")).to_be_visible()
    await page.locator('[data-element-id="ReserveStock"] .djs-hit').click()
    await expect(rows).to_have_count(6)
    await expect(page.get_by_label("Activity")).to_have_value("ReserveStock")


async def test_what_happens_elsewhere_is_seen_without_reloading(cockpit: Cockpit, small: Server) -> None:
    instance = _started(small, "approval", "request-5", ADA)
    page = cockpit.page
    await cockpit.open(f"#/process-instance/{instance}")
    await cockpit.drawn()
    canvas = await page.locator(".djs-container svg").first.element_handle()
    assert canvas is not None
    task = small.get("/task", processInstanceId=instance)[0]["id"]
    small.post(f"/task/{task}/complete", {"variables": {"approved": {"value": False, "type": "Boolean"}}})
    await expect(page.locator("h1").get_by_text("Completed")).to_be_visible()
    await expect(page.locator('.djs-connection.is-taken[data-element-id="No"]')).to_be_attached()
    assert await canvas.evaluate("canvas => canvas.isConnected"), "the diagram was drawn anew: it flickers"


async def test_deploying_says_what_was_deployed_or_what_is_wrong(cockpit: Cockpit, small: Server) -> None:
    model = (MODELS / "bare.bpmn").read_text(encoding="utf-8")
    page = cockpit.page
    await cockpit.open("#/deployments")
    chooser = page.locator("input[type=file]")
    fresh = model.replace('id="bare"', 'id="fresh"').encode()
    await chooser.set_input_files({"name": "fresh.bpmn", "mimeType": "text/xml", "buffer": fresh})
    await expect(page.get_by_text("One process was deployed.")).to_be_visible()
    await expect(page.get_by_role("link", name="Without a diagram")).to_be_visible()
    assert small.get("/process-definition/count", key="fresh") == {"count": 1}

    broken = model.replace('targetRef="Wait"', 'targetRef="Nowhere"').encode()
    await chooser.set_input_files({"name": "broken.bpmn", "mimeType": "text/xml", "buffer": broken})
    problem = page.get_by_role("alert")
    await expect(problem).to_contain_text("Nowhere")
    await expect(problem).to_contain_text(re.compile(r"Line \d+, column \d+"))

    await page.get_by_role("button", name=re.compile("^fresh")).click()
    await page.get_by_role("button", name="Delete …").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("The deployment was deleted.")).to_be_visible()
    assert small.get("/process-definition/count", key="fresh") == {"count": 0}


async def test_a_server_that_stops_is_said_and_forgiven(cockpit: Cockpit, small: Server) -> None:
    page = cockpit.page
    await cockpit.open()
    await expect(page.get_by_text("Newest incidents")).to_be_visible()
    await page.route("**/engine-rest/**", lambda route: route.abort())
    await expect(page.get_by_text("What you see may be out of date")).to_be_visible()
    await expect(page.get_by_text("Newest incidents")).to_be_visible()
    await page.unroute("**/engine-rest/**")
    await expect(page.get_by_text("What you see may be out of date")).to_be_hidden()


async def test_names_from_outside_are_text(cockpit: Cockpit, small: Server) -> None:
    """Whatever a client has called things, the page shows it and does not run it."""

    def refuse(dialog: Dialog) -> None:
        cockpit.wrong.append(f"ran: {dialog.message}")

    name = '<img src=x onerror="alert(1)">'
    instance = _started(small, "approval", name, {"applicant": {"value": f"<script>{name}", "type": "String"}})
    page = cockpit.page
    page.on("dialog", refuse)
    for tab in ("variables", "history", "waiting"):
        await cockpit.open(f"#/process-instance/{instance}?tab={tab}")
        await expect(page.get_by_role("heading", name=name)).to_be_visible()
    await cockpit.open(f"#/process-instance/{instance}?tab=variables")
    await expect(page.get_by_text(f"<script>{name}")).to_be_visible()


async def test_links_of_camunda_modeler_lead_to_their_pages(cockpit: Cockpit, small: Server) -> None:
    links = small.rest.get(f"{small.url}/.well-known/camunda-automation-platform/webapps").json()
    deployment = small.get("/deployment", name="order")[0]["id"]
    instance = small.get("/process-instance", businessKey="request-0")[0]["id"]
    task = small.get("/task", processInstanceId=instance)[0]["id"]
    query = f'[{{"type":"id","operator":"eq","value":"{deployment}"}}]'
    page = cockpit.page
    fallback = f"{small.url}/camunda/app/cockpit"
    for base in (links["cockpitUrl"], fallback, f"{small.url}/app/cockpit"):
        await page.goto("about:blank")
        await page.goto(f"{base}/default/#/repository?deploymentsQuery={query}")
        await expect(page.get_by_role("link", name="order.bpmn")).to_be_visible()
        await page.goto("about:blank")
        await page.goto(f"{base}/default/#/process-instance/{instance}")
        await expect(page.get_by_role("heading", name="request-0")).to_be_visible()
    await page.goto("about:blank")
    await page.goto(f"{links['tasklistUrl']}/default/")
    await expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
    await page.goto(f"{small.url}/#/?task={task}")
    await expect(page.get_by_role("button", name="Complete")).to_be_visible()


async def test_a_collapsed_subprocess_is_opened(cockpit: Cockpit, small: Server) -> None:
    instance = _started(small, "nested", "nested-1")
    page = cockpit.page
    await cockpit.open(f"#/process-instance/{instance}")
    await cockpit.drawn()
    await expect(page.locator('.is-active[data-element-id="Inner"]')).to_be_visible()
    await page.locator(".bjs-drilldown").click()
    await expect(page.locator('[data-container-id="Deep"] .badge.running')).to_be_visible()
    await expect(page.locator('.is-active[data-element-id="Deep"]')).to_be_visible()
    await page.locator(".bjs-breadcrumbs").get_by_text("Nested").click()
    await expect(page.locator('[data-element-id="Outer"]').first).to_be_visible()
