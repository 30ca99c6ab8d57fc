"""Nodes whose engine services share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sharing import Share

from penstock.runtime.node import Node
from penstock.runtime.services.services import Services


@pytest.fixture
async def share(tmp_path: Path) -> AsyncIterator[Share]:
    """Has a node follow these sections of a file."""
    started: list[Services] = []

    async def make(node: Node, sections: str) -> Services:
        file = tmp_path / f"{len(started)}.toml"
        file.write_text(sections, encoding="utf-8")
        services = Services(node, file)
        await services.start()
        started.append(services)
        return services

    yield make
    for services in started:
        await services.close()
