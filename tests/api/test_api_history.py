"""Resources of history, over a store that holds rows."""

from typing import Any

import httpx
import pytest
from fake_engine import FakeEngine

ROOT = "http://penstock.test/engine-rest/history"
PI = "00000000-0000-7000-8000-000000000001"
OTHER = "00000000-0000-7000-8000-000000000002"
COMMON = {"root_id": PI, "instance_id": PI, "definition_id": "p:1:x", "definition_key": "p"}


async def _get(client: httpx.AsyncClient, path: str) -> Any:
    response = await client.get(ROOT + path)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
async def rows(engine: FakeEngine) -> None:
    """Two instances, of which one has ended, with what happened in them."""
    instance = {"definition_id": "p:1:x", "definition_key": "p", "suspended": False}
    await engine.insert("process_instance", **instance, id=PI, root_id=PI, state="ACTIVE", started_ms=1_000)
    ended = {"state": "COMPLETED", "started_ms": 2_000, "ended_ms": 3_000, "duration_ms": 1_000}
    await engine.insert("process_instance", **instance, id=OTHER, root_id=OTHER, **ended)
    activity = {**COMMON, "type": "userTask", "started_ms": 1_000, "canceled": False, "completes_scope": False}
    await engine.insert("activity_instance", **activity, id=f"a:{PI}", activity_id="a")
    value = {**COMMON, "execution_id": PI, "live": True, "created_ms": 1_000}
    await engine.insert(
        "variable", **value, id=PI, name="n", type="Integer", long_value=5, double_value=5.0, state="CREATED"
    )
    await engine.insert("variable", **value, id=PI[:-4] + "1001", name="gone", type="Null", state="DELETED")
    await engine.insert("job_log", **COMMON, id=PI, job_id=PI, state="failed", occurred_ms=5, stacktrace="trace")
    log = {"external_task_id": PI, "state": "created", "occurred_ms": 5, "priority": 0}
    await engine.insert("external_task_log", **COMMON, **log, id=PI)
    update = {"type": "variableUpdate", "name": "n", "variable_type": "Long", "long_value": 7, "occurred_ms": 1}
    await engine.insert("detail", **COMMON, **update, id=PI, revision=1, initial=False)
    await engine.insert("incident", **COMMON, id=PI, type="failedJob", state="resolved", created_ms=1, ended_ms=2)


async def test_process_instances(client: httpx.AsyncClient, rows: None) -> None:
    assert [item["id"] for item in await _get(client, "/process-instance?finished=true")] == [OTHER]
    found = await _get(client, f"/process-instance/{OTHER}")
    assert found["state"] == "COMPLETED"
    assert found["endTime"] == "1970-01-01T00:00:03.000+0000"
    assert found["durationInMillis"] == 1_000
    assert await _get(client, "/process-instance/count?activeActivityIdIn=a") == {"count": 1}
    assert await _get(client, "/process-instance/count?incidentType=failedJob") == {"count": 1}
    both = await client.get(f"{ROOT}/process-instance?active=true&completed=true")
    assert (both.status_code, both.json()["type"]) == (400, "BadUserRequestException")


async def test_variables_compare_across_number_types(client: httpx.AsyncClient, rows: None) -> None:
    body = {"variables": [{"name": "n", "operator": "eq", "value": 5.0}]}
    response = await client.post(f"{ROOT}/process-instance/count", json=body)
    assert response.json() == {"count": 1}
    assert await _get(client, "/process-instance/count?variables=n_eq_5") == {"count": 0}


async def test_variables_removed_by_name_show_only_when_asked_for(client: httpx.AsyncClient, rows: None) -> None:
    assert [item["name"] for item in await _get(client, "/variable-instance")] == ["n"]
    assert await _get(client, "/variable-instance/count?includeDeleted=true") == {"count": 2}
    body = {"variableName": "n", "variableValue": 5}
    assert (await client.post(f"{ROOT}/variable-instance/count", json=body)).json() == {"count": 1}


async def test_logs(client: httpx.AsyncClient, rows: None) -> None:
    (entry,) = await _get(client, "/job-log?failureLog=true")
    assert entry["failureLog"] is True
    assert entry["creationLog"] is False
    trace = await client.get(f"{ROOT}/job-log/{PI}/stacktrace")
    assert (trace.text, trace.headers["content-type"]) == ("trace", "text/plain")
    assert await _get(client, "/job-log/count?successLog=true") == {"count": 0}
    (log,) = await _get(client, "/external-task-log?creationLog=true")
    assert log["externalTaskId"] == PI


async def test_activities_details_incidents(client: httpx.AsyncClient, rows: None) -> None:
    (activity,) = await _get(client, "/activity-instance?unfinished=true&sortBy=occurrence&sortOrder=asc")
    assert activity["activityId"] == "a"
    (incident,) = await _get(client, "/incident?resolved=true")
    assert (incident["open"], incident["resolved"]) == (False, True)


async def test_deleting_needs_an_end(client: httpx.AsyncClient, engine: FakeEngine, rows: None) -> None:
    deleted: list[list[str]] = []

    async def delete_history(instances: list[str], *, user: str | None = None) -> None:
        deleted.append(list(instances))

    engine.delete_history = delete_history  # type: ignore[attr-defined]
    running = await client.delete(f"{ROOT}/process-instance/{PI}")
    assert (running.status_code, running.json()["type"]) == (404, "InvalidRequestException")
    assert (await client.delete(f"{ROOT}/process-instance/{OTHER}")).status_code == 204
    assert deleted == [[OTHER]]
