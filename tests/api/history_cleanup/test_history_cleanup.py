"""History that is past its removal time goes; jobs that belong to no process."""

import httpx
from calls import deployed, ok, refused, started

DAY_MS = 86_400_000


async def test_history_goes_after_its_time_to_live(rest: httpx.AsyncClient) -> None:
    assert await refused(rest, "GET", "/history/cleanup/job") == (404, "RestException")
    await deployed(rest)
    old, running = await started(rest), await started(rest)
    await ok(rest, "DELETE", f"/process-instance/{old}")
    rest.clock.advance_ms(4 * DAY_MS)  # type: ignore[attr-defined]
    young = await started(rest)
    await ok(rest, "DELETE", f"/process-instance/{young}")
    rest.clock.advance_ms(2 * DAY_MS)  # type: ignore[attr-defined]
    report = await ok(rest, "GET", "/history/process-definition/cleanable-process-instance-report")
    assert [(r["finishedProcessInstanceCount"], r["cleanableProcessInstanceCount"]) for r in report] == [(2, 1)]
    job = await ok(rest, "POST", "/history/cleanup")
    assert (await ok(rest, "POST", "/history/cleanup"))["id"] == job["id"], "there is one job"
    await ok(rest, "POST", f"/job/{job['id']}/execute")
    left = {each["id"] for each in await ok(rest, "GET", "/history/process-instance")}
    assert left == {running, young}
    after = await ok(rest, "GET", "/history/cleanup/job")
    assert (after["suspended"], after["dueDate"]) == (True, None)
    await ok(rest, "DELETE", f"/job/{job['id']}")
    assert await refused(rest, "GET", "/history/cleanup/jobs") == (404, "RestException")


async def test_what_belongs_to_an_instance_shows_when_it_goes(rest: httpx.AsyncClient) -> None:
    await deployed(rest)
    instance = await started(rest, variables={"x": {"value": 1}})
    paths = ("activity-instance", "task", "variable-instance", "detail", "user-operation")

    async def removals() -> set[str | None]:
        found = [await ok(rest, "GET", f"/history/{path}", processInstanceId=instance) for path in paths]
        assert all(found)
        return {each["removalTime"] for rows in found for each in rows}

    assert await removals() == {None}
    await ok(rest, "DELETE", f"/process-instance/{instance}")
    expected = (await ok(rest, "GET", f"/history/process-instance/{instance}"))["removalTime"]
    assert expected is not None
    assert await removals() == {expected}


async def test_suspension_at_a_later_date(rest: httpx.AsyncClient) -> None:
    definition = await deployed(rest)
    later = {"suspended": True, "includeProcessInstances": True, "executionDate": "2090-01-01T00:00:00.000+0000"}
    instance = await started(rest)
    await ok(rest, "PUT", f"/process-definition/{definition}/suspended", later)
    assert (await ok(rest, "GET", f"/process-definition/{definition}"))["suspended"] is False
    (job,) = await ok(rest, "GET", "/job", timers="true")
    assert (job["processDefinitionId"], job["dueDate"]) == (None, "2090-01-01T00:00:00.000+0000")
    await ok(rest, "POST", f"/job/{job['id']}/execute")
    assert (await ok(rest, "GET", f"/process-definition/{definition}"))["suspended"] is True
    assert (await ok(rest, "GET", f"/process-instance/{instance}"))["suspended"] is True
    assert await ok(rest, "GET", "/job") == []
