"""The bus on SQS: `sqs+https://[key:secret@]host[:port][?option=value]`, options in `connection.Options`.

Without a key in the address AWS' own ways of finding one apply (environment, profile, role of the machine).
"""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.address import parse_address
from penstock.bus.protocol import Bus, Channel, HeaderStyle, Lag, Message, Subscribe, dead_letter_channel
from penstock.bus.sqs.connection import Connection, Options
from penstock.bus.sqs.producer import Producer
from penstock.bus.sqs.queues import Queues
from penstock.bus.sqs.subscription import SqsSubscription


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for an `sqs+http:` or `sqs+https:` address, not yet opened."""
    address = parse_address(url, None)
    if len(address.hosts) != 1:
        raise BusFailed(f"{address} must name one host")
    return SqsBus(Connection(address, address.options(Options)), clock)


class SqsBus:
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = None

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._queues = Queues(connection)
        self._producer = Producer(connection, self._queues, clock)
        self._subscriptions: list[SqsSubscription] = []
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

    async def subscribe(self, to: Subscribe) -> SqsSubscription:
        dead_letter = to.dead_letter or dead_letter_channel(to.channel)
        await self.declare([Channel(to.channel, (to.group,)), Channel(dead_letter)])
        queue = await self._queues.url(to.channel, to.group)
        subscription = SqsSubscription(
            self._connection, self._queues, self._producer, queue, to, dead_letter, self._clock
        )
        subscription.open()
        self._subscriptions.append(subscription)
        return subscription

    async def lag(self, channel: str, group: str) -> Lag:
        return await self._queues.lag(channel, group)
