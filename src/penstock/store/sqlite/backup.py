"""Backups of a SQLite store: a copy of the database in steps, from one snapshot, beside the server that writes."""

from pathlib import Path
from typing import Any

import apsw

from penstock.base.errors import StoreFailed
from penstock.store import sql
from penstock.store.backup import Backed, Progress, sync
from penstock.store.sqlite.lock import FileLock

PAGES_AT_ONCE = 1_000
"""About 4 MB: after each step the progress is told."""


def backup(path: Path, target: Path, progress: Progress) -> Backed:
    """Copies the database at `path` to `target` and checks the copy. Raises StoreFailed."""
    if not path.is_file():
        raise StoreFailed(f"there is no {path}")
    try:
        source = _open(path)
        try:
            # An open read keeps the snapshot: without it every commit of the server would begin the copy again.
            source.execute("BEGIN")
            _only(source, "SELECT count(*) FROM sqlite_schema")
            return _copied(source, target, progress)
        finally:
            source.close()
    except apsw.Error as error:
        raise StoreFailed(f"{path} cannot be copied: {error}") from error


def restore(source: Path, path: Path, progress: Progress) -> Backed:
    """Copies the backup to `path`, where no database may be. Raises StoreFailed."""
    lock = FileLock(path)
    lock.take()
    partial = path.with_name(f".{path.name}.partial")
    try:
        if path.exists() and path.stat().st_size:
            raise StoreFailed(f"{path} is not empty: restore into a file that does not exist")
        connection = _open(source)
        try:
            made = _copied(connection, partial, progress)
        finally:
            connection.close()
        _check_schema(source, made.schema)
        _give_back_leases(partial)
        sync(partial)
        partial.replace(path)
        sync(path.parent)
        return Backed(
            path=source,
            store="sqlite",
            schema=made.schema,
            size_bytes=path.stat().st_size,
            live_instances=made.live_instances,
            log_rows=made.log_rows,
        )
    except apsw.Error as error:
        raise StoreFailed(f"{source} cannot be restored: {error}") from error
    except OSError as error:
        raise StoreFailed(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
        lock.release()


def _open(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(5_000)
    connection.pragma("query_only", True)
    return connection


def _copied(source: apsw.Connection, target: Path, progress: Progress) -> Backed:
    target.unlink(missing_ok=True)
    page_bytes = source.pragma("page_size")
    copy = apsw.Connection(str(target))
    try:
        with copy.backup("main", source, "main") as steps:
            while not steps.done:
                steps.step(PAGES_AT_ONCE)
                progress((steps.page_count - steps.remaining) * page_bytes, steps.page_count * page_bytes)
        # The copy is one file: without a write-ahead log beside it.
        copy.pragma("journal_mode", "delete")
        return _checked(copy, target)
    finally:
        copy.close()


def _checked(copy: apsw.Connection, target: Path) -> Backed:
    found = [row[0] for row in copy.execute("PRAGMA integrity_check").fetchall()]
    if found != ["ok"]:
        raise StoreFailed(f"the copy is damaged, and so is the database it is made from: {'; '.join(map(str, found))}")
    if not _only(copy, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'"):
        raise StoreFailed("this is no database of Penstock: it has no table meta")
    return Backed(
        path=target,
        store="sqlite",
        schema=_only(copy, "SELECT version FROM meta"),
        size_bytes=target.stat().st_size,
        live_instances=_only(copy, "SELECT count(*) FROM instance"),
        log_rows=_only(copy, "SELECT count(*) FROM event_log"),
    )


def _check_schema(source: Path, schema: int) -> None:
    known = sql.migrations("penstock.store.sqlite")[-1][0]
    if schema > known:
        raise StoreFailed(f"{source} has schema {schema}, this release knows {known}: restore with a newer release")


def _give_back_leases(path: Path) -> None:
    connection = apsw.Connection(str(path))
    try:
        connection.execute("UPDATE job SET lease_owner = NULL, lease_expires_ms = NULL WHERE lease_owner IS NOT NULL")
        connection.pragma("journal_mode", "wal")
    finally:
        connection.close()


def _only(connection: apsw.Connection, text: str) -> Any:
    ((value,),) = connection.execute(text).fetchall()
    return value
