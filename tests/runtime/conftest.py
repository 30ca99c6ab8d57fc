"""Nodes on real stores, and the models they run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from runtime_models import MakeNode

from penstock.base.clock import SystemClock, VirtualClock
from penstock.base.ids import UuidSource
from penstock.runtime.node import Node
from penstock.runtime.protocol import Settings
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Store
from penstock.store.sqlite.store import SqliteStore


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    made: Store = MemoryStore(clock) if request.param == "memory" else SqliteStore(tmp_path / "penstock.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def make_node(clock: VirtualClock) -> AsyncIterator[MakeNode]:
    """Starts nodes; they are closed at the end."""
    nodes: list[Node] = []

    async def make(store: Store, **settings: object) -> Node:
        delegates = settings.pop("delegates", None)
        settings.setdefault("execute_jobs", False)
        node = Node(
            store,
            clock=clock,
            # Ids carry real time, so that nodes that follow each other never repeat one.
            ids=UuidSource(SystemClock()),
            settings=Settings(**settings),  # type: ignore[arg-type]
            delegates=delegates,  # type: ignore[arg-type]
        )
        await node.start()
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        await node.close()


@pytest.fixture
async def node(store: Store, make_node: MakeNode) -> Node:
    return await make_node(store)
