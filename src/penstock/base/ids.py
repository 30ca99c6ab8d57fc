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


_TAILS = 512
_COUNTS = [f"{count:03x}-" for count in range(0x1000)]


class UuidSource:
    """UUIDv7: 48 bits of milliseconds, 12 bits that count within the millisecond, 60 random bits."""

    def __init__(self, clock: Clock) -> None:
        self._now_ms = clock.now_ms
        self._last_ms = -1
        self._head = ""
        self._count = 0
        self._tails: list[str] = []

    def new(self) -> str:
        now_ms = self._now_ms()
        if now_ms > self._last_ms:
            self._begin(now_ms)
        elif self._count >= 0xFFF:
            # More than 4,096 ids in one millisecond: borrow the next one, so that order still holds.
            self._begin(self._last_ms + 1)
        else:
            self._count += 1
        if not self._tails:
            random = os.urandom(8 * _TAILS).hex()
            # The variant (RFC 9562 §4.1) is always 8: it costs two random bits and saves looking at them.
            self._tails = [f"8{random[at + 1 : at + 4]}-{random[at + 4 : at + 16]}" for at in range(0, 16 * _TAILS, 16)]
        return self._head + _COUNTS[self._count] + self._tails.pop()

    def _begin(self, moment_ms: int) -> None:
        self._last_ms = moment_ms
        self._count = 0
        digits = f"{moment_ms:012x}"
        self._head = f"{digits[:8]}-{digits[8:]}-7"


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
