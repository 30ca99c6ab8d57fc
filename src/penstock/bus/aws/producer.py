"""Sending: batches of ten, several at a time."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from penstock.base.clock import Clock
from penstock.bus.adapter.producer import AdapterProducer, Places
from penstock.bus.aws.connection import ENTRIES_MAX, Connection
from penstock.bus.aws.records import entry_bytes, queue_entry
from penstock.bus.protocol import Message

BATCH_BYTES_MAX = 250_000
"""SQS and SNS take 262,144 per request."""


class Producer(AdapterProducer):
    """Publishes to channels, and sends to one queue. `queues`: the connection to SQS."""

    def __init__(self, queues: Connection, places: Places, clock: Clock) -> None:
        super().__init__(places, queues.options.message_bytes_max, clock)
        self._queues = queues

    async def _write(self, messages: Sequence[Message]) -> list[str | None]:
        answers: list[str | None] = [None] * len(messages)
        for channel in dict.fromkeys(message.channel for message in messages):
            mine = [number for number, message in enumerate(messages) if message.channel == channel]
            found = await self._write_to(channel, [messages[number] for number in mine])
            for number, answer in zip(mine, found, strict=True):
                answers[number] = answer
        return answers

    @abstractmethod
    async def _write_to(self, channel: str, messages: Sequence[Message]) -> list[str | None]:
        """To all groups of one channel."""

    async def send(self, messages: Sequence[Message], queue: str) -> list[str | None]:
        """To one queue."""
        return await self._send_parts(self._queues, "send_message_batch", queue, messages, queue_entry)

    async def _send_parts(
        self,
        connection: Connection,
        operation: str,
        place: str,
        messages: Sequence[Message],
        entry_of: Callable[[Message, int], dict[str, Any]],
    ) -> list[str | None]:
        now_ms = self._clock.now_ms()
        parts = _parts([entry_of(message, now_ms) for message in messages])
        return await connection.ask_parts(operation, place, parts)


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
