"""`sql-connector` on a SQLite file and on a PostgreSQL server."""

import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import apsw
import asyncpg
import pytest
from certificates import certificate
from places import connections

from penstock.base.errors import ConnectorFailed, ConnectorRefused
from penstock.bench.postgres import Postgres
from penstock.connect.allowed import Address
from penstock.connect.sql.connector import SqlConnector
from penstock.expr.values import JsonNode
from support.postgres import NOT_DURABLE, SETTINGS, PostgresServer

TABLE = "CREATE TABLE orders (id integer PRIMARY KEY, name text UNIQUE, total numeric, paid boolean DEFAULT false)"


class Database:
    """One database with an empty table `orders`."""

    def __init__(self, section: dict[str, Any]) -> None:
        self.section = section

    @property
    def is_sqlite(self) -> bool:
        return str(self.section["url"]).startswith("sqlite")

    async def run(self, statement: str, parameters: Any = None, more: dict[str, Any] | None = None) -> Any:
        connector = SqlConnector(connections(warehouse={**self.section, **(more or {})}))
        return await connector.call(
            {"connection": "warehouse", "statement": statement, "parameters": parameters}, key="job-1"
        )

    async def fill(self, count: int) -> None:
        for number in range(count):
            await self.run(
                "insert into orders (id, name, total) values (:id, :n, 1)", {"id": number, "n": f"o{number}"}
            )


@pytest.fixture
async def postgresql(postgres_url: str) -> AsyncIterator[Database]:
    parts = urlsplit(postgres_url)
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(TABLE)
    await admin.close()
    url = f"postgresql://{parts.hostname}:{parts.port}{parts.path}"
    yield Database({"url": url, "user": parts.username, "password": parts.password or "", "tls": "none"})


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    database = apsw.Connection(str(tmp_path / "a.db"))
    database.execute(TABLE)
    database.close()
    return Database({"url": f"sqlite:///{tmp_path / 'a.db'}"})


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


async def test_rows_and_counts(database: Database) -> None:
    await database.fill(3)
    found = await database.run("select id, name from orders where id >= :least order by id", {"least": 1})
    assert isinstance(found["rows"], JsonNode)
    assert found["rows"].data == [{"id": 1, "name": "o1"}, {"id": 2, "name": "o2"}]
    assert (found["row"], found["value"], found["rowCount"]) == ({"id": 1, "name": "o1"}, 1, 2)
    changed = await database.run("update orders set total = :t where id < 2", {"t": 5})
    assert (changed["rows"].data, changed["row"], changed["value"], changed["rowCount"]) == ([], None, None, 2)
    assert (await database.run("select id from orders where id > 99"))["rowCount"] == 0
    made = await database.run("insert into orders (id, name) values (9, 'x') returning id")
    assert (made["value"], made["rowCount"]) == (9, 1)


async def test_a_value_is_never_sql(database: Database) -> None:
    evil = "x'); DROP TABLE orders; --"
    await database.run("insert into orders (id, name) values (:id, :name)", {"id": 1, "name": evil})
    assert (await database.run("select name from orders where name = :name", json.dumps({"name": evil})))[
        "value"
    ] == evil


async def test_one_statement_only(database: Database) -> None:
    await database.fill(1)
    for text in (
        "delete from orders; select 1",
        "select 1; delete from orders",
        "insert into orders (id) values (5); commit",
    ):
        with pytest.raises(ConnectorRefused):
            await database.run(text)
    assert (await database.run("select count(*) from orders"))["value"] == 1


async def test_read_only(database: Database) -> None:
    await database.fill(1)
    more = {"read_only": True}
    assert (await database.run("select count(*) from orders", None, more))["value"] == 1
    escapes = (
        "delete from orders",
        "create table t (a integer)",
        "with gone as (delete from orders returning id) select * from gone",
        "do $$ begin set transaction read write; delete from orders; end $$",
        "set transaction read write; delete from orders",
    )
    for text in escapes:
        with pytest.raises(ConnectorRefused):
            await database.run(text, None, more)
    assert (await database.run("select count(*) from orders"))["value"] == 1


async def test_rows_and_bytes_are_bounded_and_what_is_too_much_changes_nothing(database: Database) -> None:
    await database.fill(5)
    with pytest.raises(ConnectorRefused, match="more than 3 rows") as refused:
        await database.run("update orders set paid = true returning id", None, {"rows_max": 3})
    assert refused.value.causes == ("too-many-rows",)
    with pytest.raises(ConnectorRefused, match="more than 50 bytes"):
        await database.run("select name from orders", None, {"result_bytes_max": 50})
    assert (await database.run("select count(*) from orders where paid"))["value"] == 0


async def test_a_statement_that_takes_too_long_is_stopped_and_tried_again(database: Database) -> None:
    endless = "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r"
    with pytest.raises(ConnectorFailed) as failed:
        await database.run(endless, None, {"timeout": "PT0.2S"})
    assert not isinstance(failed.value, ConnectorRefused)
    assert "timeout" in failed.value.causes
    assert (await database.run("select 1"))["value"] == 1


async def test_refusals_name_the_schema_and_never_a_value(database: Database) -> None:
    await database.fill(1)
    with pytest.raises(ConnectorRefused) as refused:
        await database.run("insert into orders (id, name) values (7, :name)", {"name": "o0"})
    assert refused.value.causes == (("unique", "constraint") if database.is_sqlite else ("23505", "23xxx"))
    assert "'warehouse'" in refused.value.message and "orders" in refused.value.message
    assert "o0" not in refused.value.message
    with pytest.raises(ConnectorRefused, match="nowhere"):
        await database.run("select * from nowhere")


async def test_a_statement_can_tell_a_repeated_attempt(database: Database) -> None:
    insert = "insert into orders (id, name) values (1, :idempotencyKey) on conflict do nothing"
    assert [(await database.run(insert))["rowCount"] for _ in range(2)] == [1, 0]
    assert (await database.run("select name from orders"))["value"] == "job-1"


async def test_values_of_every_type(postgresql: Database) -> None:
    found = await postgresql.run(
        "select :a::int as a, :b::text as b, :c::numeric as c, :d::date as d, :e::timestamptz as e, :f::jsonb as f, "
        ":g::uuid as g, :h::bool as h, :i::bytea as i, :j::timestamp as j, :k::float8 as k, :l::int[] as l, :m::text as m",
        {
            "a": "5",
            "b": 7,
            "c": "12.50",
            "d": "2026-01-02",
            "e": datetime(2026, 1, 2, 3, tzinfo=UTC),
            "f": {"x": [1]},
            "g": "0190b3a4-0000-7000-8000-000000000000",
            "h": True,
            "i": b"ab",
            "j": "2026-01-02T03:00:00+01:00",
            "k": 1,
            "l": [1, 2],
            "m": None,
        },
    )
    assert found["row"] == {
        "a": 5,
        "b": "7",
        "c": "12.50",
        "d": "2026-01-02",
        "e": "2026-01-02T03:00:00Z",
        "f": {"x": [1]},
        "g": "0190b3a4-0000-7000-8000-000000000000",
        "h": True,
        "i": "YWI=",
        "j": "2026-01-02T02:00:00",
        "k": 1.0,
        "l": [1, 2],
        "m": None,
    }


async def test_a_value_that_does_not_fit_is_not_shown(postgresql: Database) -> None:
    for kind, value in (("int", "four"), ("date", "soon"), ("bool", 3), ("int", 2**40), ("int[]", ["four"])):
        with pytest.raises(ConnectorRefused) as refused:
            await postgresql.run(f"select :secret::{kind}", {"secret": value})
        assert "four" not in refused.value.message and str(2**40) not in refused.value.message


async def test_a_user_that_is_not_let_in_and_a_server_that_is_not_there(postgresql: Database) -> None:
    with pytest.raises(ConnectorRefused, match="'warehouse'"):
        await postgresql.run("select 1", None, {"user": "nobody"})
    with pytest.raises(ConnectorFailed, match="cannot be reached") as failed:
        await postgresql.run("select 1", None, {"url": "postgresql://127.0.0.1:1/d"})
    assert not isinstance(failed.value, ConnectorRefused)


async def test_postgresql_is_not_used_without_tls_unless_that_is_said(postgresql: Database) -> None:
    with pytest.raises(ConnectorFailed):
        await postgresql.run("select 1", None, {"tls": "required"})


@pytest.mark.parametrize(
    "text",
    [
        "attach database '/tmp/other.db' as o",
        "pragma journal_mode = delete",
        "vacuum into '/tmp/other.db'",
        "commit",
        "savepoint s",
    ],
)
async def test_sqlite_reaches_no_other_file(sqlite: Database, text: str) -> None:
    with pytest.raises(ConnectorRefused):
        await sqlite.run(text)


async def test_sqlite_makes_no_value_that_fills_the_memory(sqlite: Database) -> None:
    with pytest.raises(ConnectorRefused, match="TooBigError"):
        await sqlite.run("select length(zeroblob(900000000))")


@pytest.fixture
def tls_server(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[tuple[Postgres, Path]]:
    """A server for `db.example` that takes TLS, and the file of its certificate. `postgres_server`: there is PostgreSQL."""
    made, key = certificate(tmp_path, "db.example")
    # Where the user that the server runs as can read it.
    folder = Path(tempfile.mkdtemp(prefix="penstock-tls-"))
    folder.chmod(0o755)
    for file in (made, key):
        shutil.copy(file, folder)
        if os.geteuid() == 0:
            shutil.chown(folder / file.name, "postgres")
        (folder / file.name).chmod(0o600)
    files = {"ssl": "on", "ssl_cert_file": str(folder / made.name), "ssl_key_file": str(folder / key.name)}
    try:
        with Postgres({**SETTINGS, **NOT_DURABLE, **files}, ("--no-sync", "--locale=C.UTF-8")) as server:
            yield server, made
    finally:
        shutil.rmtree(folder)


async def test_postgresql_over_tls_is_the_one_that_was_meant(tls_server: tuple[Postgres, Path]) -> None:
    async def to_loopback(host: str, port: int) -> Sequence[Address]:
        return [ip_address("127.0.0.1")]

    server, ca = tls_server

    async def version(host: str, **more: Any) -> Any:
        section = {"url": f"postgresql://{host}:{server.port}/postgres", "user": "postgres", **more}
        connector = SqlConnector(connections(db=section).within(["127.0.0.0/8"]), to_loopback)
        statement = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
        return (await connector.call({"connection": "db", "statement": statement}, key="k"))["value"]

    assert await version("db.example", tls_ca=str(ca)) is True
    for host, more in (("other.example", {"tls_ca": str(ca)}), ("db.example", {})):
        with pytest.raises(ConnectorRefused, match="is not trusted"):
            await version(host, **more)


async def test_sqlite_makes_no_file(sqlite: Database, tmp_path: Path) -> None:
    with pytest.raises(ConnectorRefused, match="CantOpenError"):
        await sqlite.run("select 1", None, {"url": f"sqlite:///{tmp_path / 'none.db'}"})
    assert not (tmp_path / "none.db").exists()
