"""Publishing: every record is written to all in-sync replicas before `publish` returns.

The producer is not Kafka's idempotent one: that one tries for ever once a record was sent, so that a record given up during
an outage could appear long after. A lost acknowledgement can double a record; receivers know it by its envelope's id.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.adapter.producer import AdapterProducer
from penstock.bus.bookkeeping import NOT_BEFORE_MS
from penstock.bus.kafka.connection import Connection
from penstock.bus.kafka.records import record_headers
from penstock.bus.kafka.topics import Topics, delayed_topic
from penstock.bus.protocol import Message

OVERHEAD_BYTES = 48 * 1024
"""What a record and its batch add to the largest message."""


class Producer(AdapterProducer):
    """Writes records."""

    def __init__(self, connection: Connection, topics: Topics, clock: Clock) -> None:
        super().__init__(topics, connection.options.message_bytes_max, clock)
        self._connection = connection
        self._client: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Connects."""
        client = AIOKafkaProducer(
            **self._connection.parameters(),
            acks="all",
            max_request_size=self._connection.options.message_bytes_max + OVERHEAD_BYTES,
        )
        try:
            await self._connection.ask(client.start)
        except BusFailed:
            await self._leave(client)
            raise
        self._client = client

    async def close(self) -> None:
        """Disconnects; nothing is under way that a caller does not wait for."""
        if self._client is not None:
            client, self._client = self._client, None
            await self._leave(client)

    async def _leave(self, client: AIOKafkaProducer) -> None:
        await self._connection.leave(client.stop, client._sender.close, client.client.close)

    async def _write(self, messages: Sequence[Message]) -> list[str | None]:
        sent: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(self._connection.timeout_s):
                for message in messages:
                    sent.append(await self._send(message))
                await asyncio.wait(sent)
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            raise self._connection.failed(error) from error
        finally:
            for future in sent:
                # What nobody waits for any longer must not be reported as an exception that nobody saw.
                future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return [self._answer(future) for future in sent]

    async def _send(self, message: Message) -> asyncio.Future[Any]:
        if self._client is None:
            raise BusFailed("the bus is not open")
        topic, headers = message.channel, record_headers(message)
        if message.delay_ms > 0:
            topic = delayed_topic(message.channel)
            headers.append((NOT_BEFORE_MS, str(self._clock.now_ms() + message.delay_ms).encode()))
        key = None if message.key is None else message.key.encode()
        return await self._client.send(topic, message.body, key=key, headers=headers)  # type: ignore[no-any-return]

    def _answer(self, future: asyncio.Future[Any]) -> str | None:
        error = future.exception()
        if error is None:
            return None
        if self._connection.is_passing(error):
            raise self._connection.unavailable(error) from error
        return self._connection.describe(error)
