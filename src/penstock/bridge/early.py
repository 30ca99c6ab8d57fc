"""Messages that nobody waits for yet: kept in the store until somebody does, or until their time is over.

A row goes with the effect of its message, in one commit. One that is over, and one that came too late, goes to the dead
letters of its channel, from where it can be replayed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import msgspec

from penstock.api.querying import VariableCondition, variable_term
from penstock.base.errors import LimitReached, Overloaded, PenstockError, StoreFailed, ViewsBehind
from penstock.bridge.arrival import Arrivals, Definitions, Outcome, TooManyReceivers
from penstock.bridge.config import Bridge
from penstock.bridge.rows import Positions, outbox_row
from penstock.bridge.rules import Arrival, read_arrival
from penstock.bus import cloudevents
from penstock.bus.dead_letters import dead_letter
from penstock.bus.protocol import Delivery, Subscribe
from penstock.runtime.node import Node
from penstock.store.protocol import Batch, Change, Row, RowChange
from penstock.store.query import AnyOf, Op, Order, Query, Term, Where, eq, is_null, one_of

TABLE = "early_message"
LISTED = ("id", "bridge", "name", "created_ms")
"""What is read of many rows: messages are large, and few of them are delivered."""
SWEEP_S = 1.0
PAGE_ROWS = 200
EXPIRED_KEPT_MS = 7 * 86_400_000
NOTED_MAX = 1_000
"""Most instances and new rows that are noted between two sweeps, and most rows that are tried for them; the pages find the
others."""

COMPARED = frozenset({"String", "Integer", "Short", "Long", "Double", "Boolean", "Date"})
"""Types of correlation keys by which instances that have ended are found."""

_VARIABLE = (("instance_id", "id"), ("execution_id", "id"))

logger = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a delivery."""

    id: str
    channel: str
    body: bytes
    key: str | None = None
    headers: Mapping[str, str] = {}
    content_type: str | None = None
    published_at_ms: int | None = None
    attempt: int = 1
    metadata: Mapping[str, str | int] = {}

    @classmethod
    def of(cls, delivery: Delivery) -> "Kept":
        return cls(**{name: getattr(delivery, name) for name in cls.__struct_fields__})

    def delivery(self) -> Delivery:
        return Delivery(receipt=None, **{name: getattr(self, name) for name in self.__struct_fields__})


class Early:
    """The buffer of early messages, as one node works on it. `bridges`: those that there are now, by name."""

    def __init__(self, node: Node, arrivals: Arrivals, positions: Positions) -> None:
        self._node = node
        self._arrivals = arrivals
        self._positions = positions
        self.bridges: Mapping[str, Bridge] = {}
        self.schemes: Mapping[str, str] = {}
        self._begun: dict[str, str] = {}
        self._kept: dict[str, None] = {}
        self._after: tuple[int, str] | None = None
        self._paged_s = -SWEEP_S
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------------------------------ from outside

    def start(self) -> None:
        self._node.watch("event_subscription", self._subscribed)
        self._task = asyncio.create_task(self._run(), name="penstock-early-messages")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def keep(self, arrival: Arrival) -> str | None:
        """Keeps the message, durable when it returns. Says why when it comes too late."""
        bridge, now_ms = arrival.bridge, self._node.clock.now_ms()
        reason = await self._too_late(arrival)
        if reason is None and not bridge.early_ms:
            reason = f"nobody waits for the message '{bridge.message}'"
        if reason is not None:
            return reason
        id = arrival.key or self._node.ids.new()
        values = {
            "id": id,
            "bridge": bridge.name,
            "name": bridge.message,
            "business_key": arrival.business_key,
            "message": msgspec.msgpack.encode(Kept.of(arrival.delivery)),
            "created_ms": now_ms,
            "expires_ms": now_ms + bridge.early_ms,
        }
        await self._node.store.commit(
            Batch(stream="", log=None, at_ms=now_ms, rows=[RowChange(TABLE, Change.INSERT, values)])
        )
        # Who began to wait between the search and now has told nobody.
        if len(self._kept) < NOTED_MAX:
            self._kept[id] = None
        self._wake.set()
        return None

    @staticmethod
    def copies(arrival: Arrival) -> Sequence[RowChange]:
        """What is to be written with the effect of a message: a copy that came before and waits here waits no more."""
        if arrival.key is None or arrival.bridge.message is None or not arrival.bridge.early_ms:
            return ()
        return (RowChange(TABLE, Change.DELETE, {"id": arrival.key}),)

    async def waiting(self) -> int:
        """How many messages are kept."""
        return await self._node.store.count(Query(TABLE))

    async def _too_late(self, arrival: Arrival) -> str | None:
        meant = _meant(arrival)
        if not meant:
            return None
        order = (Order("ended_ms"),)
        query = Query("process_instance", meant, order, limit=1, columns=("id", "ended_ms"))
        try:
            rows = await self._node.rows(query)
        except ViewsBehind:
            return None
        if not rows or rows[0]["ended_ms"] is None:
            return None
        return (
            f"too late: the process instance {rows[0]['id']} with the {_told(arrival)} has ended, and no other one runs"
        )

    # ------------------------------------------------------------------------------------------ the sweep

    def _subscribed(self, change: RowChange) -> None:
        """Somebody waits for a message since just now."""
        values = change.values
        if change.change is Change.INSERT and values.get("type") == "message" and values.get("name"):
            if values.get("instance_id") is not None and len(self._begun) < NOTED_MAX:
                self._begun[values["instance_id"]] = values["name"]
            self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SWEEP_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.sweep()
            except PenstockError as error:
                logger.warning("early messages have to wait: %s", error.message)
                await asyncio.sleep(SWEEP_S)
            except Exception:
                logger.exception("defect: early messages have to wait")
                await asyncio.sleep(SWEEP_S)

    async def sweep(self) -> None:
        """Tries those that fit somebody who began to wait, and those just kept; now and then one page of all others, and ends
        those whose time is over. Those of a bridge that is not there wait for it."""
        begun, self._begun = self._begun, {}
        kept, self._kept = self._kept, {}
        if not any(bridge.message for bridge in self.bridges.values()):
            return
        if begun:
            await self._try(await self._for_instances(begun))
        if kept:
            await self._try(await self._rows(one_of("id", tuple(kept))))
        now_s = self._node.clock.monotonic_s()
        if now_s - self._paged_s >= SWEEP_S:
            self._paged_s = now_s
            await self._try(await self._next_page())
            await self._expire()

    async def _for_instances(self, begun: Mapping[str, str]) -> list[Row]:
        """`begun`: instance → the name of the message that it waits for since just now."""
        states = await self._node.instances(list(begun))
        keys = {state.business_key for state in states.values() if state.business_key is not None}
        fits = AnyOf((is_null("business_key"), one_of("business_key", tuple(keys))))
        return await self._rows(one_of("name", tuple(set(begun.values()))), fits)

    async def _rows(self, *where: Term) -> list[Row]:
        order = (Order("created_ms"), Order("id"))
        return await self._node.store.rows(
            Query(TABLE, (*where, *self._alive()), order, limit=NOTED_MAX, columns=LISTED)
        )

    async def _next_page(self) -> list[Row]:
        """Round and round: other nodes have subscriptions too."""
        where: list[Term] = self._alive()
        if self._after is not None:
            where.append(Where("created_ms", Op.GE, self._after[0]))
        order = (Order("created_ms"), Order("id"))
        rows = await self._node.store.rows(Query(TABLE, where, order, limit=PAGE_ROWS, columns=LISTED))
        last = (rows[-1]["created_ms"], rows[-1]["id"]) if len(rows) == PAGE_ROWS else None
        self._after = last if last != self._after else None
        return rows

    def _alive(self) -> list[Term]:
        return [self._ours(), Where("expires_ms", Op.GT, self._node.clock.now_ms())]

    def _ours(self) -> Term:
        return one_of("bridge", tuple(self.bridges))

    async def _try(self, rows: Sequence[Row]) -> None:
        """Messages of one key in order, one after another."""
        if not rows:
            return
        names = tuple(dict.fromkeys(row["name"] for row in rows))
        waiting = Query("event_subscription", (eq("type", "message"), one_of("name", names)), columns=("name",))
        awaited = {row["name"] for row in await self._node.store.rows(waiting)} if rows else set()
        for row in rows:
            if row["name"] in awaited:
                await self._one(row, self._deliver)

    async def _one(self, row: Row, work: Callable[[Row], Awaitable[None]]) -> None:
        """`work` on the whole row, while it is there. One with which something is wrong does not keep others from their turn.
        Raises StoreFailed and Overloaded."""
        try:
            for whole in await self._node.store.rows(Query(TABLE, (eq("id", row["id"]),))):
                await work(whole)
        except LimitReached as reached:
            logger.debug("the early message %s of bridge %s waits on: %s", row["id"], row["bridge"], reached.message)
        except (StoreFailed, Overloaded):
            raise
        except (PenstockError, TooManyReceivers) as error:
            logger.info("the early message %s of bridge %s waits on: %s", row["id"], row["bridge"], error)
        except Exception:
            logger.exception("defect: the early message %s of bridge %s waits on", row["id"], row["bridge"])

    async def _deliver(self, row: Row) -> None:
        bridge = self.bridges.get(row["bridge"])
        if bridge is None:
            return
        gone = RowChange(TABLE, Change.DELETE, {"id": row["id"]})
        outcome = await self._arrivals.take(self._arrival(row, bridge), Definitions(self._node), [gone])
        if outcome is Outcome.DUPLICATE:
            await self._remove(row)

    async def _remove(self, row: Row) -> None:
        gone = RowChange(TABLE, Change.DELETE, {"id": row["id"]})
        await self._node.store.commit(Batch(stream="", log=None, at_ms=self._node.clock.now_ms(), rows=[gone]))

    def _arrival(self, row: Row, bridge: Bridge) -> Arrival:
        delivery = _delivery(row)
        received = cloudevents.read(delivery, self.schemes.get(bridge.connection, ""))
        arrival = read_arrival(bridge, received, received.envelope())
        if arrival.key is not None:
            return arrival
        # The message may come as often as it likes, but every node finds this row.
        return msgspec.structs.replace(arrival, key=f"bus:early:{row['id']}")

    async def _expire(self) -> None:
        where = (self._ours(), Where("expires_ms", Op.LE, self._node.clock.now_ms()))
        over = Query(TABLE, where, limit=PAGE_ROWS, columns=LISTED)
        for row in await self._node.store.rows(over):
            bridge = self.bridges.get(row["bridge"])
            if bridge is not None:
                await self._one(row, partial(self._bury, bridge=bridge))

    async def _bury(self, row: Row, *, bridge: Bridge) -> None:
        """To the dead letters, once: with the row goes what is to be published. Not if a copy had the effect."""
        now_ms = self._node.clock.now_ms()
        if await self._arrivals.has_taken(self._arrival(row, bridge)):
            await self._remove(row)
            return
        delivery = _delivery(row)
        reason = f"nobody waited for the message '{bridge.message}' within {bridge.early_ms // 1000} s"
        to = Subscribe(channel=bridge.channel, group=bridge.group)
        message = dead_letter(delivery, to, bridge.dead_letter, reason, now_ms)
        rows = [
            RowChange(TABLE, Change.DELETE, {"id": row["id"]}),
            outbox_row(
                self._node.ids.new(), bridge.connection, message, position=self._positions.next(), now_ms=now_ms
            ),
        ]
        key = f"{row['id']}:over:{row['created_ms']}"
        await self._node.write_once(rows, key=key, expires_ms=now_ms + EXPIRED_KEPT_MS)


def _meant(arrival: Arrival) -> list[Term]:
    """Which process instances the message can be for; nothing when it cannot be told."""
    keys = arrival.correlation_keys
    if any(value.type not in COMPARED for value in keys.values()):
        return []
    terms: list[Term] = [variable_term(VariableCondition(name, "eq", keys[name]), _VARIABLE) for name in keys]
    if arrival.business_key is not None:
        terms.append(eq("business_key", arrival.business_key))
    return terms


def _told(arrival: Arrival) -> str:
    names = ", ".join(arrival.correlation_keys)
    told = [] if arrival.business_key is None else [f"business key '{arrival.business_key}'"]
    return " and the ".join([*told, f"same {names}"] if names else told)


def _delivery(row: Row) -> Delivery:
    return msgspec.msgpack.decode(row["message"], type=Kept).delivery()
