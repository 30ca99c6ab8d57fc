"""Publishes what lies in the outbox for one connection: in commit order per key, each at least once with the same id.

A message that the broker refuses holds back its own key only. A request that was refused `REFUSALS_MAX` times fails its
task, which then is tried by its policy like any other.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from penstock.base.errors import PenstockError
from penstock.bridge.requests import WORKER
from penstock.bridge.rows import OUTBOX, message_of
from penstock.bridge.slots import Slots
from penstock.bus.protocol import Bus
from penstock.runtime.node import Node
from penstock.runtime.ready import EXTERNAL_TASK
from penstock.store.protocol import AnyChange, Batch, Change, Row, RowChange
from penstock.store.query import Op, Order, Query, Term, Where, eq, one_of

ROUND_MESSAGES = 500
ROUND_EVERY_S = 0.02
"""The first message leaves at once; while there are more, rounds begin no sooner after each other, and are larger for it."""
POLL_S = 0.5
DRAIN_S = 5.0
PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 5.0
HOLD_FIRST_MS, HOLD_MAX_MS, HOLD_FORGET_MS = 1_000, 60_000, 600_000
REFUSALS_MAX = 3
LATE_MS = 1_000
"""From then on the time for an answer counts from the publication: sooner it is not worth a write."""
HELD_MAX = 1_000
"""Keys that are held back at the same time; with more, nothing of the connection is published until some are free."""

logger = logging.getLogger(__name__)


class Held(msgspec.Struct):
    """A key that is held back: until when, and how often its first message was refused."""

    until_ms: int
    refusals: int


class Publisher:
    """Publishes for one connection. `sent`: told of rows that the broker has; `refused`: of a task's row that it will not
    have, with the reason."""

    def __init__(
        self,
        node: Node,
        connection: str,
        bus: Bus,
        slots: Slots,
        *,
        sent: Callable[[Sequence[Row]], Awaitable[None]],
        refused: Callable[[Row, str], Awaitable[None]],
    ) -> None:
        self._node = node
        self._connection = connection
        self._bus = bus
        self._slots = slots
        self._sent = sent
        self._refused = refused
        self._held: dict[str, Held] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._most = ROUND_MESSAGES
        self._next_s = 0.0
        self._pause_s = PAUSE_FIRST_S
        self.published = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"penstock-outbox-{self._connection}")

    async def close(self) -> None:
        """Ends with the round that is under way."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=DRAIN_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """There may be something."""
        self._wake.set()

    async def _run(self) -> None:
        while not self._closing:
            try:
                while not self._closing and await self._round():
                    pass
                await self._gather()
                self._pause_s = PAUSE_FIRST_S
            except PenstockError as error:
                logger.warning("messages for the connection %s wait: %s", self._connection, error.message)
                await asyncio.sleep(self._pause_s)
                self._pause_s = min(2 * self._pause_s, PAUSE_MAX_S)
                continue
            except Exception:
                logger.exception("defect: messages for the connection %s wait", self._connection)
                await asyncio.sleep(PAUSE_MAX_S)
            try:
                async with asyncio.timeout(0 if self._closing else POLL_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _gather(self) -> None:
        """Until it is time for the next round, if there was one just now."""
        left_s = self._next_s - self._node.clock.monotonic_s()
        if left_s > 0 and not self._closing:
            await asyncio.sleep(left_s)

    async def _round(self) -> bool:
        """Publishes some; whether there may be more. What is told while it reads is looked for once more."""
        self._wake.clear()
        rows = self._still_ours(await self._next())
        if not rows:
            return False
        self._next_s = self._node.clock.monotonic_s() + ROUND_EVERY_S
        most = self._most
        self._most = max(1, most // 2)  # unless it comes back: what a slow broker cannot take in its time goes in parts
        answers = await self._bus.publish([message_of(row) for row in rows])
        self._most = min(most + most // 4 + 1, ROUND_MESSAGES)
        self._pause_s = PAUSE_FIRST_S
        done = [row for row, answer in zip(rows, answers, strict=True) if answer is None]
        if done:
            await self._finish(done)
        failed = [(row, answer) for row, answer in zip(rows, answers, strict=True) if answer is not None]
        await self._hold(failed)
        return len(rows) == most or bool(failed)

    def _still_ours(self, rows: list[Row]) -> list[Row]:
        """Without those of slots that have become another node's since they were read."""
        slots = self._slots.mine()
        return rows if slots is None else [row for row in rows if row["slot"] in slots]

    async def _next(self) -> list[Row]:
        now_ms = self._node.clock.now_ms()
        # What is not refused again long after its time has become another node's, or is gone.
        self._held = {key: held for key, held in self._held.items() if held.until_ms > now_ms - HOLD_FORGET_MS}
        waiting = [key for key, held in self._held.items() if held.until_ms > now_ms]
        slots = self._slots.mine()
        if (slots is not None and not slots) or len(waiting) >= HELD_MAX:
            return []
        where: list[Term] = [eq("connection", self._connection)]
        if slots is not None:
            where.append(one_of("slot", sorted(slots)))
        if waiting:
            where.append(Where("key", Op.NOT_IN, tuple(waiting)))
        rows = await self._node.store.rows(Query(OUTBOX, where, (Order("position"), Order("id")), limit=self._most))
        return in_order(rows)

    async def _finish(self, rows: Sequence[Row]) -> None:
        """They are published: they go. Where that took long, the time for the answer begins now."""
        now_ms = self._node.clock.now_ms()
        late = [row for row in rows if row["timeout_ms"] and now_ms - row["created_ms"] > LATE_MS]
        waiting = await self._waiting(late) if late else set()
        changes: list[AnyChange] = []
        for row in rows:
            self._held.pop(row["key"], None)
            if row["id"] in waiting:
                lock = {"lock_expires_ms": now_ms + row["timeout_ms"]}
                key = {"shard": row["shard"], "id": row["external_task_id"]}
                changes.append(RowChange(EXTERNAL_TASK, Change.UPDATE, {**key, **lock}))
            changes.append(RowChange(OUTBOX, Change.DELETE, {"shard": row["shard"], "id": row["id"]}))
        await self._node.store.commit(Batch(stream="", log=None, at_ms=now_ms, rows=changes))
        self.published += len(rows)
        await self._sent(rows)

    async def _waiting(self, rows: Sequence[Row]) -> set[str]:
        """Requests whose task still waits for them: while they were published it may have gone on to somebody else."""
        where = (
            one_of("shard", tuple({row["shard"] for row in rows})),
            one_of("id", tuple(row["external_task_id"] for row in rows)),
            eq("worker_id", WORKER),
        )
        found = await self._node.store.rows(Query(EXTERNAL_TASK, where, columns=("request_id",)))
        return {row["request_id"] for row in found}

    async def _hold(self, failed: Sequence[tuple[Row, str]]) -> None:
        """The first of a key is the one that was refused, the others wait for it."""
        now_ms = self._node.clock.now_ms()
        seen: set[str] = set()
        for row, reason in failed:
            key = row["key"]
            if key in seen:
                continue
            seen.add(key)
            held = self._held.setdefault(key, Held(0, 0))
            held.refusals += 1
            held.until_ms = now_ms + min(HOLD_FIRST_MS << min(held.refusals - 1, 10), HOLD_MAX_MS)
            logger.warning(
                "the broker of %s refuses a message for %s, its key %r waits: %s",
                self._connection,
                row["channel"],
                key,
                reason,
            )
            if row["external_task_id"] is not None and held.refusals >= REFUSALS_MAX:
                await self._give_up(row, reason)

    async def _give_up(self, row: Row, reason: str) -> None:
        await self._refused(row, reason)
        gone = RowChange(OUTBOX, Change.DELETE, {"shard": row["shard"], "id": row["id"]})
        await self._node.store.commit(Batch(stream="", log=None, at_ms=self._node.clock.now_ms(), rows=[gone]))
        self._held.pop(row["key"], None)


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Rows by position, those of one instance by its revision: clocks of nodes may differ, revisions cannot."""
    found = list(rows)
    places: dict[str, list[int]] = {}
    for place, row in enumerate(found):
        if row["instance_id"] is not None:
            places.setdefault(row["instance_id"], []).append(place)
    for of_instance in places.values():
        if len(of_instance) > 1:
            ordered = sorted(
                (found[place] for place in of_instance), key=lambda row: (row["revision"], row["position"])
            )
            for place, row in zip(of_instance, ordered, strict=True):
                found[place] = row
    return found
