"""A real server for the tests of this folder, and what they deploy."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from penstock.worker import AsyncClient, Client
from support.processes import Server, node_binary


@pytest.fixture(scope="session")
def node() -> str:
    """Node's path."""
    return node_binary()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server process with a store in memory."""
    with Server("memory://", tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def base_url(server: Server) -> str:
    """Where its REST API is."""
    return f"{server.url}/engine-rest"


@pytest.fixture
def client(base_url: str) -> Iterator[Client]:
    """A blocking client of it."""
    with Client(base_url) as made:
        yield made


@pytest.fixture
async def aclient(base_url: str) -> AsyncIterator[AsyncClient]:
    """A client of it for the event loop."""
    async with AsyncClient(base_url) as made:
        yield made


@pytest.fixture
def folder() -> Path:
    """This folder."""
    return Path(__file__).parent
