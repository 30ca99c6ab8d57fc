"""Statements on PostgreSQL, by the extended protocol: one statement, its values apart from it."""

import json
import ssl
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import asyncpg

from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.connect.allowed import Allowed
from penstock.connect.connections import SqlConnection
from penstock.connect.egress import Resolve, addresses, first, tls_context
from penstock.connect.sql.rows import Rows
from penstock.connect.sql.statement import numbered, read, values
from penstock.expr.spin import json_of
from penstock.expr.values import FileValue, JsonNode, XmlText

PREFETCH = 100
CONNECT_S = 10.0
QUERY_CANCELED = "57014"
"""The statement took longer than its timeout, or an operator has stopped it."""

_PASSING = ("08", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE that another try may not meet (PostgreSQL, appendix A)."""


async def run(
    connection: SqlConnection, text: str, parameters: Mapping[str, Any], key: str, allowed: Allowed, resolve: Resolve
) -> tuple[list[dict[str, Any]], int]:
    """The rows, and how many: given, or changed. Raises ConnectorFailed, ConnectorRefused."""
    statement = read(text, numbered)
    given = values(statement, parameters, key)
    try:
        database = await _connect(connection, allowed, resolve)
    except asyncpg.PostgresError as error:
        raise _failed(connection, error) from None
    except (OSError, ssl.SSLError, asyncpg.InterfaceError) as error:
        where = f"{connection.host}:{connection.port}"
        if isinstance(error, ssl.SSLCertVerificationError):
            raise ConnectorRefused(
                f"The connection '{connection.name}': the certificate of {where} is not trusted"
            ) from None
        raise ConnectorFailed(
            f"The connection '{connection.name}': {where} cannot be reached: {type(error).__name__}",
            causes=("unavailable",),
        ) from None
    try:
        return await _run(database, connection, statement.text, statement.names, given)
    except asyncpg.PostgresError as error:
        raise _failed(connection, error) from None
    except (OSError, asyncpg.InterfaceError) as error:
        raise ConnectorFailed(
            f"The connection '{connection.name}' broke: {type(error).__name__}", causes=("unavailable",)
        ) from None
    finally:
        # Not closed in peace: a statement that was given up may still run, and would be waited for.
        database.terminate()


async def _connect(connection: SqlConnection, allowed: Allowed, resolve: Resolve) -> Any:
    found = await addresses(connection.host, connection.port, allowed, resolve)
    context = None if connection.tls == "none" else await tls_context(connection.host, connection.tls_ca)

    async def connect(address: str) -> Any:
        return await asyncpg.connect(
            host=address,
            port=connection.port,
            user=connection.user,
            password=connection.password or "",
            database=connection.path.strip("/"),
            ssl=context if context is not None else False,
            passfile="",
            timeout=CONNECT_S,
            statement_cache_size=0,
            server_settings={"application_name": "penstock"},
        )

    return await first(found, connect)


async def _run(
    database: Any, connection: SqlConnection, text: str, places: tuple[str, ...], given: list[Any]
) -> tuple[list[dict[str, Any]], int]:
    async with database.transaction(readonly=connection.read_only):
        # Not as settings of the connection: poolers such as PgBouncer refuse those.
        await database.execute(
            f"SET LOCAL statement_timeout = {connection.timeout_ms:d}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {connection.timeout_ms:d}"
        )
        prepared = await database.prepare(text)
        bound = [
            converted(value, kind.name, name)
            for value, kind, name in zip(given, prepared.get_parameters(), places, strict=True)
        ]
        rows = Rows(connection)
        columns = [(attribute.name, attribute.type.name) for attribute in prepared.get_attributes()]
        if not columns:
            await prepared.fetch(*bound)
            return [], _count(prepared.get_statusmsg())
        names = [column for column, _ in columns]
        async for record in prepared.cursor(*bound, prefetch=PREFETCH):
            rows.add(names, [_read(value, kind) for value, (_, kind) in zip(record.values(), columns, strict=True)])
        return rows.found, len(rows.found)


def _read(value: Any, kind: str) -> Any:
    return json.loads(value) if kind in ("json", "jsonb") and isinstance(value, str) else value


def converted(value: Any, kind: str, name: str) -> Any:
    """A value as the driver wants it for a parameter of this type. Raises ConnectorRefused naming the parameter."""
    if isinstance(value, FileValue):
        value = value.content
    elif isinstance(value, XmlText):
        value = value.text
    elif isinstance(value, JsonNode) and not isinstance(value.data, dict | list):
        value = value.data
    if value is None:
        return None
    try:
        return _CONVERT.get(kind, _same)(value)
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        raise ConnectorRefused(
            f"The parameter '{name}' must be what PostgreSQL's type {kind} holds, but is {type(value).__name__}"
        ) from None


def _same(value: Any) -> Any:
    if isinstance(value, JsonNode):
        return value.data
    return value


def _text(value: Any) -> str:
    if isinstance(value, JsonNode | dict | list | tuple):
        return _json(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        raise TypeError
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(json_of(value), ensure_ascii=False)


def _whole(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _moment(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise TypeError
    return value


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes):
        raise TypeError
    return value


def _date(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value)[:10])


_CONVERT: Mapping[str, Any] = {
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "uuid", "xml", "unknown"), _text),
    **dict.fromkeys(("int2", "int4", "int8", "oid"), _whole),
    **dict.fromkeys(("float4", "float8"), float),
    **dict.fromkeys(("json", "jsonb"), _json),
    "numeric": lambda value: Decimal(str(value)),
    "bool": _truth,
    "bytea": _bytes,
    "date": _date,
    "time": lambda value: time.fromisoformat(str(value)),
    "timestamptz": _moment,
    "timestamp": lambda value: _moment(value).astimezone(UTC).replace(tzinfo=None),
}


def _count(status: str | None) -> int:
    """`INSERT 0 3` → 3."""
    last = (status or "").rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


def _failed(connection: SqlConnection, error: Any) -> ConnectorFailed:
    """The SQLSTATE, and names of what is in the schema: never the server's words, which repeat values."""
    state = str(error.sqlstate or "")
    if isinstance(error, asyncpg.DataError) and "query argument" in str(error):
        # The driver's own refusal.
        return ConnectorRefused(
            f"The connection '{connection.name}': a value of the input parameter 'parameters' does not fit its place in the "
            "statement",
            causes=(state,),
        )
    names = [
        f"{what} {name}"
        for what in ("table", "column", "constraint")
        if (name := getattr(error, f"{what}_name", None)) is not None
    ]
    what = f"{type(error).__name__} ({state}{''.join(f', {name}' for name in names)})"
    if state.startswith("42") and error.args:
        # Of syntax and names: these are the model's.
        what += f": {error.args[0]}"
    kind = ConnectorFailed if state[:2] in _PASSING else ConnectorRefused
    causes = (*((state, f"{state[:2]}xxx") if state else ()), *(("timeout",) if state == QUERY_CANCELED else ()))
    return kind(f"The connection '{connection.name}': {what}", causes=causes)
