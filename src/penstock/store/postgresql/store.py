"""The store on PostgreSQL, shared by any number of nodes.

A commit is BEGIN, one statement of checks (only when there is something to lock), one that writes instances, log and
inbox, one per table and kind of row change, COMMIT. Rows are always locked in the order instances, external tasks, jobs,
then the tables of `store.tables`, each by key.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, TypeVar

import asyncpg

from penstock.base.clock import Clock, SystemClock
from penstock.base.errors import Conflict, StoreFailed
from penstock.store import sql
from penstock.store.postgresql.listener import CHANNEL, Listener
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
from penstock.store.sql import RowGroup, Statement, postgresql_type, quoted
from penstock.store.tables import TABLES, Sort, Type

T = TypeVar("T")

WRITERS = 8
READERS = 8
COMMAND_TIMEOUT_S = 60.0
STATEMENTS_CACHED = 500
TEXTS_MAX = 2_000
"""Statements for many rows whose text is kept."""
ALIKE_ROWS_MIN = 4
"""From how many rows on a column in which all are alike goes as one value."""
COPY_ROWS_MIN = 50
"""From how many new rows on COPY costs less than INSERT, on both sides: for a few it is two more round trips."""
INBOX_PURGE_EVERY_MS = 60_000
INBOX_PURGE_ROWS = 5_000
CANDIDATES_PER_JOB = 8
"""How many due jobs are looked at for each one wanted, because exclusive jobs stand in each other's way."""

LOOK_EVERY_S = 0.1
"""How often jobs are looked for behind those."""

LOCK_SCHEMA, LOCK_EPOCH, LOCK_LEASES, LOCK_VIEWS = 7_365_001, 7_365_002, 7_365_003, 7_365_004
"""Advisory locks: migrating; the definitions' epoch (commits share it, a change of definitions has it alone); leasing;
writing views. The listener has one of its own."""

_WRITER_SETTINGS = {
    "application_name": "penstock",
    "synchronous_commit": "on",
    "jit": "off",
    # Writes go by key only. The planner knows nothing of the arrays' sizes and, on tables that were empty when last
    # analysed, would scan; these settings leave it the index.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # A node that is paused or cut off in the middle of a transaction must not hold its locks against the others.
    "idle_in_transaction_session_timeout": "5s",
}
_READER_SETTINGS = {"application_name": "penstock", "jit": "off", "default_transaction_read_only": "on"}

_TASK = TABLES["external_task"]
_JOB = TABLES["job"]
_decode_task = sql.row_decoder(list(_TASK.columns.items()), bools=False)
_decode_job = sql.row_decoder(list(_JOB.columns.items()), bools=False)
_OUT_OF_REACH = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # What the driver says between the server's goodbye and the end of the connection.
    asyncpg.InternalClientError,
)


def _columns(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{quoted(name)}" for name in names)


_TASK_COLUMNS = _columns("t", list(_TASK.columns))
_JOB_COLUMNS = _columns("j", list(_JOB.columns))


def _now(parameter: str) -> str:
    """The database's clock in milliseconds, unless the parameter brings a time."""
    return f"coalesce({parameter}::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)"


_CLAIM_LEASES = f"""
    WITH clock AS MATERIALIZED (SELECT {_now("$4")} AS now_ms)
    INSERT INTO lease (name, owner, expires_ms)
    SELECT n, $2, clock.now_ms + $3 FROM clock, unnest($1::text[]) AS n ORDER BY n
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_ms = excluded.expires_ms
    WHERE lease.owner = excluded.owner OR lease.expires_ms <= excluded.expires_ms - $3
    RETURNING name
"""


class _Statement(Statement):
    """A statement with array parameters."""

    def array(self, values: Sequence[Any], kind: Type) -> str:
        """A parameter of many values."""
        self.args.append(list(values))
        return f"${len(self.args)}::{postgresql_type(kind)}[]"


def _id_join(alias: str, identifiers: Sequence[str], statement: _Statement) -> str:
    """A condition on rows by id; it goes by key where the ids carry their shard."""
    ids = statement.array(identifiers, Type.TEXT)
    shards = sql.shards_in(identifiers)
    if shards is None:
        return f"{alias}.id = ANY({ids})"
    numbers = statement.array(shards, Type.INT)
    return f"({alias}.shard, {alias}.id) IN (SELECT * FROM unnest({numbers}, {ids}))"


class PostgresqlStore:
    """A `Store` in the database that `url` names. Leases follow the database's clock, unless `clock` is not the
    system's: then they follow the times that callers give."""

    name = "postgresql"

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._database_clock = isinstance(clock, SystemClock)
        self._dialect = sql.Postgresql()
        self._planner = sql.Planner()
        self._view_planner = sql.Planner()
        self._owned: dict[str, int] = {}
        self._texts: dict[tuple[str, Change, tuple[str, ...], tuple[bool, ...], bool], str] = {}
        self._fetches = 0
        self._looked_s = 0.0
        self._inbox_purged_ms = 0
        self._writers: asyncpg.Pool | None = None
        self._readers: asyncpg.Pool | None = None
        self._listener = Listener(url)

    # -- opening and closing

    @property
    def alone(self) -> bool:
        return self._listener.listens and not self._listener.others

    async def open(self) -> None:
        if self._writers is not None:
            raise StoreFailed("the store is already open")
        try:
            with _errors():
                self._writers = await self._pool(WRITERS, _WRITER_SETTINGS)
                async with self._writer() as connection:
                    await self._examine(connection)
                    await self._migrate(connection)
                self._readers = await self._pool(READERS, _READER_SETTINGS)
                await self._listener.start()
        except BaseException:
            await self.close()
            raise

    async def _pool(self, size: int, settings: Mapping[str, str]) -> asyncpg.Pool:
        try:
            return await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=size,
                command_timeout=COMMAND_TIMEOUT_S,
                statement_cache_size=STATEMENTS_CACHED,
                server_settings=dict(settings),
                reset=_keep,
            )
        except (ValueError, asyncpg.InterfaceError) as error:
            raise StoreFailed(f"cannot use the database's address: {error}") from error

    async def _examine(self, connection: Any) -> None:
        version, encoding = await connection.fetchrow(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')"
        )
        if version < 150_000:
            raise StoreFailed(f"PostgreSQL 15 or newer is needed, this server is {version // 10_000}")
        if encoding != "UTF8":
            raise StoreFailed(f"the database's encoding is {encoding}: create one with encoding UTF8")
        # The first that exists; all of them know letters beyond ASCII.
        collation = await connection.fetchval(
            "SELECT c.collname FROM unnest($1::text[]) WITH ORDINALITY AS k(name, place)"
            " JOIN pg_collation AS c ON c.collname = k.name AND c.collencoding IN (-1, 6)"
            " ORDER BY k.place LIMIT 1",
            ["und-x-icu", "pg_c_utf8", "C.utf8", "en_US.utf8"],
        )
        if collation is not None:
            self._dialect = sql.Postgresql(f'pg_catalog."{collation}"')

    async def _migrate(self, connection: Any) -> None:
        known = sql.migrations("penstock.store.postgresql")
        async with _transaction(connection, f"SELECT pg_advisory_xact_lock({LOCK_SCHEMA})"):
            version = 0
            if await connection.fetchval("SELECT to_regclass('meta') IS NOT NULL"):
                version = await connection.fetchval("SELECT version FROM meta")
            if version > known[-1][0]:
                raise StoreFailed(
                    f"the database has schema {version}, this release knows {known[-1][0]}: start a newer release"
                )
            for number, text in known:
                if number > version:
                    await connection.execute(text)
                    await connection.execute("UPDATE meta SET version = $1", number)

    async def close(self) -> None:
        await self._listener.stop()
        pools = [pool for pool in (self._readers, self._writers) if pool is not None]
        self._readers = self._writers = None
        for pool in pools:
            try:
                await pool.close()
            except _OUT_OF_REACH:
                pool.terminate()

    @asynccontextmanager
    async def _writer(self) -> AsyncIterator[Any]:
        with _errors():
            if self._writers is None:
                raise StoreFailed("the store is not open")
            async with self._writers.acquire() as connection:
                yield connection

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[Any]:
        with _errors():
            if self._readers is None:
                raise StoreFailed("the store is not open")
            async with self._readers.acquire() as connection:
                yield connection

    def _now_for(self, now_ms: int) -> int | None:
        return None if self._database_clock else now_ms

    # -- committing

    async def claim_stream(self, stream: str) -> int:
        async with self._writer() as connection:
            position, owner = await connection.fetchrow(
                "INSERT INTO stream_head AS h (stream, position, owner) VALUES ($1, 0, 1)"
                " ON CONFLICT (stream) DO UPDATE SET owner = h.owner + 1 RETURNING position, owner",
                stream,
            )
            await self._listener.announce()
        self._owned[stream] = owner
        claimed: int = position
        return claimed

    async def commit(self, batch: Batch) -> int | Rejected:
        sql.check_batch(batch)
        steps = self._planner.plan(batch.rows)
        # Not a row lock: it would write to the one row of `meta` in every commit.
        first = ""
        if batch.bump_epoch:
            first = f"SELECT pg_advisory_xact_lock({LOCK_EPOCH})"
        elif batch.epoch is not None:
            first = f"SELECT pg_advisory_xact_lock_shared({LOCK_EPOCH})"
        return await _tried(lambda replacing: self._commit(batch, steps, first, replacing=replacing))

    async def _commit(
        self, batch: Batch, steps: Sequence[sql.PlanStep], first: str, *, replacing: bool
    ) -> int | Rejected:
        async with self._writer() as connection:
            try:
                async with _transaction(connection, first):
                    await self._check(connection, batch)
                    position = await self._write_batch(connection, batch)
                    await self._write_rows(connection, steps, replacing=replacing)
                    await self._purge_inbox(connection, batch)
            except _Refused as refused:
                return refused.rejected
        return position

    async def _check(self, connection: Any, batch: Batch) -> None:
        """Locks what the batch builds upon. Raises _Refused."""
        writes = sorted((write for write in batch.instances if write.revision_before), key=lambda w: (w.shard, w.id))
        if not (writes or batch.locks or batch.jobs or batch.inbox):
            return
        statement = _Statement(self._dialect)
        parts = []
        reads = []
        if writes:
            shards = statement.array([write.shard for write in writes], Type.INT)
            ids = statement.array([write.id for write in writes], Type.TEXT)
            parts.append(
                "i AS MATERIALIZED (SELECT t.id, t.revision FROM instance AS t"
                f" WHERE (t.shard, t.id) IN (SELECT * FROM unnest({shards}, {ids}))"
                " ORDER BY t.shard, t.id FOR UPDATE OF t)"
            )
            reads.append(
                "SELECT 'instance' AS kind, id, revision AS number, NULL::text AS holder, NULL::bytea AS answer FROM i"
            )
        if batch.locks:
            condition = _id_join("t", sorted({lock.external_task for lock in batch.locks}), statement)
            parts.append(
                f"l AS MATERIALIZED (SELECT t.id, t.worker_id FROM external_task AS t WHERE {condition}"
                " ORDER BY t.shard, t.id FOR UPDATE OF t)"
            )
            reads.append(
                "SELECT 'task' AS kind, id, 0::bigint AS number, worker_id AS holder, NULL::bytea AS answer FROM l"
            )
        if batch.jobs:
            condition = _id_join("t", sorted({job.job for job in batch.jobs}), statement)
            parts.append(
                f"j AS MATERIALIZED (SELECT t.id, t.lease_owner FROM job AS t WHERE {condition}"
                " ORDER BY t.shard, t.id FOR UPDATE OF t)"
            )
            reads.append(
                "SELECT 'job' AS kind, id, 0::bigint AS number, lease_owner AS holder, NULL::bytea AS answer FROM j"
            )
        if batch.inbox:
            keys = statement.array([entry.key for entry in batch.inbox], Type.TEXT)
            at = statement.value(batch.at_ms, Type.INT)
            reads.append(
                "SELECT 'inbox' AS kind, key AS id, 0::bigint AS number, NULL::text AS holder, answer"
                f" FROM inbox WHERE key = ANY({keys}) AND expires_ms > {at}"
            )
        reads.append(
            "SELECT 'epoch' AS kind, '' AS id, epoch AS number, NULL::text AS holder, NULL::bytea AS answer FROM meta"
        )
        text = (f"WITH {', '.join(parts)} " if parts else "") + " UNION ALL ".join(reads)
        found: dict[str, dict[str, Any]] = {"instance": {}, "task": {}, "job": {}, "inbox": {}, "epoch": {}}
        for kind, identifier, number, holder, answer in await connection.fetch(text, *statement.args):
            found[kind][identifier] = answer if kind == "inbox" else holder if kind in ("task", "job") else number
        moved = [write.id for write in writes if found["instance"].get(write.id) != write.revision_before]
        tasks: dict[str, str | None] = {}
        missing = []
        for lock in batch.locks:
            if lock.external_task not in found["task"]:
                missing.append(lock.external_task)
                tasks[lock.external_task] = None
            elif lock.worker is not None and found["task"][lock.external_task] != lock.worker:
                tasks[lock.external_task] = found["task"][lock.external_task]
        jobs = [
            check.job
            for check in batch.jobs
            if check.job not in found["job"] or (check.owner is not None and found["job"][check.job] != check.owner)
        ]
        current = found["epoch"][""]
        epoch = current if batch.epoch is not None and current != batch.epoch else None
        if moved or tasks or jobs or found["inbox"] or epoch is not None:
            if len(writes) < len(batch.instances):
                moved += await self._existing(connection, batch)
            raise _Refused(
                Rejected(
                    instances=moved,
                    external_tasks=tasks,
                    missing_tasks=missing,
                    jobs=jobs,
                    inbox=found["inbox"],
                    epoch=epoch,
                )
            )

    @staticmethod
    async def _existing(connection: Any, batch: Batch) -> list[str]:
        """Which of the batch's new instances exist already."""
        new = [write for write in batch.instances if not write.revision_before]
        rows = await connection.fetch(
            "SELECT id FROM instance WHERE (shard, id) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))",
            [write.shard for write in new],
            [write.id for write in new],
        )
        return [row[0] for row in rows]

    async def _write_batch(self, connection: Any, batch: Batch) -> int:
        """Writes instances, log, epoch and inbox in one statement; returns the log position. Raises _Refused."""
        told = self._listener.payloads(batch.notify) if batch.notify and self._listener.others else []
        writing = _BatchStatement(batch, self._owned.get(batch.stream), told)
        if not (writing.parts or batch.instances or batch.notify or batch.epoch is not None):
            return 0
        row = await connection.fetchrow(writing.text(), *writing.args)
        if writing.owner is not None and row["position"] is None:
            raise StoreFailed(
                f"this node does not own the stream {batch.stream}: claim it before committing to it"
                " (another node has taken it over, or it was never claimed)"
            )
        epoch = row["epoch"] if batch.epoch is not None and row["epoch"] != batch.epoch else None
        exists = list(row["there"])
        if row["created"] != writing.created:
            exists = await self._existing(connection, batch)
            # Of the ones that this statement has just made none was there before: the rest were.
            made = set(row["made"])
            exists = [identifier for identifier in exists if identifier not in made]
        taken = {}
        if row["taken_in"] != len(batch.inbox):
            noted = set(row["noted"])
            rows = await connection.fetch(
                "SELECT key, answer FROM inbox WHERE key = ANY($1::text[])",
                [entry.key for entry in batch.inbox if entry.key not in noted],
            )
            taken = dict(rows)
        if exists or taken or epoch is not None:
            raise _Refused(Rejected(instances=exists, inbox=taken, epoch=epoch))
        return row["position"] if batch.log is not None else 0

    async def _write_rows(self, connection: Any, steps: Sequence[sql.PlanStep], *, replacing: bool) -> None:
        """`replacing`: an INSERT may meet a row with its key (see `_tried`)."""
        for step in steps:
            if isinstance(step, sql.WhereChange):
                text, args = sql.where_statement(self._dialect, step)
                await connection.execute(text, *args)
            elif step.change is Change.INSERT and not replacing and len(step.rows) >= COPY_ROWS_MIN:
                rows = sql.tuples_of(step, step.columns)
                await connection.copy_records_to_table(step.table.name, records=rows, columns=step.columns)
            else:
                await connection.execute(*self._row_statement(step, replacing))

    def _row_statement(self, group: RowGroup, replacing: bool) -> tuple[Any, ...]:
        """The statement of many rows and its arguments: an array per column, and one value where all rows have the same.
        Most columns of most batches are null or the same throughout, and every element of an array costs the driver."""
        arguments: list[Any] = []
        same: list[bool] = []
        count = len(group.rows)
        rows = sql.tuples_of(group, group.columns)
        for column, values in zip(group.columns, zip(*rows, strict=True), strict=True):
            alike = count >= ALIKE_ROWS_MIN and column not in group.table.key and values.count(values[0]) == count
            same.append(alike)
            arguments.append(values[0] if alike else values)
        return (self._row_text(group, tuple(same), replacing), *arguments)

    def _row_text(self, group: RowGroup, same: tuple[bool, ...], replacing: bool) -> str:
        cached = (group.table.name, group.change, group.columns, same, replacing)
        text = self._texts.get(cached)
        if text is None:
            table, key = group.table, group.table.key
            kinds = [postgresql_type(table.columns[column]) for column in group.columns]
            arrays = [
                (f"${number}::{kind}[]", quoted(column))
                for number, (column, kind, alike) in enumerate(zip(group.columns, kinds, same, strict=True), start=1)
                if not alike
            ]
            source = f"unnest({', '.join(a for a, _ in arrays)}) AS k({', '.join(c for _, c in arrays)})"
            value = {
                column: f"${number}::{kind}" if alike else f"k.{quoted(column)}"
                for number, (column, kind, alike) in enumerate(zip(group.columns, kinds, same, strict=True), start=1)
            }
            matches = " AND ".join(f"t.{quoted(column)} = k.{quoted(column)}" for column in key)
            if group.change is Change.INSERT:
                text = (
                    f"INSERT INTO {quoted(table.name)} ({sql.names(group.columns)}) SELECT {', '.join(value.values())}"
                    f" FROM {source}"
                )
                if replacing:
                    # Columns that are not given become null in a row that is replaced.
                    others = [quoted(column) for column in table.columns if column not in key]
                    sets = ", ".join(f"{column} = excluded.{column}" for column in others)
                    text += f" ON CONFLICT ({sql.names(key)}) DO UPDATE SET {sets}"
            elif group.change is Change.UPDATE:
                sets = ", ".join(f"{quoted(column)} = {value[column]}" for column in group.columns if column not in key)
                text = f"UPDATE {quoted(table.name)} AS t SET {sets} FROM {source} WHERE {matches}"
            else:
                text = f"DELETE FROM {quoted(table.name)} AS t USING {source} WHERE {matches}"
            if len(self._texts) >= TEXTS_MAX:
                self._texts.clear()
            self._texts[cached] = text
        return text

    async def _purge_inbox(self, connection: Any, batch: Batch) -> None:
        if not batch.inbox or abs(batch.at_ms - self._inbox_purged_ms) < INBOX_PURGE_EVERY_MS:
            return
        self._inbox_purged_ms = batch.at_ms
        await connection.execute(
            "DELETE FROM inbox WHERE key IN (SELECT key FROM inbox WHERE expires_ms <= $1"
            " ORDER BY expires_ms LIMIT $2 FOR UPDATE SKIP LOCKED)",
            batch.at_ms,
            INBOX_PURGE_ROWS,
        )

    # -- lookups

    async def load(self, ids: Sequence[str]) -> dict[str, StoredInstance]:
        if not ids:
            return {}
        statement = _Statement(self._dialect)
        condition = _id_join("t", list(dict.fromkeys(ids)), statement)
        text = (
            "SELECT t.id, t.root, t.definition, t.revision, t.head, c.numbers, c.contents FROM instance AS t"
            " CROSS JOIN LATERAL (SELECT array_agg(number) AS numbers, array_agg(content) AS contents"
            f" FROM instance_chunk AS c WHERE c.shard = t.shard AND c.id = t.id) AS c WHERE {condition}"
        )
        # The writers' settings make this go by key.
        async with self._writer() as connection:
            rows = await connection.fetch(text, *statement.args)
        return {
            row["id"]: StoredInstance(
                row["id"],
                row["root"],
                row["definition"],
                row["revision"],
                row["head"],
                dict(zip(row["numbers"] or (), row["contents"] or (), strict=True)),
            )
            for row in rows
        }

    async def epoch(self) -> int:
        async with self._reader() as connection:
            epoch: int = await connection.fetchval("SELECT epoch FROM meta")
            return epoch

    async def read_inbox(self, key: str, now_ms: int) -> bytes | None:
        async with self._reader() as connection:
            answer: bytes | None = await connection.fetchval(
                "SELECT answer FROM inbox WHERE key = $1 AND expires_ms > $2", key, now_ms
            )
            return answer

    # -- the log and its projections

    async def heads(self) -> dict[str, int]:
        async with self._reader() as connection:
            return dict(await connection.fetch("SELECT stream, position FROM stream_head"))

    async def read_log(self, after: Mapping[str, int], limit: int) -> list[LogEntry]:
        if limit <= 0:
            return []
        async with self._reader() as connection, _transaction(connection, "", "ISOLATION LEVEL REPEATABLE READ"):
            heads = await connection.fetch("SELECT stream, position FROM stream_head ORDER BY stream")
            behind = [stream for stream, position in heads if position > after.get(stream, 0)]
            if not behind:
                return []
            order = behind * limit
            if len(behind) > 1:
                moments: dict[str, list[int]] = {stream: [] for stream in behind}
                for stream, at_ms in await connection.fetch(
                    "SELECT l.stream, l.at_ms FROM unnest($1::text[], $2::bigint[]) AS k(stream, position)"
                    " CROSS JOIN LATERAL (SELECT * FROM event_log AS e WHERE e.stream = k.stream"
                    " AND e.position > k.position ORDER BY e.position LIMIT $3) AS l ORDER BY l.stream, l.position",
                    behind,
                    [after.get(stream, 0) for stream in behind],
                    limit,
                ):
                    moments[stream].append(at_ms)
                order = sql.log_order(moments, limit)
            wanted = Counter(order)
            rows: dict[str, list[LogEntry]] = {stream: [] for stream in wanted}
            for row in await connection.fetch(
                "SELECT l.stream, l.position, l.format, l.payload, l.at_ms"
                " FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k(stream, position, wanted)"
                " CROSS JOIN LATERAL (SELECT * FROM event_log AS e WHERE e.stream = k.stream"
                " AND e.position > k.position ORDER BY e.position LIMIT k.wanted) AS l"
                " ORDER BY l.stream, l.position",
                list(wanted),
                [after.get(stream, 0) for stream in wanted],
                list(wanted.values()),
            ):
                entry = LogEntry(*row)
                rows[entry.stream].append(entry)
        if len(behind) == 1:
            return rows[behind[0]]
        queues = {stream: iter(entries) for stream, entries in rows.items()}
        return [next(queues[stream]) for stream in order]

    async def view_positions(self, projection: str) -> dict[str, int]:
        async with self._reader() as connection:
            return await _positions(connection, projection)

    async def project(
        self,
        projection: str,
        changes: Sequence[AnyChange],
        positions: Mapping[str, int],
        before: Mapping[str, int] | None = None,
    ) -> bool:
        steps = self._view_planner.plan(changes, only=Sort.VIEW)
        return await _tried(lambda replacing: self._project(projection, steps, positions, before, replacing=replacing))

    async def _project(
        self,
        projection: str,
        steps: Sequence[sql.PlanStep],
        positions: Mapping[str, int],
        before: Mapping[str, int] | None,
        *,
        replacing: bool,
    ) -> bool:
        # Not the rows of the positions: a first one is not there to be locked.
        # What a crash of the database loses of the views is projected again: only the log has to be on disk.
        first = f"SET LOCAL synchronous_commit TO off; SELECT pg_advisory_xact_lock({LOCK_VIEWS})"
        async with self._writer() as connection, _transaction(connection, first):
            if before is not None and not sql.stands_at(await _positions(connection, projection), before):
                return False
            await self._write_rows(connection, steps, replacing=replacing)
            streams = sorted(positions)
            await connection.execute(
                "INSERT INTO view_position (projection, stream, position)"
                " SELECT $1, k.* FROM unnest($2::text[], $3::bigint[]) AS k"
                " ON CONFLICT (projection, stream) DO UPDATE SET position = excluded.position",
                projection,
                streams,
                [positions[stream] for stream in streams],
            )
        return True

    async def reset_views(self, projection: str) -> None:
        views = ", ".join(quoted(table.name) for table in TABLES.values() if table.sort is Sort.VIEW)
        first = f"SELECT pg_advisory_xact_lock({LOCK_VIEWS})"
        async with self._writer() as connection, _transaction(connection, first):
            await connection.execute(f"TRUNCATE {views}")
            await connection.execute("DELETE FROM view_position WHERE projection = $1", projection)

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
        decode = sql.row_decoder(read.columns, bools=False)
        async with self._reader() as connection:
            return [decode(row) for row in await connection.fetch(read.text, *read.args)]

    # -- claiming work

    async def fetch_and_lock(self, fetch: Fetch, now_ms: int) -> list[Row]:
        if fetch.max_tasks <= 0 or not fetch.topics:
            return []
        turn = self._fetches % len(fetch.topics)
        self._fetches += 1
        statement = _Statement(self._dialect)
        now = _now(statement.value(self._now_for(now_ms), Type.INT))
        limit = statement.value(fetch.max_tasks, Type.INT)
        order = ", ".join(sql.fetch_order(fetch))
        candidates = []
        for number, topic in enumerate((*fetch.topics[turn:], *fetch.topics[:turn])):
            duration = statement.value(topic.lock_duration_ms, Type.INT)
            terms = statement.every(_TASK, "t0", sql.topic_terms(topic))
            candidates.append(
                f"c{number} AS (SELECT t0.shard, t0.id, t0.priority, t0.created_ms, {duration} AS duration_ms,"
                f" {number} AS topic_number FROM external_task AS t0, clock WHERE {terms}"
                " AND (t0.lock_expires_ms IS NULL OR t0.lock_expires_ms <= clock.now_ms)"
                " AND (t0.retries IS NULL OR t0.retries > 0) AND t0.suspended IS NOT TRUE"
                f" ORDER BY {order} LIMIT {limit} FOR UPDATE OF t0 SKIP LOCKED)"
            )
        everything = " UNION ALL ".join(f"SELECT * FROM c{number}" for number in range(len(candidates)))
        if sql.takes_turns(fetch):
            ranked = f"SELECT *, row_number() OVER (PARTITION BY topic_number ORDER BY {order}) AS turn FROM once"
            order = "turn, topic_number"
        else:
            ranked = "SELECT * FROM once"
        text = (
            f"WITH clock AS MATERIALIZED (SELECT {now} AS now_ms), {', '.join(candidates)},"
            f" once AS (SELECT DISTINCT ON (shard, id) * FROM ({everything}) AS every_topic"
            " ORDER BY shard, id, topic_number),"
            f" picked AS MATERIALIZED (SELECT *, row_number() OVER (ORDER BY {order}) AS place"
            f" FROM ({ranked}) AS ranked ORDER BY place LIMIT {limit}),"
            f" locked AS (UPDATE external_task AS t SET worker_id = {statement.value(fetch.worker, Type.TEXT)},"
            " lock_expires_ms = clock.now_ms + p.duration_ms FROM picked AS p, clock"
            f" WHERE t.shard = p.shard AND t.id = p.id RETURNING p.place, {_TASK_COLUMNS})"
            " SELECT * FROM locked ORDER BY place"
        )
        async with self._writer() as connection:
            rows = await connection.fetch(text, *statement.args)
        return [_decode_task(tuple(row)[1:]) for row in rows]

    async def extend_lock(self, external_task: str, worker: str, until_ms: int) -> Row | None:
        statement = _Statement(self._dialect)
        until = statement.value(until_ms, Type.INT)
        who = statement.value(worker, Type.TEXT)
        return await self._change_lock(
            external_task,
            statement,
            f"lock_expires_ms = CASE WHEN t.worker_id = {who} THEN {until} ELSE t.lock_expires_ms END",
        )

    async def lock(self, external_task: str, worker: str, until_ms: int, now_ms: int) -> Row | None:
        statement = _Statement(self._dialect)
        until = statement.value(until_ms, Type.INT)
        who = statement.value(worker, Type.TEXT)
        now = _now(statement.value(self._now_for(now_ms), Type.INT))
        free = (
            f"(t.worker_id IS NULL OR t.worker_id = {who} OR t.lock_expires_ms IS NULL OR t.lock_expires_ms <= {now})"
        )
        return await self._change_lock(
            external_task,
            statement,
            f"worker_id = CASE WHEN {free} THEN {who} ELSE t.worker_id END,"
            f" lock_expires_ms = CASE WHEN {free} THEN {until} ELSE t.lock_expires_ms END",
        )

    async def _change_lock(self, external_task: str, statement: _Statement, sets: str) -> Row | None:
        condition = _id_join("t", [external_task], statement)
        text = f"UPDATE external_task AS t SET {sets} WHERE {condition} RETURNING {_TASK_COLUMNS}"
        async with self._writer() as connection:
            row = await connection.fetchrow(text, *statement.args)
        return None if row is None else _decode_task(row)

    async def unlock(self, external_task: str) -> Row | None:
        statement = _Statement(self._dialect)
        condition = _id_join("o", [external_task], statement)
        text = (
            f"WITH t AS MATERIALIZED (SELECT * FROM external_task AS o WHERE {condition} FOR UPDATE)"
            " UPDATE external_task AS n SET worker_id = NULL, lock_expires_ms = NULL FROM t"
            f" WHERE n.shard = t.shard AND n.id = t.id RETURNING {_TASK_COLUMNS}"
        )
        async with self._writer() as connection:
            row = await connection.fetchrow(text, *statement.args)
        return None if row is None else _decode_task(row)

    async def lease_jobs(self, owner: str, until_ms: int, limit: int, now_ms: int) -> list[Row]:
        if limit <= 0:
            return []

        async def lease(connection: Any, text: str, most: int) -> list[Any]:
            args = (self._now_for(now_ms), most * CANDIDATES_PER_JOB, most, owner, until_ms, now_ms)
            return list(await connection.fetch(text, *args))

        # One node at a time, so that two nodes cannot lease two exclusive jobs of one process instance.
        first = f"SELECT pg_advisory_xact_lock({LOCK_LEASES})"
        async with self._writer() as connection, _transaction(connection, first):
            rows = await lease(connection, _LEASE_FIRST, limit)
            if len(rows) < limit and monotonic() - self._looked_s >= LOOK_EVERY_S:
                self._looked_s = monotonic()
                rows += await lease(connection, _LEASE_ANY, limit - len(rows))
        return [_decode_job(tuple(row)[1:]) for row in rows]

    async def release_jobs(self, owner: str, jobs: Sequence[str]) -> None:
        if not jobs:
            return
        statement = _Statement(self._dialect)
        condition = _id_join("t", list(jobs), statement)
        text = (
            f"UPDATE job AS t SET lease_owner = NULL, lease_expires_ms = NULL WHERE {condition}"
            f" AND t.lease_owner = {statement.value(owner, Type.TEXT)}"
        )
        async with self._writer() as connection:
            await connection.execute(text, *statement.args)

    async def claim_leases(self, names: Sequence[str], owner: str, duration_ms: int, now_ms: int) -> list[str]:
        async with self._writer() as connection:
            # In one order everywhere, so that two nodes do not wait for each other.
            rows = await connection.fetch(_CLAIM_LEASES, sorted(names), owner, duration_ms, self._now_for(now_ms))
            return [row["name"] for row in rows]

    async def release_leases(self, names: Sequence[str], owner: str) -> None:
        async with self._writer() as connection:
            await connection.execute(
                "DELETE FROM lease WHERE name = ANY($1::text[]) AND owner = $2", sorted(names), owner
            )

    async def next_due_ms(self, now_ms: int) -> int | None:
        async with self._writer() as connection:
            due: int | None = await connection.fetchval(_NEXT_DUE, self._now_for(now_ms), now_ms)
            return due

    async def notify(self, topics: Sequence[str]) -> None:
        payloads = self._listener.payloads(topics)
        if payloads:
            async with self._writer() as connection:
                await connection.execute(f"SELECT pg_notify('{CHANNEL}', n) FROM unnest($1::text[]) AS n", payloads)

    async def wait_notification(self, timeout_s: float) -> Sequence[str]:
        if self._writers is None:
            raise StoreFailed("the store is not open")
        with _errors():
            return await self._listener.wait(timeout_s)


_RUNNABLE = "j.retries > 0 AND j.suspended IS NOT TRUE"
_DUE_ORDER = "priority DESC, coalesce(due_ms, created_ms, 0), shard, id"
_FREE = """SELECT j.shard, j.id, j.instance_id, j.priority, j.due_ms, j.created_ms,
        j.exclusive IS TRUE AND j.instance_id IS NOT NULL AS alone"""
_NOT_BUSY = "NOT (alone AND instance_id IN (SELECT b.id FROM busy AS b))"
_AT_ONCE = f"{_FREE} FROM job AS j WHERE j.lease_owner IS NULL AND j.due_ms IS NULL AND {_RUNNABLE}"
_IN_ORDER = "ORDER BY j.due_ms, j.priority DESC, j.created_ms, j.shard, j.id LIMIT $2"
"""The order of the index, and of jobs without a due date."""

_CLAIMABLE = (
    "j.lease_owner IS NULL AND j.due_ms <= clock.now_ms",
    "j.lease_owner IS NOT NULL AND j.lease_expires_ms <= clock.now_ms"
    " AND (j.due_ms IS NULL OR j.due_ms <= clock.now_ms)",
)
_TIMED = " UNION ALL ".join(
    f"""({_FREE} FROM job AS j, clock WHERE {claimable} AND {_RUNNABLE}
          AND NOT (j.exclusive IS TRUE AND j.instance_id IS NOT NULL AND j.instance_id IN (SELECT b.id FROM busy AS b))
        ORDER BY {_DUE_ORDER} LIMIT $2)"""
    for claimable in _CLAIMABLE
)


def _lease(at_once: str) -> str:
    # The lease is a span on the database's clock; a node's clock that is right to a second is taken at its word.
    return f"""
WITH clock AS MATERIALIZED (SELECT {_now("$1")} AS now_ms),
busy AS MATERIALIZED (
    SELECT j.instance_id AS id FROM job AS j, clock WHERE j.lease_owner IS NOT NULL
    AND j.lease_expires_ms > clock.now_ms AND j.exclusive IS TRUE AND j.instance_id IS NOT NULL),
due AS ({at_once} UNION ALL {_TIMED}),
turns AS (SELECT *, row_number() OVER (PARTITION BY instance_id, alone ORDER BY {_DUE_ORDER}) AS turn FROM due),
chosen AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY {_DUE_ORDER}) AS place FROM turns WHERE turn = 1 OR NOT alone
    ORDER BY place LIMIT $3),
free AS MATERIALIZED (
    SELECT c.place, j.shard, j.id FROM chosen AS c JOIN job AS j ON j.shard = c.shard AND j.id = c.id, clock
    WHERE {_RUNNABLE} AND (j.lease_owner IS NULL OR j.lease_expires_ms <= clock.now_ms)
    FOR UPDATE OF j SKIP LOCKED),
leased AS (
    UPDATE job AS j SET lease_owner = $4, lease_expires_ms = CASE
        WHEN abs(clock.now_ms - $6::bigint) < 1000 THEN $5::bigint ELSE clock.now_ms + $5::bigint - $6::bigint END
    FROM free AS f, clock
    WHERE j.shard = f.shard AND j.id = f.id RETURNING f.place, {_JOB_COLUMNS})
SELECT * FROM leased ORDER BY place"""


_LEASE_FIRST = _lease(f"(SELECT * FROM ({_AT_ONCE} {_IN_ORDER}) AS f WHERE {_NOT_BUSY})")
"""Looks at the first jobs only: they may all belong to an instance that is busy."""

_LEASE_ANY = _lease(
    f"({_AT_ONCE} AND NOT (j.exclusive IS TRUE AND j.instance_id IS NOT NULL"
    f" AND j.instance_id IN (SELECT b.id FROM busy AS b)) {_IN_ORDER})"
)


_NEXT_DUE = f"""
WITH clock AS MATERIALIZED (SELECT {_now("$1")} AS now_ms)
SELECT least(
    (SELECT j.due_ms FROM job AS j WHERE j.lease_owner IS NULL AND j.due_ms IS NOT NULL AND {_RUNNABLE}
     ORDER BY j.due_ms LIMIT 1),
    (SELECT $2::bigint FROM job AS j WHERE j.lease_owner IS NULL AND j.due_ms IS NULL AND {_RUNNABLE} LIMIT 1),
    (SELECT min(coalesce(j.due_ms, $2::bigint)) FROM job AS j, clock
     WHERE j.lease_owner IS NOT NULL AND j.lease_expires_ms <= clock.now_ms AND {_RUNNABLE}))"""


class _BatchStatement:
    """The statement that writes a batch's instances, log row, epoch and inbox, and tells other nodes.

    It returns: `position` of the stream (null: not the owner, or nothing to log), `epoch` before the batch, `created`
    and `made` instances, `there`: instances that should not exist, `taken_in` and `noted` inbox keys.
    """

    def __init__(self, batch: Batch, owner: int | None, notifications: list[str]) -> None:
        self.args: list[Any] = []
        self.parts: list[str] = []
        self.created = 0
        self.owner = owner if owner is not None or batch.log is None else 0
        """0: an owner that no stream has, for one that was never claimed."""
        self._notified = "0"
        self._there = "'{}'::text[]"
        self._log(batch)
        self._instances(batch)
        self._inbox(batch)
        if batch.bump_epoch:
            self.parts.append("bumped AS (UPDATE meta SET epoch = epoch + 1)")
        if notifications:
            told = self._array(notifications, "text")
            self._notified = f"(SELECT count(pg_notify('{CHANNEL}', n)) FROM unnest({told}) AS n)"

    def text(self) -> str:
        """The SQL."""
        columns = [
            "(SELECT position FROM head) AS position" if self.owner is not None else "NULL::bigint AS position",
            "(SELECT epoch FROM meta) AS epoch",
            "(SELECT count(*) FROM made) AS created" if self.created else "0 AS created",
            "ARRAY(SELECT id FROM made) AS made" if self.created else "'{}'::text[] AS made",
            "(SELECT count(*) FROM noted) AS taken_in" if self._noted else "0 AS taken_in",
            "ARRAY(SELECT key FROM noted) AS noted" if self._noted else "'{}'::text[] AS noted",
            f"{self._there} AS there",
            f"{self._notified} AS notified",
        ]
        prefix = f"WITH {', '.join(self.parts)} " if self.parts else ""
        return f"{prefix}SELECT {', '.join(columns)}"

    def _value(self, value: Any, kind: str) -> str:
        self.args.append(value)
        return f"${len(self.args)}::{kind}"

    def _array(self, values: list[Any], kind: str) -> str:
        return self._value(values, f"{kind}[]")

    def _log(self, batch: Batch) -> None:
        if self.owner is None:
            return
        stream = self._value(batch.stream, "text")
        added = 0 if batch.log is None else 1 + len(batch.parts)
        self.parts.append(
            f"head AS (UPDATE stream_head SET position = position + {added}"
            f" WHERE stream = {stream} AND owner = {self._value(self.owner, 'bigint')} RETURNING position)"
        )
        if batch.parts:
            self.parts.append(
                "logged_parts AS (INSERT INTO event_log (stream, position, format, at_ms, payload)"
                f" SELECT {stream}, position - {len(batch.parts) + 1} + p.number, {sql.LOG_FORMAT},"
                f" {self._value(batch.at_ms, 'bigint')}, p.payload FROM head,"
                f" unnest({self._array(list(batch.parts), 'bytea')}) WITH ORDINALITY AS p(payload, number))"
            )
        if batch.log is not None:
            self.parts.append(
                "logged AS (INSERT INTO event_log (stream, position, format, at_ms, payload)"
                f" SELECT {stream}, position, {sql.LOG_FORMAT}, {self._value(batch.at_ms, 'bigint')},"
                f" {self._value(batch.log, 'bytea')} FROM head)"
            )

    def _instances(self, batch: Batch) -> None:
        writes = sorted(batch.instances, key=lambda write: (write.shard, write.id))
        made = [write for write in writes if write.head is not None and not write.revision_before]
        kept = [write for write in writes if write.head is not None and write.revision_before]
        gone = [write for write in writes if write.head is None and write.revision_before]
        self.created = len(made)
        # Begun and ended within the batch: nothing to write, but they must not exist.
        passing = [write for write in writes if write.head is None and not write.revision_before]
        if passing:
            shards = self._array([write.shard for write in passing], "bigint")
            ids = self._array([write.id for write in passing], "text")
            self._there = f"ARRAY(SELECT id FROM instance WHERE (shard, id) IN (SELECT * FROM unnest({shards}, {ids})))"
        for name, group in (("made", made), ("kept", kept)):
            if not group:
                continue
            source = (
                "unnest("
                + ", ".join(
                    (
                        self._array([write.shard for write in group], "bigint"),
                        self._array([write.id for write in group], "text"),
                        self._array([write.root for write in group], "text"),
                        self._array([write.definition for write in group], "text"),
                        self._array([write.revision for write in group], "bigint"),
                        self._array([write.head for write in group], "bytea"),
                    )
                )
                + ") AS k(shard, id, root, definition, revision, head)"
            )
            if name == "made":
                self.parts.append(
                    f"made AS (INSERT INTO instance (shard, id, root, definition, revision, head) SELECT * FROM {source}"
                    " ON CONFLICT (shard, id) DO NOTHING RETURNING id)"
                )
            else:
                self.parts.append(
                    "kept AS (UPDATE instance AS t SET root = k.root, definition = k.definition,"
                    f" revision = k.revision, head = k.head FROM {source} WHERE t.shard = k.shard AND t.id = k.id)"
                )
        if gone:
            shards = self._array([write.shard for write in gone], "bigint")
            ids = self._array([write.id for write in gone], "text")
            for name, table in (("gone", "instance"), ("gone_chunks", "instance_chunk")):
                self.parts.append(
                    f"{name} AS (DELETE FROM {table} AS t USING unnest({shards}, {ids}) AS k(shard, id)"
                    " WHERE t.shard = k.shard AND t.id = k.id)"
                )
        chunks = [(w.shard, w.id, n, c) for w in (*made, *kept) for n, c in sorted(w.chunks.items())]
        put = [chunk for chunk in chunks if chunk[3] is not None]
        removed = [chunk for chunk in chunks if chunk[3] is None]
        if put:
            self.parts.append(
                "put_chunks AS (INSERT INTO instance_chunk (shard, id, number, content) SELECT * FROM unnest("
                + ", ".join(
                    self._array([chunk[at] for chunk in put], kind)
                    for at, kind in enumerate(("bigint", "text", "bigint", "bytea"))
                )
                + ") ON CONFLICT (shard, id, number) DO UPDATE SET content = excluded.content)"
            )
        if removed:
            self.parts.append(
                "removed_chunks AS (DELETE FROM instance_chunk AS t USING unnest("
                + ", ".join(
                    self._array([chunk[at] for chunk in removed], kind)
                    for at, kind in enumerate(("bigint", "text", "bigint"))
                )
                + ") AS k(shard, id, number) WHERE t.shard = k.shard AND t.id = k.id AND t.number = k.number)"
            )

    def _inbox(self, batch: Batch) -> None:
        self._noted = bool(batch.inbox)
        if batch.inbox:
            entries = sorted(batch.inbox, key=lambda entry: entry.key)
            self.parts.append(
                "noted AS (INSERT INTO inbox AS i (key, answer, expires_ms) SELECT * FROM unnest("
                + self._array([entry.key for entry in entries], "text")
                + ", "
                + self._array([entry.answer for entry in entries], "bytea")
                + ", "
                + self._array([entry.expires_ms for entry in entries], "bigint")
                + ") ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, expires_ms = excluded.expires_ms"
                + f" WHERE i.expires_ms <= {self._value(batch.at_ms, 'bigint')} RETURNING key)"
            )


class _Refused(Exception):
    """Ends the transaction of a batch that is refused."""

    def __init__(self, rejected: Rejected) -> None:
        self.rejected = rejected


async def _tried(transaction: Callable[[bool], Awaitable[T]]) -> T:
    """Does a transaction whose INSERTs replace nothing; when one of them meets a row with its key, again, and they replace.
    To be ready for that costs a look for each row, a quarter of the statement, and it hardly ever happens."""
    try:
        return await transaction(False)
    except asyncpg.UniqueViolationError:
        return await transaction(True)


async def _positions(connection: Any, projection: str) -> dict[str, int]:
    return dict(await connection.fetch("SELECT stream, position FROM view_position WHERE projection = $1", projection))


async def _keep(connection: Any) -> None:
    """Connections go back to the pool as they are: every method leaves them without a transaction."""


@asynccontextmanager
async def _transaction(connection: Any, first: str = "", mode: str = "") -> AsyncIterator[None]:
    """A transaction; `first` is sent together with its BEGIN."""
    try:
        await connection.execute(f"BEGIN {mode}; {first}")
        yield
        await connection.execute("COMMIT")
    except BaseException:
        try:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
        except Exception:
            # It cannot go back to the pool inside a transaction; what is raised below says what went wrong.
            connection.terminate()
        raise


class _errors:
    """What the server refuses, in our words; mistakes of this program stay what they are."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, StoreFailed | asyncpg.DataError):
            return
        if isinstance(error, asyncpg.TransactionRollbackError):
            raise Conflict(f"the database broke a tie between concurrent transactions: {error}") from error
        if isinstance(error, _OUT_OF_REACH):
            text = str(error) or type(error).__name__
            raise StoreFailed(f"the database refused or is out of reach: {text}") from error
        if isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError):
            raise StoreFailed(f"the connection to the database is gone: {error}") from error
