"""A real node on a store in memory, behind its REST API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from penstock.api.app import create_app
from penstock.base.clock import VirtualClock
from penstock.base.ids import UuidSource
from penstock.runtime.node import Node
from penstock.runtime.protocol import Settings
from penstock.store.memory.store import MemoryStore


@asynccontextmanager
async def rest_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a new node with these settings; `client.clock` is its clock."""
    clock = VirtualClock()
    store = MemoryStore(clock)
    await store.open()
    node = Node(store, clock=clock, ids=UuidSource(clock), settings=settings)
    await node.start()
    transport = httpx.ASGITransport(app=create_app(node))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test/engine-rest") as found:
        found.clock = clock  # type: ignore[attr-defined]
        yield found
    await node.close()
    await store.close()
