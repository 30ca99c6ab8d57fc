"""Stores: the contract, the tables, queries as data, and one folder per kind of store."""

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from penstock.base.clock import Clock, SystemClock
from penstock.base.errors import StoreFailed
from penstock.store.protocol import Store

if TYPE_CHECKING:
    from penstock.store.inspection import Inspection

__all__ = ["inspect_store", "open_store"]


def open_store(url: str, clock: Clock) -> Store:
    """The store that `url` names, not yet opened (`await store.open()`).

    - `sqlite:///penstock.db` (relative), `sqlite:////var/lib/penstock.db` (absolute)
    - `postgresql://user:password@host:5432/database`
    - `memory://`

    Raises StoreFailed for anything else. `clock` decides about leases where the store has no clock of its own; with a
    clock that is not the system's (tests), PostgreSQL's clock is not asked either.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        from penstock.store.sqlite.store import SqliteStore

        return SqliteStore(sqlite_path(url))
    if parts.scheme in ("postgresql", "postgres"):
        from penstock.store.postgresql.store import PostgresqlStore

        return PostgresqlStore(url, clock)
    if parts.scheme == "memory":
        from penstock.store.memory.store import MemoryStore

        return MemoryStore(clock)
    raise StoreFailed(f"there is no store for {url!r}: use sqlite:///…, postgresql://… or memory://")


def inspect_store(url: str) -> "Inspection":
    """The store that `url` names, to be opened, looked at, and closed, whoever uses it. Raises StoreFailed."""
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        from penstock.store.sqlite.inspection import SqliteInspection

        return SqliteInspection(sqlite_path(url))
    if scheme in ("postgresql", "postgres"):
        from penstock.store.postgresql.inspection import PostgresqlInspection

        return PostgresqlInspection(url, SystemClock())
    raise StoreFailed(f"{url!r} cannot be looked at from outside: name a sqlite:///… or postgresql://… store")


def sqlite_path(url: str) -> str:
    """The file that a `sqlite:` address names. Raises StoreFailed."""
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    if parts.netloc or parts.query or parts.fragment or not path:
        raise StoreFailed(f"{url!r} names no file: write sqlite:///relative.db or sqlite:////absolute/path.db")
    if path == ":memory:":
        raise StoreFailed("SQLite in memory would lose everything at the end: write memory:// if that is wanted")
    return path
