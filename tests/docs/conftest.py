"""What the tests of this folder share."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping

import asyncpg
import pytest
from clean_clone import JAVA_WORKERS

from penstock.bench.postgres import binaries
from support.postgres import PostgresServer
from support.processes import node_binary


@pytest.fixture(scope="session")
def node() -> str:
    """Node's path."""
    return node_binary()


@pytest.fixture(scope="session")
def maven() -> None:
    """There is a Maven, and it has built the workers in Java. Missing: the test is skipped, in CI it fails."""
    if shutil.which("mvn") and (JAVA_WORKERS / "target" / "order-workers.jar").exists():
        return
    missing = "there is no Maven, or it has not built the workers: `make test` does both"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(f"THE PAGE OF THE JAVA WORKERS IS NOT FOLLOWED: {missing}")


@pytest.fixture(scope="session")
def durable_postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server that `penstock doctor` finds nothing wrong with. Without binaries as `postgres_server`, for which it is asked."""
    with PostgresServer(durable=True) as server:
        yield server


@pytest.fixture
async def database(durable_postgres: PostgresServer) -> AsyncIterator[Mapping[str, str]]:
    """A user `penstock` who has an empty database of that name and may create others. What finds it: a reader's environment."""
    made = ("CREATE ROLE penstock LOGIN CREATEDB", "CREATE DATABASE penstock OWNER penstock")
    await _administer(durable_postgres, *made)
    yield {"PGPORT": str(durable_postgres.port), "PATH": f"{binaries()}{os.pathsep}{os.environ['PATH']}"}
    left = [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in ("penstock", "restored")]
    await _administer(durable_postgres, *left, "DROP ROLE penstock")


async def _administer(server: PostgresServer, *statements: str) -> None:
    admin = await asyncpg.connect(server.url())
    try:
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close()
