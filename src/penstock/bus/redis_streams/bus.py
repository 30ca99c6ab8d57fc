"""The bus on Redis: `redis://[user:password@]host:port[/database][?option=value]`, options in `connection.Options`.

What Redis has acknowledged is as durable as the server is configured to keep it (`appendonly`, `appendfsync`).
"""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.address import parse_address
from penstock.bus.protocol import Bus, Channel, HeaderStyle, Lag, Message, Subscribe, dead_letter_channel
from penstock.bus.redis_streams.connection import DEFAULT_PORT, Connection, Options
from penstock.bus.redis_streams.producer import Producer
from penstock.bus.redis_streams.streams import Streams
from penstock.bus.redis_streams.subscription import RedisSubscription


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for a `redis:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORT)
    if len(address.hosts) != 1:
        raise BusFailed(f"{address} must name one host")
    return RedisBus(Connection(address, address.options(Options)), clock)


class RedisBus:
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = None

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._streams = Streams(connection)
        self._producer = Producer(connection, clock)
        self._subscriptions: list[RedisSubscription] = []
        self.message_bytes_max = connection.options.message_bytes_max

    async def open(self) -> None:
        await self._connection.open()

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.close()
        self._subscriptions.clear()
        await self._connection.close()

    async def declare(self, channels: Sequence[Channel]) -> None:
        await self._streams.declare(channels)

    async def publish(self, messages: Sequence[Message]) -> Sequence[str | None]:
        await self._streams.declare([Channel(name) for name in dict.fromkeys(each.channel for each in messages)])
        return await self._producer.publish(messages)

    async def subscribe(self, to: Subscribe) -> RedisSubscription:
        dead_letter = to.dead_letter or dead_letter_channel(to.channel)
        await self.declare([Channel(to.channel, (to.group,)), Channel(dead_letter)])
        subscription = RedisSubscription(self._connection, to, dead_letter, self._clock)
        await subscription.open()
        self._subscriptions.append(subscription)
        return subscription

    async def lag(self, channel: str, group: str) -> Lag:
        return await self._streams.lag(channel, group, self._clock.now_ms)
