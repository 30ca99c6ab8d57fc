"""Messages that were read before they are due. They lie in Kafka too: a crash only means to read them again."""

import heapq
from itertools import count

from penstock.bus.protocol import Delivery

HELD_MAX = 10_000
HELD_BYTES_MAX = 32 * 1024 * 1024
"""At either bound the topics of delayed messages are read no further until some are due."""


class Held:
    """Deliveries by the moment at which they are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Delivery]] = []
        self._numbers = count()
        self._bytes = 0

    def full(self) -> bool:
        """Whether a bound is reached."""
        return len(self._heap) >= HELD_MAX or self._bytes >= HELD_BYTES_MAX

    def hold(self, delivery: Delivery, due_ms: int) -> None:
        """Until `due_ms`."""
        heapq.heappush(self._heap, (due_ms, next(self._numbers), delivery))
        self._bytes += len(delivery.body)

    def take_due(self, limit: int, now_ms: int) -> list[Delivery]:
        """At most `limit` that are due."""
        due: list[Delivery] = []
        while len(due) < limit and self._heap and self._heap[0][0] <= now_ms:
            due.append(heapq.heappop(self._heap)[2])
        self._bytes -= sum(len(delivery.body) for delivery in due)
        return due

    def next_in_ms(self, now_ms: int) -> int | None:
        """When the next is due; None when nothing is held."""
        return max(0, self._heap[0][0] - now_ms) if self._heap else None

    def clear(self) -> None:
        """Their partitions are somebody else's now."""
        self._heap.clear()
        self._bytes = 0
