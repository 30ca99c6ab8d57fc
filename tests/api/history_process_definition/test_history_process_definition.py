"""Reports of history: by activity, by month; and forgetting variables."""

import httpx
from calls import deployed, ok, refused, started, task_of


async def test_statistics_by_activity(rest: httpx.AsyncClient) -> None:
    definition = await deployed(rest)
    first, second = await started(rest), await started(rest)
    await ok(rest, "POST", f"/task/{await task_of(rest, first, 'taskA')}/complete", {})
    await ok(rest, "DELETE", f"/process-instance/{second}")
    path = f"/history/process-definition/{definition}/statistics"
    running = {row["id"]: row["instances"] for row in await ok(rest, "GET", path)}
    assert running == {"taskB": 1}
    options = {"finished": "true", "canceled": "true", "completeScope": "true"}
    rows = await ok(rest, "GET", path, sortBy="activityId", sortOrder="asc", **options)
    found = {row["id"]: (row["instances"], row["finished"], row["canceled"]) for row in rows}
    assert [row["id"] for row in rows] == sorted(found)
    assert found == {"endA": (0, 1, 0), "start": (0, 2, 0), "taskA": (0, 2, 1), "taskB": (1, 1, 1)}
    only = await ok(rest, "GET", path, processInstanceIdIn=first, **options)
    assert {row["id"]: row["canceled"] for row in only if row["canceled"]} == {}
    none = await ok(rest, "GET", path, startedAfter="2090-01-01T00:00:00.000+0000", **options)
    assert none == []
    assert await refused(rest, "GET", path, sortBy="x", sortOrder="asc") == (400, "InvalidRequestException")


async def test_the_duration_report(rest: httpx.AsyncClient) -> None:
    await deployed(rest)
    for span_ms in (10, 30):
        instance = await started(rest)
        rest.clock.advance_ms(span_ms)  # type: ignore[attr-defined]
        await ok(rest, "DELETE", f"/process-instance/{instance}")
    await started(rest)
    path = "/history/process-instance/report"
    (row,) = await ok(rest, "GET", path, reportType="duration", periodUnit="month")
    assert (row["minimum"], row["maximum"], row["average"], row["periodUnit"]) == (10, 30, 20, "MONTH")
    query = {"reportType": "duration", "periodUnit": "quarter"}
    answer = await rest.get(path, params=query, headers={"accept": "text/csv"})
    assert answer.text.splitlines()[0] == "PERIOD,PERIOD_UNIT,MINIMUM,MAXIMUM,AVERAGE"
    assert answer.text.splitlines()[1].endswith("QUARTER,10,30,20")
    assert await refused(rest, "GET", path, periodUnit="month") == (400, "InvalidRequestException")
    assert await refused(rest, "GET", path, reportType="duration") == (400, "InvalidRequestException")
    assert await ok(rest, "GET", path, processDefinitionKeyIn="other", **query) == []


async def test_history_forgets_variables(rest: httpx.AsyncClient) -> None:
    await deployed(rest)
    instance = await started(rest, variables={"x": {"value": 1}, "y": {"value": 2}})
    await ok(rest, "DELETE", f"/process-instance/{instance}")

    async def left(kind: str) -> int:
        return len(await ok(rest, "GET", f"/history/{kind}", processInstanceId=instance))

    variables = await ok(rest, "GET", "/history/variable-instance", processInstanceId=instance, variableName="x")
    await ok(rest, "DELETE", f"/history/variable-instance/{variables[0]['id']}")
    assert (await left("variable-instance"), await left("detail")) == (1, 1)
    unknown = (404, "InvalidRequestException")
    assert await refused(rest, "DELETE", f"/history/variable-instance/{variables[0]['id']}") == unknown
    await ok(rest, "DELETE", f"/history/process-instance/{instance}/variable-instances")
    assert (await left("variable-instance"), await left("detail")) == (0, 0)


async def test_a_live_variable_loses_its_past_only(rest: httpx.AsyncClient) -> None:
    await deployed(rest)
    instance = await started(rest, variables={"x": {"value": 1}})
    await ok(rest, "DELETE", f"/history/process-instance/{instance}/variable-instances")
    assert await ok(rest, "GET", "/history/detail", processInstanceId=instance) == []
    assert [v["value"] for v in await ok(rest, "GET", "/variable-instance", processInstanceIdIn=instance)] == [1]
