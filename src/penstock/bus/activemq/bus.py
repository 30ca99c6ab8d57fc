"""The bus on ActiveMQ Artemis: `activemq://[user:password@]host:port[,host:port…][?option=value]`, options in
`connection.Options`.

The user must be allowed to send to the broker's management address: channels are made, and lag is asked for, over it.
"""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.bus.activemq.connection import DEFAULT_PORT, Connection, Options
from penstock.bus.activemq.producer import Producer
from penstock.bus.activemq.queues import Queues
from penstock.bus.activemq.subscription import ActiveMqSubscription
from penstock.bus.address import parse_address
from penstock.bus.protocol import Bus, Channel, HeaderStyle, Lag, Message, Subscribe, dead_letter_channel


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for an `activemq:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORT)
    return ActiveMqBus(Connection(address, address.options(Options)), clock)


class ActiveMqBus:
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = "cloudEvents_"

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._queues = Queues(connection)
        self._producer = Producer(connection, clock)
        self._subscriptions: list[ActiveMqSubscription] = []
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
        await self._queues.declare([Channel(name) for name in dict.fromkeys(each.channel for each in messages)])
        return await self._producer.publish(messages)

    async def subscribe(self, to: Subscribe) -> ActiveMqSubscription:
        dead_letter = to.dead_letter or dead_letter_channel(to.channel)
        await self.declare([Channel(to.channel, (to.group,)), Channel(dead_letter)])
        subscription = ActiveMqSubscription(
            self._connection, self._queues, self._producer, to, dead_letter, self._clock
        )
        await subscription.open()
        self._subscriptions.append(subscription)
        return subscription

    async def lag(self, channel: str, group: str) -> Lag:
        return await self._queues.lag(channel, group, self._clock.now_ms)
