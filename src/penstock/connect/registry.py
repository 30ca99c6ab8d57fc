"""Which connectors there are. A new one is one row here, and one in `CONNECTORS` of `model/advice.py`."""

from collections.abc import Callable
from importlib import import_module

import msgspec

from penstock.connect.allowed import Allowed
from penstock.connect.connections import Connections
from penstock.connect.drivers import missing
from penstock.connect.http.connector import ID as HTTP
from penstock.connect.http.connector import HttpConnector
from penstock.connect.protocol import Connector


class Row(msgspec.Struct, frozen=True):
    """`make`: of the registry. `driver` and `extra`: the package that it needs, and what brings it."""

    make: Callable[["Registry"], Connector]
    driver: str | None = None
    extra: str | None = None


class Registry:
    """The connectors of one node, made when they are first called."""

    def __init__(self, allowed: Allowed, bytes_max: int, connections: Connections) -> None:
        self.connections = connections
        self.http = HttpConnector(allowed, bytes_max, connections=connections)
        self._made: dict[str, Connector] = {HTTP: self.http}

    def find(self, id: str) -> Connector | None:
        """The connector with this id, if there is one. Raises ConnectorRefused when what it needs is not installed."""
        if id in self._made:
            return self._made[id]
        row = ROWS.get(id)
        if row is None:
            return None
        try:
            self._made[id] = row.make(self)
        except ModuleNotFoundError as error:
            raise missing(f"The connector '{id}'", error, row.driver, row.extra) from None
        return self._made[id]

    async def close(self) -> None:
        """Gives back what the connectors hold."""
        for connector in self._made.values():
            await connector.close()


def _soap(registry: Registry) -> Connector:
    made: Connector = import_module("penstock.connect.soap.connector").SoapConnector(
        registry.http, registry.connections
    )
    return made


def _plain(module: str, name: str) -> Callable[[Registry], Connector]:
    def make(registry: Registry) -> Connector:
        made: Connector = getattr(import_module(module), name)(registry.connections)
        return made

    return make


ROWS = {
    "soap-http-connector": Row(_soap),
    "mail-connector": Row(_plain("penstock.connect.mail.connector", "MailConnector"), "aiosmtplib", "mail"),
    "sql-connector": Row(_plain("penstock.connect.sql.connector", "SqlConnector")),
    "file-connector": Row(_plain("penstock.connect.files.connector", "FileConnector")),
}
