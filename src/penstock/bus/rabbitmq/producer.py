"""Publishing: a batch goes out in one go, and the broker confirms each message when a majority of its nodes has it."""

import asyncio
from collections.abc import Sequence

from aiormq.channel import Channel as AmqpChannel
from aiormq.exceptions import DeliveryError, PublishError

from penstock.base.clock import Clock
from penstock.base.errors import BusUnavailable
from penstock.base.ids import UuidSource
from penstock.bus.adapter.producer import AdapterProducer
from penstock.bus.adapter.subscription import check_kept
from penstock.bus.bookkeeping import NOT_BEFORE_MS, PUBLISHED_AT_MS
from penstock.bus.protocol import DEFAULT_GROUP, Channel, Message
from penstock.bus.rabbitmq.connection import DRIVER_ERRORS, Connection, is_cancelled
from penstock.bus.rabbitmq.queues import Queues
from penstock.bus.rabbitmq.records import message_properties


class Producer(AdapterProducer):
    """Publishes on one channel."""

    def __init__(self, connection: Connection, queues: Queues, clock: Clock) -> None:
        super().__init__(queues, connection.options.message_bytes_max, clock)
        self._connection = connection
        self._queues = queues
        self._ids = UuidSource(clock)
        self._channel: AmqpChannel | None = None
        self._opening = asyncio.Lock()

    async def _write(self, messages: Sequence[Message]) -> list[str | None]:
        return await self._publish([await self._place(message) for message in messages])

    async def put(self, messages: Sequence[tuple[str, Message]]) -> None:
        """Into the queues that are named beside them. Raises BusFailed when one is refused."""
        if messages:
            check_kept(await self._publish([("", queue, message) for queue, message in messages]))

    async def _place(self, message: Message) -> tuple[str, str, Message]:
        """Exchange and routing key for `message`, and it with its notes."""
        if message.delay_ms <= 0:
            return message.channel, message.channel, message
        now_ms = self._clock.now_ms()
        notes = {NOT_BEFORE_MS: str(now_ms + message.delay_ms), PUBLISHED_AT_MS: str(now_ms)}
        delayed = Message(
            channel=message.channel,
            body=message.body,
            key=message.key,
            headers={**message.headers, **notes},
            content_type=message.content_type,
        )
        return "", await self._queues.delayed_place(message.channel, message.delay_ms), delayed

    async def _publish(self, part: Sequence[tuple[str, str, Message]]) -> list[str | None]:
        channel = await self._connection.ask(self._open)
        sending = [self._send(channel, *each) for each in part]
        try:
            async with asyncio.timeout(self._connection.timeout_s):
                said = await asyncio.gather(*sending, return_exceptions=True)
        except TimeoutError as late:
            raise self._connection.failed(late) from late
        answers: list[str | None] = []
        for answer in said:
            if isinstance(answer, BaseException):
                raise answer
            answers.append(answer)
        return answers

    async def _open(self) -> AmqpChannel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._connection.channel(confirms=True)
            return self._channel

    async def _send(self, channel: AmqpChannel, exchange: str, routing_key: str, message: Message) -> str | None:
        """Sends, and waits for what the broker says of it."""
        properties = message_properties(message, {}, self._ids.new(), self._clock.now_ms())
        try:
            await channel.basic_publish(
                message.body,
                exchange=exchange,
                routing_key=routing_key,
                properties=properties,
                mandatory=True,
                wait=False,
            )
        except PublishError:
            self._queues.forget(message.channel)
            return await self._nobody(message)
        except DeliveryError as error:
            return f"the broker refused it: {self._connection.describe(error)}"
        except DRIVER_ERRORS as error:
            if is_cancelled(error):
                raise
            if not self._connection.is_passing(error):
                self._queues.forget(message.channel)
            raise self._connection.failed(error) from error
        except ValueError as error:  # a header or content type that AMQP cannot hold
            return self._connection.describe(error)
        return None

    async def _nobody(self, message: Message) -> str | None:
        """No queue took it: a channel whose making was cut short gets its default group, and the caller tries again."""
        await self._queues.declare([Channel(message.channel, (DEFAULT_GROUP,))])
        raise BusUnavailable(f"the channel {message.channel} had no queue; it has one now")
