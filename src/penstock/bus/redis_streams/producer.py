"""Publishing: all in one go; each message has its own answer."""

from collections.abc import Sequence

from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from penstock.base.clock import Clock
from penstock.base.ids import UuidSource
from penstock.bus.adapter.producer import AdapterProducer
from penstock.bus.bookkeeping import PUBLISHED_AT_MS
from penstock.bus.protocol import Message
from penstock.bus.redis_streams.connection import Connection, evaluate
from penstock.bus.redis_streams.records import entry_fields
from penstock.bus.redis_streams.scripts import DELAY
from penstock.bus.redis_streams.streams import Streams, delayed_set


class Producer(AdapterProducer):
    """Adds entries."""

    def __init__(self, connection: Connection, streams: Streams, clock: Clock) -> None:
        super().__init__(streams, connection.options.message_bytes_max, clock)
        self._connection = connection
        self._ids = UuidSource(clock)

    async def _write(self, messages: Sequence[Message]) -> list[str | None]:
        pipeline = self._connection.pipeline()
        for message in messages:
            self._add(pipeline, message)
        return [
            self._connection.describe(answer) if isinstance(answer, RedisError) else None
            for answer in await self._connection.send(pipeline)
        ]

    def _add(self, pipeline: Pipeline, message: Message) -> None:
        if message.delay_ms <= 0:
            pipeline.execute_command("XADD", message.channel, "*", *entry_fields(message, {}))
            return
        fields = entry_fields(message, {PUBLISHED_AT_MS: str(self._clock.now_ms())})
        evaluate(pipeline, DELAY, [delayed_set(message.channel)], message.delay_ms, self._ids.new(), *fields)
