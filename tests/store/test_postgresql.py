"""The PostgreSQL store: the contract, and what is its own."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from penstock.base.clock import SystemClock, VirtualClock
from penstock.base.errors import StoreFailed
from penstock.store.postgresql.store import PostgresqlStore
from penstock.store.protocol import Batch, Change, Fetch, InboxEntry, Rejected, RowChange, Store, TopicFetch
from penstock.store.query import Query

pytest.register_assert_rewrite("penstock.testing.store_suite")
from penstock.testing.store_suite import StoreSuite, ident, insert, written  # noqa: E402

NOW_MS = SystemClock().now_ms()


async def opened(url: str) -> PostgresqlStore:
    store = PostgresqlStore(url, SystemClock())
    await store.open()
    return store


async def accompanied(store: PostgresqlStore) -> None:
    """Waits until another node has said that it is there."""
    async with asyncio.timeout(10):
        while not store._listener.others:  # noqa: ASYNC110 - there is no event for what a test looks at
            await asyncio.sleep(0.001)


@pytest.fixture
async def pair(postgres_url: str) -> AsyncIterator[tuple[PostgresqlStore, PostgresqlStore]]:
    """Two nodes on one database, with streams `a` and `b`."""
    first, second = await opened(postgres_url), await opened(postgres_url)
    await first.claim_stream("a")
    await second.claim_stream("b")
    await accompanied(first)
    yield first, second
    await first.close()
    await second.close()


class TestPostgresql(StoreSuite):
    @pytest.fixture
    async def store(self, emptied_postgres_url: str) -> AsyncIterator[Store]:
        store = await opened(emptied_postgres_url)
        yield store
        await store.close()


def batch(stream: str, **fields: object) -> Batch:
    return Batch(**{"stream": stream, "log": b"x", "at_ms": NOW_MS, **fields})  # type: ignore[arg-type]


async def test_nodes_that_start_at_once_lay_out_the_tables_once(postgres_url: str) -> None:
    stores = await asyncio.gather(*(opened(postgres_url) for _ in range(4)))
    assert await stores[0].epoch() == 0
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_paused_node_that_lost_its_stream_is_refused(pair: tuple[PostgresqlStore, PostgresqlStore]) -> None:
    old, new = pair
    assert await old.commit(batch("a")) == 1
    assert await new.claim_stream("a") == 1
    with pytest.raises(StoreFailed, match="does not own the stream a"):
        await old.commit(batch("a", instances=[written(1, 0, 1)], rows=[insert("setting", 1, value=1)]))
    assert await new.load([ident(1)]) == {}
    assert await new.count(Query("setting")) == 0
    assert await new.commit(batch("a")) == 2


async def test_of_concurrent_writers_of_one_instance_one_wins(
    pair: tuple[PostgresqlStore, PostgresqlStore],
) -> None:
    for revision in range(20):
        write = written(1, revision, revision + 1)
        answers = await asyncio.gather(
            *(store.commit(batch(stream, instances=[write])) for store, stream in zip(pair, "ab", strict=True))
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["Rejected", "int"]
        (rejected,) = [answer for answer in answers if isinstance(answer, Rejected)]
        assert list(rejected.instances) == [ident(1)]


async def test_of_concurrent_requests_with_one_key_one_is_taken_in(
    pair: tuple[PostgresqlStore, PostgresqlStore],
) -> None:
    for number in range(20):
        answers = await asyncio.gather(
            *(
                store.commit(batch(stream, inbox=[InboxEntry(f"key {number}", stream.encode(), NOW_MS + 60_000)]))
                for store, stream in zip(pair, "ab", strict=True)
            )
        )
        (rejected,) = [answer for answer in answers if isinstance(answer, Rejected)]
        winner = b"b" if answers[0] is rejected else b"a"
        assert rejected.inbox == {f"key {number}": winner}


async def test_crossing_batches_do_not_block_each_other_for_ever(
    pair: tuple[PostgresqlStore, PostgresqlStore],
) -> None:
    first, _ = pair
    assert await first.commit(batch("a", instances=[written(n, 0, 1) for n in range(40)])) == 1
    revision = 1
    for _ in range(10):
        answers = await asyncio.gather(
            *(
                store.commit(batch(stream, instances=[written(n, revision, revision + 1) for n in order]))
                for store, stream, order in zip(pair, "ab", (range(40), range(39, -1, -1)), strict=True)
            )
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["Rejected", "int"]
        revision += 1


async def test_a_change_of_definitions_elsewhere_rejects(pair: tuple[PostgresqlStore, PostgresqlStore]) -> None:
    first, second = pair
    assert isinstance(await first.commit(batch("a", epoch=0, bump_epoch=True)), int)
    rejected = await second.commit(batch("b", epoch=0, instances=[written(1, 0, 1)]))
    assert isinstance(rejected, Rejected)
    assert rejected.epoch == 1
    assert not rejected.instances
    assert isinstance(await second.commit(batch("b", epoch=1, instances=[written(1, 0, 1)])), int)


async def test_concurrent_workers_never_share_a_task(pair: tuple[PostgresqlStore, PostgresqlStore]) -> None:
    first, _ = pair
    rows = [insert("external_task", n, topic="t", created_ms=n) for n in range(200)]
    await first.commit(batch("a", rows=rows))
    fetch = Fetch(worker="w", max_tasks=7, topics=[TopicFetch(topic="t", lock_duration_ms=60_000)])
    fetched: list[str] = []
    for _ in range(30):
        for found in await asyncio.gather(*(store.fetch_and_lock(fetch, NOW_MS) for store in (*pair, *pair))):
            fetched += [task["id"] for task in found]
    assert len(fetched) == len(set(fetched)) == 200


async def test_concurrent_nodes_never_run_two_exclusive_jobs_of_an_instance(
    pair: tuple[PostgresqlStore, PostgresqlStore],
) -> None:
    first, _ = pair
    rows = [
        insert("job", n, instance_id=ident(n % 10), exclusive=True, retries=3, priority=0, created_ms=1)
        for n in range(100)
    ]
    await first.commit(batch("a", rows=rows))
    leases = await asyncio.gather(
        *(store.lease_jobs(f"n{n}", NOW_MS + 60_000, 5, NOW_MS) for n, store in enumerate((*pair, *pair)))
    )
    instances = [job["instance_id"] for jobs in leases for job in jobs]
    assert sorted(instances) == sorted({ident(n) for n in range(10)})


async def test_notifications_reach_the_other_nodes_only(pair: tuple[PostgresqlStore, PostgresqlStore]) -> None:
    first, second = pair
    many = [f"external:{n:0100d}" for n in range(200)]
    await first.commit(batch("a", notify=["external:t", "jobs", *many]))
    heard: list[str] = []
    while len(heard) < 202:
        news = await second.wait_notification(10)
        assert news
        heard += news
    assert heard == ["external:t", "jobs", *many]
    assert await second.wait_notification(0.05) == ()
    assert await first.wait_notification(0.05) == ()


async def test_a_node_that_is_alone_notifies_nobody(postgres_url: str) -> None:
    spy = await asyncpg.connect(postgres_url)
    heard: list[str] = []
    first = await opened(postgres_url)
    await first.claim_stream("a")
    await spy.add_listener("penstock", lambda *said: heard.append(said[-1]))
    assert not first._listener.others
    for _ in range(3):
        await first.commit(batch("a", notify=["external:t", "jobs"]))
    reader = await opened(postgres_url)
    await reader.notify(["views"])
    assert await first.wait_notification(10) == ("views",)
    await first.wait_notification(0.01)
    assert not first._listener.others, "who writes no stream is no node"
    await spy.execute("SELECT 1")
    heard.clear()
    await first.commit(batch("a", notify=["jobs"]))
    await spy.execute("SELECT 1")
    assert heard == []
    await first.notify(["views"])
    assert await reader.wait_notification(10) == ("views",)
    await reader.close()
    second = await opened(postgres_url)
    await second.claim_stream("b")
    await accompanied(first)
    await first.commit(batch("a", notify=["jobs"]))
    assert await second.wait_notification(10) == ("jobs",)
    await first.notify(["views"])
    assert await second.wait_notification(10) == ("views",)
    await second.close()
    async with asyncio.timeout(10):
        while first._listener.others:
            await first.wait_notification(0.01)
    heard.clear()
    await first.commit(batch("a", notify=["jobs"]))
    await spy.execute("SELECT 1")
    assert heard == []
    await first.close()
    await spy.close()


async def test_the_listener_comes_back(pair: tuple[PostgresqlStore, PostgresqlStore]) -> None:
    first, second = pair
    async with first._writer() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'penstock listener' AND datname = current_database()"
        )
    await asyncio.sleep(0.1)
    waiting = asyncio.ensure_future(second.wait_notification(10))
    await asyncio.sleep(0.2)
    async with first._writer() as connection:
        await connection.execute("SELECT pg_notify('penstock', '[\"another\", [\"jobs\"]]')")
    assert await waiting == ("jobs",)


async def test_a_lost_connection_fails_the_batch_and_the_next_one_works(
    pair: tuple[PostgresqlStore, PostgresqlStore],
) -> None:
    first, second = pair
    await first.commit(batch("a"))
    async with second._writer() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND application_name = 'penstock' AND datname = current_database()"
        )
    failures = 0
    for _ in range(20):
        try:
            position = await first.commit(batch("a"))
            break
        except StoreFailed:
            failures += 1
    assert position == 2, failures


async def test_a_database_out_of_reach_is_said(postgres_url: str) -> None:
    with pytest.raises(StoreFailed, match="out of reach"):
        await opened("postgresql://postgres@127.0.0.1:1/none")
    with pytest.raises(StoreFailed, match="does not exist"):
        await opened(postgres_url + "_not")


async def test_an_encoding_that_cannot_hold_all_text_is_refused(postgres_url: str) -> None:
    admin = await asyncpg.connect(postgres_url)
    name = postgres_url.rpartition("/")[2] + "_latin"
    await admin.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreFailed, match="encoding is LATIN1"):
            await opened(postgres_url + "_latin")
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def test_a_clock_of_a_test_replaces_the_databases(postgres_url: str) -> None:
    clock = VirtualClock()
    store = PostgresqlStore(postgres_url, clock)
    await store.open()
    rows = [insert("external_task", 1, topic="t", created_ms=1), insert("job", 1, retries=1, due_ms=clock.now_ms() + 5)]
    await store.commit(Batch(stream="a", log=None, at_ms=clock.now_ms(), rows=rows))
    fetch = Fetch(worker="w", max_tasks=1, topics=[TopicFetch(topic="t", lock_duration_ms=1_000)])
    (task,) = await store.fetch_and_lock(fetch, clock.now_ms())
    assert task["lock_expires_ms"] == clock.now_ms() + 1_000
    assert await store.lease_jobs("n", clock.now_ms() + 1_000, 1, clock.now_ms()) == []
    clock.advance_ms(1_000)
    assert len(await store.fetch_and_lock(fetch, clock.now_ms())) == 1
    assert len(await store.lease_jobs("n", clock.now_ms() + 1_000, 1, clock.now_ms())) == 1
    await store.close()


async def test_writes_go_by_key(postgres_url: str) -> None:
    store = await opened(postgres_url)
    group = store._planner.plan([RowChange("external_task", Change.UPDATE, {"shard": 1, "id": "a", "topic": "t"})])[0]
    delete = store._planner.plan([RowChange("external_task", Change.DELETE, {"shard": 1, "id": "a"})])[0]
    async with store._writer() as connection:
        for step in (group, delete):
            text = store._row_statement(step, replacing=False)[0]
            statement = await connection.prepare(text)
            assert statement is not None
            plan = await connection.fetch(
                "EXPLAIN (GENERIC_PLAN) " + text if connection.get_server_version().major >= 16 else _literal(text)
            )
            shown = "\n".join(row[0] for row in plan)
            assert "Index Scan using external_task_pkey" in shown, shown
    await store.close()


def _literal(text: str) -> str:
    for number, array in ((1, "'{1}'"), (2, "'{a}'"), (3, "'{t}'")):
        text = text.replace(f"${number}", array)
    return "EXPLAIN " + text
