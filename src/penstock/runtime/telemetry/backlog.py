"""What waits in the store: read when somebody asks, and not more often than is cheap."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from penstock.base.clock import Clock
from penstock.base.errors import PenstockError
from penstock.runtime.projector import PROJECTION
from penstock.runtime.telemetry import catalogue as m
from penstock.runtime.telemetry.catalogue import Measured
from penstock.store.protocol import Row, Store
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
        now_ms = self._clock.now_ms()
        every = await self._store.groups(Group("external_task", ("topic",), minima=("created_ms",)))
        held = await self._store.groups(Group("external_task", ("topic",), (Where("lock_expires_ms", Op.GT, now_ms),)))
        every.sort(key=lambda row: -row["count"])
        shown = {row["topic"] for row in every[:TOPICS_MAX]}
        ages: dict[tuple[str, ...], float] = {}
        for row in every:
            key = _label(row, "topic", shown)
            ages[key] = max(ages.get(key, 0.0), (now_ms - (row["min_created_ms"] or now_ms)) / 1000)
        return [
            Measured(m.TASKS_OPEN, _sums(every, "topic", shown)),
            Measured(m.TASKS_LOCKED, {**dict.fromkeys(ages, 0), **_sums(held, "topic", shown)}),
            Measured(m.TASKS_AGE, ages),
        ]

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


def _label(row: Row, column: str, shown: set[str]) -> tuple[str, ...]:
    return (row[column] if row[column] in shown else OTHERS,)


def _sums(rows: Sequence[Row], column: str, shown: set[str]) -> Mapping[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for row in rows:
        key = _label(row, column, shown)
        found[key] = found.get(key, 0) + row["count"]
    return found
