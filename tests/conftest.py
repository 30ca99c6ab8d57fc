"""What several test folders share."""

import os
from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest

from penstock.bench.postgres import NoPostgres
from support.collector import Collector
from support.postgres import PostgresServer

_numbers = count(1)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Takes traces."""
    with Collector() as made:
        yield made


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the whole run, without fsync. Without binaries tests are skipped, in CI they fail."""
    try:
        server = PostgresServer()
    except NoPostgres as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(f"NOTHING OF POSTGRESQL IS TESTED: {missing}")
    with server:
        yield server


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The address of a fresh, empty database."""
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(postgres_server.url())
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        yield postgres_server.url(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture(scope="session")
def _reused_database() -> str:
    return f"reused_{os.getpid()}"


@pytest.fixture
async def emptied_postgres_url(postgres_server: PostgresServer, _reused_database: str) -> str:
    """The address of a database that tests share: its tables are there, and empty. Quicker than a fresh one."""
    admin = await asyncpg.connect(postgres_server.url())
    try:
        if not await admin.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", _reused_database):
            await admin.execute(f"CREATE DATABASE {_reused_database}")
    finally:
        await admin.close()
    connection = await asyncpg.connect(postgres_server.url(_reused_database))
    try:
        # DELETE: TRUNCATE makes new files for each table and index.
        for (name,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            await connection.execute(f"DELETE FROM {name}" if name != "meta" else "UPDATE meta SET epoch = 0")
    finally:
        await connection.close()
    return postgres_server.url(_reused_database)
