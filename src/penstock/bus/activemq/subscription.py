"""A consumer of the queue of a group. What the group retries comes on that queue too."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.base.ids import UuidSource
from penstock.bus.activemq.connection import Connection
from penstock.bus.activemq.producer import Producer
from penstock.bus.activemq.queues import Queues, queue_address
from penstock.bus.activemq.reactor import Mailbox
from penstock.bus.activemq.records import Receipt, delivery_of
from penstock.bus.bookkeeping import copy_headers
from penstock.bus.dead_letters import dead_letter
from penstock.bus.protocol import Channel, DeadLetter, Delivery, Message, Retry, Settlement, Subscribe
from penstock.bus.window import Window


class ActiveMqSubscription:
    """See `bus.protocol.Subscription`. The broker knows by the connection that the consumer lives: there is no lease."""

    def __init__(
        self,
        connection: Connection,
        queues: Queues,
        producer: Producer,
        to: Subscribe,
        dead_letter_channel: str,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._queues = queues
        self._producer = producer
        self._to = to
        self._dead_letter_channel = dead_letter_channel
        self._clock = clock
        self._ids = UuidSource(clock)
        self._queue = queue_address(to.channel, to.group)
        self._window = Window(to)
        self._ahead: deque[Delivery] = deque()
        self._unseen: list[int] = []
        self._arrived = asyncio.Event()
        self._attached = ""
        self._links = 0
        self._credit = 0
        self._closed = False
        self._forget_listener = connection.on_lost(self._on_lost)

    async def open(self) -> None:
        """Begins to receive."""
        self._links += 1
        name, link = f"from-{self._ids.new()}", self._links
        mailbox = Mailbox(lambda arrived: self._take_in(arrived, link), lambda: self._on_ended(link))
        await self._connection.ask(self._connection.reactor().attach(name, self._queue, mailbox))
        self._attached, self._credit = name, 0

    def _on_ended(self, link: int) -> None:
        """The queue was removed, or the broker wants nobody on it."""
        if link == self._links:
            self._on_lost()

    def _on_lost(self) -> None:
        """What was given out is the broker's again."""
        self._attached = ""
        self._links += 1
        self._ahead.clear()
        self._unseen.clear()
        self._window.forget_all()
        self._arrived.set()

    # -- receive

    async def receive(self, max_messages: int, timeout_ms: int) -> Sequence[Delivery]:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_ms / 1000
        found = self._window.take(self._ahead, max_messages)
        while not found and not self._closed:
            left_s = max(0.0, end_s - loop.time())
            if self._window.room():
                await self._fetch(left_s)
            else:
                await self._window.wait_room(left_s * 1000)
            found = self._window.take(self._ahead, max_messages)
            if not left_s:
                break
        if self._attached:
            self._ask_for_more()
        return found

    async def _fetch(self, timeout_s: float) -> None:
        """Waits until something is in `_ahead`."""
        if not self._attached:
            await self._queues.declare_again(Channel(self._to.channel, (self._to.group,)))
            await self.open()
        self._arrived.clear()
        self._ask_for_more()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        if self._unseen:
            unseen, self._unseen = self._unseen, []
            await self._accept(unseen)

    def _ask_for_more(self) -> None:
        """In steps of half of what may be asked for, not one by one."""
        room, coming = self._window.fetch_room(), self._credit + len(self._ahead)
        if coming <= room // 2 and room > coming:
            self._credit += room - coming
            self._connection.reactor().flow(self._attached, room - coming)

    def _take_in(self, arrived: Sequence[tuple[int, bytes]], link: int) -> None:
        """Leaves out what is for another group."""
        if link != self._links or self._closed:
            return
        for number, payload in arrived:
            self._credit -= 1
            delivery, notes = delivery_of(payload, self._to.channel, Receipt(number, link))
            if notes.is_for(self._to.group):
                self._ahead.append(delivery)
            else:
                self._unseen.append(number)
        self._arrived.set()

    # -- settle

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        mine = {each.delivery.receipt: each for each in settlements if self._window.holds(each.delivery.receipt)}
        if not mine:
            return
        await self._copy([each for each in mine.values() if isinstance(each, Retry)])
        await self._bury([each for each in mine.values() if isinstance(each, DeadLetter)])
        await self._accept([receipt.number for receipt in mine if self._window.holds(receipt)])
        for receipt in mine:
            self._window.release(receipt)

    async def _accept(self, numbers: Sequence[int]) -> None:
        await self._connection.ask(self._connection.reactor().accept(self._attached, numbers))

    async def _copy(self, settlements: Sequence[Retry]) -> None:
        _check(await self._producer.copy([self._again(each) for each in settlements], self._queue))

    def _again(self, settlement: Retry) -> Message:
        delivery = settlement.delivery
        headers = copy_headers(delivery, attempt=delivery.attempt + 1)
        return Message(
            channel=self._to.channel,
            body=delivery.body,
            key=delivery.key,
            headers=headers,
            delay_ms=settlement.delay_ms,
        )

    async def _bury(self, settlements: Sequence[DeadLetter]) -> None:
        now_ms, place = self._clock.now_ms(), self._dead_letter_channel
        letters = [dead_letter(each.delivery, self._to, place, each.reason, now_ms) for each in settlements]
        _check(await self._producer.publish(letters))

    # -- pause, resume, close

    def pause(self) -> None:
        self._window.pause()

    def resume(self) -> None:
        self._window.resume()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._forget_listener()
        self._window.forget_all()
        self._window.resume()
        self._ahead.clear()
        self._arrived.set()
        if self._attached:
            with contextlib.suppress(BusFailed):  # without a connection the broker has everything back already
                await self._connection.ask(self._connection.reactor().detach(self._attached))


def _check(answers: Sequence[str | None]) -> None:
    refused = [answer for answer in answers if answer is not None]
    if refused:
        raise BusFailed(f"a copy for retry or dead letters cannot be kept: {refused[0]}")
