"""The only source of time.

Everything below `runtime` is told the time by its caller; `runtime`, `api` and `testing` hold a `Clock`.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the present comes from."""

    def now_ms(self) -> int:
        """The present in milliseconds since 1970-01-01T00:00Z."""
        ...

    def monotonic_s(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


class VirtualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._now_ms / 1000

    def advance_ms(self, span_ms: int) -> None:
        """Moves the present forward by `span_ms` milliseconds (never back)."""
        if span_ms < 0:
            raise ValueError(f"a clock cannot go back, asked for {span_ms} ms")
        self._now_ms += span_ms
