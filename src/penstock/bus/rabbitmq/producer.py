"""Publishing: a batch goes out in one go, and the broker confirms each message when a majority of its nodes has it."""

import asyncio
from collections.abc import Mapping, Sequence

from aiormq.channel import Channel as AmqpChannel
from aiormq.exceptions import DeliveryError, PublishError

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed, BusUnavailable
from penstock.base.ids import UuidSource
from penstock.bus.bookkeeping import NOT_BEFORE_MS, PUBLISHED_AT_MS, refusals
from penstock.bus.protocol import DEFAULT_GROUP, Channel, Message
from penstock.bus.rabbitmq.connection import DRIVER_ERRORS, Connection, describe, is_cancelled, is_passing
from penstock.bus.rabbitmq.queues import Queues
from penstock.bus.rabbitmq.records import message_properties

PART_MESSAGES = 1_000
PART_BYTES = 4 * 1024 * 1024
"""A larger batch goes in parts: the client keeps all that is not confirmed."""


class Producer:
    """Publishes on one channel."""

    def __init__(self, connection: Connection, queues: Queues, clock: Clock) -> None:
        self._connection = connection
        self._queues = queues
        self._clock = clock
        self._ids = UuidSource(clock)
        self._channel: AmqpChannel | None = None
        self._opening = asyncio.Lock()

    async def publish(self, messages: Sequence[Message]) -> list[str | None]:
        """See `bus.protocol.Bus.publish`."""
        await self._queues.declare([Channel(name) for name in dict.fromkeys(each.channel for each in messages)])
        answers = refusals(messages, self._connection.options.message_bytes_max)
        part: dict[int, tuple[str, str, Message]] = {}
        size = 0
        for number, message in enumerate(messages):
            if answers[number] is None:
                part[number] = await self._place(message)
                size += len(message.body)
                if len(part) >= PART_MESSAGES or size >= PART_BYTES:
                    await self._publish(part, answers)
                    part, size = {}, 0
        await self._publish(part, answers)
        return answers

    async def put(self, messages: Sequence[tuple[str, Message]]) -> None:
        """Into the queues that are named beside them. Raises BusFailed when one is refused."""
        answers: list[str | None] = [None] * len(messages)
        part = {number: ("", queue, message) for number, (queue, message) in enumerate(messages)}
        await self._publish(part, answers)
        refused = [answer for answer in answers if answer is not None]
        if refused:
            raise BusFailed(f"a copy for retry or dead letters cannot be kept: {refused[0]}")

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

    async def _publish(self, part: Mapping[int, tuple[str, str, Message]], answers: list[str | None]) -> None:
        if not part:
            return
        channel = await self._connection.ask(self._open)
        sending = [self._send(channel, *each) for each in part.values()]
        try:
            async with asyncio.timeout(self._connection.timeout_s):
                said = await asyncio.gather(*sending, return_exceptions=True)
        except TimeoutError as late:
            raise self._connection.failed(late) from late
        for number, answer in zip(part, said, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            answers[number] = answer

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
            return f"the broker refused it: {describe(error)}"
        except DRIVER_ERRORS as error:
            if is_cancelled(error):
                raise
            if not is_passing(error):
                self._queues.forget(message.channel)
            raise self._connection.failed(error) from error
        except ValueError as error:  # a header or content type that AMQP cannot hold
            return describe(error)
        return None

    async def _nobody(self, message: Message) -> str | None:
        """No queue took it: a channel whose making was cut short gets its default group, and the caller tries again."""
        await self._queues.declare([Channel(message.channel, (DEFAULT_GROUP,))])
        raise BusUnavailable(f"the channel {message.channel} had no queue; it has one now")
