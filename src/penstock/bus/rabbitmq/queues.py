"""Exchanges and queues: which a channel needs, making them, and how far a group is behind.

A channel is the exchange of the same name, which sends to all groups. A group is a quorum queue: `<channel>` for the default
group, so that whoever sends to that queue reaches it, `<channel>.<group>` for the others.

RabbitMQ has no delay of any span. What waits lies in queues `<queue>.wait-1s`, `…-4s`, `…-16s` and so on, whose messages
move on to the queue after that time; a subscription puts what is still not due into the next that fits. They are made when
something must wait for the first time. Messages published with a delay wait in `<channel>.delayed-1s` and so on.
"""

from collections.abc import Sequence
from typing import Any

from aiormq.channel import Channel as AmqpChannel
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from penstock.bus.protocol import DEFAULT_GROUP, Channel, Lag
from penstock.bus.rabbitmq.connection import Connection

LEVELS_S = (1, 4, 16, 64, 256, 1_024, 4_096, 16_384)
QUORUM = {"x-queue-type": "quorum"}
UNLIMITED_SINCE = 4
"""The version since which quorum queues drop what was given back 20 times, unless told not to."""


def queue_of(channel: str, group: str) -> str:
    """The queue of a group."""
    return channel if group == DEFAULT_GROUP else f"{channel}.{group}"


def level_for(delay_ms: int) -> int:
    """The longest wait, in seconds, that is not too long; the shortest for less than that."""
    return max((level for level in LEVELS_S if level * 1000 <= delay_ms), default=LEVELS_S[0])


def wait_queue(queue: str, level_s: int) -> str:
    """Where what is for `queue` waits."""
    return f"{queue}.wait-{level_s}s"


def delayed_queue(channel: str, level_s: int) -> str:
    """Where what is for all groups waits."""
    return f"{channel}.delayed-{level_s}s"


class Queues:
    """Makes them and looks at them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: set[tuple[str, str | None]] = set()
        self._waits: set[str] = set()

    # -- making

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes what does not exist."""
        for channel in channels:
            wanted = {(channel.name, None), *((channel.name, group) for group in channel.groups)}
            if not wanted <= self._known:
                groups = channel.groups
                if not groups and not await self._exists(channel.name):
                    groups = (DEFAULT_GROUP,)
                await self._make(channel.name, groups)
                self._known |= wanted

    def forget(self, channel: str) -> None:
        """Somebody has removed it."""
        self._known = {(name, group) for name, group in self._known if name != channel}

    async def _exists(self, exchange: str) -> bool:
        async def look(channel: AmqpChannel) -> bool:
            try:
                await channel.exchange_declare(exchange, passive=True)
            except ChannelNotFoundEntity:
                return False
            return True

        return await self._connection.on_channel(look)

    async def _make(self, name: str, groups: Sequence[str]) -> None:
        if not groups:
            return
        await self._make_exchange(name)
        for group in groups:
            queue = queue_of(name, group)
            await self._make_queue(queue, QUORUM)
            await self._connection.on_channel(lambda channel, queue=queue: channel.queue_bind(queue, name, "#"))  # type: ignore[misc]

    async def _make_exchange(self, name: str) -> None:
        async def make(channel: AmqpChannel) -> None:
            try:
                await channel.exchange_declare(name, exchange_type="fanout", durable=True)
            except ChannelPreconditionFailed:
                return  # it exists and is of another kind

        await self._connection.on_channel(make)

    async def _make_queue(self, name: str, arguments: dict[str, Any]) -> None:
        async def make(channel: AmqpChannel) -> None:
            try:
                await channel.queue_declare(name, durable=True, arguments={**arguments, **_unlimited(channel)})
            except ChannelPreconditionFailed:
                return  # it exists and is of another kind

        await self._connection.on_channel(make)

    async def wait_place(self, queue: str, delay_ms: int) -> str:
        """The queue in which a message for `queue` waits, made if need be."""
        if queue not in self._waits:
            for level_s in reversed(LEVELS_S):  # the shortest last: where it is, all are
                await self._make_queue(wait_queue(queue, level_s), _waits(level_s, "", queue))
            self._waits.add(queue)
        return wait_queue(queue, level_for(delay_ms))

    async def delayed_place(self, channel: str, delay_ms: int) -> str:
        """The queue in which a message for all groups waits, made if need be."""
        first = delayed_queue(channel, LEVELS_S[0])
        if first not in self._waits:
            for level_s in reversed(LEVELS_S):
                await self._make_queue(delayed_queue(channel, level_s), _waits(level_s, channel, channel))
            self._waits.add(first)
        return delayed_queue(channel, level_for(delay_ms))

    # -- looking

    async def lag(self, channel: str, group: str) -> Lag:
        """What no consumer has. RabbitMQ does not tell over AMQP what is given out, nor how old messages are."""
        queue = queue_of(channel, group)
        waiting = await self._count([queue])
        waiting += await self._count([wait_queue(queue, level_s) for level_s in LEVELS_S])
        waiting += await self._count([delayed_queue(channel, level_s) for level_s in LEVELS_S])
        return Lag(waiting, None)

    async def _count(self, queues: Sequence[str]) -> int:
        """Messages in queues of which all exist, or none."""

        async def count(channel: AmqpChannel) -> int:
            found = 0
            try:
                for queue in queues:
                    found += (await channel.queue_declare(queue, passive=True)).message_count or 0
            except ChannelNotFoundEntity:
                return found
            return found

        return await self._connection.on_channel(count)


def _waits(level_s: int, exchange: str, routing_key: str) -> dict[str, Any]:
    return {
        **QUORUM,
        "x-message-ttl": level_s * 1000,
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-routing-key": routing_key,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _unlimited(channel: AmqpChannel) -> dict[str, int]:
    properties = channel.connection.server_properties
    version = str(dict(properties or {}).get("version", ""))
    major = version.partition(".")[0]
    return {"x-delivery-limit": -1} if major.isdigit() and int(major) >= UNLIMITED_SINCE else {}
