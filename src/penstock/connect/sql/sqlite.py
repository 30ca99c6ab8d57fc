"""Statements on SQLite files. A file must be there, and no statement reaches another one."""

import asyncio
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import apsw

from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.connections import SqlConnection
from penstock.connect.inputs import json_bytes
from penstock.connect.sql.rows import Rows
from penstock.connect.sql.statement import questioned, read, values
from penstock.expr.values import FileValue, JsonNode, XmlText, format_date

STEPS = 10_000
"""Instructions of SQLite's machine between two looks at whether the time is over."""

VALUE_BYTES_MAX = 64 * 1024 * 1024
"""Size of one text or blob, made by a function too."""

_REFUSED = frozenset(
    {apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH, apsw.SQLITE_PRAGMA, apsw.SQLITE_TRANSACTION, apsw.SQLITE_SAVEPOINT}
)


async def run(
    connection: SqlConnection, text: str, parameters: Mapping[str, Any], key: str
) -> tuple[list[dict[str, Any]], int]:
    """The rows, and how many: given, or changed. Raises ConnectorFailed, ConnectorRefused."""
    statement = read(text, questioned)
    bound = [
        converted(value, name) for name, value in zip(statement.names, values(statement, parameters, key), strict=True)
    ]
    stopped = threading.Event()
    try:
        async with asyncio.timeout(connection.timeout_ms / 1_000):
            return await asyncio.to_thread(_run, connection, statement.text, bound, stopped)
    except TimeoutError:
        raise ConnectorFailed(
            f"The connection '{connection.name}': the statement took longer than its timeout", causes=("timeout",)
        ) from None
    finally:
        stopped.set()


def _run(
    connection: SqlConnection, text: str, bound: list[Any], stopped: threading.Event
) -> tuple[list[dict[str, Any]], int]:
    mode = apsw.SQLITE_OPEN_READONLY if connection.read_only else apsw.SQLITE_OPEN_READWRITE
    try:
        database = apsw.Connection(connection.path[1:], flags=mode)
    except apsw.Error as error:
        raise _failed(connection, error) from None
    try:
        database.limit(apsw.SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)
        database.set_busy_timeout(connection.timeout_ms)
        database.set_progress_handler(stopped.is_set, STEPS)
        return _in_transaction(database, connection, text, bound, stopped)
    except apsw.Error as error:
        raise _failed(connection, error) from None
    finally:
        database.close()


def _in_transaction(
    database: apsw.Connection, connection: SqlConnection, text: str, bound: list[Any], stopped: threading.Event
) -> tuple[list[dict[str, Any]], int]:
    database.execute("BEGIN" if connection.read_only else "BEGIN IMMEDIATE")
    try:
        before = database.total_changes()
        database.authorizer = _authorize
        try:
            rows = _rows(database, connection, text, bound)
        finally:
            database.authorizer = None
        changed = database.total_changes() - before
        if stopped.is_set():
            raise apsw.InterruptError("interrupted")
        database.execute("COMMIT")
    except BaseException:
        if not database.getautocommit():
            database.set_progress_handler(None)
            database.execute("ROLLBACK")
        raise
    return rows.found, len(rows.found) or changed


def _rows(database: apsw.Connection, connection: SqlConnection, text: str, bound: list[Any]) -> Rows:
    rows = Rows(connection)
    cursor = database.cursor()
    begun = 0

    def trace(_cursor: Any, _text: str, _bindings: Any) -> bool:
        nonlocal begun
        begun += 1
        if begun > 1:
            raise ConnectorRefused("The statement must be one: there is another one after the first")
        return True

    cursor.exec_trace = trace
    names: list[str] | None = None
    for row in cursor.execute(text, tuple(bound)):
        if names is None:
            names = [column[0] for column in cursor.get_description()]
        rows.add(names, row)
    return rows


def _authorize(action: int, *_names: Any) -> int:
    return apsw.SQLITE_DENY if action in _REFUSED else apsw.SQLITE_OK


def converted(value: Any, name: str) -> Any:
    """A value as SQLite holds it: maps and lists as JSON, dates as Camunda writes them. Raises ConnectorRefused."""
    if value is None or isinstance(value, str | bytes):
        return value
    if isinstance(value, bool | int | float):
        return float(value) if isinstance(value, float) else int(value)
    if isinstance(value, datetime):
        return format_date(value)
    if isinstance(value, FileValue):
        return value.content
    if isinstance(value, XmlText):
        return value.text
    if isinstance(value, JsonNode) and not isinstance(value.data, dict | list):
        return converted(value.data, name)
    return json_bytes(name, value).decode()


def _failed(connection: SqlConnection, error: apsw.Error) -> ConnectorFailed:
    """By its code and, where SQLite speaks of the schema only, its words."""
    found = type(error).__name__.removesuffix("Error").lower()
    what = type(error).__name__
    if isinstance(error, apsw.ConstraintError):
        code = getattr(error, "extendedresult", 0)
        extended = str(apsw.mapping_extended_result_codes.get(code, ""))
        causes = (extended.removeprefix("SQLITE_CONSTRAINT_").lower(), "constraint")
        return ConnectorRefused(f"The connection '{connection.name}': {error}", causes=tuple(filter(None, causes)))
    if isinstance(error, apsw.SQLError | apsw.BindingsError):
        what += f": {error}"
    if isinstance(error, apsw.BusyError | apsw.LockedError | apsw.IOError | apsw.InterruptError | apsw.FullError):
        return ConnectorFailed(f"The connection '{connection.name}': {what}", causes=(found,))
    return ConnectorRefused(f"The connection '{connection.name}': {what}", causes=(found,))
