"""A consumer of a group's queue."""

from collections.abc import Mapping, Sequence

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as AmqpChannel

from penstock.base.clock import Clock
from penstock.bus.adapter.subscription import AdapterSubscription
from penstock.bus.bookkeeping import copy_headers
from penstock.bus.protocol import Channel, Delivery, Message, Retry, Settlement, Subscribe
from penstock.bus.rabbitmq.connection import Connection
from penstock.bus.rabbitmq.producer import Producer
from penstock.bus.rabbitmq.queues import Queues, queue_of
from penstock.bus.rabbitmq.records import Receipt, delivery_of

ADJUST = 2
"""How many times too few or too many messages are sent ahead before the broker is told another number."""


class RabbitSubscription(AdapterSubscription):
    """See `bus.protocol.Subscription`."""

    _producer: Producer

    def __init__(
        self,
        connection: Connection,
        queues: Queues,
        producer: Producer,
        to: Subscribe,
        dead_letter_channel: str,
        clock: Clock,
    ) -> None:
        super().__init__(producer, to, dead_letter_channel, clock)
        self._connection = connection
        self._queues = queues
        self._queue = queue_of(to.channel, to.group)
        self._early: list[tuple[Delivery, int]] = []
        self._skipped: list[Receipt] = []
        self._tags: dict[int, None] = {}
        self._channel: AmqpChannel | None = None
        self._generation = 0
        self._consumer = ""
        self._prefetch = 0

    async def open(self) -> None:
        """Starts to consume."""
        await self._connection.ask(self._consume)

    async def _consume(self) -> None:
        """On a new channel. What came on an earlier one is nobody's."""
        self._generation += 1
        self._forget()
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

    async def _fetch(self, max_messages: int, timeout_s: float) -> None:
        """Sees to it that something can come, and waits for it."""
        self._arrived.clear()
        channel = await self._working()
        await self._adjust(channel)
        if not self._ahead:
            await self._wait_arrived(timeout_s)
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
        await super().settle(settlements)

    async def _settle(self, mine: Mapping[Receipt, Settlement]) -> None:
        await self._bury(mine.values())
        await self._producer.put([await self._wait_copy(each) for each in mine.values() if isinstance(each, Retry)])
        await self._acknowledge(list(mine))

    async def _wait_copy(self, retry: Retry) -> tuple[str, Message]:
        """Queue and copy."""
        delivery, delay_ms = retry.delivery, retry.delay_ms
        due_ms = self._clock.now_ms() + delay_ms if delay_ms > 0 else 0
        copy = _copy(delivery, copy_headers(delivery, attempt=delivery.attempt + 1, not_before_ms=due_ms))
        queue = await self._queues.wait_place(self._queue, delay_ms) if delay_ms > 0 else self._queue
        return queue, copy

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

    # -- close

    async def _stop(self) -> None:
        self._generation += 1

    async def _leave(self, held: Sequence[Receipt]) -> None:
        """The broker gives to others what was not settled when the connection ends."""
        channel = self._channel
        try:
            if channel is not None and not channel.is_closed:
                await self._connection.ask(lambda: self._end(channel))
        finally:
            await self._connection.close()

    async def _end(self, channel: AmqpChannel) -> None:
        """Of many acknowledgements to a slow queue the broker's side of the channel keeps some back, and forgets them when it
        ends. The queue takes the end of the consumer after all that it was sent before; by the second answer after it the
        rest has been sent, too."""
        await channel.basic_cancel(self._consumer)
        for _ in range(2):
            await channel.basic_qos(prefetch_count=self._prefetch)


def _copy(delivery: Delivery, headers: dict[str, str]) -> Message:
    return Message(
        channel=delivery.channel,
        body=delivery.body,
        key=delivery.key,
        headers=headers,
        content_type=delivery.content_type or "application/octet-stream",
    )
