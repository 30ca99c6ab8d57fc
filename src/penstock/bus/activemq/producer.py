"""Publishing: all in one go; the broker says of each message when it has it durably."""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.base.ids import UuidSource
from penstock.bus.activemq.connection import Connection
from penstock.bus.activemq.queues import Queues
from penstock.bus.activemq.reactor import ANYWHERE
from penstock.bus.activemq.records import payload_of
from penstock.bus.adapter.producer import AdapterProducer
from penstock.bus.protocol import Message


class Producer(AdapterProducer):
    """Sends messages."""

    def __init__(self, connection: Connection, queues: Queues, clock: Clock) -> None:
        super().__init__(queues, connection.options.message_bytes_max, clock)
        self._connection = connection
        self._ids = UuidSource(clock)

    async def _write(self, messages: Sequence[Message]) -> list[str | None]:
        payloads = [self._payload(message, message.channel) for message in messages]
        return await self._connection.send(ANYWHERE, payloads)

    async def copy(self, messages: Sequence[Message], queue: str) -> list[str | None]:
        """To one queue alone."""
        return await self._connection.send(queue, [self._payload(message, None) for message in messages])

    def _payload(self, message: Message, address: str | None) -> bytes:
        return payload_of(message, address, self._ids.new(), self._clock.now_ms())
