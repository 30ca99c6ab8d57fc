"""What a backup is: one file with everything in a store at one moment, made while servers work.

A backup of a SQLite store is a SQLite database; one of a PostgreSQL store is a zip file with PostgreSQL's binary COPY
format, a file per table. Both need no more rights than a server has. `store.backups` makes and restores them.
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all, roughly)."""


class Backed(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds."""

    path: Path
    store: str
    """`sqlite` or `postgresql`."""
    schema: int
    size_bytes: int
    live_instances: int
    log_rows: int


def sync(path: Path) -> None:
    """Has the file, or the entries of the folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
