"""The dead letters of all bridges and reply channels: listed, and replayed in bulk."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from penstock.base.errors import BadRequest
from penstock.bus import dead_letters
from penstock.bus.dead_letters import DeadMessage
from penstock.bus.protocol import Bus


class Place(msgspec.Struct, frozen=True):
    """A dead-letter channel of a connection, and the channel whose dead letters go there."""

    connection: str
    channel: str
    of: str


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters; None is any. `channel`: where the message came from; `reason`: a part of its reason."""

    connection: str | None = None
    channel: str | None = None
    reason: str | None = None
    id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def matches(self, letter: DeadMessage) -> bool:
        """Whether it is one of them."""
        return (
            (self.channel is None or letter.channel == self.channel)
            and (self.reason is None or self.reason.lower() in letter.reason.lower())
            and (self.id is None or letter.id == self.id)
            and (self.since_ms is None or letter.at_ms >= self.since_ms)
            and (self.until_ms is None or letter.at_ms < self.until_ms)
        )


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter of one connection, with the channel in which it lies."""

    connection: str
    place: str
    letter: DeadMessage


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass found. `count`: how many match; `letters`: the first of them, as many as were asked for. `complete`: all
    dead letters were seen, not only the first ten thousand of a channel."""

    letters: Sequence[Letter]
    count: int
    complete: bool


class Letters:
    """Reads and replays. `buses`: the open connections by name; `places`: where dead letters may lie."""

    def __init__(self) -> None:
        self.buses: Mapping[str, Bus] = {}
        self.places: Sequence[Place] = ()
        self._one_at_a_time = asyncio.Lock()

    async def find(self, wanted: Filter, most: int = 0) -> Found:
        """Those that match, `most` of them in the answer; nothing is changed. Raises BusUnavailable."""
        return await self._pass(wanted, most, dry_run=True)

    async def replay(self, wanted: Filter) -> Found:
        """Sends those that match back to where they came from, with their ids. Raises BusUnavailable."""
        return await self._pass(wanted, 0, dry_run=False)

    async def _pass(self, wanted: Filter, most: int, *, dry_run: bool) -> Found:
        """Bodies of one channel at a time are in memory, and those that are shown."""
        letters: list[Letter] = []
        count, complete = 0, True
        async with self._one_at_a_time:
            for place in self._chosen(wanted):
                done = await dead_letters.replay(
                    self.buses[place.connection], place.channel, wanted.matches, dry_run=dry_run
                )
                complete = complete and done.complete
                count += len(done.matched)
                letters += (
                    Letter(connection=place.connection, place=place.channel, letter=letter)
                    for letter in done.matched[: most - len(letters)]
                )
        return Found(letters=letters, count=count, complete=complete)

    def _chosen(self, wanted: Filter) -> list[Place]:
        known = {place.connection for place in self.places}
        if wanted.connection is not None and wanted.connection not in known:
            raise BadRequest(
                f"no bridge and no topic uses a connection '{wanted.connection}'; there are: {', '.join(sorted(known))}"
            )
        of_channel = [place for place in self.places if place.of == wanted.channel]
        # What came from a channel that nobody reads any more may be anywhere.
        found = {
            (place.connection, place.channel): place
            for place in of_channel or self.places
            if place.connection in self.buses and wanted.connection in (None, place.connection)
        }
        return list(found.values())
