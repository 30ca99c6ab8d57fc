"""Publishing: all in one go; each message has its own answer."""

from collections.abc import Sequence

from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from penstock.base.clock import Clock
from penstock.base.ids import UuidSource
from penstock.bus.bookkeeping import PUBLISHED_AT_MS, refusals
from penstock.bus.protocol import Message
from penstock.bus.redis_streams.connection import Connection, describe, evaluate
from penstock.bus.redis_streams.records import entry_fields
from penstock.bus.redis_streams.scripts import DELAY
from penstock.bus.redis_streams.streams import delayed_set

PIPELINE_BYTES_MAX = 4 * 1024 * 1024
"""A larger batch goes in several parts, so that it is not in memory twice as a whole."""


class Producer:
    """Adds entries."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = UuidSource(clock)

    async def publish(self, messages: Sequence[Message]) -> list[str | None]:
        """See `bus.protocol.Bus.publish`."""
        answers = refusals(messages, self._connection.options.message_bytes_max)
        part: list[int] = []
        size = 0
        for number, message in enumerate(messages):
            if answers[number] is None:
                part.append(number)
                size += len(message.body)
                if size > PIPELINE_BYTES_MAX:
                    await self._publish(messages, part, answers)
                    part, size = [], 0
        await self._publish(messages, part, answers)
        return answers

    async def _publish(self, messages: Sequence[Message], part: Sequence[int], answers: list[str | None]) -> None:
        if not part:
            return
        pipeline = self._connection.pipeline()
        for number in part:
            self._add(pipeline, messages[number])
        for number, answer in zip(part, await self._connection.send(pipeline), strict=True):
            answers[number] = describe(answer) if isinstance(answer, RedisError) else None

    def _add(self, pipeline: Pipeline, message: Message) -> None:
        if message.delay_ms <= 0:
            pipeline.execute_command("XADD", message.channel, "*", *entry_fields(message, {}))
            return
        fields = entry_fields(message, {PUBLISHED_AT_MS: str(self._clock.now_ms())})
        evaluate(pipeline, DELAY, [delayed_set(message.channel)], message.delay_ms, self._ids.new(), *fields)
