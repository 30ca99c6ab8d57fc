"""A PostgreSQL server for tests, on a free loopback port, in a temporary folder."""

from penstock.bench.postgres import Postgres

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer(Postgres):
    """One server. `durable=False` turns fsync off: for functional tests only."""

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__(SETTINGS if durable else SETTINGS | NOT_DURABLE, ("--no-sync", "--locale=C.UTF-8"))
