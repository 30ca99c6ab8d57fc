"""Comments and attachments of tasks, live and ended."""

import httpx
import pytest
from calls import deployed, ok, refused, started, task_of


@pytest.fixture
async def instance(rest: httpx.AsyncClient) -> str:
    """A running process instance."""
    await deployed(rest)
    return await started(rest)


async def test_the_life_of_a_comment(rest: httpx.AsyncClient, instance: str) -> None:
    task = await task_of(rest, instance, "taskA")
    path = f"/task/{task}/comment"
    made = await ok(rest, "POST", path + "/create", {"message": "first"})
    assert (made["taskId"], made["rootProcessInstanceId"], made["processInstanceId"]) == (task, instance, None)
    rest.clock.advance_ms(10)  # type: ignore[attr-defined]
    of_instance = {"message": "second", "processInstanceId": instance}
    second = await ok(rest, "POST", path + "/create", of_instance)
    assert [c["message"] for c in await ok(rest, "GET", path)] == ["second", "first"]
    assert [c["message"] for c in await ok(rest, "GET", f"/process-instance/{instance}/comment")] == ["second"]
    await ok(rest, "PUT", path, {"id": made["id"], "message": "changed"})
    assert (await ok(rest, "GET", f"{path}/{made['id']}"))["message"] == "changed"
    updated = await ok(rest, "GET", f"/task/{task}")
    assert (updated["taskState"], updated["lastUpdated"]) != ("Created", None)
    assert (await ok(rest, "GET", f"/task/{task}", withCommentAttachmentInfo="true"))["comment"] is True
    await ok(rest, "DELETE", f"/process-instance/{instance}/comment/{second['id']}")
    await ok(rest, "DELETE", f"{path}/{made['id']}")
    assert await ok(rest, "GET", path) == []


async def test_refusals(rest: httpx.AsyncClient, instance: str) -> None:
    path = f"/task/{await task_of(rest, instance, 'taskA')}/comment"
    invalid = "InvalidRequestException"
    assert await refused(rest, "POST", path + "/create", {}) == (400, invalid)
    assert await refused(rest, "POST", "/task/x/comment/create", {"message": "m"}) == (400, invalid)
    assert await refused(rest, "PUT", path, {"message": "m"}) == (400, invalid)
    assert await refused(rest, "PUT", path, {"id": "x", "message": "m"}) == (400, invalid)
    assert await refused(rest, "GET", path + "/x") == (404, invalid)
    assert await refused(rest, "GET", "/process-instance/x/comment") == (404, invalid)


async def test_an_ended_task_is_commented_but_its_comments_stay(rest: httpx.AsyncClient, instance: str) -> None:
    task = await task_of(rest, instance, "taskA")
    path = f"/task/{task}/comment"
    await ok(rest, "POST", path + "/create", {"message": "before"})
    await ok(rest, "DELETE", f"/process-instance/{instance}")
    rest.clock.advance_ms(10)  # type: ignore[attr-defined]
    made = await ok(rest, "POST", path + "/create", {"message": "after"})
    assert made["removalTime"] is not None, "it goes with its process instance"
    assert [c["message"] for c in await ok(rest, "GET", path)] == ["after", "before"]
    invalid = "InvalidRequestException"
    assert await refused(rest, "PUT", path, {"id": made["id"], "message": "m"}) == (400, invalid)
    assert await refused(rest, "DELETE", path) == (400, invalid)
    await ok(rest, "DELETE", f"/history/process-instance/{instance}")
    assert await refused(rest, "GET", path) == (404, invalid)


async def test_attachments(rest: httpx.AsyncClient, instance: str) -> None:
    task = await task_of(rest, instance, "taskA")
    path = f"/task/{task}/attachment"
    parts = {"attachment-name": "plan", "attachment-type": "text", "attachment-description": "a plan"}
    content = b"\x00\xffplan"
    answer = await rest.post(path + "/create", data=parts, files={"content": ("p.bin", content)})
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["name"], made["type"], made["description"], made["url"]) == ("plan", "text", "a plan", None)
    data = await rest.get(f"{path}/{made['id']}/data")
    assert (data.content, data.headers["content-type"]) == (content, "application/octet-stream")
    link = (await rest.post(path + "/create", files={"url": (None, "http://example.org")})).json()
    assert await refused(rest, "GET", f"{path}/{link['id']}/data") == (404, "InvalidRequestException")
    assert [a["name"] for a in await ok(rest, "GET", path)] == ["plan", None]
    nothing = await rest.post(path + "/create", files={"attachment-name": (None, "x")})
    assert nothing.status_code == 400
    await ok(rest, "DELETE", f"{path}/{made['id']}")
    await ok(rest, "DELETE", f"/process-instance/{instance}")
    late = await rest.post(path + "/create", files={"url": (None, "http://example.org/late")})
    assert late.status_code == 200, late.text
    await ok(rest, "DELETE", f"{path}/{link['id']}")
    assert [a["url"] for a in await ok(rest, "GET", path)] == ["http://example.org/late"]
    assert await refused(rest, "DELETE", f"{path}/{link['id']}") == (404, "InvalidRequestException")
