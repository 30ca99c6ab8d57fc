"""Publishing: all in one go; the broker says of each message when it has it durably."""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.base.ids import UuidSource
from penstock.bus.activemq.connection import Connection
from penstock.bus.activemq.reactor import ANYWHERE
from penstock.bus.activemq.records import payload_of
from penstock.bus.bookkeeping import refusals
from penstock.bus.protocol import Message


class Producer:
    """Sends messages."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = UuidSource(clock)

    async def publish(self, messages: Sequence[Message]) -> list[str | None]:
        """To their channels. See `bus.protocol.Bus.publish`."""
        answers = refusals(messages, self._connection.options.message_bytes_max)
        sent = [number for number, refusal in enumerate(answers) if refusal is None]
        payloads = [self._payload(messages[number], messages[number].channel) for number in sent]
        for number, answer in zip(sent, await self._connection.send(ANYWHERE, payloads), strict=True):
            answers[number] = answer
        return answers

    async def copy(self, messages: Sequence[Message], queue: str) -> list[str | None]:
        """To one queue alone."""
        return await self._connection.send(queue, [self._payload(message, None) for message in messages])

    def _payload(self, message: Message, address: str | None) -> bytes:
        return payload_of(message, address, self._ids.new(), self._clock.now_ms())
