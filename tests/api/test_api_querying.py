"""From parameters to queries, and their refusals."""

from typing import Any

import httpx
import pytest
from fake_engine import FakeEngine

LISTS = "/engine-rest/external-task"


async def _tasks(engine: FakeEngine) -> list[str]:
    ids = [f"00000000-0000-7000-8000-0000000000{n:02x}" for n in range(3)]
    for number, id in enumerate(ids):
        await engine.insert(
            "external_task", id=id, topic=f"topic{number}", priority=number, instance_id=id, execution_id=id,
            suspended=number == 2, created_ms=number, retries=number or None, tenant_id="t1" if number else None,
            worker_id="w" if number == 1 else None,
            lock_expires_ms=engine.clock.now_ms() + 1000 if number == 1 else None,
        )  # fmt: skip
    for id, kind, long, double, text in (
        (ids[0], "Integer", 5, 5.0, None), (ids[1], "Double", None, 5.5, None), (ids[2], "String", None, None, "5"),
    ):  # fmt: skip
        await engine.insert(
            "variable", id=id[:-2] + "f" + id[-1], shard=int(id[-3:], 16), instance_id=id, execution_id=id, name="n",
            type=kind, long_value=long, double_value=double, text_value=text,
        )  # fmt: skip
    return ids


async def _topics(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"{LISTS}?{query}")
    assert answer.status_code == 200, answer.text
    return [task["topicName"] for task in answer.json()]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "012"),
        ("locked=true", "1"),
        ("notLocked=TRUE", "02"),
        ("locked=false", "012"),
        ("suspended=true", "2"),
        ("active=true", "01"),
        ("priorityHigherThanOrEquals=1", "12"),
        ("tenantIdIn=t1,t2", "12"),
        ("withRetriesLeft=true", "012"),
        ("externalTaskIdIn=00000000-0000-7000-8000-000000000001,nonsense", "1"),
        ("processInstanceId=nonsense", ""),
        ("lockExpirationAfter=", "012"),
        ("unknown=1", "012"),
        ("sortBy=createTime&sortOrder=desc&firstResult=1&maxResults=1", "1"),
        ("maxResults=0", ""),
        ("maxResults=-1", ""),
        ("firstResult=-1&maxResults=1", ""),
        ("firstResult=-1&maxResults=2&sortBy=createTime&sortOrder=asc", "0"),
        ("processVariables=n_eq_5", "2"),
        ("processVariables=n_like_%255", "2"),
        ("processVariables=n_neq_5", "01"),
        ("processVariables=N_eq_5", ""),
        ("processVariables=N_eq_5&variableNamesIgnoreCase=true", "2"),
    ],
)
async def test_parameters_of_a_get(engine: FakeEngine, client: httpx.AsyncClient, query: str, expected: str) -> None:
    await _tasks(engine)
    assert sorted(await _topics(client, query)) == [f"topic{n}" for n in expected]


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [("eq", 5, "0"), ("eq", 5.0, "0"), ("gt", 5, "1"), ("gteq", 5, "01"), ("lt", 5.25, "0"), ("neq", 5, "12"),
     ("lteq", 5.5, "01"), ("gt", 2**62, ""), ("lt", 1e30, "01"), ("gt", -1e30, "01"), ("eq", "5", "2"), ("eq", None, "")],
)  # fmt: skip
async def test_numbers_of_every_type_compare_with_each_other(
    engine: FakeEngine, client: httpx.AsyncClient, operator: str, value: Any, expected: str
) -> None:
    await _tasks(engine)
    body = {"processVariables": [{"name": "n", "operator": operator, "value": value}]}
    answer = await client.post(LISTS, json=body)
    assert sorted(task["topicName"] for task in answer.json()) == [f"topic{n}" for n in expected]
    assert (await client.post(LISTS + "/count", json=body)).json() == {"count": len(expected)}


@pytest.mark.parametrize(
    ("query", "status", "type", "message"),
    [
        ("sortBy=x&sortOrder=asc", 400, "InvalidRequestException", "Cannot set query parameter 'sortBy' to value 'x'"),
        ("sortBy=id&sortOrder=x", 400, "InvalidRequestException", "Cannot set query parameter 'sortOrder' to value 'x'"),
        ("sortBy=id", 400, "InvalidRequestException",
         "Only a single sorting parameter specified. sortBy and sortOrder required"),
        ("firstResult=abc", 404, "QueryParamException", "HTTP 404 Not Found"),
        ("maxResults=1.5", 404, "QueryParamException", "HTTP 404 Not Found"),
        ("locked=maybe", 400, "InvalidRequestException",
         "Cannot set query parameter 'locked' to value 'maybe': Cannot convert value maybe to java type java.lang.Boolean"),
        ("priorityLowerThanOrEquals=x", 400, "InvalidRequestException",
         "Cannot set query parameter 'priorityLowerThanOrEquals' to value 'x': "
         "Cannot convert value x to java type java.lang.Long"),
        ("lockExpirationAfter=x", 400, "InvalidRequestException",
         "Cannot set query parameter 'lockExpirationAfter' to value 'x': "
         'Cannot convert value "x" to java type java.util.Date'),
        ("processVariables=n_eq", 400, "InvalidRequestException",
         "Cannot set query parameter 'processVariables' to value 'n_eq': "
         "variable query parameter has to have format KEY_OPERATOR_VALUE."),
        ("processVariables=n_is_5", 400, "InvalidRequestException", "Invalid variable comparator specified: is"),
    ],
)  # fmt: skip
async def test_refused_parameters(client: httpx.AsyncClient, query: str, status: int, type: str, message: str) -> None:
    answer = await client.get(f"{LISTS}?{query}")
    assert (answer.status_code, answer.json()["type"], answer.json()["message"]) == (status, type, message)


@pytest.mark.parametrize(
    ("body", "status", "type"),
    [
        ({"sorting": [{"sortBy": "x", "sortOrder": "asc"}]}, 400, "NotValidException"),
        ({"sorting": [{"sortBy": "id", "sortOrder": "x"}]}, 400, "NotValidException"),
        ({"sorting": "x"}, 400, "InvalidRequestException"),
        ({"locked": "maybe"}, 400, "InvalidRequestException"),
        ({"lockExpirationAfter": "2013-01-23"}, 400, "InvalidRequestException"),
        ({"externalTaskIdIn": "x"}, 400, "InvalidRequestException"),
        ({"processVariables": [{"name": "n", "value": 1}]}, 500, "ProcessEngineException"),
        ({"processVariables": [{"name": "n", "operator": "gt", "value": True}]}, 500, "ProcessEngineException"),
    ],
)
async def test_refused_bodies(client: httpx.AsyncClient, body: Any, status: int, type: str) -> None:
    answer = await client.post(LISTS, json=body)
    assert (answer.status_code, answer.json()["type"]) == (status, type)


async def test_bodies_sort_and_have_alternatives(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    await _tasks(engine)
    body = {
        "sorting": [{"sortBy": "taskPriority", "sortOrder": "desc"}],
        "orQueries": [{"topicName": "topic0", "suspended": True}],
        "topicName": None,
    }
    answer = await client.post(LISTS, json=body)
    assert [task["topicName"] for task in answer.json()] == ["topic2", "topic0"]
