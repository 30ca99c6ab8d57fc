"""`/penstock/v1/reprocessing` over REST: dry runs, runs, and what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from calls import deployed, ok
from real_node import rest_client

from penstock.runtime.protocol import Settings

URL = "http://penstock.test/penstock/v1/reprocessing"
MODEL = b"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
<process id="pay" isExecutable="true" camunda:historyTimeToLive="5"><startEvent id="start"/>
<serviceTask id="charge" camunda:type="external" camunda:topic="charge-card"/>
<sequenceFlow id="f" sourceRef="start" targetRef="charge"/></process></definitions>"""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with rest_client(Settings(execute_jobs=False, log_operations_without_user=True)) as found:
        await deployed(found, MODEL)
        yield found


async def fail(client: httpx.AsyncClient, *errors: str) -> None:
    """One order for each error, which its task has given up with."""
    for error in errors:
        await ok(client, "POST", "/process-definition/key/pay/start", {})
        body = {"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "charge-card", "lockDuration": 1000}]}
        (task,) = await ok(client, "POST", "/external-task/fetchAndLock", body)
        failure = {"workerId": "w", "errorMessage": error, "retries": 0}
        await ok(client, "POST", f"/external-task/{task['id']}/failure", failure)


async def run_jobs(client: httpx.AsyncClient) -> None:
    """All that are due, by hand."""
    while jobs := await ok(client, "GET", "/job", executable="true", withRetriesLeft="true"):
        for job in jobs:
            await client.post(f"/job/{job['id']}/execute")
        if {job["jobDefinitionId"] for job in jobs} and len(jobs) == 1 and jobs[0]["dueDate"] is not None:
            return


async def begun(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(URL, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_dry_run_tells_groups_and_examples(client: httpx.AsyncClient) -> None:
    await fail(client, "card 1 declined", "card 2 declined", "bank is closed")
    found = await ok(client, "POST", f"{URL}/dry-run", {"filter": {"topicName": "charge-card"}})
    assert (found["count"], found["grouped"]) == (3, 3)
    first, second = found["groups"]
    assert {name: first[name] for name in first if name not in ("oldest", "newest", "examples")} == {
        "processDefinitionKey": "pay",
        "processDefinitionVersion": 1,
        "processDefinitionId": first["processDefinitionId"],
        "activityId": "charge",
        "incidentType": "failedExternalTask",
        "topicName": "charge-card",
        "error": "card # declined",
        "count": 2,
    }
    assert [example["errorMessage"] for example in first["examples"]] == ["card 1 declined", "card 2 declined"]
    (incident,) = await ok(client, "GET", "/incident", incidentId=first["examples"][0]["incidentId"])
    assert incident["configuration"] == first["examples"][0]["id"]
    assert (second["error"], second["count"]) == ("bank is closed", 1)
    one = await ok(client, "POST", f"{URL}/dry-run", {"filter": {"all": True}, "maxGroups": 1})
    assert (one["count"], one["grouped"], len(one["groups"])) == (3, 2, 1)
    assert await ok(client, "GET", URL) == []
    assert await ok(client, "GET", "/incident/count") == {"count": 3}


async def test_a_run_from_its_start_to_its_end(client: httpx.AsyncClient) -> None:
    await fail(client, "card 1 declined", "bank is closed")
    conditions = {"processDefinitionKey": "pay", "errorMessage": "CLOSED", "createdAfter": "2020-01-01T00:00:00+01:00"}
    run = await begun(client, filter=conditions, retries=3, ratePerSecond=2.5)
    assert run == {
        "id": run["id"],
        "state": "running",
        "filter": {**conditions, "createdAfter": "2019-12-31T23:00:00.000+0000"},
        "retries": 3,
        "ratePerSecond": 2.5,
        "total": 1,
        "retried": 0,
        "skipped": 0,
        "failed": 0,
        "remaining": 1,
        "retriedPerSecond": 0.0,
        "failedAgain": None,
        "createUserId": None,
        "startTime": run["startTime"],
        "endTime": None,
    }
    (batch,) = await ok(client, "GET", "/batch")
    assert (batch["id"], batch["type"], batch["totalJobs"]) == (run["id"], "retry-failed-work", 1)
    await run_jobs(client)
    found = await ok(client, "GET", f"{URL}/{run['id']}", failedAgain="true")
    assert (found["state"], found["retried"], found["remaining"], found["failedAgain"]) == ("completed", 1, 0, 0)
    assert await ok(client, "GET", URL) == [{**found, "failedAgain": None}]
    (task,) = await ok(client, "GET", "/external-task", withRetriesLeft="true")
    assert (task["errorMessage"], task["retries"]) == ("bank is closed", 3)
    answer = await client.post(URL, json={"filter": conditions})
    assert (answer.status_code, answer.content) == (204, b"")
    (entry,) = await ok(client, "GET", "/history/user-operation", batchId=run["id"], property="nrOfInstances")
    assert (entry["operationType"], entry["newValue"]) == ("RetryFailedWork", "1")


async def test_pausing_and_canceling(client: httpx.AsyncClient) -> None:
    await fail(client, "a", "b", "c")
    run = await begun(client, filter={"all": True}, ratePerSecond=1)
    await run_jobs(client)
    for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "canceled")):
        found = await ok(client, "POST", f"{URL}/{run['id']}/{verb}")
        assert (found["state"], found["retried"], found["remaining"]) == (state, 1, 2)
    answer = await client.post(f"{URL}/{run['id']}/pause")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:penstock:bad-user-request")
    # What was not reached is there for the next run.
    assert (await begun(client, filter={"all": True}))["total"] == 2


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("", {}, "no condition"),
        ("", {"filter": {"topic": "a"}}, "unknown field `topic`"),
        ("", {"filter": {"topicName": "a"}, "rate": 3}, "unknown field `rate`"),
        ("", {"filter": {"topicName": 5}}, "Expected `str | null`, got `int`"),
        ("", {"filter": {"topicName": "a"}, "retries": 0}, "retries is 0"),
        ("", {"filter": {"topicName": "a"}, "ratePerSecond": 0}, "The rate is 0 per second"),
        ("", {"filter": {"topicName": "a"}, "limit": 0}, "`int` >= 1"),
        ("", {"filter": {"topicName": "a\x00"}}, "NUL"),
        ("", {"filter": {"createdAfter": "2026-01-01T00:00:00"}}, "with its zone"),
        ("", {"filter": {"createdBefore": "soon"}}, "with its zone"),
        ("", {"filter": {"all": True, "topicName": "a"}}, "leave one of them out"),
        ("/dry-run", {"filter": {"incidentType": "x"}}, "it can be failedJob or failedExternalTask"),
        ("/dry-run", {"filter": {"processDefinitionVersion": 1}}, "state its key"),
        ("/dry-run", {"filter": {"topicName": "a"}, "maxGroups": 1_001}, "<= 1000"),
        ("/dry-run", [], "no JSON object"),
    ],
)
async def test_mistakes_in_a_filter_are_problem_details(
    client: httpx.AsyncClient, path: str, body: Any, why: str
) -> None:
    answer = await client.post(URL + path, json=body)
    found = answer.json()
    assert (answer.status_code, found["type"]) == (400, "urn:penstock:bad-request"), found
    assert why in found["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_run_that_is_not_there(client: httpx.AsyncClient) -> None:
    for method, path in (("GET", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/cancel")):
        answer = await client.request(method, f"{URL}/nothing{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:penstock:not-found")
    assert (await client.get(URL, params={"maxResults": "many"})).status_code == 400
