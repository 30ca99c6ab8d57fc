"""What a subscription has given out and not seen settled: the bound on its memory."""

import asyncio
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Any

from penstock.bus.protocol import Delivery, Subscribe

UNKNOWN_BYTES = 1024 * 1024
"""What a message is taken to weigh before the first has come."""


class Window:
    """Counts unsettled deliveries by receipt. Bounds: messages, and bytes of their bodies (passed by one message at most)."""

    def __init__(self, bounds: Subscribe) -> None:
        self._messages_max = bounds.max_unsettled
        self._bytes_max = bounds.max_unsettled_bytes
        self._sizes: dict[Hashable, int] = {}
        self._bytes = 0
        self._mean_bytes: float | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._paused = False

    @property
    def paused(self) -> bool:
        return self._paused

    def room(self) -> int:
        """How many more messages may be given out now."""
        if self._paused or self._bytes >= self._bytes_max:
            return 0
        return max(0, self._messages_max - len(self._sizes))

    def bytes_room(self) -> int:
        """How many more bytes."""
        return max(0, self._bytes_max - self._bytes)

    def fetch_room(self) -> int:
        """How many messages may be asked of the broker: `room`, less when messages as large as the last ones would pass
        the bound in bytes; 0 only where there is no room at all."""
        return min(self.room(), self._messages_in(self.bytes_room()))

    def prefetch(self) -> int:
        """How many messages a broker that sends them by itself may have sent and not seen settled."""
        return min(self._messages_max, self._messages_in(self._bytes_max))

    def _messages_in(self, size: int) -> int:
        """How many messages as large as the last ones it takes to reach `size`."""
        mean_bytes = UNKNOWN_BYTES if self._mean_bytes is None else max(1.0, self._mean_bytes)
        return int(size / mean_bytes) + 1

    def take(self, fetched: deque[Delivery], limit: int) -> list[Delivery]:
        """Gives out what was fetched, from the left, as far as the bounds allow."""
        taken: list[Delivery] = []
        limit = min(limit, self.room())
        while fetched and len(taken) < limit and self._bytes < self._bytes_max:
            taken.append(fetched.popleft())
            self._count(taken[-1])
        self._signal()
        return taken

    async def wait_room(self, timeout_ms: float) -> int:
        """Waits until there is room; 0 when there is none in time."""
        if not self._open.is_set() and timeout_ms > 0:
            try:
                async with asyncio.timeout(timeout_ms / 1000):
                    await self._open.wait()
            except TimeoutError:
                return 0
        return self.room()

    def give_out(self, deliveries: Iterable[Delivery]) -> None:
        """They are the receiver's now."""
        for delivery in deliveries:
            self._count(delivery)
        self._signal()

    def _count(self, delivery: Delivery) -> None:
        size = len(delivery.body)
        self._bytes += size - self._sizes.get(delivery.receipt, 0)
        self._sizes[delivery.receipt] = size
        self._mean_bytes = size if self._mean_bytes is None else self._mean_bytes + (size - self._mean_bytes) / 8

    def holds(self, receipt: Hashable) -> bool:
        """Whether it is given out and not settled."""
        return receipt in self._sizes

    def receipts(self) -> list[Any]:
        """Of all that is given out and not settled."""
        return list(self._sizes)

    def release(self, receipt: Hashable) -> bool:
        """Forgets one; False when it was not there."""
        size = self._sizes.pop(receipt, None)
        if size is None:
            return False
        self._bytes -= size
        self._signal()
        return True

    def forget_all(self) -> list[Any]:
        """The receiver's messages are no longer its own: the broker gives them to others. Returns their receipts."""
        lost = list(self._sizes)
        self._sizes.clear()
        self._bytes = 0
        self._signal()
        return lost

    def pause(self) -> None:
        self._paused = True
        self._signal()

    def resume(self) -> None:
        self._paused = False
        self._signal()

    def _signal(self) -> None:
        if self.room():
            self._open.set()
        else:
            self._open.clear()
