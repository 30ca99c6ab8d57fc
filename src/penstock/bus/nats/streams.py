"""Streams and consumers: which a channel needs, making them, and how far a group is behind.

A channel is the subject of the same name. The stream that holds it is found by the subject; where there is none, one is
made. A group is a durable consumer. In names of streams and consumers, where NATS takes no dot, `=` stands for it.

From a stream that was made here, what all groups have settled is removed; from others nothing is. NATS's own way, retention
by interest, is not used: a server that was stopped while messages were published had acknowledged some that were not there
afterwards (2.9, two runs of three; never with retention by limits).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from nats.js.errors import APIError

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.nats.connection import Connection
from penstock.bus.protocol import DEFAULT_GROUP, DEFAULT_LEASE_MS, Channel, Lag

API = "$JS.API"
MADE_HERE = "made by Penstock"
NOT_FOUND = 404
NS_PER_MS = 1_000_000
TRIM_MIN = 100
"""Messages that are worth a removal."""


class Consumer(msgspec.Struct, frozen=True):
    """A group on a channel."""

    stream: str
    name: str
    lease_ms: int

    def next_subject(self) -> str:
        """Where messages are asked for."""
        return f"{API}.CONSUMER.MSG.NEXT.{self.stream}.{self.name}"


class _Names(msgspec.Struct):
    streams: list[str] | None = None


class _StreamState(msgspec.Struct):
    consumer_count: int = 0
    first_seq: int = 0


class _Stream(msgspec.Struct):
    config: dict[str, Any]
    state: _StreamState


class _Sequence(msgspec.Struct):
    stream_seq: int = 0


class _Consumer(msgspec.Struct):
    config: dict[str, Any]
    ack_floor: _Sequence
    num_ack_pending: int = 0
    num_pending: int = 0


class _Consumers(msgspec.Struct):
    total: int
    consumers: list[_Consumer]


class _Stored(msgspec.Struct):
    time: datetime


class _StoredAnswer(msgspec.Struct):
    message: _Stored


class Streams:
    """Makes them and looks at them."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._streams: dict[str, str] = {}
        self._consumers: set[tuple[str, str]] = set()

    # -- making

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes what does not exist."""
        for channel in channels:
            missing = [group for group in channel.groups if (channel.name, group) not in self._consumers]
            if channel.name not in self._streams or missing:
                await self._connection.ask(lambda channel=channel: self._declare(channel.name, channel.groups))  # type: ignore[misc]

    async def consumer(self, channel: str, group: str, lease_ms: int) -> Consumer:
        """The consumer of `group`, made if need be; one that was made here gets this lease."""
        return await self._connection.ask(lambda: self._consumer(channel, group, lease_ms))

    def forget(self, channel: str) -> None:
        """Somebody has removed it."""
        self._streams.pop(channel, None)
        self._consumers = {(name, group) for name, group in self._consumers if name != channel}

    async def _declare(self, channel: str, groups: Sequence[str]) -> None:
        """A stream without groups gets one: it is made for somebody."""
        stream = await self._stream(channel)
        info = msgspec.json.decode(await self._ask(f"STREAM.INFO.{stream}"), type=_Stream)
        for group in groups or (() if info.state.consumer_count else (DEFAULT_GROUP,)):
            if await self._look(stream, group) is None:
                await self._make(channel, stream, group, DEFAULT_LEASE_MS)
            self._consumers.add((channel, group))
        self._streams[channel] = stream

    async def _consumer(self, channel: str, group: str, lease_ms: int) -> Consumer:
        stream = await self._stream(channel)
        there = await self._look(stream, group)
        if there is None or (
            there.config.get("description") == MADE_HERE and there.config["ack_wait"] != lease_ms * NS_PER_MS
        ):
            await self._make(channel, stream, group, lease_ms)
        elif there.config.get("ack_policy") != "explicit":
            raise BusFailed(
                f"the consumer {token(group)} of the stream {stream} must have the policy explicit for acks"
            )
        else:
            lease_ms = there.config["ack_wait"] // NS_PER_MS
        self._streams[channel] = stream
        self._consumers.add((channel, group))
        return Consumer(stream, token(group), lease_ms)

    async def _stream(self, channel: str) -> str:
        names = msgspec.json.decode(await self._ask("STREAM.NAMES", {"subject": channel}), type=_Names)
        if names.streams:
            return names.streams[0]
        stream = token(channel)
        wanted = {
            "name": stream,
            "subjects": [channel],
            "description": MADE_HERE,
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "num_replicas": self._connection.options.replicas,
        }
        await self._ask(f"STREAM.CREATE.{stream}", wanted)
        return stream

    async def _look(self, stream: str, group: str) -> _Consumer | None:
        try:
            found = await self._ask(f"CONSUMER.INFO.{stream}.{token(group)}")
        except APIError as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return msgspec.json.decode(found, type=_Consumer)

    async def _make(self, channel: str, stream: str, group: str, lease_ms: int) -> None:
        """What waits for a retry counts as not acknowledged: there is no bound on it."""
        config = {
            "durable_name": token(group),
            "description": MADE_HERE,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": lease_ms * NS_PER_MS,
            "max_ack_pending": -1,
            "filter_subject": channel,
        }
        wanted = {"stream_name": stream, "config": config}
        await self._ask(f"CONSUMER.DURABLE.CREATE.{stream}.{token(group)}", wanted)

    async def _ask(self, what: str, wanted: dict[str, Any] | None = None) -> bytes:
        payload = b"" if wanted is None else msgspec.json.encode(wanted)
        return await self._connection.request(f"{API}.{what}", payload)

    # -- trimming

    async def trim(self, stream: str) -> None:
        """Removes what all groups have settled."""
        await self._connection.ask(lambda: self._trim(stream))

    async def _trim(self, stream: str) -> None:
        info = msgspec.json.decode(await self._ask(f"STREAM.INFO.{stream}"), type=_Stream)
        if info.config.get("description") != MADE_HERE:
            return
        found = msgspec.json.decode(await self._ask(f"CONSUMER.LIST.{stream}", {"offset": 0}), type=_Consumers)
        floor = min((each.ack_floor.stream_seq for each in found.consumers), default=0)
        # A longer list comes in pages: with so many groups nothing is removed.
        if found.total == len(found.consumers) and floor - info.state.first_seq >= TRIM_MIN:
            await self._ask(f"STREAM.PURGE.{stream}", {"seq": floor + 1})

    # -- looking

    async def lag(self, channel: str, group: str) -> Lag:
        """What the consumer has not delivered, or has and not seen acknowledged."""
        return await self._connection.ask(lambda: self._lag(channel, group))

    async def _lag(self, channel: str, group: str) -> Lag:
        names = msgspec.json.decode(await self._ask("STREAM.NAMES", {"subject": channel}), type=_Names)
        found = await self._look(names.streams[0], group) if names.streams else None
        if found is None or not names.streams:
            return Lag(0, None)
        waiting = found.num_pending + found.num_ack_pending
        if not waiting:
            return Lag(0, None)
        return Lag(waiting, await self._age_ms(names.streams[0], channel, found.ack_floor.stream_seq + 1))

    async def _age_ms(self, stream: str, channel: str, sequence: int) -> int | None:
        """How long ago the first message at or after `sequence` was published."""
        try:
            found = await self._ask(f"STREAM.MSG.GET.{stream}", {"seq": sequence, "next_by_subj": channel})
        except APIError as error:
            if error.code == NOT_FOUND:
                return None
            raise
        stored = msgspec.json.decode(found, type=_StoredAnswer).message
        return max(0, self._clock.now_ms() - int(stored.time.timestamp() * 1000))


def token(name: str) -> str:
    """A channel or group as a name that NATS takes."""
    return name.replace(".", "=")
