"""The broker itself: channels, groups, and what each group has waiting.

It outlives the buses that connect to it, as a real one does, and can be stopped and started again without losing anything.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from itertools import count

import msgspec

from penstock.base.clock import Clock
from penstock.base.errors import BusUnavailable
from penstock.bus.protocol import DEFAULT_GROUP, Message

MESSAGES_MAX = 1_000_000
"""Per group; beyond, messages are refused."""


class Entry(msgspec.Struct):
    """A message as one group has it."""

    number: int
    message: Message
    published_at_ms: int
    attempt: int = 1


class Group:
    """What waits for one group: ready in order, later by moment, and given out per consumer."""

    def __init__(self) -> None:
        self.ready: deque[Entry] = deque()
        self.later: list[tuple[int, int, Entry]] = []
        self.given: dict[Hashable, dict[int, Entry]] = {}

    def waiting(self) -> Iterable[Entry]:
        """Every unsettled entry, in no order."""
        yield from self.ready
        yield from (entry for _, _, entry in self.later)
        for entries in self.given.values():
            yield from entries.values()

    def size(self) -> int:
        """How many."""
        return len(self.ready) + len(self.later) + sum(map(len, self.given.values()))

    def put(self, entry: Entry, due_ms: int, now_ms: int) -> None:
        """At the end, or later."""
        if due_ms > now_ms:
            heapq.heappush(self.later, (due_ms, entry.number, entry))
        else:
            self.ready.append(entry)

    def take(self, consumer: Hashable, limit: int, now_ms: int) -> list[Entry]:
        """Gives out up to `limit`."""
        while self.later and self.later[0][0] <= now_ms:
            self.ready.append(heapq.heappop(self.later)[2])
        entries = [self.ready.popleft() for _ in range(min(limit, len(self.ready)))]
        self.given.setdefault(consumer, {}).update({entry.number: entry for entry in entries})
        return entries

    def settle(self, consumer: Hashable, number: int) -> Entry | None:
        """Takes an entry back from its consumer; None when it is not the consumer's."""
        return self.given.get(consumer, {}).pop(number, None)

    def give_back(self, consumer: Hashable) -> None:
        """The consumer has gone: its entries are ready again, before all others and in order."""
        entries = self.given.pop(consumer, {})
        self.ready.extendleft(entries[number] for number in sorted(entries, reverse=True))


class MemoryBroker:
    """A broker for the buses of one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._channels: dict[str, dict[str, Group]] = {}
        self._numbers = count(1)
        self._running = True
        self._changed: set[asyncio.Future[None]] = set()

    # -- what tests do to it

    def stop(self) -> None:
        """Refuses every call from now on; consumers lose what they were given."""
        self._running = False
        for groups in self._channels.values():
            for group in groups.values():
                for consumer in list(group.given):
                    group.give_back(consumer)
        self._wake()

    def start(self) -> None:
        """Serves again."""
        self._running = True
        self._wake()

    # -- what buses do with it

    def check(self) -> None:
        """Raises BusUnavailable while stopped."""
        if not self._running:
            raise BusUnavailable("the broker memory:// is stopped")

    def declare(self, channel: str, groups: Sequence[str]) -> None:
        """Makes what does not exist."""
        self.check()
        there = self._channels.setdefault(channel, {})
        for group in groups or (() if there else (DEFAULT_GROUP,)):
            there.setdefault(group, Group())

    def publish(self, message: Message) -> str | None:
        """Appends to every group. Returns why not."""
        self.declare(message.channel, ())
        groups = self._channels[message.channel].values()
        if any(group.size() >= MESSAGES_MAX for group in groups):
            return f"{MESSAGES_MAX} messages wait on the channel {message.channel} already"
        now_ms, number = self._clock.now_ms(), next(self._numbers)
        for group in groups:
            group.put(Entry(number, message, now_ms), now_ms + message.delay_ms, now_ms)
        self._wake()
        return None

    def take(self, channel: str, group: str, consumer: Hashable, limit: int) -> list[Entry]:
        """Gives out up to `limit` entries."""
        self.check()
        return self._channels[channel][group].take(consumer, limit, self._clock.now_ms())

    def settle(self, channel: str, group: str, consumer: Hashable, number: int) -> Entry | None:
        """The entry that is now nobody's; None when it was not this consumer's."""
        self.check()
        return self._channels[channel][group].settle(consumer, number)

    def put_back(self, channel: str, group: str, entry: Entry, delay_ms: int) -> None:
        """To one group, with one more attempt."""
        now_ms = self._clock.now_ms()
        entry.attempt += 1
        self._channels[channel][group].put(entry, now_ms + delay_ms, now_ms)
        self._wake()

    def leave(self, channel: str, group: str, consumer: Hashable) -> None:
        """The consumer has gone, in whatever way."""
        self._channels[channel][group].give_back(consumer)
        self._wake()

    def lag(self, channel: str, group: str) -> tuple[int, int | None]:
        """Messages that wait, age of the oldest in ms."""
        self.check()
        there = self._channels.get(channel, {}).get(group, Group())
        oldest_ms = min((entry.published_at_ms for entry in there.waiting()), default=None)
        return there.size(), None if oldest_ms is None else max(0, self._clock.now_ms() - oldest_ms)

    async def changed(self, channel: str, group: str, timeout_s: float) -> None:
        """Waits until something may have become ready."""
        later = self._channels[channel][group].later
        if later:
            timeout_s = min(timeout_s, max(0.0, (later[0][0] - self._clock.now_ms()) / 1000))
        waiter = asyncio.get_running_loop().create_future()
        self._changed.add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=timeout_s)
        finally:
            self._changed.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._changed:
            if not waiter.done():
                waiter.set_result(None)
        self._changed.clear()


_BROKERS: dict[str, MemoryBroker] = {}


def named_broker(name: str, clock: Clock) -> MemoryBroker:
    """The broker of this process that is called `name`."""
    return _BROKERS.setdefault(name, MemoryBroker(clock))
