"""Streams: which a channel needs, making them, and how far a group is behind on them.

A channel is the stream of the same name, a group its consumer group. Beside it stand: `<channel>.delayed`, a sorted set with
what was published with a delay; for each group `<channel>.<group>.retry`, a stream with what the group retries,
`<channel>.<group>.later`, a sorted set with what it retries after a delay, and `<channel>.<group>.consumers`, the moments
until which consumers live. `<channel>.made` marks a stream that was made here: what all groups have settled is removed from
it; from streams of others nothing is.
"""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.bus.protocol import DEFAULT_GROUP, Channel, Lag
from penstock.bus.redis_streams.connection import Connection, evaluate
from penstock.bus.redis_streams.records import delivery_of
from penstock.bus.redis_streams.scripts import DECLARE, LAG


def delayed_set(channel: str) -> str:
    """Where messages with a delay wait."""
    return f"{channel}.delayed"


def retry_stream(channel: str, group: str) -> str:
    """Where the messages lie that a group retries."""
    return f"{channel}.{group}.retry"


def later_set(channel: str, group: str) -> str:
    """Where they wait before."""
    return f"{channel}.{group}.later"


def consumers_set(channel: str, group: str) -> str:
    """Until when each consumer lives."""
    return f"{channel}.{group}.consumers"


def made_mark(channel: str) -> str:
    """Exists for a channel that was made here."""
    return f"{channel}.made"


class Streams:
    """Makes streams and looks at them."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._known: set[tuple[str, str | None]] = set()

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes what does not exist."""
        missing = [channel for channel in channels if not _names(channel) <= self._known]
        if not missing:
            return
        pipeline = self._connection.pipeline()
        for channel in missing:
            retries = [retry_stream(channel.name, group) for group in channel.groups]
            keys = [channel.name, made_mark(channel.name), *retries]
            evaluate(pipeline, DECLARE, keys, DEFAULT_GROUP, *channel.groups)
        await self._connection.ask(pipeline)
        self._known.update(*map(_names, missing))

    async def lag(self, channel: str, group: str) -> Lag:
        """What is pending, not read, or not due. The age is that of the first message of each place."""
        keys = [channel, retry_stream(channel, group), delayed_set(channel), later_set(channel, group)]
        waiting, entries = await self._connection.run(LAG, keys, group)
        stamps_ms = [delivery_of((number, fields), channel, channel)[0].published_at_ms for number, fields in entries]
        oldest_ms = min((stamp for stamp in stamps_ms if stamp is not None), default=None)
        return Lag(waiting, None if oldest_ms is None else max(0, self._clock.now_ms() - oldest_ms))


def _names(channel: Channel) -> set[tuple[str, str | None]]:
    return {(channel.name, None), *((channel.name, group) for group in channel.groups)}
