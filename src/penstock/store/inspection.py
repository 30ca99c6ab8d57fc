"""Looking at a store without being its server: nothing is locked, migrated or written.

For `penstock doctor`, beside a running server or without one.
"""

from pathlib import Path
from typing import Protocol

import msgspec

from penstock.store.protocol import Store, StoredInstance


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of the database that matters. `advice`: what to do about it; None: it is as it should be.
    `fatal`: as it is, data can be lost or nothing can be written."""

    name: str
    value: str
    advice: str | None = None
    fatal: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a store says of itself."""

    database: str
    """Kind and version, such as `PostgreSQL 16.2`."""
    schema: int
    """Number of the last migration that has run; 0: the store is empty."""
    known_schema: int
    """Number of this release's last migration."""
    nodes: int
    """Servers that use the store now."""
    size_bytes: int
    settings: tuple[Setting, ...] = ()
    now_ms: int | None = None
    """The database's clock; None where it has none of its own."""
    folder: Path | None = None
    """Where the data lies, if that is on this machine."""


class Inspection(Store, Protocol):
    """A store that is open to be looked at. What writes raises StoreFailed."""

    async def facts(self) -> Facts:
        """What it says of itself, now."""
        ...

    async def live_instances(self, after: StoredInstance | None, limit: int) -> list[StoredInstance]:
        """Live instances with their chunks, in the order of their keys, beyond `after`."""
        ...

    async def check_pages(self) -> list[str]:
        """What the database finds wrong with its own files; may take long."""
        ...
