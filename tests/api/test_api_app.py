"""The HTTP layer: paths, methods, media types, bounds, defects."""

from typing import Any

import httpx
import pytest
from fake_engine import FakeEngine

from penstock.api.app import App, Router, create_app
from penstock.api.http import Request, Route
from penstock.base.errors import Conflict, Overloaded
from penstock.runtime.protocol import Settings


async def _answer(_request: Request, *_values: str) -> Any:
    return {}


def test_literal_segments_win_and_dead_ends_fall_back() -> None:
    router = Router(
        [Route("GET", "/a/{id}", _answer), Route("POST", "/a/create", _answer), Route("GET", "/a/key/{k}/x", _answer)]
    )
    found = router.find(["a", "create"])
    assert found is not None and set(found[0]) == {"POST"}
    assert (router.find(["a", "key"]) or ({}, []))[1] == ["key"]
    assert (router.find(["a", "key", "1", "x"]) or ({}, []))[1] == ["1"]
    assert router.find(["a", "key", "1"]) is None
    assert router.find([]) is None


def test_two_routes_for_one_operation_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two routes"):
        Router([Route("GET", "/a/{x}", _answer), Route("GET", "/a/{y}", _answer)])


@pytest.mark.parametrize(
    ("method", "path", "status", "type"),
    [
        ("GET", "/engine-rest/no-such-resource", 404, "NotFoundException"),
        ("GET", "/engine-rest/", 404, "NotFoundException"),
        ("GET", "/engine-rest/engine/default/engine", 404, "NotFoundException"),
        ("GET", "/engine-rest/engine/nope/external-task", 400, "InvalidRequestException"),
        ("POST", "/engine-rest/version", 405, "NotAllowedException"),
        ("DELETE", "/engine-rest/engine", 405, "NotAllowedException"),
        ("GET", "/engine-rest/deployment/create", 405, "NotAllowedException"),
        ("GET", "/elsewhere", 404, "NotFoundException"),
    ],
)
async def test_refusals_have_type_message_code(
    client: httpx.AsyncClient, method: str, path: str, status: int, type: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (status, type, None)
    assert set(answer.json()) == {"type", "message", "code"}


@pytest.mark.parametrize(
    "path", ["/engine-rest/version", "/engine-rest/version/", "/engine-rest/engine/default/version",
             "/engine-rest/engine/none/version"]
)  # fmt: skip
async def test_the_version_is_found_on_every_way(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.json() == {"version": "7.24.0"}
    assert answer.headers["content-type"] == "application/json"


async def test_media_types(client: httpx.AsyncClient) -> None:
    wrong = await client.post("/engine-rest/signal", content=b"x", headers={"content-type": "text/plain"})
    assert (wrong.status_code, wrong.json()["type"]) == (415, "NotSupportedException")
    charset = {"content-type": "application/json; charset=utf-8"}
    assert (await client.post("/engine-rest/signal", content=b'{"name":"x"}', headers=charset)).status_code == 204
    for accept, status in (
        ("text/plain", 406),
        ("application/*;q=0.1, text/html", 200),
        ("*/*", 200),
        ("*/*;q=0", 406),
    ):
        assert (await client.get("/engine-rest/version", headers={"accept": accept})).status_code == status


@pytest.mark.parametrize("content", [b"{broken", b"[1]", b'"x"', b"\xff", b'{"name": {}}', b"[" * 100_000])
async def test_unreadable_bodies_are_400_without_a_message(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/engine-rest/signal", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json() == {"type": "InvalidRequestException", "message": "", "code": None}


async def test_bodies_are_bounded() -> None:
    engine = FakeEngine(Settings(payload_bytes_max=100))
    transport = httpx.ASGITransport(app=create_app(engine))  # type: ignore[arg-type]

    async def chunks() -> Any:
        for _ in range(11):
            yield b"0123456789"

    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test/engine-rest") as client:
        for content in (b"x" * 101, chunks()):
            answer = await client.post("/signal", content=content)
            assert (answer.status_code, answer.json()["type"]) == (413, "RequestTooLarge")


async def test_head_and_options(client: httpx.AsyncClient) -> None:
    head = await client.head("/engine-rest/version")
    assert (head.status_code, head.content) == (200, b"")
    options = await client.options("/engine-rest/version")
    assert options.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_browsers_on_loopback_may_call(engine: FakeEngine) -> None:
    for address, allowed in (("127.0.0.1", True), ("10.0.0.1", False)):

        async def app(scope: Any, receive: Any, send: Any, address: str = address) -> None:
            scope["server"] = (address, 80)
            await create_app(engine)(scope, receive, send)  # type: ignore[arg-type]

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
            preflight = await client.options(
                "/engine-rest/deployment/create",
                headers={"origin": "file://", "access-control-request-method": "POST",
                         "access-control-request-headers": "authorization"},
            )  # fmt: skip
            assert preflight.status_code == 200
            assert ("access-control-allow-origin" in preflight.headers) is allowed
            answer = await client.get("/engine-rest/version", headers={"origin": "file://"})
            assert answer.headers.get("access-control-allow-origin") == ("file://" if allowed else None)


async def test_a_defect_is_500_and_says_nothing_of_the_inside(engine: FakeEngine) -> None:
    async def fail(_request: Request) -> None:
        raise KeyError("secret")

    app = App(engine, [Route("GET", "/fail", fail)])  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
        answer = await client.get("/engine-rest/fail")
    assert (answer.status_code, answer.json()["type"]) == (500, "InternalError")
    assert "secret" not in answer.text


async def test_overload_says_when_to_come_back_and_conflicts_have_code_1(
    engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    engine.owners["t"] = "i"
    engine.failing = Overloaded("too much")
    answer = await client.post("/engine-rest/external-task/t/complete", json={"workerId": "w"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    engine.failing = Conflict("moved")
    answer = await client.post("/engine-rest/external-task/t/complete", json={"workerId": "w"})
    assert (answer.status_code, answer.json()["type"], answer.json()["code"]) == (500, "OptimisticLockingException", 1)


async def test_probes(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"ready": True}
    assert (await client.get("/ready")).status_code == 200
    engine.state = {"ready": False, "store": "gone"}
    assert ((await client.get("/ready")).status_code, (await client.get("/health")).status_code) == (503, 200)
    links = (await client.get("/.well-known/camunda-automation-platform/webapps")).json()
    assert links["cockpitUrl"] == "http://penstock.test/cockpit"


async def test_nul_never_reaches_a_store(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get("/engine-rest/deployment/%00"),
        await client.get("/engine-rest/deployment?name=%00"),
        await client.post("/engine-rest/signal", content=b'{"name": "a\\u0000"}'),
        await client.post("/engine-rest/external-task", content=b'{"x": {"\\u0000": 1}}'),
        await client.post("/engine-rest/deployment/create", files=[("deployment-name", (None, "a\x00"))]),
    ):
        assert (answer.status_code, answer.json()["type"]) == (400, "InvalidRequestException")
    # A backslash, a `u` and four zeros are not NUL.
    assert (await client.post("/engine-rest/signal", content=b'{"name": "a\\\\u0000"}')).status_code == 204


async def test_numbers_have_javas_bounds(client: httpx.AsyncClient) -> None:
    topic = b'"topics":[{"topicName":"t","lockDuration":%d}]'
    for most, duration, status in ((1, 2**63 - 1, 200), (1, 2**63, 400), (2**31, 1, 400), (10**30, 1, 400)):
        content = b'{"workerId":"w","maxTasks":%d,%b}' % (most, topic % duration)
        answer = await client.post("/engine-rest/external-task/fetchAndLock", content=content)
        assert answer.status_code == status, answer.text
