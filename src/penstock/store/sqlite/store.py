"""The store on SQLite.

One thread writes, two read: `lookups` (short reads that commands wait for, and the log) and `queries` (views), so that
a long query holds up neither. WAL with `synchronous=FULL`: a commit that returned survives a power cut.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import apsw

from penstock.base.errors import StoreFailed
from penstock.store import sql
from penstock.store.protocol import (
    AnyChange,
    Batch,
    Change,
    Fetch,
    LogEntry,
    Rejected,
    Row,
    StoredInstance,
)
from penstock.store.query import Group, Query
from penstock.store.sql import RowGroup, quoted
from penstock.store.sqlite.lock import FileLock
from penstock.store.sqlite.threads import ConnectionThread
from penstock.store.tables import TABLES, Sort, Type

T = TypeVar("T")

CHECKPOINT_PAGES = 4_000
"""The WAL is written back into the database when it is longer: about 16 MB, some tens of milliseconds of work."""

WAL_KEPT_BYTES = 64 * 1024 * 1024
"""A WAL that a long read has let grow is cut back to this."""

INBOX_PURGE_EVERY_MS = 60_000
INBOX_PURGE_ROWS = 5_000

_TASK = TABLES["external_task"]
_JOB = TABLES["job"]
_TASK_COLUMNS = sql.names(_TASK.columns)
_JOB_COLUMNS = sql.names(_JOB.columns)
_decode_task = sql.row_decoder(list(_TASK.columns.items()), bools=True)
_decode_job = sql.row_decoder(list(_JOB.columns.items()), bools=True)

_DUE_ORDER = "priority DESC, coalesce(due_ms, created_ms, 0), shard, id"

_FREE = "SELECT shard, id, instance_id, exclusive, priority, due_ms, created_ms FROM job AS j"
_MAY_RUN = "retries > 0 AND suspended IS NOT TRUE"
_NOT_BUSY = """NOT (exclusive IS TRUE AND instance_id IS NOT NULL AND instance_id IN (
    SELECT o.instance_id FROM job AS o WHERE o.lease_owner IS NOT NULL AND o.lease_expires_ms > ?1
    AND o.exclusive IS TRUE AND o.instance_id IS NOT NULL))"""
_AT_ONCE = f"{_FREE} WHERE lease_owner IS NULL AND due_ms IS NULL AND {_MAY_RUN}"
_IN_ORDER = "ORDER BY due_ms, priority DESC, created_ms, shard, id LIMIT ?2"
"""The order of the index, and of jobs without a due date."""

_TIMED = " UNION ALL ".join(
    f"""SELECT * FROM ({_FREE} WHERE {claimable} AND {_MAY_RUN} AND {_NOT_BUSY} ORDER BY {_DUE_ORDER} LIMIT ?2)"""
    for claimable in (
        "lease_owner IS NULL AND due_ms <= ?1",
        "lease_owner IS NOT NULL AND coalesce(lease_expires_ms, 0) <= ?1 AND (due_ms IS NULL OR due_ms <= ?1)",
    )
)


def _lease_candidates(at_once: str) -> str:
    return f"""
    SELECT shard, id FROM (
        SELECT shard, id, priority, due_ms, created_ms, exclusive IS TRUE AND instance_id IS NOT NULL AS alone,
               row_number() OVER (PARTITION BY instance_id, exclusive ORDER BY {_DUE_ORDER}) AS turn
        FROM ({at_once} UNION ALL {_TIMED}))
    WHERE turn = 1 OR NOT alone ORDER BY {_DUE_ORDER} LIMIT ?3"""


_LEASE_FIRST = _lease_candidates(f"SELECT * FROM (SELECT * FROM ({_AT_ONCE} {_IN_ORDER}) WHERE {_NOT_BUSY})")
"""Looks at the first jobs only: they may all belong to an instance that is busy."""

_LEASE_ANY = _lease_candidates(f"SELECT * FROM ({_AT_ONCE} AND {_NOT_BUSY} {_IN_ORDER})")

CANDIDATES_PER_JOB = 8
"""How many due jobs are looked at for each one wanted, because exclusive jobs stand in each other's way."""

LOOK_EVERY_S = 0.1
"""How often jobs are looked for behind those."""


def _all(connection: apsw.Connection, text: str, args: Sequence[Any] = ()) -> list[Any]:
    """The rows of a statement, which is finished when this returns."""
    return connection.execute(text, args).fetchall()


def _first(connection: apsw.Connection, text: str, args: Sequence[Any] = ()) -> Any:
    """The first row, or None."""
    rows = connection.execute(text, args).fetchall()
    return rows[0] if rows else None


def _positions(connection: apsw.Connection, projection: str) -> dict[str, int]:
    return dict(_all(connection, "SELECT stream, position FROM view_position WHERE projection = ?", (projection,)))


def _id_condition(identifier: str) -> tuple[str, list[Any]]:
    shard = sql.shard_in(identifier)
    return ("id = ?", [identifier]) if shard is None else ("shard = ? AND id = ?", [shard, identifier])


class SqliteStore:
    """A `Store` in the file `path`, which is created when it is missing; its folder must exist."""

    name = "sqlite"

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path).resolve()
        self._lock = FileLock(self._path)
        self._dialect = sql.Sqlite()
        self._planner = sql.Planner()
        self._view_planner = sql.Planner()
        self._owned: dict[str, int] = {}
        self._texts: dict[tuple[str, Change, tuple[str, ...]], str] = {}
        self._fetches = 0
        self._looked_s = 0.0
        self._inbox_purged_ms = 0
        self._wal_pages = 0
        self._broken: str | None = None
        self._threads: list[ConnectionThread] = []

    # -- opening and closing

    @property
    def alone(self) -> bool:
        return True

    async def open(self) -> None:
        if self._threads:
            raise StoreFailed(f"{self._path} is already open")
        self._lock.take()
        self._broken = None
        self._writer = ConnectionThread("sqlite-writer", self._connect_writer, self._checkpoint)
        self._lookups = ConnectionThread("sqlite-lookups", self._connect_reader)
        self._queries = ConnectionThread("sqlite-queries", self._connect_reader)
        try:
            for thread in (self._writer, self._lookups, self._queries):
                self._threads.append(thread)
                await thread.start()
        except apsw.Error as error:
            await self.close()
            raise StoreFailed(f"cannot open {self._path}: {error}; is it a database of this server?") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        # Readers first: the last connection to close writes the WAL back.
        for thread in reversed(self._threads):
            await thread.stop()
        self._threads = []
        self._lock.release()

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path), statementcachesize=300)
        try:
            connection.set_busy_timeout(5_000)
            connection.create_scalar_function("penstock_lower", _lower, 1, deterministic=True)
            connection.pragma("case_sensitive_like", True)
            connection.pragma("cache_size", -32_768)
            connection.pragma("temp_store", "memory")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_reader(self) -> apsw.Connection:
        connection = self._connect()
        connection.pragma("query_only", True)
        return connection

    def _connect_writer(self) -> apsw.Connection:
        connection = self._connect()
        try:
            mode = connection.pragma("journal_mode", "wal")
            if mode != "wal":
                raise StoreFailed(f"{self._path} cannot use a write-ahead log ({mode}): put it on a local disk")
            connection.pragma("synchronous", "FULL")
            connection.pragma("journal_size_limit", WAL_KEPT_BYTES)
            connection.wal_autocheckpoint(0)
            connection.set_wal_hook(self._note_wal)
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: apsw.Connection) -> None:
        known = sql.migrations("penstock.store.sqlite")
        with _Transaction(connection):
            version = 0
            if connection.table_exists("main", "meta"):
                version = _first(connection, "SELECT version FROM meta")[0]
            elif _first(connection, "SELECT count(*) FROM sqlite_schema")[0]:
                raise StoreFailed(f"{self._path} holds another application's tables: choose another file")
            if version > known[-1][0]:
                raise StoreFailed(
                    f"{self._path} has schema {version}, this release knows {known[-1][0]}: start a newer release"
                )
            for number, text in known:
                if number > version:
                    connection.execute(text)
                    connection.execute("UPDATE meta SET version = ?", (number,))

    def _note_wal(self, connection: apsw.Connection, database: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self, connection: apsw.Connection) -> None:
        """Writes the WAL back when it is long; runs after the answer has gone out."""
        if self._wal_pages < CHECKPOINT_PAGES or self._broken is not None:
            return
        self._wal_pages = 0
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            # Somebody reads with another tool; the next commit tries again.
            return
        except apsw.Error as error:
            self._broken = f"writing back the log of {self._path} failed: {error}; check the disk, then restart"

    # -- running work in a thread

    async def _write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Runs `work` in one transaction of the writer."""

        def run(connection: apsw.Connection) -> T:
            if self._broken is not None:
                raise StoreFailed(self._broken)
            try:
                with _Transaction(connection):
                    return work(connection)
            except (apsw.IOError, apsw.CorruptError, apsw.NotADBError) as error:
                self._broken = f"{self._path} failed: {error}; check the disk, then restart"
                raise StoreFailed(self._broken) from error
            except (apsw.FullError, apsw.ReadOnlyError, apsw.BusyError, apsw.CantOpenError, apsw.NoMemError) as error:
                raise StoreFailed(f"{self._path} could not be written: {error}") from error

        return await self._thread(0).call(run)

    async def _read(self, thread: int, work: Callable[[apsw.Connection], T]) -> T:
        def run(connection: apsw.Connection) -> T:
            if self._broken is not None:
                raise StoreFailed(self._broken)
            try:
                return work(connection)
            except (
                apsw.IOError,
                apsw.CorruptError,
                apsw.NotADBError,
                apsw.BusyError,
                apsw.CantOpenError,
                apsw.NoMemError,
            ) as error:
                raise StoreFailed(f"{self._path} could not be read: {error}") from error

        return await self._thread(thread).call(run)

    def _thread(self, number: int) -> ConnectionThread:
        if len(self._threads) <= number:
            raise StoreFailed(f"{self._path} is not open")
        return self._threads[number]

    # -- committing

    async def claim_stream(self, stream: str) -> int:
        def work(connection: apsw.Connection) -> tuple[int, int]:
            row: tuple[int, int] = _first(
                connection,
                "INSERT INTO stream_head (stream, position, owner) VALUES (?, 0, 1)"
                " ON CONFLICT (stream) DO UPDATE SET owner = owner + 1 RETURNING position, owner",
                (stream,),
            )
            return row

        position, owner = await self._write(work)
        self._owned[stream] = owner
        return position

    async def commit(self, batch: Batch) -> int | Rejected:
        sql.check_batch(batch)
        steps = self._planner.plan(batch.rows)

        def work(connection: apsw.Connection) -> int | Rejected:
            rejected = self._check(connection, batch)
            if rejected is not None:
                return rejected
            self._write_instances(connection, batch)
            position = self._write_log(connection, batch)
            self._write_rows(connection, steps)
            if batch.inbox:
                connection.executemany(
                    "INSERT OR REPLACE INTO inbox (key, answer, expires_ms) VALUES (?, ?, ?)",
                    [(entry.key, entry.answer, entry.expires_ms) for entry in batch.inbox],
                )
                self._purge_inbox(connection, batch.at_ms)
            if batch.bump_epoch:
                connection.execute("UPDATE meta SET epoch = epoch + 1")
            return position

        return await self._write(work)

    def _check(self, connection: apsw.Connection, batch: Batch) -> Rejected | None:
        moved = []
        for write in batch.instances:
            found = _first(
                connection, "SELECT revision FROM instance WHERE shard = ? AND id = ?", (write.shard, write.id)
            )
            if (found[0] if found else 0) != write.revision_before:
                moved.append(write.id)
        tasks: dict[str, str | None] = {}
        missing = []
        for lock in batch.locks:
            condition, args = _id_condition(lock.external_task)
            found = _first(connection, f"SELECT worker_id FROM external_task WHERE {condition}", args)
            if found is None:
                missing.append(lock.external_task)
                tasks[lock.external_task] = None
            elif lock.worker is not None and found[0] != lock.worker:
                tasks[lock.external_task] = found[0]
        jobs = []
        for job in batch.jobs:
            condition, args = _id_condition(job.job)
            found = _first(connection, f"SELECT lease_owner FROM job WHERE {condition}", args)
            if found is None or (job.owner is not None and found[0] != job.owner):
                jobs.append(job.job)
        taken = {}
        for entry in batch.inbox:
            found = _first(
                connection, "SELECT answer FROM inbox WHERE key = ? AND expires_ms > ?", (entry.key, batch.at_ms)
            )
            if found is not None:
                taken[entry.key] = found[0]
        epoch: int | None = None
        if batch.epoch is not None:
            current: int = _first(connection, "SELECT epoch FROM meta")[0]
            epoch = current if current != batch.epoch else None
        if moved or tasks or missing or jobs or taken or epoch is not None:
            return Rejected(
                instances=moved, external_tasks=tasks, missing_tasks=missing, jobs=jobs, inbox=taken, epoch=epoch
            )
        return None

    @staticmethod
    def _write_instances(connection: apsw.Connection, batch: Batch) -> None:
        put = []
        gone = []
        chunks = []
        chunks_gone = []
        for write in batch.instances:
            if write.head is None:
                if write.revision_before:
                    gone.append((write.shard, write.id))
                continue
            put.append((write.shard, write.id, write.root, write.definition, write.revision, write.head))
            for number, content in write.chunks.items():
                if content is None:
                    chunks_gone.append((write.shard, write.id, number))
                else:
                    chunks.append((write.shard, write.id, number, content))
        if put:
            connection.executemany(
                "INSERT INTO instance (shard, id, root, definition, revision, head) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (shard, id) DO UPDATE SET root = excluded.root, definition = excluded.definition,"
                " revision = excluded.revision, head = excluded.head",
                put,
            )
        if gone:
            connection.executemany("DELETE FROM instance WHERE shard = ? AND id = ?", gone)
            connection.executemany("DELETE FROM instance_chunk WHERE shard = ? AND id = ?", gone)
        if chunks_gone:
            connection.executemany("DELETE FROM instance_chunk WHERE shard = ? AND id = ? AND number = ?", chunks_gone)
        if chunks:
            connection.executemany(
                "INSERT OR REPLACE INTO instance_chunk (shard, id, number, content) VALUES (?, ?, ?, ?)", chunks
            )

    def _write_log(self, connection: apsw.Connection, batch: Batch) -> int:
        owner = self._owned.get(batch.stream)
        if owner is None and batch.log is None:
            return 0
        added = 0 if batch.log is None else 1 + len(batch.parts)
        found = _all(
            connection,
            "UPDATE stream_head SET position = position + ? WHERE stream = ? AND owner = ? RETURNING position",
            (added, batch.stream, owner),
        )
        if not found:
            raise StoreFailed(f"this node does not own the stream {batch.stream}: claim it before committing to it")
        if batch.log is None:
            return 0
        position: int = found[0][0]
        connection.executemany(
            "INSERT INTO event_log (stream, position, format, at_ms, payload) VALUES (?, ?, ?, ?, ?)",
            [
                (batch.stream, at, sql.LOG_FORMAT, batch.at_ms, log)
                for at, log in enumerate((*batch.parts, batch.log), position - len(batch.parts))
            ],
        )
        return position

    def _write_rows(self, connection: apsw.Connection, steps: Sequence[sql.PlanStep]) -> None:
        for step in steps:
            if isinstance(step, RowGroup):
                connection.executemany(self._row_text(step), self._row_args(step))
            else:
                text, args = sql.where_statement(self._dialect, step)
                connection.execute(text, args)

    def _row_text(self, group: RowGroup) -> str:
        key = (group.table.name, group.change, group.columns)
        text = self._texts.get(key)
        if text is None:
            table = quoted(group.table.name)
            matches = " AND ".join(f"{quoted(column)} = ?" for column in group.table.key)
            if group.change is Change.INSERT:
                marks = ", ".join("?" * len(group.columns))
                text = f"INSERT OR REPLACE INTO {table} ({sql.names(group.columns)}) VALUES ({marks})"
            elif group.change is Change.UPDATE:
                sets = ", ".join(f"{quoted(column)} = ?" for column in group.columns if column not in group.table.key)
                text = f"UPDATE {table} SET {sets} WHERE {matches}"
            else:
                text = f"DELETE FROM {table} WHERE {matches}"
            self._texts[key] = text
        return text

    @staticmethod
    def _row_args(group: RowGroup) -> list[tuple[Any, ...]]:
        key = group.table.key
        order = group.columns
        if group.change is Change.UPDATE:
            order = (*(column for column in order if column not in key), *key)
        return sql.tuples_of(group, order)

    def _purge_inbox(self, connection: apsw.Connection, at_ms: int) -> None:
        if abs(at_ms - self._inbox_purged_ms) < INBOX_PURGE_EVERY_MS:
            return
        self._inbox_purged_ms = at_ms
        connection.execute(
            "DELETE FROM inbox WHERE key IN (SELECT key FROM inbox WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?)",
            (at_ms, INBOX_PURGE_ROWS),
        )

    # -- lookups

    async def load(self, ids: Sequence[str]) -> dict[str, StoredInstance]:
        def work(connection: apsw.Connection) -> dict[str, StoredInstance]:
            found = {}
            with _Snapshot(connection):
                for identifier in ids:
                    condition, args = _id_condition(identifier)
                    row = _first(
                        connection,
                        f"SELECT root, definition, revision, head, shard FROM instance WHERE {condition}",
                        args,
                    )
                    if row is None:
                        continue
                    chunks = _all(
                        connection,
                        "SELECT number, content FROM instance_chunk WHERE shard = ? AND id = ?",
                        (row[4], identifier),
                    )
                    found[identifier] = StoredInstance(identifier, row[0], row[1], row[2], row[3], dict(chunks))
            return found

        return await self._read(1, work)

    async def epoch(self) -> int:
        def work(connection: apsw.Connection) -> int:
            epoch: int = _first(connection, "SELECT epoch FROM meta")[0]
            return epoch

        return await self._read(1, work)

    async def read_inbox(self, key: str, now_ms: int) -> bytes | None:
        def work(connection: apsw.Connection) -> bytes | None:
            found = _first(connection, "SELECT answer FROM inbox WHERE key = ? AND expires_ms > ?", (key, now_ms))
            return found[0] if found else None

        return await self._read(1, work)

    # -- the log and its projections

    async def heads(self) -> dict[str, int]:
        return await self._read(
            1, lambda connection: dict(_all(connection, "SELECT stream, position FROM stream_head"))
        )

    async def read_log(self, after: Mapping[str, int], limit: int) -> list[LogEntry]:
        def work(connection: apsw.Connection) -> list[LogEntry]:
            with _Snapshot(connection):
                moments: dict[str, list[int]] = {}
                for stream, position in _all(connection, "SELECT stream, position FROM stream_head ORDER BY stream"):
                    start = after.get(stream, 0)
                    if position > start:
                        found = _all(
                            connection,
                            "SELECT at_ms FROM event_log WHERE stream = ? AND position > ? ORDER BY position LIMIT ?",
                            (stream, start, limit),
                        )
                        moments[stream] = [at_ms for (at_ms,) in found]
                order = sql.log_order(moments, limit)
                rows = {
                    stream: iter(
                        _all(
                            connection,
                            "SELECT stream, position, format, payload, at_ms FROM event_log"
                            " WHERE stream = ? AND position > ? ORDER BY position LIMIT ?",
                            (stream, after.get(stream, 0), wanted),
                        )
                    )
                    for stream, wanted in Counter(order).items()
                }
                return [LogEntry(*next(rows[stream])) for stream in order]

        return await self._read(1, work)

    async def view_positions(self, projection: str) -> dict[str, int]:
        return await self._read(1, lambda connection: _positions(connection, projection))

    async def project(
        self,
        projection: str,
        changes: Sequence[AnyChange],
        positions: Mapping[str, int],
        before: Mapping[str, int] | None = None,
    ) -> bool:
        steps = self._view_planner.plan(changes, only=Sort.VIEW)

        def work(connection: apsw.Connection) -> bool:
            if before is not None and not sql.stands_at(_positions(connection, projection), before):
                return False
            self._write_rows(connection, steps)
            connection.executemany(
                "INSERT OR REPLACE INTO view_position (projection, stream, position) VALUES (?, ?, ?)",
                [(projection, stream, position) for stream, position in positions.items()],
            )
            return True

        return await self._write(work)

    async def reset_views(self, projection: str) -> None:
        def work(connection: apsw.Connection) -> None:
            for table in TABLES.values():
                if table.sort is Sort.VIEW:
                    connection.execute(f"DELETE FROM {quoted(table.name)}")
            connection.execute("DELETE FROM view_position WHERE projection = ?", (projection,))

        await self._write(work)

    # -- queries

    async def rows(self, query: Query) -> list[Row]:
        read = sql.select(self._dialect, query)
        return [] if read is None else await self._rows(read)

    async def count(self, query: Query) -> int:
        rows = await self._rows(sql.count(self._dialect, query))
        total: int = rows[0]["count"]
        return total

    async def groups(self, group: Group) -> list[Row]:
        return await self._rows(sql.grouped(self._dialect, group))

    async def _rows(self, read: sql.Read) -> list[Row]:
        decode = sql.row_decoder(read.columns, bools=True)

        def work(connection: apsw.Connection) -> list[Row]:
            return [decode(row) for row in connection.execute(read.text, read.args)]

        return await self._read(2, work)

    # -- claiming work

    async def fetch_and_lock(self, fetch: Fetch, now_ms: int) -> list[Row]:
        if fetch.max_tasks <= 0 or not fetch.topics:
            return []
        turn = self._fetches % len(fetch.topics)
        self._fetches += 1
        order = sql.fetch_order(fetch)
        reads = []
        for topic in (*fetch.topics[turn:], *fetch.topics[:turn]):
            statement = sql.Statement(self._dialect)
            now = statement.value(now_ms, Type.INT)
            text = (
                "SELECT t0.shard, t0.id, t0.priority, t0.created_ms FROM external_task AS t0"
                + statement.where(_TASK, "t0", sql.topic_terms(topic))
                + f" AND (t0.lock_expires_ms IS NULL OR t0.lock_expires_ms <= {now})"
                " AND (t0.retries IS NULL OR t0.retries > 0) AND t0.suspended IS NOT TRUE"
                f" ORDER BY {', '.join(order)} LIMIT {statement.value(fetch.max_tasks, Type.INT)}"
            )
            reads.append((text, statement.args, topic.lock_duration_ms))

        def work(connection: apsw.Connection) -> list[Row]:
            found = []
            for number, (text, args, duration_ms) in enumerate(reads):
                for place, (shard, identifier, priority, created_ms) in enumerate(connection.execute(text, args)):
                    rank: tuple[Any, ...]
                    if sql.takes_turns(fetch):
                        rank = (place, number)
                    else:
                        age = created_ms or 0
                        rank = (
                            -(priority or 0) if fetch.use_priority else 0,
                            -age if fetch.created == "desc" else age,
                            shard,
                            identifier,
                        )
                    found.append((rank, number, shard, identifier, now_ms + duration_ms))
            found.sort()
            locked: dict[str, Row] = {}
            for _, _, shard, identifier, until_ms in found:
                if len(locked) >= fetch.max_tasks:
                    break
                if identifier in locked:
                    continue
                row = _first(
                    connection,
                    "UPDATE external_task SET worker_id = ?, lock_expires_ms = ? WHERE shard = ? AND id = ?"
                    f" RETURNING {_TASK_COLUMNS}",
                    (fetch.worker, until_ms, shard, identifier),
                )
                locked[identifier] = _decode_task(row)
            return list(locked.values())

        return await self._write(work)

    async def _change_lock(
        self, external_task: str, sets: str, args: Sequence[Any], *, only_if: str = "TRUE", if_args: Sequence[Any] = ()
    ) -> tuple[Row | None, Row | None]:
        """The row before and after; both None when there is no such task."""
        condition, key = _id_condition(external_task)

        def work(connection: apsw.Connection) -> tuple[Row | None, Row | None]:
            read = f"SELECT {_TASK_COLUMNS} FROM external_task WHERE {condition}"
            before = _first(connection, read, key)
            if before is None:
                return None, None
            connection.execute(
                f"UPDATE external_task SET {sets} WHERE {condition} AND {only_if}", (*args, *key, *if_args)
            )
            return _decode_task(before), _decode_task(_first(connection, read, key))

        return await self._write(work)

    async def extend_lock(self, external_task: str, worker: str, until_ms: int) -> Row | None:
        changed = await self._change_lock(
            external_task, "lock_expires_ms = ?", [until_ms], only_if="worker_id = ?", if_args=[worker]
        )
        return changed[1]

    async def lock(self, external_task: str, worker: str, until_ms: int, now_ms: int) -> Row | None:
        changed = await self._change_lock(
            external_task,
            "worker_id = ?, lock_expires_ms = ?",
            [worker, until_ms],
            only_if="(worker_id IS NULL OR worker_id = ? OR lock_expires_ms IS NULL OR lock_expires_ms <= ?)",
            if_args=[worker, now_ms],
        )
        return changed[1]

    async def unlock(self, external_task: str) -> Row | None:
        return (await self._change_lock(external_task, "worker_id = NULL, lock_expires_ms = NULL", []))[0]

    async def lease_jobs(self, owner: str, until_ms: int, limit: int, now_ms: int) -> list[Row]:
        if limit <= 0:
            return []

        def work(connection: apsw.Connection) -> list[Row]:
            leased = lease(connection, _LEASE_FIRST, limit)
            if len(leased) < limit and monotonic() - self._looked_s >= LOOK_EVERY_S:
                self._looked_s = monotonic()
                leased += lease(connection, _LEASE_ANY, limit - len(leased))
            return leased

        def lease(connection: apsw.Connection, candidates: str, most: int) -> list[Row]:
            leased = []
            for key in _all(connection, candidates, (now_ms, most * CANDIDATES_PER_JOB, most)):
                row = _first(
                    connection,
                    "UPDATE job SET lease_owner = ?, lease_expires_ms = ? WHERE shard = ? AND id = ?"
                    f" RETURNING {_JOB_COLUMNS}",
                    (owner, until_ms, *key),
                )
                leased.append(_decode_job(row))
            return leased

        return await self._write(work)

    async def release_jobs(self, owner: str, jobs: Sequence[str]) -> None:
        def work(connection: apsw.Connection) -> None:
            for job in jobs:
                condition, key = _id_condition(job)
                connection.execute(
                    f"UPDATE job SET lease_owner = NULL, lease_expires_ms = NULL WHERE {condition} AND lease_owner = ?",
                    (*key, owner),
                )

        await self._write(work)

    async def claim_leases(self, names: Sequence[str], owner: str, duration_ms: int, now_ms: int) -> list[str]:
        def work(connection: apsw.Connection) -> list[str]:
            return [
                name
                for name in names
                if _first(
                    connection,
                    "INSERT INTO lease (name, owner, expires_ms) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE"
                    " SET owner = excluded.owner, expires_ms = excluded.expires_ms"
                    " WHERE lease.owner = excluded.owner OR lease.expires_ms <= ?4 RETURNING name",
                    (name, owner, now_ms + duration_ms, now_ms),
                )
            ]

        return await self._write(work)

    async def release_leases(self, names: Sequence[str], owner: str) -> None:
        def work(connection: apsw.Connection) -> None:
            connection.executemany("DELETE FROM lease WHERE name = ? AND owner = ?", [(name, owner) for name in names])

        await self._write(work)

    async def next_due_ms(self, now_ms: int) -> int | None:
        def work(connection: apsw.Connection) -> int | None:
            due: int | None = _first(
                connection,
                """SELECT min(due_ms) FROM (
                    SELECT * FROM (SELECT due_ms FROM job WHERE lease_owner IS NULL AND due_ms IS NOT NULL
                                   AND retries > 0 AND suspended IS NOT TRUE ORDER BY due_ms LIMIT 1)
                    UNION ALL
                    SELECT * FROM (SELECT ?1 FROM job WHERE lease_owner IS NULL AND due_ms IS NULL
                                   AND retries > 0 AND suspended IS NOT TRUE LIMIT 1)
                    UNION ALL
                    SELECT coalesce(due_ms, ?1) FROM job WHERE lease_owner IS NOT NULL
                    AND coalesce(lease_expires_ms, 0) <= ?1 AND retries > 0 AND suspended IS NOT TRUE)""",
                (now_ms,),
            )[0]
            return due

        return await self._read(1, work)

    async def notify(self, topics: Sequence[str]) -> None:
        """There is no other node."""

    async def wait_notification(self, timeout_s: float) -> Sequence[str]:
        await asyncio.sleep(timeout_s)
        return ()


def _lower(*values: Any) -> Any:
    return None if values[0] is None else values[0].lower()


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK when anything is raised."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._connection.execute("COMMIT")
        finally:
            # SQLite has rolled back by itself after some errors.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


class _Snapshot:
    """Several reads of one state."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._connection.execute("COMMIT")
