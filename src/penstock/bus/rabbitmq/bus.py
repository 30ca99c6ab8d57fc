"""The bus on RabbitMQ: `amqp://[user:password@]host:port[,host:port…][/vhost][?option=value]`, options in
`connection.Options`; `amqps:` encrypts."""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.bus.address import parse_address
from penstock.bus.protocol import (
    DEFAULT_LEASE_MS,
    Bus,
    Channel,
    HeaderStyle,
    Lag,
    Message,
    Subscribe,
    dead_letter_channel,
)
from penstock.bus.rabbitmq.connection import DEFAULT_PORTS, Connection, Options
from penstock.bus.rabbitmq.producer import Producer
from penstock.bus.rabbitmq.queues import Queues
from penstock.bus.rabbitmq.subscription import RabbitSubscription


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for an `amqp:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORTS.get(url.partition(":")[0]))
    return RabbitBus(Connection(address, address.options(Options), DEFAULT_LEASE_MS), clock)


class RabbitBus:
    """See `bus.protocol.Bus`. A connection for publishing, and one for each subscription: a broker that is short of memory
    stops those that publish."""

    header_style: HeaderStyle = "ce-"

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._queues = Queues(connection)
        self._producer = Producer(connection, self._queues, clock)
        self._subscriptions: list[RabbitSubscription] = []
        self.message_bytes_max = connection.options.message_bytes_max

    async def open(self) -> None:
        await self._connection.open()

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.close()
        self._subscriptions.clear()
        await self._connection.close()

    async def declare(self, channels: Sequence[Channel]) -> None:
        await self._queues.declare(channels)

    async def publish(self, messages: Sequence[Message]) -> Sequence[str | None]:
        return await self._producer.publish(messages)

    async def subscribe(self, to: Subscribe) -> RabbitSubscription:
        dead_letter = to.dead_letter or dead_letter_channel(to.channel)
        await self.declare([Channel(to.channel, (to.group,)), Channel(dead_letter)])
        connection = self._connection.another(to.lease_ms)
        subscription = RabbitSubscription(connection, self._queues, self._producer, to, dead_letter, self._clock)
        await subscription.open()
        self._subscriptions.append(subscription)
        return subscription

    async def lag(self, channel: str, group: str) -> Lag:
        return await self._queues.lag(channel, group)
