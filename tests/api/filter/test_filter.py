"""`/filter`: saved queries of tasks."""

from typing import Any

import httpx
import pytest
from calls import deployed, ok, refused, started


async def _filter(rest: httpx.AsyncClient, query: dict[str, Any], **more: Any) -> str:
    body = {"resourceType": "Task", "name": "f", "query": query, **more}
    return str((await ok(rest, "POST", "/filter/create", body))["id"])


@pytest.fixture
async def two(rest: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client whose node has two instances with two tasks each."""
    await deployed(rest)
    await started(rest, variables={"n": {"value": 1}})
    await started(rest, variables={"n": {"value": 2}})
    return rest


async def test_a_stored_query_is_executed_and_extended(two: httpx.AsyncClient) -> None:
    id = await _filter(two, {"assignee": "anna"})
    assert [t["name"] for t in await ok(two, "GET", f"/filter/{id}/list")] == ["Task A", "Task A"]
    assert await ok(two, "GET", f"/filter/{id}/count") == {"count": 2}
    more = {"processVariables": [{"name": "n", "operator": "eq", "value": 2}]}
    assert await ok(two, "POST", f"/filter/{id}/count", more) == {"count": 1}
    assert (await ok(two, "POST", f"/filter/{id}/singleResult", more))["name"] == "Task A"
    assert await refused(two, "GET", f"/filter/{id}/singleResult") == (400, "InvalidRequestException")
    # A criterion of the extension replaces the stored one of that name.
    assert await ok(two, "POST", f"/filter/{id}/list", {"assignee": "nobody"}) == []
    assert (await two.post(f"/filter/{id}/singleResult", json={"assignee": "nobody"})).status_code == 204
    (shown,) = await ok(two, "GET", "/filter", itemCount="true")
    assert shown["itemCount"] == 2


async def test_a_query_is_kept_in_camundas_form(rest: httpx.AsyncClient) -> None:
    query = {"assignee": "anna", "dueAfter": "2013-01-01T00:00:00.000+0000", "nonsense": 1, "assigned": False}
    id = await _filter(rest, {**query, "orQueries": [{"name": "x", "nonsense": 2}]})
    lists = {"taskVariables": [], "processVariables": [], "caseInstanceVariables": []}
    assert (await ok(rest, "GET", f"/filter/{id}"))["query"] == {
        "assignee": "anna",
        "dueAfter": "2013-01-01T00:00:00.000+0000",
        **lists,
        "orQueries": [{"name": "x", **lists}],
    }


async def test_expressions(two: httpx.AsyncClient) -> None:
    by_text = await _filter(two, {"assigneeExpression": "anna"})
    assert await ok(two, "GET", f"/filter/{by_text}/count") == {"count": 2}
    nobody = await _filter(two, {"assigneeExpression": "${currentUser()}"})
    assert await ok(two, "GET", f"/filter/{nobody}/count") == {"count": 0}
    past = await _filter(two, {"createdBeforeExpression": "#{ now() }"})
    two.clock.advance_ms(1_000)  # type: ignore[attr-defined]
    assert await ok(two, "GET", f"/filter/{past}/count") == {"count": 4}
    deep = await _filter(two, {"orQueries": [{"assigneeExpression": "${currentUser()}", "name": "Task B"}]})
    assert await ok(two, "GET", f"/filter/{deep}/count") == {"count": 2}
    for query in ({"assigneeExpression": "${a.b}"}, {"orQueries": [{"ownerExpression": "${execution.getEngine()}"}]}):
        body = {"resourceType": "Task", "name": "f", "query": query}
        assert await refused(two, "POST", "/filter/create", body) == (400, "BadUserRequestException")
    extension = {"assigneeExpression": "${currentUser()}"}
    assert await refused(two, "POST", f"/filter/{by_text}/list", extension) == (400, "BadUserRequestException")


async def test_refusals(rest: httpx.AsyncClient) -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"resourceType": "Task", "name": "x"},
        {"resourceType": "Nope", "name": "x", "query": {}},
        {"resourceType": "Task", "name": "", "query": {}},
        {"resourceType": "Task", "name": "x", "query": {"dueDate": "x"}},
        {"resourceType": "Task", "name": "x", "query": {"sorting": [{"sortBy": "x", "sortOrder": "asc"}]}},
    ]
    for body in bodies:
        status, _ = await refused(rest, "POST", "/filter/create", body)
        assert status == 400, body
    for method, path in (("GET", "/filter/x"), ("GET", "/filter/x/list"), ("DELETE", "/filter/x")):
        assert await refused(rest, method, path) == (404, "InvalidRequestException")


async def test_hal_shows_what_the_filter_wants(two: httpx.AsyncClient) -> None:
    properties = {"variables": [{"name": "n", "label": "N"}]}
    id = await _filter(two, {"assignee": "anna"}, properties=properties)
    answer = await two.get(f"/filter/{id}/list", headers={"accept": "application/hal+json"})
    assert answer.headers["content-type"] == "application/hal+json"
    found = answer.json()
    assert found["count"] == 2
    tasks = found["_embedded"]["task"]
    assert {task["_embedded"]["variable"][0]["value"] for task in tasks} == {1, 2}
    assert tasks[0]["_links"]["assignee"]["href"] == "/user/anna"
    assert found["_embedded"]["processDefinition"][0]["key"] == "pair"
