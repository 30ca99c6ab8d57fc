"""A fake node, and a client of its REST API."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fake_engine import FakeEngine

from penstock.api.app import create_app


@pytest.fixture
def engine() -> FakeEngine:
    """A node without an engine."""
    return FakeEngine()


@pytest.fixture
async def client(engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the API of `engine` at `/engine-rest`."""
    transport = httpx.ASGITransport(app=create_app(engine))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as found:
        yield found
