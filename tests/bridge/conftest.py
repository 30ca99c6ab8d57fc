"""A node with bridges, on the bus in memory and on real stores."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from site_of_tests import Site

from penstock.base.clock import SystemClock
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Store
from penstock.store.sqlite.store import SqliteStore

_numbers = count(1)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = MemoryStore(SystemClock()) if request.param == "memory" else SqliteStore(tmp_path / "penstock.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(store, f"memory://bridge-{next(_numbers)}", tmp_path / "penstock.toml")
    await made.bus.open()
    yield made
    await made.close()
