"""A browser for the folder, servers that hold nothing and a little, and a page for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser import Cockpit, launch, new_cockpit, required
from crowd import ADA, MODELS, ORDER, fail, start_orders
from playwright.async_api import Browser, async_playwright, expect

from penstock.api.cockpit.files import STATIC
from support.processes import Server

PATIENCE_MS = 20_000
"""How long something may take to appear: the machine may be busy."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, once for all tests."""
    required()
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        chromium = await launch(playwright)
        yield chromium
        await chromium.close()


def _server(folder: Path) -> Server:
    assert (STATIC / "index.html").exists(), "the cockpit has not been built: make cockpit"
    return Server("memory://", folder)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which nothing is deployed."""
    with _server(tmp_path_factory.mktemp("empty")) as server:
        yield server


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with four processes and a few instances; tests work on instances of their own."""
    with _server(tmp_path_factory.mktemp("small")) as server:
        for model in (ORDER, *sorted(MODELS.glob("*.bpmn"))):
            server.deploy(model)
        start_orders(server, 6)
        fail(server, "charge-card", 2, "The bank does not answer")
        server.post("/process-definition/key/approval/start", {"businessKey": "request-0", "variables": ADA})
        server.post("/process-definition/key/bare/start", {"businessKey": "bare-0"})
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def cockpit(browser: Browser, small: Server) -> AsyncIterator[Cockpit]:
    """A page on the small server; nothing may go wrong on it."""
    context, page = await new_cockpit(browser, small.url)
    yield page
    await context.close()
    assert not page.wrong
