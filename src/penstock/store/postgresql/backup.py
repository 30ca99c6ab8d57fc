"""Backups of a PostgreSQL store: every table in binary COPY format, from one snapshot, in one zip file.

Not pg_dump: it must be installed and as new as the server, and this needs nothing but the connection that a server has.
The manifest is written last, so a file that is not whole is known as such.
"""

import hashlib
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from penstock import __version__
from penstock.base.clock import SystemClock
from penstock.base.errors import StoreFailed
from penstock.store import sql
from penstock.store.backup import Backed, Progress
from penstock.store.postgresql.store import _errors
from penstock.store.sql import quoted

MANIFEST = "manifest.json"
FORMAT = 1
READ_BYTES = 1024 * 1024
COMPRESSION = 1
"""Most of the bytes are packed already: more effort gains little."""

_TABLES_OF_SCHEMA = """SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum), pg_relation_size(c.oid)
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('meta'))
    GROUP BY c.oid, c.relname ORDER BY c.relname"""
"""Every table beside `meta`: name, columns, bytes."""


class Table(msgspec.Struct, frozen=True):
    """One table of a backup."""

    name: str
    columns: list[str]
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, and how to know that it is whole."""

    format: int
    penstock: str
    server: str
    schema: int
    made_ms: int
    tables: list[Table]

    def rows(self, table: str) -> int:
        """How many rows the table has."""
        return next((found.rows for found in self.tables if found.name == table), 0)


async def backup(url: str, target: Path, progress: Progress) -> Backed:
    """Writes every table to `target`. Raises StoreFailed."""
    with _errors():
        async with _connected(url) as connection:
            await connection.execute(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout TO 0"
            )
            if not await connection.fetchval("SELECT to_regclass('meta') IS NOT NULL"):
                raise StoreFailed("the database holds no tables of Penstock: there is nothing to back up")
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
                manifest = await _write(connection, archive, progress)
                archive.writestr(MANIFEST, msgspec.json.encode(manifest))
            await connection.execute("COMMIT")
    _verify(target, manifest)
    return _backed(target, manifest)


async def _write(connection: Any, archive: zipfile.ZipFile, progress: Progress) -> Manifest:
    found = await connection.fetch(_TABLES_OF_SCHEMA)
    total, done = sum(size for _, _, size in found), 0
    tables = []
    for name, columns, size in found:
        tables.append(await _write_table(connection, archive, name, columns))
        done += size
        progress(done, total)
    return Manifest(
        format=FORMAT,
        penstock=__version__,
        server=await connection.fetchval("SELECT current_setting('server_version')"),
        schema=await connection.fetchval("SELECT version FROM meta"),
        made_ms=SystemClock().now_ms(),
        tables=tables,
    )


async def _write_table(connection: Any, archive: zipfile.ZipFile, name: str, columns: list[str]) -> Table:
    digest = hashlib.sha256()
    with archive.open(_member(name), "w", force_zip64=True) as file:

        async def take(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        query = f"SELECT {sql.names(columns)} FROM {quoted(name)}"
        status = await connection.copy_from_query(query, output=take, format="binary")
    return Table(name, columns, int(status.split()[-1]), digest.hexdigest())


async def restore(source: Path, url: str, progress: Progress) -> Backed:
    """Makes the schema of then and fills it, in one transaction. Raises StoreFailed."""
    manifest = read_manifest(source)
    known = sql.migrations("penstock.store.postgresql")
    if manifest.format > FORMAT or manifest.schema > known[-1][0]:
        raise StoreFailed(
            f"{source} has schema {manifest.schema}, this release knows {known[-1][0]}: restore with a newer release"
        )
    _verify(source, manifest)
    with _errors():
        async with _connected(url) as connection:
            await connection.execute("BEGIN; SET LOCAL statement_timeout TO 0")
            if await connection.fetchval("SELECT to_regclass('meta') IS NOT NULL"):
                raise StoreFailed("the database holds tables of Penstock already: restore into an empty database")
            for number, text in known:
                if number <= manifest.schema:
                    await connection.execute(text)
            await _fill(connection, source, manifest, progress)
            await connection.execute(
                "UPDATE job SET lease_owner = NULL, lease_expires_ms = NULL WHERE lease_owner IS NOT NULL"
            )
            await connection.execute("COMMIT")
            await connection.execute("ANALYZE")
    return _backed(source, manifest)


async def _fill(connection: Any, source: Path, manifest: Manifest, progress: Progress) -> None:
    done = 0
    with zipfile.ZipFile(source) as archive:
        total = sum(member.compress_size for member in archive.infolist())
        for table in manifest.tables:
            if table.name == "meta":
                await connection.execute("DELETE FROM meta")
            status = await connection.copy_to_table(
                table.name, source=_pieces(archive, table), columns=table.columns, format="binary"
            )
            if int(status.split()[-1]) != table.rows:
                raise StoreFailed(f"{source}: {status} of table {table.name}, but it had {table.rows} rows")
            done += archive.getinfo(_member(table.name)).compress_size
            progress(done, total)


async def _pieces(archive: zipfile.ZipFile, table: Table) -> AsyncIterator[bytes]:
    with archive.open(_member(table.name)) as file:
        while piece := file.read(READ_BYTES):
            yield piece


def read_manifest(source: Path) -> Manifest:
    """What the backup says of itself. Raises StoreFailed when it is not whole."""
    try:
        with _archive(source) as archive:
            return msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    except (KeyError, msgspec.MsgspecError) as error:
        raise StoreFailed(f"{source} is no backup of a Penstock store: {error}") from error


def _verify(source: Path, manifest: Manifest) -> None:
    with _archive(source) as archive:
        for table in manifest.tables:
            digest = hashlib.sha256()
            try:
                with archive.open(_member(table.name)) as file:
                    while piece := file.read(READ_BYTES):
                        digest.update(piece)
            except KeyError:
                raise StoreFailed(f"{source} lacks the table {table.name}") from None
            if digest.hexdigest() != table.sha256:
                raise StoreFailed(f"{source} is damaged: the table {table.name} is not what was written")


@contextmanager
def _archive(source: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(source) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise StoreFailed(f"{source} is damaged or not whole: {error}") from error


def _member(table: str) -> str:
    return f"tables/{table}.copy"


def _backed(path: Path, manifest: Manifest) -> Backed:
    return Backed(
        path=path,
        store="postgresql",
        schema=manifest.schema,
        size_bytes=path.stat().st_size,
        live_instances=manifest.rows("instance"),
        log_rows=manifest.rows("event_log"),
    )


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    try:
        connection = await asyncpg.connect(url, server_settings={"application_name": "penstock backup"})
    except (ValueError, asyncpg.InterfaceError) as error:
        raise StoreFailed(f"cannot use the database's address: {error}") from error
    try:
        yield connection
    finally:
        # Whatever was begun and not committed has never been.
        connection.terminate()
