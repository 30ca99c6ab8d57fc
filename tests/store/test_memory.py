"""The memory store: the contract, and what is its own."""

from collections.abc import AsyncIterator

import pytest

from penstock.base.clock import SystemClock, VirtualClock
from penstock.store.memory.evaluate import like_matcher
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Batch, Change, Fetch, InboxEntry, RowChange, Store, TopicFetch
from penstock.store.query import Exists, Query, eq

pytest.register_assert_rewrite("penstock.testing.store_suite")
from penstock.testing.store_suite import StoreSuite, ident, insert  # noqa: E402


class TestMemory(StoreSuite):
    @pytest.fixture
    async def store(self) -> AsyncIterator[Store]:
        store = MemoryStore(SystemClock())
        await store.open()
        yield store
        await store.close()


def _batch(*rows: RowChange, at_ms: int = 0, inbox: tuple[InboxEntry, ...] = ()) -> Batch:
    return Batch(stream="s", log=None, at_ms=at_ms, rows=rows, inbox=inbox)


async def test_leases_are_measured_on_the_clock_of_the_store() -> None:
    clock = VirtualClock()
    store = MemoryStore(clock)
    await store.commit(_batch(insert("external_task", 1, topic="t"), insert("job", 1, retries=1, due_ms=0)))
    fetch = Fetch(worker="w", max_tasks=1, topics=[TopicFetch(topic="t", lock_duration_ms=1000)])
    assert len(await store.fetch_and_lock(fetch, 0)) == 1
    assert len(await store.lease_jobs("n", clock.now_ms() + 1000, 1, 0)) == 1
    clock.advance_ms(999)
    assert await store.fetch_and_lock(fetch, 0) == []
    assert await store.lease_jobs("n", clock.now_ms() + 1000, 1, 0) == []
    clock.advance_ms(1)
    assert len(await store.fetch_and_lock(fetch, 0)) == 1
    assert len(await store.lease_jobs("n", clock.now_ms() + 1000, 1, 0)) == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("long_value", True),
        ("long_value", 1.0),
        ("long_value", "1"),
        ("long_value", 2**63),
        ("live", 1),
        ("text_value", 1),
        ("text_value", b""),
        ("double_value", True),
        ("bytes_value", "x"),
        ("info", object()),
        ("info", 2**70),
    ],
)
async def test_values_of_another_type_are_refused(column: str, value: object) -> None:
    store = MemoryStore(VirtualClock())
    with pytest.raises(ValueError, match=column):
        await store.commit(_batch(insert("variable", 2), insert("variable", 1, **{column: value})))
    assert await store.rows(Query("variable")) == []


async def test_an_index_made_early_follows_every_change() -> None:
    store = MemoryStore(VirtualClock())
    by_instance = Query("job", [eq("instance_id", "i")])
    linked = Query("job", [Exists("job", [("message", "flow")])])
    assert await store.count(by_instance) == await store.count(linked) == 0
    await store.commit(_batch(insert("job", 1, instance_id="i", flow="f", message="f"), insert("job", 2)))
    assert await store.count(by_instance) == await store.count(linked) == 1
    await store.commit(_batch(RowChange("job", Change.UPDATE, {**_key(2), "instance_id": "i", "flow": "f"})))
    assert await store.count(by_instance) == await store.count(linked) == 2
    await store.commit(_batch(RowChange("job", Change.UPDATE, {**_key(1), "instance_id": None, "message": None})))
    assert await store.count(by_instance) == 1
    assert await store.count(linked) == 0
    await store.commit(_batch(RowChange("job", Change.DELETE, _key(2))))
    assert await store.rows(by_instance) == []


async def test_expired_inbox_keys_are_dropped() -> None:
    store = MemoryStore(VirtualClock())
    for at_ms in range(0, 1000, 10):
        entry = InboxEntry(f"k{at_ms}", b"", at_ms + 50)
        await store.commit(_batch(at_ms=at_ms, inbox=(entry,)))
    assert await store.read_inbox("k990", 990) == b""
    assert len(store._inbox._entries) == 5
    assert len(store._inbox._expiries) == 5


def test_like_does_not_backtrack() -> None:
    matches = like_matcher("%a" * 40 + "b")
    assert not matches("a" * 5000)
    assert matches("a" * 5000 + "b")


def _key(number: int) -> dict[str, object]:
    return {"shard": insert("job", number).values["shard"], "id": ident(number)}
