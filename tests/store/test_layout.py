"""Migrations lay out exactly what `store.tables` says."""

import re
from pathlib import Path

import apsw
import asyncpg
import pytest

from penstock.base.clock import SystemClock
from penstock.store.postgresql.store import PostgresqlStore
from penstock.store.sqlite.store import SqliteStore
from penstock.store.tables import TABLES, Type

OWN = {"meta", "instance", "instance_chunk", "event_log", "stream_head", "view_position", "inbox"}
SQLITE = {
    Type.TEXT: "TEXT",
    Type.INT: "INTEGER",
    Type.REAL: "REAL",
    Type.BOOL: "INTEGER",
    Type.BYTES: "BLOB",
    Type.JSON: "BLOB",
}
POSTGRESQL = {
    Type.TEXT: "text",
    Type.INT: "bigint",
    Type.REAL: "double precision",
    Type.BOOL: "boolean",
    Type.BYTES: "bytea",
    Type.JSON: "bytea",
}


def wanted_indexes(table, prefix, first=""):
    """Index definitions as `columns | condition`. `first`: what follows the first column of an index that sorts."""
    found = []
    for index in table.indexes:
        columns = ", ".join(
            (prefix % column if column in index.prefix else column) + (" DESC" if column in index.descending else "")
            for column in index.columns
        )
        if index.sorts:
            columns = columns.replace(index.columns[0], index.columns[0] + first, 1)
        condition = ""
        if index.where_null:
            condition = f"{index.where_null} IS NULL"
        if index.where_not_null:
            condition = f"{index.where_not_null} IS NOT NULL"
        found.append(f"{columns} | {condition}")
    return sorted(found)


def normal(definition):
    """The same out of a CREATE INDEX statement."""
    match = re.fullmatch(r"CREATE INDEX [^(]*\((.*?)\)(?: WHERE \(?(.*?)\)?)?", definition.replace('"', ""))
    assert match is not None, definition
    return f"{match[1]} | {match[2] or ''}"


async def test_sqlite(tmp_path: Path):
    store = SqliteStore(tmp_path / "a.db")
    await store.open()
    await store.close()
    connection = apsw.Connection(str(tmp_path / "a.db"))
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert names == OWN | set(TABLES)
    for table in TABLES.values():
        columns = connection.execute(
            'SELECT name, type, pk, "notnull" FROM pragma_table_info(?)', (table.name,)
        ).fetchall()
        assert [(name, kind) for name, kind, _, _ in columns] == [(n, SQLITE[t]) for n, t in table.columns.items()]
        assert tuple(name for name, _, pk, _ in sorted(columns, key=lambda c: c[2]) if pk) == table.key
        assert {name for name, _, _, notnull in columns if notnull} == set(table.key)
        indexes = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table.name,)
        )
        assert sorted(normal(text) for (text,) in indexes) == wanted_indexes(table, "substr(%s, 1, 256)")
    strict = connection.execute("SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict").fetchall()
    assert {name for (name,) in strict} <= {"sqlite_schema", "sqlite_temp_schema"}
    connection.close()


async def test_postgresql(postgres_url: str):
    store = PostgresqlStore(postgres_url, SystemClock())
    await store.open()
    await store.close()
    connection = await asyncpg.connect(postgres_url)
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row[0] for row in names} == OWN | set(TABLES)
    for table in TABLES.values():
        columns = await connection.fetch(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull, collname FROM pg_attribute"
            " LEFT JOIN pg_collation c ON c.oid = attcollation"
            " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            table.name,
        )
        assert [(c[0], c[1]) for c in columns] == [(n, POSTGRESQL[t]) for n, t in table.columns.items()]
        assert {c[0] for c in columns if c[2]} == set(table.key)
        assert {c[3] for c in columns if c[1] == "text"} == {"C"}
        indexes = await connection.fetch(
            "SELECT indisprimary, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = $1::text::regclass",
            table.name,
        )
        assert sorted(normal(i[1]) for i in indexes if not i[0]) == wanted_indexes(
            table, "left(%s, 256)", " NULLS FIRST"
        )
        (key,) = [re.search(r"\((.*)\)", i[1])[1] for i in indexes if i[0]]
        assert key == ", ".join(table.key)
    known = await connection.fetchval("SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'")
    compression = await connection.fetchval(
        "SELECT attcompression FROM pg_attribute WHERE attrelid = 'event_log'::regclass AND attname = 'payload'"
    )
    assert (compression == b"l") == ("lz4" in (known or []))
    await connection.close()


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_migrations_are_numbered_without_gaps(dialect):
    from penstock.store import sql

    numbers = [number for number, _ in sql.migrations(f"penstock.store.{dialect}")]
    assert numbers == list(range(1, len(numbers) + 1))
