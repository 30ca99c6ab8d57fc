"""A consumer of the broker inside this process."""

import asyncio
from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.bookkeeping import read_headers
from penstock.bus.dead_letters import dead_letter
from penstock.bus.memory.broker import Entry, MemoryBroker
from penstock.bus.protocol import DeadLetter, Delivery, Done, Retry, Settlement, Subscribe
from penstock.bus.window import Window


class MemorySubscription:
    """See `bus.protocol.Subscription`."""

    def __init__(self, broker: MemoryBroker, to: Subscribe, dead_letter_channel: str, clock: Clock) -> None:
        self._broker = broker
        self._to = to
        self._dead_letter_channel = dead_letter_channel
        self._clock = clock
        self._window = Window(to)
        self._closed = False

    async def receive(self, max_messages: int, timeout_ms: int) -> Sequence[Delivery]:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_ms / 1000
        while not self._closed:
            deliveries = self._take(max_messages)
            left_s = end_s - loop.time()
            if deliveries or left_s <= 0:
                return deliveries
            if self._window.room():
                await self._broker.changed(self._to.channel, self._to.group, left_s)
            else:
                await self._window.wait_room(left_s * 1000)
        return []

    def _take(self, max_messages: int) -> list[Delivery]:
        """One by one: the bound in bytes may be reached with any of them."""
        deliveries: list[Delivery] = []
        while len(deliveries) < max_messages and self._window.room():
            entries = self._broker.take(self._to.channel, self._to.group, self, 1)
            if not entries:
                break
            deliveries.extend(self._given_out(entries[0]))
        return deliveries

    def _given_out(self, entry: Entry) -> list[Delivery]:
        """The entry as a delivery; none when another group is meant."""
        delivery = self._delivery(entry)
        if delivery is None:
            self._broker.settle(self._to.channel, self._to.group, self, entry.number)
            return []
        self._window.give_out([delivery])
        return [delivery]

    def _delivery(self, entry: Entry) -> Delivery | None:
        message = entry.message
        notes = read_headers(message.headers.items())
        if not notes.is_for(self._to.group):
            return None
        return Delivery(
            id=notes.id or f"{message.channel}/{entry.number}",
            channel=self._to.channel,
            body=message.body,
            key=message.key,
            headers=notes.headers,
            content_type=message.content_type,
            published_at_ms=entry.published_at_ms,
            attempt=entry.attempt,
            metadata={"number": entry.number},
            receipt=entry.number,
        )

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        for settlement in settlements:
            self._settle(settlement)

    def _settle(self, settlement: Settlement) -> None:
        receipt = settlement.delivery.receipt
        entry = self._broker.settle(self._to.channel, self._to.group, self, receipt)
        self._window.release(receipt)
        if entry is None:
            return  # given to another since the broker was stopped
        match settlement:
            case Retry():
                self._broker.put_back(self._to.channel, self._to.group, entry, settlement.delay_ms)
            case DeadLetter():
                self._bury(entry, settlement)
            case Done():
                pass

    def _bury(self, entry: Entry, settlement: DeadLetter) -> None:
        now_ms = self._clock.now_ms()
        message = dead_letter(settlement.delivery, self._to, self._dead_letter_channel, settlement.reason, now_ms)
        refusal = self._broker.publish(message)
        if refusal is not None:
            self._broker.put_back(self._to.channel, self._to.group, entry, 0)
            raise BusFailed(f"a dead letter cannot be kept: {refusal}")

    def pause(self) -> None:
        self._window.pause()

    def resume(self) -> None:
        self._window.resume()

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._window.forget_all()
            self._broker.leave(self._to.channel, self._to.group, self)
