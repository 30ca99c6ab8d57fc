"""What waits in the store: read when somebody asks, and not more often than is cheap."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from penstock.base.clock import Clock
from penstock.base.errors import PenstockError
from penstock.runtime.projector import PROJECTION
from penstock.runtime.telemetry import catalogue as m
from penstock.runtime.telemetry.catalogue import Measured
from penstock.runtime.telemetry.loads import Load, Loads
from penstock.store.protocol import Store
from penstock.store.query import AnyOf, Group, Op, Query, Term, Where, eq, is_null

logger = logging.getLogger(__name__)

REFRESH_S = 5.0
"""What was read is shown again for so long."""

PAUSE_FACTOR = 20
"""And for so many times as long as reading took: counting a large backlog never takes more than 5 % of the time."""

TOPICS_MAX = 500
"""Topics that have a line of their own, the fullest; the others are added up."""

OTHERS = "(others)"


class Backlog:
    """The gauges of one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.loads = Loads(store, clock)
        self._reading = asyncio.Lock()
        self._known: Sequence[Measured] = ()
        self._again_s = float("-inf")

    async def read(self) -> Sequence[Measured]:
        """What waits, at most a few seconds old. Nothing while the store is out of reach."""
        async with self._reading:
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            if began_s >= self._again_s:
                try:
                    self._known = [
                        *await self._jobs(),
                        *await self._tasks(),
                        await self._incidents(),
                        *await self._views(),
                    ]
                except PenstockError as error:
                    logger.warning("the backlog cannot be measured: %s", error.message)
                    self._known = ()
                now_s = loop.time()
                self._again_s = now_s + max(REFRESH_S, PAUSE_FACTOR * (now_s - began_s))
            return self._known

    async def _jobs(self) -> list[Measured]:
        now_ms = self._clock.now_ms()
        due = (
            is_null("lease_owner"),
            AnyOf((is_null("due_ms"), Where("due_ms", Op.LE, now_ms))),
            Where("retries", Op.GT, 0),
            eq("suspended", False),
        )
        counts: tuple[tuple[m.Metric, Sequence[Term]], ...] = (
            (m.JOBS_OPEN, ()),
            (m.JOBS_DUE, due),
            (m.JOBS_DEAD, (eq("retries", 0),)),
        )
        return [Measured(metric, {(): await self._store.count(Query("job", where))}) for metric, where in counts]

    async def _tasks(self) -> list[Measured]:
        loads = sorted((await self.loads.measure()).values(), key=lambda load: -load.open)
        shown, others = loads[:TOPICS_MAX], loads[TOPICS_MAX:]
        if others:
            shown.append(_together(others))
        metrics: tuple[tuple[m.Metric, Callable[[Load], float]], ...] = (
            (m.TASKS_OPEN, lambda load: load.open),
            (m.TASKS_LOCKED, lambda load: load.locked),
            (m.TASKS_WAITING, lambda load: load.waiting),
            (m.TASKS_AGE, lambda load: load.oldest_age_s),
            (m.TASKS_DRAIN, lambda load: load.drain_s),
        )
        return [Measured(metric, {(load.topic,): value(load) for load in shown}) for metric, value in metrics]

    async def _incidents(self) -> Measured:
        rows = await self._store.groups(Group("incident", ("type",), (is_null("ended_ms"),)))
        return Measured(m.INCIDENTS, {(row["type"],): row["count"] for row in rows})

    async def _views(self) -> list[Measured]:
        positions = await self._store.view_positions(PROJECTION)
        heads = await self._store.heads()
        rows = sum(max(0, head - positions.get(stream, 0)) for stream, head in heads.items())
        age_s = 0.0
        if rows:
            oldest = await self._store.read_log(positions, 1)
            age_s = max(0.0, (self._clock.now_ms() - oldest[0].at_ms) / 1000) if oldest else 0.0
        return [Measured(m.BEHIND_ROWS, {(): rows}), Measured(m.BEHIND_SECONDS, {(): age_s})]


def _together(loads: Sequence[Load]) -> Load:
    return Load(
        topic=OTHERS,
        open=sum(load.open for load in loads),
        waiting=sum(load.waiting for load in loads),
        locked=sum(load.locked for load in loads),
        oldest_age_s=max(load.oldest_age_s for load in loads),
        oldest_waiting_s=max(load.oldest_waiting_s for load in loads),
        drain_s=max(load.drain_s for load in loads),
    )
