"""The only source of ids.

Ids are UUIDs of version 7 (RFC 9562 §5.7) as text: they sort by creation, existing clients parse them as UUIDs,
and the id of a root process instance carries the instant at which it started.
"""

import os
from typing import Protocol

from penstock.base.clock import Clock

SHARDS = 1024
"""How many shards the rows of instances are spread over; fixed for ever, because keys contain the shard."""


class Ids(Protocol):
    """Where new ids come from."""

    def new(self) -> str:
        """A UUID that was never given out before."""
        ...


class UuidSource:
    """UUIDv7: 48 bits of milliseconds, 12 bits that count within the millisecond, 62 random bits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_ms = 0
        self._count = 0
        self._pool = b""
        self._at = 0

    def new(self) -> str:
        now_ms = self._clock.now_ms()
        if now_ms > self._last_ms:
            self._last_ms = now_ms
            self._count = 0
        else:
            self._count += 1
            if self._count > 0xFFF:
                # More than 4,096 ids in one millisecond: borrow the next one, so that order still holds.
                self._last_ms += 1
                self._count = 0
        at = self._at
        if at >= len(self._pool):
            self._pool = os.urandom(8192)
            at = 0
        self._at = at + 8
        tail = self._pool[at : at + 8].hex()
        head = f"{self._last_ms:012x}"
        variant = "89ab"[int(tail[0], 16) & 3]
        return f"{head[:8]}-{head[8:]}-7{self._count:03x}-{variant}{tail[1:4]}-{tail[4:]}"


class CountingIds:
    """Ids in a fixed order, for tests and simulations that must repeat exactly."""

    def __init__(self, start: int = 0) -> None:
        self._next = start

    def new(self) -> str:
        self._next += 1
        # The count leads, because the last three digits are replaced by those of the root.
        return f"{self._next:08x}-0000-7000-8000-{self._next & 0xFFF:012x}"


def shard_of(root_id: str) -> int:
    """The shard (0 … 1023) of everything that belongs to the root process instance `root_id`."""
    return int(root_id[-3:], 16) & (SHARDS - 1)
