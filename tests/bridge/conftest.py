"""A node with bridges, on the bus in memory and on real stores."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
from site_of_tests import Site

from penstock.base.clock import SystemClock
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Store
from penstock.store.sqlite.store import SqliteStore
from penstock.testing.bus_control import BrokerControl
from support.every_broker import BROKERS, Started, started

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


@pytest.fixture(scope="session")
def started_brokers(request: pytest.FixtureRequest) -> Iterator[Started]:
    """The brokers that the tests of this run name as their parameter or have as a fixture, for the whole run."""
    named = set()
    for item in request.session.items:
        if isinstance(item, pytest.Function):
            callspec = getattr(item, "callspec", None)
            named.update({callspec.params.get("broker")} & BROKERS.keys() if callspec is not None else ())
            named.update(("kafka",) if "kafka_broker" in item.fixturenames else ())
    with started(named) as brokers:
        yield brokers


@pytest.fixture(scope="session")
def kafka_broker(started_brokers: Started) -> BrokerControl:
    """A node of Kafka."""
    return started_brokers.get("kafka")
