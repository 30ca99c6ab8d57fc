"""The bus of the broker inside this process: `memory://NAME`; buses with one name share one broker."""

from collections.abc import Sequence

import msgspec

from penstock.base.clock import Clock
from penstock.bus.address import parse_address
from penstock.bus.bookkeeping import refusals
from penstock.bus.memory.broker import MemoryBroker, named_broker
from penstock.bus.memory.subscription import MemorySubscription
from penstock.bus.protocol import Bus, Channel, HeaderStyle, Lag, Message, Subscribe, dead_letter_channel

MESSAGE_BYTES_MAX = 1024 * 1024


class NoOptions(msgspec.Struct, frozen=True):
    """There is nothing to set."""


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for `memory://NAME`, not yet opened."""
    address = parse_address(url, None)
    address.options(NoOptions)
    return MemoryBus(named_broker(",".join(address.hosts), clock), clock)


class MemoryBus:
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = "ce-"
    groups_span_channels = False
    message_bytes_max = MESSAGE_BYTES_MAX

    def __init__(self, broker: MemoryBroker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._subscriptions: list[MemorySubscription] = []

    async def open(self) -> None:
        self._broker.check()

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.close()
        self._subscriptions.clear()

    async def declare(self, channels: Sequence[Channel]) -> None:
        for channel in channels:
            self._broker.declare(channel.name, channel.groups)

    async def publish(self, messages: Sequence[Message]) -> Sequence[str | None]:
        self._broker.check()
        answers = refusals(messages, self.message_bytes_max)
        return [
            self._broker.publish(message) if refusal is None else refusal
            for message, refusal in zip(messages, answers, strict=True)
        ]

    async def subscribe(self, to: Subscribe) -> MemorySubscription:
        dead_letter = to.dead_letter or dead_letter_channel(to.channel)
        await self.declare([Channel(to.channel, (to.group,)), Channel(dead_letter)])
        subscription = MemorySubscription(self._broker, to, dead_letter, self._clock)
        self._subscriptions.append(subscription)
        return subscription

    async def lag(self, channel: str, group: str) -> Lag:
        waiting, oldest_age_ms = self._broker.lag(channel, group)
        return Lag(waiting, oldest_age_ms)
