"""The SQLite store: the contract, and what is its own."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from penstock.base.errors import StoreFailed
from penstock.store.protocol import Batch, Change, RowChange, Store
from penstock.store.query import Query
from penstock.store.sqlite import store as sqlite_module
from penstock.store.sqlite.store import SqliteStore

pytest.register_assert_rewrite("penstock.testing.store_suite")
from penstock.testing.store_suite import StoreSuite, ident, written  # noqa: E402


class TestSqlite(StoreSuite):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = SqliteStore(tmp_path / "penstock.db")
        await store.open()
        yield store
        await store.close()


def setting(name: str, value: object) -> RowChange:
    return RowChange("setting", Change.INSERT, {"name": name, "value": value})


async def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    await store.open()
    await store.claim_stream("s")
    assert await store.commit(Batch(stream="s", log=b"x", at_ms=1, rows=[setting("a", {"b": 1})])) == 1
    await store.close()
    await store.open()
    assert await store.claim_stream("s") == 1
    assert await store.rows(Query("setting")) == [{"name": "a", "value": {"b": 1}}]
    await store.close()


async def test_a_second_server_on_the_file_is_refused(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "a.db")
    await first.open()
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    for path in (tmp_path / "a.db", tmp_path / "link.db"):
        with pytest.raises(StoreFailed, match=f"in use by another server \\(process {os.getpid()}\\)"):
            await SqliteStore(path).open()
    await first.close()
    second = SqliteStore(tmp_path / "a.db")
    await second.open()
    await second.close()


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"this is a text file, not a database" * 100, "not a database"), (None, "another application's tables")],
)
async def test_other_files_are_left_alone(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "other"
    if content is None:
        with apsw.Connection(str(path)) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        content = path.read_bytes()
    else:
        path.write_bytes(content)
    with pytest.raises(StoreFailed, match=says):
        await SqliteStore(path).open()


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="check that the folder exists"):
        await SqliteStore(tmp_path / "no" / "a.db").open()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    await store.open()
    await store.close()
    connection = apsw.Connection(str(tmp_path / "a.db"))
    connection.execute("UPDATE meta SET version = 999")
    connection.close()
    with pytest.raises(StoreFailed, match="has schema 999"):
        await store.open()


async def test_a_commit_does_not_wait_for_a_long_query(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    await store.open()
    await store.claim_stream("s")
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    started = asyncio.Event()

    def slow(*values: object) -> int:
        loop.call_soon_threadsafe(started.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return 1

    def query(connection: apsw.Connection) -> None:
        connection.create_scalar_function("slow", slow, 0)
        connection.execute("SELECT slow()").fetchall()

    running = asyncio.ensure_future(store._read(2, query))
    await started.wait()
    assert await store.commit(Batch(stream="s", log=b"x", at_ms=1)) == 1
    assert await store.load([ident(1)]) == {}
    assert not running.done()
    release.set()
    await running
    await store.close()


async def test_the_write_ahead_log_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "CHECKPOINT_PAGES", 50)
    store = SqliteStore(tmp_path / "a.db")
    await store.open()
    await store.claim_stream("s")
    for _ in range(60):
        await store.commit(Batch(stream="s", log=bytes(20_000), at_ms=1))
    assert (tmp_path / "a.db-wal").stat().st_size < 900_000
    await store.close()


async def test_a_full_disk_refuses_the_batch_and_nothing_else(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    await store.open()
    await store.claim_stream("s")
    pages = await store._writer.call(lambda connection: connection.pragma("page_count"))
    await store._writer.call(lambda connection: connection.pragma("max_page_count", pages + 2))
    with pytest.raises(StoreFailed, match="could not be written"):
        await store.commit(Batch(stream="s", log=bytes(100_000), at_ms=1))
    assert await store.commit(Batch(stream="s", log=b"x", at_ms=1)) == 1
    await store.close()


async def test_a_broken_disk_ends_everything(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    await store.open()
    await store.claim_stream("s")

    def fail(connection: apsw.Connection) -> None:
        raise apsw.IOError("disk I/O error")

    with pytest.raises(StoreFailed, match="check the disk"):
        await store._write(fail)
    with pytest.raises(StoreFailed, match="check the disk"):
        await store.commit(Batch(stream="s", log=b"x", at_ms=1))
    with pytest.raises(StoreFailed, match="check the disk"):
        await store.rows(Query("setting"))
    await store.close()


async def test_an_earlier_owner_of_a_stream_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    await store.open()
    with pytest.raises(StoreFailed, match="does not own the stream s"):
        await store.commit(Batch(stream="s", log=b"x", at_ms=1))
    await store.claim_stream("s")
    store._owned["s"] -= 1
    with pytest.raises(StoreFailed, match="does not own the stream s"):
        await store.commit(Batch(stream="s", log=b"x", at_ms=1, instances=[written(1, 0, 1)]))
    assert await store.load([ident(1)]) == {}
    await store.close()


WRITER = """
import asyncio, sys
from penstock.store.protocol import Batch, Change, InstanceWrite, RowChange
from penstock.store.sqlite.store import SqliteStore

async def main(path):
    store = SqliteStore(path)
    await store.open()
    at = await store.claim_stream("s")
    while True:
        at += 1
        name = f"{at:09x}"
        position = await store.commit(Batch(
            stream="s", log=name.encode() * 50, at_ms=at,
            instances=[InstanceWrite(id=f"0197a000-0000-7000-8000-{at:09x}{n:03x}", shard=n, root="r", definition="d",
                                     revision_before=0, revision=1, head=bytes(2000)) for n in range(20)],
            rows=[RowChange("setting", Change.INSERT, {"name": name, "value": at})]))
        assert position == at
        sys.stdout.write(f"{at}\\n")
        sys.stdout.flush()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.slow
async def test_a_kill_loses_no_acknowledged_commit_and_leaves_none_half_done(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    acknowledged = 0
    for kill in range(4):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
        assert process.stdout is not None
        # Somewhere within the next commits, further on each time.
        for _ in range(5 + 17 * kill):
            line = process.stdout.readline()
            assert line, "the writer ended by itself"
            acknowledged = int(line)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
        process.stdout.close()
        process.wait()
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
        store = SqliteStore(path)
        await store.open()
        committed = (await store.heads())["s"]
        assert committed >= acknowledged
        log = await store.read_log({}, 1_000_000)
        assert [entry.position for entry in log] == list(range(1, committed + 1))
        settings = await store.rows(Query("setting"))
        assert [row["value"] for row in settings] == list(range(1, committed + 1))
        ids = [f"0197a000-0000-7000-8000-{at:09x}{n:03x}" for at in range(1, committed + 1) for n in range(20)]
        assert len(await store.load(ids)) == len(ids)
        await store.close()
