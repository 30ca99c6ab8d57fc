"""Messages of one channel for the bridges that read it: read, mapped, and taken in by the engine."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from penstock.bridge.arrival import Arrivals, Definitions, Outcome, TooManyReceivers
from penstock.bridge.config import Bridge
from penstock.bridge.consuming import Chunk, Refusal
from penstock.bridge.early import Early
from penstock.bridge.rules import Arrival, read_arrival, wants
from penstock.bus import cloudevents
from penstock.bus.cloudevents import CloudEvent, Received
from penstock.bus.protocol import Delivery
from penstock.runtime.telemetry.tracing import continued

REMEMBERED_MAX = 100_000
"""Keys that were taken in lately, not longer than the store knows them: a duplicate of one costs the store nothing."""

IGNORED, WAITING = "ignored", "waiting"


class Intake:
    """What the bridges of one channel and group do with a message."""

    def __init__(self, bridges: Sequence[Bridge], scheme: str, arrivals: Arrivals, early: Early) -> None:
        self._bridges = bridges
        self._scheme = scheme
        self._arrivals = arrivals
        self._early = early
        self._known: OrderedDict[str, int] = OrderedDict()
        self._taking: dict[str, asyncio.Future[None]] = {}

    async def take(self, delivery: Delivery, chunk: Chunk) -> str:
        """Returns what became of the message. Raises Refusal, MessageUnreadable, and what the engine raises."""
        received = cloudevents.read(delivery, self._scheme)
        bridges = [bridge for bridge in self._bridges if wants(bridge, received)]
        if not bridges:
            return IGNORED
        if not self._arrivals.engine.settings.tracing:
            return await self._for_all(bridges, received, chunk)
        with continued(_trace(received.event)):
            return await self._for_all(bridges, received, chunk)

    async def _for_all(self, bridges: Sequence[Bridge], received: Received, chunk: Chunk) -> str:
        """The outcome for the last of them, when all have taken it."""
        outcome = IGNORED
        envelope = received.envelope()
        for bridge in bridges:
            outcome = await self._once(read_arrival(bridge, received, envelope), chunk)
        return outcome

    async def _once(self, arrival: Arrival, chunk: Chunk) -> str:
        """Of messages with one key, one at a time."""
        key = arrival.key
        if key is None:
            return await self._effect(arrival, chunk)
        while (running := self._taking.get(key)) is not None:
            await asyncio.wait([running])
        if self._known.get(key, 0) > self._arrivals.engine.clock.now_ms():
            return Outcome.DUPLICATE
        began_ms = self._arrivals.engine.clock.now_ms()
        done = self._taking[key] = asyncio.get_running_loop().create_future()
        try:
            outcome = await self._effect(arrival, chunk)
        finally:
            del self._taking[key]
            done.set_result(None)
        if outcome in (Outcome.STARTED, Outcome.CORRELATED):
            self._remember(key, began_ms + arrival.bridge.dedup_window_ms)
        return outcome

    async def _effect(self, arrival: Arrival, chunk: Chunk) -> str:
        definitions = chunk.notes.get("definitions")
        if not isinstance(definitions, Definitions):
            definitions = chunk.notes["definitions"] = Definitions(self._arrivals.engine)
        try:
            outcome = await self._arrivals.take(arrival, definitions, self._early.copies(arrival))
        except TooManyReceivers as error:
            raise Refusal(str(error)) from error
        if outcome is not Outcome.NOBODY:
            return outcome
        reason = await self._early.keep(arrival)
        if reason is not None:
            raise Refusal(reason)
        return WAITING

    def _remember(self, key: str, until_ms: int) -> None:
        self._known[key] = until_ms
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)


def _trace(event: CloudEvent) -> dict[bytes, bytes]:
    """The trace that the event names, as headers of a request do."""
    named = {name: event.extension(name) for name in ("traceparent", "tracestate")}
    return {name.encode(): value.encode("latin-1", "replace") for name, value in named.items() if value is not None}
