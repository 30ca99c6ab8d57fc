"""Making and restoring backups of any store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from penstock.base.errors import StoreFailed
from penstock.store import sqlite_path
from penstock.store.backup import Backed, Progress, sync

SUFFIXES = {"sqlite": ".db", "postgresql": ".zip"}
"""The usual end of a backup's file name, by store."""

_MAGIC = {b"SQLite format 3\0": "sqlite", b"PK\x03\x04": "postgresql"}


async def backup(url: str, target: Path, progress: Progress) -> Backed:
    """Writes everything in the store to `target`, which must not exist; it appears when it is whole and checked.

    Raises StoreFailed."""
    kind = kind_of(url)
    with _appearing(target) as partial:
        if kind == "sqlite":
            from penstock.store.sqlite import backup as sqlite

            made = sqlite.backup(Path(sqlite_path(url)), partial, progress)
        else:
            from penstock.store.postgresql import backup as postgresql

            made = await postgresql.backup(url, partial, progress)
    return msgspec.structs.replace(made, path=target)


async def restore(source: Path, url: str, progress: Progress) -> Backed:
    """Puts a backup into the store that `url` names, which must be empty. All of it, or nothing. Job leases of the nodes
    of then are given back. Raises StoreFailed."""
    kind = kind_of(url)
    held = _kind_of_file(source)
    if held != kind:
        raise StoreFailed(f"{source} is the backup of a {held} store: it cannot go into {kind}")
    if kind == "sqlite":
        from penstock.store.sqlite import backup as sqlite

        return sqlite.restore(source, Path(sqlite_path(url)), progress)
    from penstock.store.postgresql import backup as postgresql

    return await postgresql.restore(source, url, progress)


def kind_of(url: str) -> str:
    """The kind of store, a key of SUFFIXES. Raises StoreFailed for one that has no backups."""
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return "sqlite"
    if scheme in ("postgresql", "postgres"):
        return "postgresql"
    raise StoreFailed(f"{url!r} has no backups: name a sqlite:///… or postgresql://… store")


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A path to write to; what is there at the end appears at `target`, on the disk."""
    if target.exists():
        raise StoreFailed(f"{target} exists: name a file that does not, or a folder")
    partial = target.with_name(f".{target.name}.partial")
    try:
        yield partial
        sync(partial)
        partial.rename(target)
        sync(target.parent)
    except OSError as error:
        raise StoreFailed(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _kind_of_file(source: Path) -> str:
    try:
        with source.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise StoreFailed(f"{source} cannot be read: {error.strerror}") from error
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    raise StoreFailed(f"{source} is no backup of a Penstock store")
