"""A consumer of a group's queue."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as AmqpChannel

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.bookkeeping import copy_headers
from penstock.bus.dead_letters import dead_letter
from penstock.bus.protocol import Channel, DeadLetter, Delivery, Message, Retry, Settlement, Subscribe
from penstock.bus.rabbitmq.connection import Connection
from penstock.bus.rabbitmq.producer import Producer
from penstock.bus.rabbitmq.queues import Queues, queue_of
from penstock.bus.rabbitmq.records import Receipt, delivery_of
from penstock.bus.window import Window

ADJUST = 2
"""How many times too few or too many messages are sent ahead before the broker is told another number."""


class RabbitSubscription:
    """See `bus.protocol.Subscription`."""

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
        self._queue = queue_of(to.channel, to.group)
        self._dead_letter_channel = dead_letter_channel
        self._clock = clock
        self._window = Window(to)
        self._ahead: deque[Delivery] = deque()
        self._early: list[tuple[Delivery, int]] = []
        self._skipped: list[Receipt] = []
        self._tags: dict[int, None] = {}
        self._arrived = asyncio.Event()
        self._channel: AmqpChannel | None = None
        self._generation = 0
        self._consumer = ""
        self._prefetch = 0
        self._closed = False

    async def open(self) -> None:
        """Starts to consume."""
        await self._connection.ask(self._consume)

    async def _consume(self) -> None:
        """On a new channel. What came on an earlier one is nobody's."""
        self._generation += 1
        self._window.forget_all()
        self._ahead.clear()
        self._early.clear()
        self._skipped.clear()
        self._tags.clear()
        channel = await self._connection.channel()
        channel.closing.add_done_callback(lambda _: self._arrived.set())
        self._channel = channel
        await self._start(channel)

    async def _start(self, channel: AmqpChannel) -> None:
        self._prefetch = self._window.prefetch()
        await channel.basic_qos(prefetch_count=self._prefetch)
        generation = self._generation

        async def on_message(message: DeliveredMessage) -> None:
            if generation == self._generation:
                self._take_in(message)

        started = await channel.basic_consume(self._queue, on_message)
        self._consumer = started.consumer_tag or ""

    def _take_in(self, message: DeliveredMessage) -> None:
        delivery, notes = delivery_of(message, self._to.channel, self._generation)
        self._tags[delivery.receipt.tag] = None
        if not notes.is_for(self._to.group):
            self._skipped.append(delivery.receipt)
        elif notes.not_before_ms > self._clock.now_ms():
            self._early.append((delivery, notes.not_before_ms))
        else:
            self._ahead.append(delivery)
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
        return found

    async def _fetch(self, timeout_s: float) -> None:
        """Waits until something came, and sees to it that something can."""
        self._arrived.clear()
        channel = await self._working()
        await self._adjust(channel)
        if not self._ahead:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()
        await self._settle_unseen()

    async def _working(self) -> AmqpChannel:
        """The channel, with a consumer on it."""
        channel = self._channel
        if channel is None or channel.is_closed:
            await self._connection.ask(self._consume)
        elif self._consumer not in channel.consumers:  # the broker has ended it: somebody has removed the queue
            self._queues.forget(self._to.channel)
            await self._queues.declare([Channel(self._to.channel, (self._to.group,))])
            await self._connection.ask(lambda: self._start(channel))
        assert self._channel is not None
        return self._channel

    async def _adjust(self, channel: AmqpChannel) -> None:
        """Has more or fewer messages sent ahead, as large as they are. Only while all that may be sent is here: what is on
        its way to a consumer that ends goes back to the queue, behind later ones."""
        fits = self._prefetch / ADJUST <= self._window.prefetch() <= self._prefetch * ADJUST
        if not fits and len(self._tags) >= self._prefetch:
            await self._connection.ask(lambda: self._restart(channel))

    async def _restart(self, channel: AmqpChannel) -> None:
        await channel.basic_cancel(self._consumer)
        await self._start(channel)

    async def _settle_unseen(self) -> None:
        """What is for another group, and what is not due, which waits on elsewhere."""
        early, skipped = list(self._early), list(self._skipped)
        now_ms, generation = self._clock.now_ms(), self._generation
        copies: list[tuple[str, Message]] = []
        for delivery, due_ms in early:
            headers = copy_headers(delivery, attempt=delivery.attempt, not_before_ms=due_ms)
            copies.append((await self._queues.wait_place(self._queue, due_ms - now_ms), _copy(delivery, headers)))
        await self._producer.put(copies)
        await self._acknowledge([*skipped, *(delivery.receipt for delivery, _ in early)])
        if generation == self._generation:  # others may have come behind them
            del self._early[: len(early)]
            del self._skipped[: len(skipped)]

    # -- settle

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        if self._channel is None or self._channel.is_closed:
            self._window.forget_all()  # with the channel the broker has taken back what came on it
            return
        mine = {each.delivery.receipt: each for each in settlements if self._window.holds(each.delivery.receipt)}
        await self._bury([each for each in mine.values() if isinstance(each, DeadLetter)])
        retries = [each for each in mine.values() if isinstance(each, Retry)]
        await self._producer.put([await self._again(each) for each in retries])
        await self._acknowledge(list(mine))
        for receipt in mine:
            self._window.release(receipt)

    async def _again(self, retry: Retry) -> tuple[str, Message]:
        """Queue and copy."""
        delivery, delay_ms = retry.delivery, retry.delay_ms
        due_ms = self._clock.now_ms() + delay_ms if delay_ms > 0 else 0
        copy = _copy(delivery, copy_headers(delivery, attempt=delivery.attempt + 1, not_before_ms=due_ms))
        queue = await self._queues.wait_place(self._queue, delay_ms) if delay_ms > 0 else self._queue
        return queue, copy

    async def _bury(self, settlements: Sequence[DeadLetter]) -> None:
        now_ms, place = self._clock.now_ms(), self._dead_letter_channel
        letters = [dead_letter(each.delivery, self._to, place, each.reason, now_ms) for each in settlements]
        refused = [answer for answer in await self._producer.publish(letters) if answer is not None]
        if refused:
            raise BusFailed(f"a dead letter cannot be kept: {refused[0]}")

    async def _acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """As far as possible with one word for all up to one. The question after it is answered when the broker has
        read the words."""
        channel = self._channel
        tags = {each.tag for each in receipts if each.generation == self._generation and each.tag in self._tags}
        if not tags or channel is None:
            return
        await self._adjust(channel)

        async def acknowledge() -> None:
            for tag, multiple in self._words(tags):
                await channel.basic_ack(tag, multiple=multiple, wait=False)
            await channel.basic_qos(prefetch_count=self._prefetch)

        generation = self._generation
        await self._connection.ask(acknowledge)
        if generation == self._generation:
            for tag in tags:
                self._tags.pop(tag, None)

    def _words(self, tags: set[int]) -> list[tuple[int, bool]]:
        """Tags to acknowledge, and whether all before them are meant too."""
        upto = 0
        for tag in self._tags:
            if tag not in tags:
                break
            upto = tag
        single = [(tag, False) for tag in sorted(tags) if tag > upto]
        return [(upto, True), *single] if upto else single

    # -- pause, resume, close

    def pause(self) -> None:
        self._window.pause()

    def resume(self) -> None:
        self._window.resume()

    async def close(self) -> None:
        """The broker gives to others what was not settled when the connection ends."""
        if self._closed:
            return
        self._closed = True
        self._generation += 1
        self._window.forget_all()
        self._ahead.clear()
        self._window.resume()
        self._arrived.set()
        await self._connection.close()


def _copy(delivery: Delivery, headers: dict[str, str]) -> Message:
    return Message(
        channel=delivery.channel,
        body=delivery.body,
        key=delivery.key,
        headers=headers,
        content_type=delivery.content_type or "application/octet-stream",
    )
