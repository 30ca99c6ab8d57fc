"""Stores: the contract, the tables, queries as data, and one folder per kind of store."""

from urllib.parse import unquote, urlsplit

from penstock.base.clock import Clock
from penstock.base.errors import StoreFailed
from penstock.store.protocol import Store

__all__ = ["open_store"]


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
        path = unquote(parts.path)[1:]
        if parts.netloc or parts.query or parts.fragment or not path:
            raise StoreFailed(f"{url!r} names no file: write sqlite:///relative.db or sqlite:////absolute/path.db")
        if path == ":memory:":
            raise StoreFailed("SQLite in memory would lose everything at the end: write memory:// if that is wanted")
        from penstock.store.sqlite.store import SqliteStore

        return SqliteStore(path)
    if parts.scheme in ("postgresql", "postgres"):
        from penstock.store.postgresql.store import PostgresqlStore

        return PostgresqlStore(url, clock)
    if parts.scheme == "memory":
        from penstock.store.memory.store import MemoryStore

        return MemoryStore(clock)
    raise StoreFailed(f"there is no store for {url!r}: use sqlite:///…, postgresql://… or memory://")
