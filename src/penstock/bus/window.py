"""What a subscription has given out and not seen settled: the bound on its memory."""

import asyncio
from collections.abc import Hashable, Iterable

from penstock.bus.protocol import Delivery, Subscribe


class Window:
    """Counts unsettled deliveries by receipt. Bounds: messages, and bytes of their bodies (passed by one message at most)."""

    def __init__(self, bounds: Subscribe) -> None:
        self._messages_max = bounds.max_unsettled
        self._bytes_max = bounds.max_unsettled_bytes
        self._sizes: dict[Hashable, int] = {}
        self._bytes = 0
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
            self._bytes -= self._sizes.get(delivery.receipt, 0)
            self._sizes[delivery.receipt] = len(delivery.body)
            self._bytes += len(delivery.body)
        self._signal()

    def holds(self, receipt: Hashable) -> bool:
        """Whether it is given out and not settled."""
        return receipt in self._sizes

    def release(self, receipt: Hashable) -> bool:
        """Forgets one; False when it was not there."""
        size = self._sizes.pop(receipt, None)
        if size is None:
            return False
        self._bytes -= size
        self._signal()
        return True

    def forget_all(self) -> list[Hashable]:
        """The receiver's messages are no longer its own: the broker gives them to others."""
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
