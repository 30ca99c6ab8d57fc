"""The FastAPI example as a real process, and what is mounted."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from embedded_models import EXAMPLE, work
from fastapi import FastAPI
from starlette.applications import Starlette

from penstock.base.errors import BadRequest
from penstock.embedded import Engine
from support.processes import Running, free_port, wait_until


class Web(Running):
    """The example behind uvicorn."""

    def __init__(self, store: str, folder: Path) -> None:
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLE), "--port", str(port), "web:app"]
        super().__init__(command, folder / "web.log", {"PENSTOCK_STORE": store}, folder)
        self.log = folder / "web.log"
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def start(self) -> None:
        super().start()
        wait_until(self._ready, "the application is ready")

    def _ready(self) -> tuple[bool, object]:
        assert self.process.poll() is None, "it has ended"
        try:
            return (answer := self.http.get("/ready")).status_code == 200, answer.text
        except httpx.TransportError as error:
            return False, error

    def order(self, number: int, **body: Any) -> httpx.Response:
        return self.http.put(f"/orders/{number}", json={"item": "apple", "pieces": 3, **body})

    def until(self, number: int, **expected: Any) -> Any:
        def look() -> tuple[bool, Any]:
            found = self.http.get(f"/orders/{number}").json()
            return all(found.get(name) == value for name, value in expected.items()), found

        wait_until(look, f"order {number} is {expected}")
        return look()[1]


@pytest.fixture(params=["sqlite", "postgresql"])
def web(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Web]:
    store = f"sqlite:///{tmp_path}/shop.db"
    if request.param == "postgresql":
        store = request.getfixturevalue("emptied_postgres_url")
    with Web(store, tmp_path) as made:
        yield made
        made.http.close()


def test_orders_come_over_http_and_survive_a_kill(web: Web) -> None:
    assert web.order(1).status_code == 202
    assert web.order(1).json() == web.order(1).json()
    found = web.until(1, state="COMPLETED")
    assert (found["receipt"], found["parcel"]) == ("1: 120 cents", "parcel-1")
    assert web.order(2, card="empty").status_code == 202
    web.until(2, state="ACTIVE", at=["Ask for another card"])
    assert web.order(3, item="stone").status_code == 422
    assert web.http.get("/orders/3").status_code == 404
    web.kill()
    web.start()
    web.until(2, state="ACTIVE", at=["Ask for another card"])
    assert web.http.post("/orders/2/card", params={"card": "valid"}).status_code == 200
    web.until(2, state="COMPLETED", card="valid")
    assert web.http.post("/orders/2/card", params={"card": "valid"}).status_code == 409
    # Cockpit and REST API are below the mount, and find each other.
    page = web.http.get("/penstock", follow_redirects=True)
    assert page.status_code == 200 and page.url.path == "/penstock/" and "<title>Penstock</title>" in page.text
    assert web.http.get("/penstock/engine-rest/history/process-instance/count").json() == {"count": 2}
    assert web.http.get("/penstock/tasklist").headers["location"] == "./#/tasks"
    instance = web.http.post("/penstock/engine-rest/process-definition/key/shop-order/start", json={}).status_code
    assert instance == 500  # without an item the delegate fails, and the caller is told
    web.process.terminate()
    # uvicorn ends by the signal that it got, once the application has ended.
    assert web.process.wait(60) in (0, -signal.SIGTERM)
    assert "Application shutdown complete" in web.log.read_text()


async def test_what_is_mounted_serves_below_its_path() -> None:
    engine = Engine("memory://")
    app = FastAPI(lifespan=engine.lifespan)
    app.mount("/deep/penstock", engine.asgi())
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example")
    assert (await client.get("/deep/penstock/engine-rest/version")).status_code == 503
    async with app.router.lifespan_context(app):
        await engine.deploy(resources={"work.bpmn": work()})
        assert (await client.get("/deep/penstock/engine-rest/version")).json() == {"version": "7.24.0"}
        started = await client.post(
            "/deep/penstock/engine-rest/process-definition/key/work/start", json={}, headers={"origin": "http://evil"}
        )
        (link,) = started.json()["links"]
        assert "access-control-allow-origin" not in started.headers
        assert (await client.get(link["href"])).json()["id"] == started.json()["id"]
        quoted = await client.get("/deep/penstock/engine-rest/task/a%2Fb")
        assert quoted.status_code == 404 and "a/b" in quoted.json()["message"]
        assert (await client.get("/deep/engine-rest/version")).status_code == 404
    assert (await client.get("/deep/penstock/engine-rest/version")).status_code == 503
    await client.aclose()


async def test_starlette_and_the_top_of_an_application() -> None:
    engine = Engine("memory://")
    app = Starlette(lifespan=engine.lifespan)
    app.mount("/", engine.asgi())
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as client,
    ):
        assert (await client.get("/engine-rest/version")).json() == {"version": "7.24.0"}
        assert (await client.get("/")).status_code == 200


async def test_who_calls_from_outside_says_who_he_is_where_that_is_wanted() -> None:
    """The service itself need not."""
    engine = Engine("memory://", settings={"authentication": "basic"})
    async with (
        engine,
        httpx.AsyncClient(transport=httpx.ASGITransport(engine.asgi()), base_url="http://shop.example") as client,
    ):
        await engine.deploy(resources={"work.bpmn": work()})
        assert (await client.get("/engine-rest/task")).status_code == 401
        assert await engine.rest("GET", "/process-definition/count") == {"count": 1}


def test_a_servers_engine_cannot_be_mounted() -> None:
    with pytest.raises(BadRequest, match="mount an engine of this process"):
        Engine("http://127.0.0.1:1/engine-rest").asgi()
    with pytest.raises(BadRequest, match="register 'x' there"):
        Engine("http://127.0.0.1:1/engine-rest").delegate("x")
