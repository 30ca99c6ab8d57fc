"""A SQLite store, looked at from outside: one connection that only reads, beside the server's."""

from pathlib import Path

import apsw

from penstock.base.errors import StoreFailed
from penstock.base.ids import shard_of
from penstock.store import sql
from penstock.store.inspection import Facts, Setting
from penstock.store.protocol import StoredInstance
from penstock.store.sqlite.lock import is_taken
from penstock.store.sqlite.store import SqliteStore, _all, _Snapshot
from penstock.store.sqlite.threads import ConnectionThread

WAL_BYTES_MAX = 256 * 1024 * 1024
"""Beyond, somebody has been reading for a long time and the log cannot be written back."""


class SqliteInspection(SqliteStore):
    """See `store.inspection.Inspection`."""

    async def open(self) -> None:
        if not self._path.is_file():
            raise StoreFailed(f"there is no {self._path}: `penstock up` creates it")
        reader = ConnectionThread("sqlite-inspection", self._connect_reader)
        self._threads = [reader, reader, reader]
        try:
            await reader.start()
            await self._read(0, _tables)
        except BaseException as error:
            await self.close()
            if isinstance(error, apsw.Error):
                raise StoreFailed(f"{self._path} cannot be read: {error}; is it a database of this server?") from error
            raise

    async def facts(self) -> Facts:
        """See `Inspection.facts`."""

        def work(connection: apsw.Connection) -> tuple[int, str]:
            schema = 0
            if "meta" in _tables(connection):
                ((schema,),) = _all(connection, "SELECT version FROM meta")
            return schema, str(connection.pragma("journal_mode"))

        schema, mode = await self._read(0, work)
        served = is_taken(self._path)
        wal = _size(self._path.with_name(self._path.name + "-wal"))
        return Facts(
            database=f"SQLite {apsw.sqlite_lib_version()}",
            schema=schema,
            known_schema=sql.migrations("penstock.store.sqlite")[-1][0],
            nodes=int(served),
            size_bytes=_size(self._path) + wal,
            settings=(_journal(mode, served), Setting(name="synchronous", value="FULL, set by each server"), _wal(wal)),
            folder=self._path.parent,
        )

    async def live_instances(self, after: StoredInstance | None, limit: int) -> list[StoredInstance]:
        """See `Inspection.live_instances`."""
        start = (shard_of(after.root), after.id) if after is not None else (-1, "")

        def work(connection: apsw.Connection) -> list[StoredInstance]:
            with _Snapshot(connection):
                rows = _all(
                    connection,
                    "SELECT shard, id, root, definition, revision, head FROM instance WHERE (shard, id) > (?, ?)"
                    " ORDER BY shard, id LIMIT ?",
                    (*start, limit),
                )
                return [
                    StoredInstance(id, root, definition, revision, head, _chunks(connection, (shard, id)))
                    for shard, id, root, definition, revision, head in rows
                ]

        return await self._read(0, work)

    async def check_pages(self) -> list[str]:
        """See `Inspection.check_pages`."""

        def work(connection: apsw.Connection) -> list[str]:
            found = [row[0] for row in _all(connection, "PRAGMA integrity_check")]
            return [] if found == ["ok"] else found

        return await self._read(0, work)


def _tables(connection: apsw.Connection) -> set[str]:
    return {row[0] for row in _all(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _chunks(connection: apsw.Connection, key: tuple[int, str]) -> dict[int, bytes]:
    return dict(_all(connection, "SELECT number, content FROM instance_chunk WHERE shard = ? AND id = ?", key))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _journal(mode: str, served: bool) -> Setting:
    why = "a server uses it without a write-ahead log: stop it, and put the file on a local disk"
    advice = why if served and mode != "wal" else None
    return Setting(name="journal_mode", value=mode, advice=advice)


def _wal(size_bytes: int) -> Setting:
    advice = "another program has been reading for long: end it, so that the log can be written back"
    return Setting(
        name="write-ahead log",
        value=f"{size_bytes / 1024 / 1024:.1f} MB",
        advice=advice if size_bytes > WAL_BYTES_MAX else None,
    )
