"""Stores for engines."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.embedded import Engine


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store of each kind."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("emptied_postgres_url")
        return url
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/service.db"


@pytest.fixture
def made() -> Engine:
    """An engine in memory that is not started."""
    return Engine("memory://")


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """An engine in memory, without handlers."""
    async with Engine("memory://") as started:
        yield started
