"""Queues: which a channel needs, making them, and how far a group is behind on them.

A channel is an address of the same name. The queue of that name (anycast) is that of DEFAULT_GROUP; every other group has a
queue `<channel>.<group>` (multicast) on the address. What is sent to the address goes to all of them; what a group retries
is sent to its queue alone. On an address that is made here the broker never gives up on a message.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.activemq.connection import Connection
from penstock.bus.protocol import DEFAULT_GROUP, Channel, Lag

MISSING = "AMQ229203"
"""Address does not exist."""
SETTINGS = msgspec.json.encode(
    {"maxDeliveryAttempts": -1, "autoDeleteQueues": False, "autoDeleteAddresses": False}
).decode()


def queue_name(channel: str, group: str) -> str:
    """The queue of a group."""
    return channel if group == DEFAULT_GROUP else f"{channel}.{group}"


def queue_address(channel: str, group: str) -> str:
    """Names the queue of a group alone, as the broker wants it."""
    return f"{channel}::{queue_name(channel, group)}"


class Queues:
    """Makes queues and looks at them."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._known: set[tuple[str, str | None]] = set()
        self._generation = 0

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes what does not exist. A broker to which we had to connect anew may have forgotten."""
        if self._generation != self._connection.generation:
            self._known.clear()
            self._generation = self._connection.generation
        for channel in channels:
            if not _names(channel) <= self._known:
                await self._make(channel)
                self._known.update(_names(channel))

    async def declare_again(self, channel: Channel) -> None:
        """Makes what does not exist any more."""
        self._known -= _names(channel)
        await self.declare([channel])

    async def _make(self, channel: Channel) -> None:
        groups = list(channel.groups)
        if not await self._exists(channel.name):
            await self._operation("addAddressSettings", channel.name, SETTINGS)
            groups = groups or [DEFAULT_GROUP]
        for group in groups:
            await self._operation("createQueue", _queue(channel.name, group), True)

    async def _exists(self, address: str) -> bool:
        try:
            await self._operation("getAddressInfo", address)
        except BusFailed as failed:
            if MISSING in failed.message:
                return False
            raise
        return True

    async def lag(self, channel: str, group: str) -> Lag:
        """All that is on the queue: given out or not, due or not. The age is that of the first that may be given out."""
        queue = queue_name(channel, group)
        waiting = await self._attribute(queue, "messageCount")
        stamp_ms = await self._attribute(queue, "firstMessageTimestamp")
        return Lag(int(waiting), max(0, self._clock.now_ms() - int(stamp_ms)) if waiting and stamp_ms else None)

    async def _operation(self, name: str, *arguments: object) -> Any:
        properties = {"_AMQ_ResourceName": "broker", "_AMQ_OperationName": name}
        return await self._connection.manage(properties, *arguments)

    async def _attribute(self, queue: str, name: str) -> Any:
        properties = {"_AMQ_ResourceName": f"queue.{queue}", "_AMQ_Attribute": name}
        return await self._connection.manage(properties)


def _queue(channel: str, group: str) -> str:
    """The configuration of a queue, as JSON."""
    routing = "ANYCAST" if group == DEFAULT_GROUP else "MULTICAST"
    facts = {"name": queue_name(channel, group), "address": channel, "routing-type": routing, "durable": True}
    return msgspec.json.encode({**facts, "auto-create-address": True, "auto-delete": False}).decode()


def _names(channel: Channel) -> set[tuple[str, str | None]]:
    return {(channel.name, None), *((channel.name, group) for group in channel.groups)}
