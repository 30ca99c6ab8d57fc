"""A bus over its parts."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.adapter.producer import AdapterProducer, Places
from penstock.bus.adapter.subscription import AdapterSubscription
from penstock.bus.protocol import Channel, HeaderStyle, Lag, Message, Subscribe, dead_letter_channel


class Opened(Protocol):
    """What is opened and closed with the bus."""

    async def open(self) -> None:
        """Connects. Raises BusUnavailable or BusFailed."""
        ...

    async def close(self) -> None:
        """Disconnects; never raises for a broker that is out of reach."""
        ...


class AdapterBus(ABC):
    """See `bus.protocol.Bus`. `opened`: in the order of opening."""

    header_style: HeaderStyle = None
    groups_span_channels = False

    def __init__(
        self, opened: Sequence[Opened], places: Places, producer: AdapterProducer, message_bytes_max: int, clock: Clock
    ) -> None:
        self._opened = opened
        self._places = places
        self._producer = producer
        self._clock = clock
        self._subscriptions: list[AdapterSubscription] = []
        self.message_bytes_max = message_bytes_max

    async def open(self) -> None:
        for number, each in enumerate(self._opened):
            try:
                await each.open()
            except BusFailed:
                await _close(self._opened[:number])
                raise

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.close()
        self._subscriptions.clear()
        await _close(self._opened)

    async def declare(self, channels: Sequence[Channel]) -> None:
        await self._places.declare(channels)

    async def publish(self, messages: Sequence[Message]) -> Sequence[str | None]:
        return await self._producer.publish(messages)

    async def subscribe(self, to: Subscribe) -> AdapterSubscription:
        dead_letter = to.dead_letter or dead_letter_channel(to.channel)
        await self.declare([*self._channels_for(to), Channel(dead_letter)])
        subscription = self._subscription(to, dead_letter)
        try:
            await subscription.open()
        except BaseException:
            await subscription.close()
            raise
        self._subscriptions = [each for each in self._subscriptions if not each.closed]
        self._subscriptions.append(subscription)
        return subscription

    def _channels_for(self, to: Subscribe) -> Sequence[Channel]:
        """What must be there before the subscription is opened."""
        return [Channel(to.channel, (to.group,))]

    @abstractmethod
    def _subscription(self, to: Subscribe, dead_letter_channel: str) -> AdapterSubscription:
        """Not yet opened."""

    async def lag(self, channel: str, group: str) -> Lag:
        return await self._places.lag(channel, group)


async def _close(opened: Sequence[Opened]) -> None:
    for each in reversed(opened):
        await each.close()
