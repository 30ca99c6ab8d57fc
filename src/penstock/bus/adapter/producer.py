"""Publishing: what every adapter does before its broker comes in."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from penstock.base.clock import Clock
from penstock.bus.bookkeeping import refusals
from penstock.bus.protocol import Channel, Lag, Message

PART_MESSAGES = 1_000
PART_BYTES = 4 * 1024 * 1024
"""A larger batch goes in parts: clients keep all that is not confirmed."""


class Places(Protocol):
    """What channels are made of: queues, topics, streams."""

    async def declare(self, channels: Sequence[Channel]) -> None:
        """See `bus.protocol.Bus.declare`."""
        ...

    async def lag(self, channel: str, group: str) -> Lag:
        """See `bus.protocol.Bus.lag`."""
        ...


class AdapterProducer(ABC):
    """Publishes messages."""

    def __init__(self, places: Places, message_bytes_max: int, clock: Clock) -> None:
        self._places = places
        self._message_bytes_max = message_bytes_max
        self._clock = clock

    async def publish(self, messages: Sequence[Message]) -> list[str | None]:
        """See `bus.protocol.Bus.publish`."""
        await self._places.declare([Channel(name) for name in dict.fromkeys(each.channel for each in messages)])
        return await self.write(messages)

    async def write(self, messages: Sequence[Message]) -> list[str | None]:
        """The same, to channels that are there."""
        answers = refusals(messages, self._message_bytes_max)
        for part in _parts(messages, answers):
            for number, answer in zip(part, await self._write(list(part.values())), strict=True):
                answers[number] = answer
        return answers

    @abstractmethod
    async def _write(self, messages: Sequence[Message]) -> Sequence[str | None]:
        """At least one, none of them too large, together; why not, per message. Raises BusUnavailable or BusFailed."""


def _parts(messages: Sequence[Message], refused: Sequence[str | None]) -> Iterator[Mapping[int, Message]]:
    """The messages that are not refused, by their numbers, as many at a time as go together."""
    part: dict[int, Message] = {}
    size = 0
    for number, message in enumerate(messages):
        if refused[number] is None:
            part[number] = message
            size += len(message.body)
            if len(part) >= PART_MESSAGES or size >= PART_BYTES:
                yield part
                part, size = {}, 0
    if part:
        yield part
