"""Publishing: batches of ten, several at a time, to the queue of each group."""

from collections.abc import Sequence
from typing import Any

from penstock.base.clock import Clock
from penstock.bus.bookkeeping import refusals
from penstock.bus.protocol import Channel, Message
from penstock.bus.sqs.connection import ENTRIES_MAX, Connection
from penstock.bus.sqs.queues import Queues
from penstock.bus.sqs.records import entry_bytes, entry_of

BATCH_BYTES_MAX = 250_000
"""SQS takes 262,144 per request."""


class Producer:
    """Sends messages."""

    def __init__(self, connection: Connection, queues: Queues, clock: Clock) -> None:
        self._connection = connection
        self._queues = queues
        self._clock = clock

    async def publish(self, messages: Sequence[Message]) -> list[str | None]:
        """To all groups of their channels. See `bus.protocol.Bus.publish`."""
        answers = refusals(messages, self._connection.options.message_bytes_max)
        for channel in dict.fromkeys(message.channel for message in messages):
            mine = [
                number
                for number, message in enumerate(messages)
                if message.channel == channel and answers[number] is None
            ]
            for queue in await self._queues_of(channel):
                found = await self.send([messages[number] for number in mine], queue)
                for number, answer in zip(mine, found, strict=True):
                    answers[number] = answers[number] or answer
        return answers

    async def _queues_of(self, channel: str) -> list[str]:
        found = await self._queues.urls(channel)
        if not found:
            await self._queues.declare([Channel(channel)])
            found = await self._queues.urls(channel)
        return found

    async def send(self, messages: Sequence[Message], queue: str) -> list[str | None]:
        """To one queue."""
        now_ms = self._clock.now_ms()
        parts = _parts([entry_of(message, now_ms) for message in messages])
        return await self._connection.ask_parts("send_message_batch", queue, parts)


def _parts(entries: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """As many in each as one request may have."""
    parts: list[list[dict[str, Any]]] = []
    size = 0
    for entry in entries:
        more = entry_bytes(entry)
        if not parts or len(parts[-1]) == ENTRIES_MAX or size + more > BATCH_BYTES_MAX:
            parts.append([])
            size = 0
        parts[-1].append(entry)
        size += more
    return parts
