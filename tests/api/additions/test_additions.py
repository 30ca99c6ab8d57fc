"""`/penstock/v1` over REST: ad-hoc sub-processes, problem details, the OpenAPI document."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from calls import deployed, ok, started
from real_node import rest_client

from penstock.api import additions
from penstock.runtime.protocol import Authentication, Settings

V1 = "http://penstock.test/penstock/v1"

AD_HOC = b"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
<process id="ad_hoc" isExecutable="true" camunda:historyTimeToLive="5"><startEvent id="start"/>
<adHocSubProcess id="work" name="Work"><userTask id="a" name="First"/><userTask id="b"/><userTask id="c"/>
<scriptTask id="bad" scriptFormat="javascript"><script>nobody.knows</script></scriptTask>
<sequenceFlow id="f0" sourceRef="b" targetRef="c"/></adHocSubProcess>
<userTask id="after"/><sequenceFlow id="f1" sourceRef="start" targetRef="work"/>
<sequenceFlow id="f2" sourceRef="work" targetRef="after"/></process></definitions>"""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with rest_client(Settings(execute_jobs=False, log_operations_without_user=True)) as found:
        await deployed(found, AD_HOC)
        yield found


async def opened(client: httpx.AsyncClient) -> tuple[str, str]:
    """(instance, activity instance of the ad-hoc sub-process)."""
    instance = await started(client, "ad_hoc")
    (found,) = await ok(client, "GET", f"{V1}/process-instances/{instance}/ad-hoc")
    return instance, found["activityInstanceId"]


async def activate(client: httpx.AsyncClient, instance: str, place: str, *ids: str, **more: Any) -> httpx.Response:
    url = f"{V1}/process-instances/{instance}/ad-hoc/{place}/activate"
    return await client.post(url, json={"activityIds": ids}, **more)


async def tasks(client: httpx.AsyncClient, instance: str) -> dict[str, str]:
    found = await ok(client, "GET", "/task", processInstanceId=instance, sortBy="id", sortOrder="asc")
    return {task["taskDefinitionKey"]: task["id"] for task in found}


async def test_what_can_be_activated_and_activating_it(client: httpx.AsyncClient) -> None:
    instance, place = await opened(client)
    (found,) = await ok(client, "GET", f"{V1}/process-instances/{instance}/ad-hoc")
    assert found == {
        "activityInstanceId": place,
        "activityId": "work",
        "name": "Work",
        "sequential": False,
        "completed": 0,
        "pending": [],
        "activatable": [
            {"id": "a", "name": "First", "type": "userTask"},
            {"id": "b", "name": None, "type": "userTask"},
            {"id": "bad", "name": None, "type": "scriptTask"},
        ],
    }
    assert (await activate(client, instance, place, "a", "b")).status_code == 204
    waiting = await tasks(client, instance)
    assert set(waiting) == {"a", "b"}
    await ok(client, "POST", f"/task/{waiting['a']}/complete", {})
    (found,) = await ok(client, "GET", f"{V1}/process-instances/{instance}/ad-hoc")
    assert found["completed"] == 1
    await ok(client, "POST", f"/task/{waiting['b']}/complete", {})
    await ok(client, "POST", f"/task/{(await tasks(client, instance))['c']}/complete", {})
    assert set(await tasks(client, instance)) == {"after"}
    assert await ok(client, "GET", f"{V1}/process-instances/{instance}/ad-hoc") == []


async def test_the_tree_history_and_operation_log_know_of_it(client: httpx.AsyncClient) -> None:
    instance, place = await opened(client)
    tree = await ok(client, "GET", f"/process-instance/{instance}/activity-instances")
    (work,) = tree["childActivityInstances"]
    assert (work["id"], work["activityType"], work["childActivityInstances"]) == (place, "adHocSubProcess", [])
    await activate(client, instance, place, "a", "a")
    tree = await ok(client, "GET", f"/process-instance/{instance}/activity-instances")
    (work,) = tree["childActivityInstances"]
    assert [child["activityId"] for child in work["childActivityInstances"]] == ["a", "a"]
    assert work["childTransitionInstances"] == []
    rows = await ok(client, "GET", "/history/activity-instance", processInstanceId=instance, activityId="a")
    assert [row["parentActivityInstanceId"] for row in rows] == [place, place]
    (entry,) = await ok(client, "GET", "/history/user-operation", operationType="ActivateAdHoc")
    assert (entry["property"], entry["newValue"], entry["processInstanceId"]) == ("activityIds", "a,a", instance)


async def test_modification_works_as_well(client: httpx.AsyncClient) -> None:
    instance, _ = await opened(client)
    body = {"instructions": [{"type": "startBeforeActivity", "activityId": "a"}]}
    await ok(client, "POST", f"/process-instance/{instance}/modification", body)
    assert set(await tasks(client, instance)) == {"a"}


async def test_a_repeated_request_with_its_key_begins_nothing_twice(client: httpx.AsyncClient) -> None:
    instance, place = await opened(client)
    for _ in range(2):
        answer = await activate(client, instance, place, "a", headers={"Idempotency-Key": "k"})
        assert answer.status_code == 204
    found = await ok(client, "GET", "/task", processInstanceId=instance)
    assert len(found) == 1


async def test_mistakes_are_problem_details(client: httpx.AsyncClient) -> None:
    instance, place = await opened(client)
    url = f"{V1}/process-instances/{instance}/ad-hoc/{place}/activate"
    for answer, status, kind, text in (
        (await activate(client, instance, place, "c"), 400, "bad-user-request", "'c' cannot be activated"),
        (await activate(client, instance, place, "bad"), 422, "script-failed", "nobody"),
        (await activate(client, instance, place), 400, "bad-request", "activityIds must name"),
        (await activate(client, instance, "work:no", "a"), 404, "not-found", "'work:no'"),
        (await activate(client, "no", place, "a"), 404, "not-found", "'no'"),
        (await client.post(url, content=b"{"), 400, "invalid-request", "no JSON object"),
        (await client.post(url, json={"activityIds": 5}), 400, "invalid-request", "no JSON object"),
        (
            await client.post(url, content=b"x", headers={"Content-Type": "text/xml"}),
            415,
            "not-supported",
            "Unsupported",
        ),
        (await client.get(url), 405, "not-allowed", "Not Allowed"),
        (await client.get(f"{V1}/nothing"), 404, "not-found", ""),
        (await client.get(f"{V1}/process-instances/no/ad-hoc"), 404, "not-found", "'no'"),
    ):
        body = answer.json()
        assert (answer.status_code, body["type"], body["status"]) == (status, f"urn:penstock:{kind}", status), body
        assert text in body["detail"]
        assert answer.headers["content-type"] == "application/problem+json"
    assert await tasks(client, instance) == {}
    await ok(client, "PUT", f"/process-instance/{instance}/suspended", {"suspended": True})
    assert (await activate(client, instance, place, "a")).status_code == 409


async def test_the_document_describes_every_route(client: httpx.AsyncClient) -> None:
    found = await ok(client, "GET", f"{V1}/openapi.json")
    assert found["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, item in found["paths"].items() for method in item}
    routes = {(route.method, route.path) for routes in additions.RESOURCES for route in routes}
    assert described == routes - {("GET", "/openapi.json")}


async def test_who_must_say_who_they_are_must_do_so_here_too() -> None:
    async with rest_client(Settings(execute_jobs=False, authentication=Authentication.BASIC)) as client:
        answer = await client.get(f"{V1}/openapi.json")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
