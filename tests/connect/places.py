"""Connections as a file says them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.connect.connections import Connections, parse

HERE = Path("/nowhere")


def connections(
    environment: Mapping[str, str] | None = None, folder: Path = HERE, **sections: Mapping[str, Any]
) -> Connections:
    """`[connectors.NAME]` each."""
    return parse({"connectors": sections}, "penstock.toml", environment or {}, folder)
