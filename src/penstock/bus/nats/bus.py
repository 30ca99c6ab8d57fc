"""The bus on NATS JetStream: `nats://[user:password@]host:port[,host:port…][?option=value]`, options in `connection.Options`."""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.bus.address import parse_address
from penstock.bus.nats.connection import DEFAULT_PORT, Connection, Options
from penstock.bus.nats.producer import Producer
from penstock.bus.nats.streams import Streams
from penstock.bus.nats.subscription import NatsSubscription
from penstock.bus.protocol import Bus, Channel, HeaderStyle, Lag, Message, Subscribe, dead_letter_channel


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for a `nats:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORT)
    return NatsBus(Connection(address, address.options(Options)), clock)


class NatsBus:
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = "ce-"

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._streams = Streams(connection)
        self._producer = Producer(connection, self._streams, clock)
        self._subscriptions: list[NatsSubscription] = []
        self.message_bytes_max = connection.options.message_bytes_max

    async def open(self) -> None:
        await self._connection.open()
        await self._producer.open()

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.close()
        self._subscriptions.clear()
        await self._connection.close()

    async def declare(self, channels: Sequence[Channel]) -> None:
        await self._streams.declare(channels)

    async def publish(self, messages: Sequence[Message]) -> Sequence[str | None]:
        return await self._producer.publish(messages)

    async def subscribe(self, to: Subscribe) -> NatsSubscription:
        dead_letter = to.dead_letter or dead_letter_channel(to.channel)
        await self._streams.declare([Channel(dead_letter)])
        subscription = NatsSubscription(self._connection, self._streams, self._producer, to, dead_letter, self._clock)
        await subscription.open()
        self._subscriptions.append(subscription)
        return subscription

    async def lag(self, channel: str, group: str) -> Lag:
        return await self._streams.lag(channel, group, self._clock.now_ms)
