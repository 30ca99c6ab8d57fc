"""The bus on Kafka: `kafka://[user:password@]host:port[,host:port…][?option=value]`, options in `connection.Options`."""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.address import parse_address
from penstock.bus.kafka.connection import DEFAULT_PORT, Connection, Options
from penstock.bus.kafka.producer import Producer
from penstock.bus.kafka.subscription import KafkaSubscription
from penstock.bus.kafka.topics import Topics
from penstock.bus.protocol import Bus, Channel, HeaderStyle, Lag, Message, Subscribe, dead_letter_channel


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for a `kafka:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORT)
    return KafkaBus(Connection(address, address.options(Options)), clock)


class KafkaBus:
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = "ce_"

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._topics = Topics(connection)
        self._producer = Producer(connection, clock)
        self._subscriptions: list[KafkaSubscription] = []
        self.message_bytes_max = connection.options.message_bytes_max

    async def open(self) -> None:
        await self._topics.open()
        try:
            await self._producer.open()
        except BusFailed:
            await self._topics.close()
            raise

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.close()
        self._subscriptions.clear()
        await self._producer.close()
        await self._topics.close()

    async def declare(self, channels: Sequence[Channel]) -> None:
        await self._topics.declare(channels)

    async def publish(self, messages: Sequence[Message]) -> Sequence[str | None]:
        await self._topics.declare([Channel(name) for name in dict.fromkeys(each.channel for each in messages)])
        return await self._producer.publish(messages)

    async def subscribe(self, to: Subscribe) -> KafkaSubscription:
        dead_letter = to.dead_letter or dead_letter_channel(to.channel)
        await self.declare([Channel(to.channel, (to.group,)), Channel(dead_letter)])
        subscription = KafkaSubscription(self._connection, self._producer, to, self._clock)
        await subscription.open()
        self._subscriptions.append(subscription)
        return subscription

    async def lag(self, channel: str, group: str) -> Lag:
        return await self._topics.lag(channel, group, self._clock.now_ms)
