"""How much work waits in each topic, and how long that will take: what workers are scaled by."""

import asyncio
import math
from collections.abc import Mapping, Sequence

import msgspec

from penstock.base.clock import Clock
from penstock.store.protocol import Row, Store
from penstock.store.query import AnyOf, Group, Op, Term, Where, eq, is_null

REFRESH_S = 1.0
"""What was read is shown again for so long."""

PAUSE_FACTOR = 20
"""And for so many times as long as reading took: counting a large backlog never takes more than 5 % of the time."""

WORSE_S, BETTER_S = 10.0, 3.0
"""How far back the pace looks at which a queue becomes shorter: what was longer ago hardly counts. When it gets better, less
far: many tasks that came at once say nothing of the pace after them."""

DRAIN_S_MAX = 86_400.0
"""Said of a queue that does not become shorter: scalers want a number."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One topic. `open`: tasks that are not completed; of these, `waiting`: that a worker could have now, `locked`: that
    one has, or that rest after a failure; the others have no retries left or are suspended.

    `oldest_age_s`: of the oldest open task; `oldest_waiting_s`: of the oldest one that waits. `drain_s`: until none waits,
    at the pace at which the queue has become shorter lately, what has come in meanwhile included; as long as nobody knows
    that pace, the age of what waits longest, which is the same thing in a queue that is in balance."""

    topic: str
    open: int = 0
    waiting: int = 0
    locked: int = 0
    oldest_age_s: float = 0.0
    oldest_waiting_s: float = 0.0
    drain_s: float = 0.0


class Loads:
    """The topics of one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._reading = asyncio.Lock()
        self._known: Mapping[str, Load] = {}
        self._again_s = -math.inf
        self._paces: dict[str, Pace] = {}

    async def read(self) -> Mapping[str, Load]:
        """By topic, at most about a second old; a topic without a task is not there. Raises StoreFailed."""
        async with self._reading:
            began_s = self._clock.monotonic_s()
            if began_s >= self._again_s:
                await self._measure()
                now_s = self._clock.monotonic_s()
                self._again_s = now_s + max(REFRESH_S, PAUSE_FACTOR * (now_s - began_s))
            return self._known

    async def measure(self) -> Mapping[str, Load]:
        """As `read`, from the store."""
        async with self._reading:
            await self._measure()
            return self._known

    async def _measure(self) -> None:
        now_ms = self._clock.now_ms()
        every = await self._groups()
        held = await self._groups(Where("lock_expires_ms", Op.GT, now_ms))
        waiting = await self._groups(
            AnyOf((is_null("lock_expires_ms"), Where("lock_expires_ms", Op.LE, now_ms))),
            AnyOf((is_null("retries"), Where("retries", Op.GT, 0))),
            eq("suspended", False),
        )
        self._paces = {topic: self._paces.get(topic) or Pace() for topic in every}
        self._known = {
            topic: self._load(row, held.get(topic), waiting.get(topic), now_ms) for topic, row in every.items()
        }

    async def _groups(self, *where: Term) -> Mapping[str, Row]:
        rows: Sequence[Row] = await self._store.groups(
            Group("external_task", ("topic",), where, minima=("created_ms",))
        )
        return {row["topic"]: row for row in rows}

    def _load(self, every: Row, held: Row | None, waiting: Row | None, now_ms: int) -> Load:
        count = waiting["count"] if waiting is not None else 0
        waits_s = _age_s(waiting, now_ms)
        return Load(
            topic=every["topic"],
            open=every["count"],
            waiting=count,
            locked=held["count"] if held is not None else 0,
            oldest_age_s=_age_s(every, now_ms),
            oldest_waiting_s=waits_s,
            drain_s=self._paces[every["topic"]].drain_s(self._clock.monotonic_s(), count, waits_s),
        )


def _age_s(row: Row | None, now_ms: int) -> float:
    if row is None or row["min_created_ms"] is None:
        return 0.0
    age_ms: int = now_ms - row["min_created_ms"]
    return max(age_ms / 1000, 0.0)


class Pace:
    """How quickly one queue becomes shorter: an average of the last seconds."""

    __slots__ = ("_at_s", "_per_s", "_waiting")

    def __init__(self) -> None:
        self._at_s: float | None = None
        self._waiting = 0
        self._per_s: float | None = None

    def drain_s(self, now_s: float, waiting: int, unknown_s: float) -> float:
        """Notes how many wait now, and says how long they will. `unknown_s`: what to say when no pace is known yet."""
        if self._at_s is not None and now_s > self._at_s:
            span_s = now_s - self._at_s
            now_per_s = (self._waiting - waiting) / span_s
            before_per_s = now_per_s if self._per_s is None else self._per_s
            weight = 1 - math.exp(-span_s / (BETTER_S if now_per_s > before_per_s else WORSE_S))
            self._per_s = before_per_s + weight * (now_per_s - before_per_s)
        self._at_s, self._waiting = now_s, waiting
        if not waiting:
            return 0.0
        if self._per_s is None:
            return min(unknown_s, DRAIN_S_MAX)
        return min(waiting / self._per_s, DRAIN_S_MAX) if self._per_s > 0 else DRAIN_S_MAX
