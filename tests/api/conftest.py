"""A fake node and a real one, and clients of their REST API."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fake_engine import FakeEngine
from real_node import rest_client

from penstock.api.app import create_app
from penstock.runtime.protocol import Settings


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


@pytest.fixture
async def rest() -> AsyncIterator[httpx.AsyncClient]:
    """Calls the API of a real node on a store in memory, with the operation log of everybody."""
    async with rest_client(Settings(execute_jobs=False, log_operations_without_user=True)) as found:
        yield found
