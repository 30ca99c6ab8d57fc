"""A consumer of a stream, of its delayed messages, and of what its group retries."""

import asyncio
from collections.abc import Mapping, Sequence

from penstock.base.clock import Clock
from penstock.base.ids import UuidSource
from penstock.bus.adapter.producer import AdapterProducer
from penstock.bus.adapter.subscription import AdapterSubscription
from penstock.bus.protocol import DeadLetter, Done, Message, Retry, Settlement, Subscribe
from penstock.bus.redis_streams.connection import Connection, evaluate
from penstock.bus.redis_streams.records import Entry, Receipt, delivery_of, entry_fields
from penstock.bus.redis_streams.scripts import DECLARE, DUE, LEAVE, MOVE, RESCUE, TRIM
from penstock.bus.redis_streams.streams import consumers_set, delayed_set, later_set, made_mark, retry_stream

CONSUMER = "penstock-"
"""How the names of our consumers begin; others look after their own."""
ROUND_MS = 1_000
"""How often consumers that died, and new delays, are looked for."""
DUE_MAX = 100
TAKE_MAX = 1_000
"""Entries per round that become due, or are taken over."""


class RedisSubscription(AdapterSubscription):
    """See `bus.protocol.Subscription`."""

    def __init__(
        self,
        connection: Connection,
        producer: AdapterProducer,
        to: Subscribe,
        dead_letter_channel: str,
        clock: Clock,
    ) -> None:
        super().__init__(producer, to, dead_letter_channel, clock)
        self._connection = connection
        self._ids = UuidSource(clock)
        self._consumer = f"{CONSUMER}{self._ids.new()}"
        self._streams = [to.channel, retry_stream(to.channel, to.group)]
        self._later = later_set(to.channel, to.group)
        self._consumers = consumers_set(to.channel, to.group)
        self._skipped: list[Receipt] = []
        self._next_due_ms = ROUND_MS
        self._rescue_at_s = 0.0
        self._lost_answer = False

    async def open(self) -> None:
        """Says that there is a consumer."""
        await self._beat()
        self._repeat(lambda: self._to.lease_ms / 3000, self._beat_and_trim)

    # -- receive

    async def _fetch(self, max_messages: int, timeout_s: float) -> None:
        """Entries whose answer got lost on the way are read again."""
        loop = asyncio.get_running_loop()
        lost_answer, self._lost_answer = self._lost_answer, True
        if lost_answer or loop.time() >= self._rescue_at_s:
            await self._rescue()
            self._rescue_at_s = loop.time() + ROUND_MS / 1000
        if lost_answer:
            await self._read("0", 0)
        if not self._ahead:
            await self._read(">", min(int(timeout_s * 1000), self._next_due_ms, ROUND_MS))
        self._lost_answer = False
        await self._settle_skipped()

    async def _read(self, after: str, wait_ms: int) -> None:
        """`after`: ">": new entries; "0": those that this consumer already has."""
        pipeline = self._connection.pipeline()
        due = (delayed_set(self._to.channel), self._to.channel, self._later, self._streams[1])
        evaluate(pipeline, DUE, [self._consumers, *due], self._consumer, self._to.lease_ms, DUE_MAX)
        room = self._window.fetch_room() if after == ">" else self._to.max_unsettled * 2
        block = ("BLOCK", wait_ms) if wait_ms else ()
        group = ("GROUP", self._to.group, self._consumer, "COUNT", room, *block)
        pipeline.execute_command("XREADGROUP", *group, "STREAMS", *self._streams, after, after)
        next_due_ms, answer = await self._connection.ask(pipeline, wait_ms)
        self._next_due_ms = ROUND_MS if next_due_ms < 0 else max(1, next_due_ms)
        for stream, entries in answer or ():
            self._take_in(stream.decode(), entries)

    async def _rescue(self) -> None:
        """Makes the groups again if the server has lost them, and takes over what dead consumers had."""
        to, pipeline = self._to, self._connection.pipeline()
        evaluate(pipeline, DECLARE, [to.channel, made_mark(to.channel), self._streams[1]], "", to.group)
        limit = min(TAKE_MAX, self._window.fetch_room())
        evaluate(pipeline, RESCUE, [self._consumers, *self._streams], to.group, self._consumer, CONSUMER, limit)
        _, taken = await self._connection.ask(pipeline)
        for at in range(0, len(taken), 2):
            self._take_in(taken[at].decode(), taken[at + 1])

    def _take_in(self, stream: str, entries: Sequence[Entry]) -> None:
        """Leaves out what is known, and what is for another group or was deleted."""
        ahead = {delivery.receipt for delivery in self._ahead}
        for entry in entries:
            if entry[1] is None:
                self._skipped.append(Receipt(stream, entry[0].decode()))
                continue
            delivery, notes = delivery_of(entry, stream, self._to.channel)
            if not notes.is_for(self._to.group):
                self._skipped.append(delivery.receipt)
            elif delivery.receipt not in ahead and not self._window.holds(delivery.receipt):
                self._ahead.append(delivery)

    async def _settle_skipped(self) -> None:
        if self._skipped:
            pipeline = self._connection.pipeline()
            for receipt in self._skipped:
                pipeline.execute_command("XACK", receipt.stream, self._to.group, receipt.entry)
            await self._connection.ask(pipeline)
            self._skipped.clear()

    # -- settle

    async def _settle(self, mine: Mapping[Receipt, Settlement]) -> None:
        """In one go: a copy is made and its original settled by one script."""
        pipeline = self._connection.pipeline()
        for stream in self._streams:
            done = [each.entry for each, how in mine.items() if each.stream == stream and isinstance(how, Done)]
            if done:
                pipeline.execute_command("XACK", stream, self._to.group, *done)
        for receipt, settlement in mine.items():
            if not isinstance(settlement, Done):
                copy, place, delay_ms = self._copy(settlement)
                keys = [receipt.stream, place, self._later]
                arguments = (self._to.group, self._consumer, receipt.entry, delay_ms, self._ids.new())
                evaluate(pipeline, MOVE, keys, *arguments, *entry_fields(copy, {}))
        await self._connection.ask(pipeline)

    def _copy(self, settlement: Retry | DeadLetter) -> tuple[Message, str, int]:
        """The copy, the stream that it goes to, and after how many ms."""
        if isinstance(settlement, DeadLetter):
            return self._letter(settlement), self._dead_letter_channel, 0
        return self._again(settlement), self._streams[1], settlement.delay_ms

    # -- sign of life

    async def _beat_and_trim(self) -> None:
        await self._beat()
        await self._trim()

    async def _beat(self) -> None:
        await self._connection.run(DUE, [self._consumers], self._consumer, self._to.lease_ms, 0)

    async def _trim(self) -> None:
        pipeline = self._connection.pipeline()
        pipeline.execute_command("EXISTS", made_mark(self._to.channel))
        (made,) = await self._connection.ask(pipeline)
        await self._connection.run(TRIM, self._streams if made else self._streams[1:])

    # -- close

    async def _leave(self, held: Sequence[Receipt]) -> None:
        await self._connection.run(LEAVE, [self._consumers, *self._streams], self._to.group, self._consumer)
