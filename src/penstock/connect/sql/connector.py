"""`sql-connector`: one statement in one transaction.

It is made at least once: a node may die after the database has committed and before the engine has. A statement that must
count once says so itself, with `:idempotencyKey` (for example `INSERT … ON CONFLICT DO NOTHING`).
"""

from collections.abc import Mapping
from typing import Any

from penstock.connect.connections import Connections, SqlConnection
from penstock.connect.egress import Resolve, resolve
from penstock.connect.inputs import mapping_of, required, text_of
from penstock.connect.sql import postgresql, sqlite
from penstock.expr.values import JsonNode

ID = "sql-connector"


class SqlConnector:
    """Works on the databases that are configured."""

    def __init__(self, connections: Connections, resolve: Resolve = resolve) -> None:
        self._connections = connections
        self._resolve = resolve

    async def call(self, inputs: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """See `Connector.call`. Outputs: `rows` (JSON, a list of objects), `row` (the first as a map, or None), `value` (the
        first value in it, or None) and `rowCount` (of rows given, else of rows changed)."""
        name = text_of("connection", inputs.get("connection"))
        connection = self._connections.of(name, SqlConnection, ID)
        text = required("statement", inputs, ID)
        parameters = mapping_of("parameters", inputs.get("parameters"))
        if connection.scheme == "sqlite":
            rows, count = await sqlite.run(connection, text, parameters, key)
        else:
            allowed = self._connections.allowed(connection)
            rows, count = await postgresql.run(connection, text, parameters, key, allowed, self._resolve)
        row = rows[0] if rows else None
        return {
            "rows": JsonNode(rows),
            "row": row,
            "value": next(iter(row.values()), None) if row else None,
            "rowCount": count,
        }

    async def close(self) -> None:
        """See `Connector.close`: a statement has a connection of its own."""
