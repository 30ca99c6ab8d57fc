"""Rows as variables can hold them, and their bounds."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from penstock.base.errors import ConnectorRefused
from penstock.connect.connections import SqlConnection

VALUE_BYTES_MIN = 8
"""What the smallest value counts."""


class Rows:
    """What a statement has given, as JSON can hold it. Raises ConnectorRefused when it becomes too much."""

    def __init__(self, connection: SqlConnection) -> None:
        self._connection = connection
        self._bytes = 0
        self.found: list[dict[str, Any]] = []

    def add(self, names: Sequence[str], row: Iterable[Any]) -> None:
        """One more row."""
        connection = self._connection
        if len(self.found) >= connection.rows_max:
            raise ConnectorRefused(
                f"The statement gives more than {connection.rows_max} rows (rows_max of the connection '{connection.name}')",
                causes=("too-many-rows",),
            )
        values = dict(zip(names, (plain(value) for value in row), strict=True))
        self._bytes += sum(len(name) + size(value) for name, value in values.items())
        if self._bytes > connection.result_bytes_max:
            raise ConnectorRefused(
                f"The statement gives more than {connection.result_bytes_max} bytes (result_bytes_max of the connection "
                f"'{connection.name}')",
                causes=("too-many-rows",),
            )
        self.found.append(values)


def plain(value: Any) -> Any:
    """Dates and spans as ISO 8601, decimals and UUIDs as text (a float would not be the same number), bytes in base64."""
    if value is None or isinstance(value, bool | int | float | str):
        return _number(value)
    if isinstance(value, Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo is not None else value).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, timedelta | bytes | bytearray | memoryview):
        return msgspec.to_builtins(bytes(value) if not isinstance(value, timedelta) else value)
    return str(value)


def size(value: Any) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, str):
        return max(len(value), VALUE_BYTES_MIN)
    if isinstance(value, list):
        return VALUE_BYTES_MIN + sum(size(item) for item in value)
    if isinstance(value, dict):
        return VALUE_BYTES_MIN + sum(len(name) + size(item) for name, item in value.items())
    return VALUE_BYTES_MIN


def _number(value: Any) -> Any:
    """What JSON has no number for is text."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value
