"""What bridges show as metrics. What brokers and the store are asked for is a few seconds old."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from penstock.base.clock import Clock
from penstock.base.errors import PenstockError
from penstock.bridge.early import TABLE as EARLY
from penstock.bridge.link import Link
from penstock.bridge.rows import OUTBOX
from penstock.bus.protocol import Lag
from penstock.runtime.telemetry import catalogue as m
from penstock.runtime.telemetry.catalogue import Measured
from penstock.store.protocol import Store
from penstock.store.query import Group

FRESH_S = 5.0

Values = dict[tuple[str, ...], float]


class BusReadings:
    """The metrics of the connections that `links` gives."""

    def __init__(self, links: Callable[[], Mapping[str, Link]], store: Store, clock: Clock) -> None:
        self._links = links
        self._store = store
        self._clock = clock
        self._asked: Sequence[Measured] = ()
        self._asked_s = -FRESH_S

    async def take(self) -> Sequence[Measured]:
        """Every metric of buses with its values."""
        if self._clock.monotonic_s() - self._asked_s >= FRESH_S:
            self._asked_s = self._clock.monotonic_s()
            self._asked = await self._ask()
        return [*self._counted(), *self._asked]

    def _counted(self) -> Sequence[Measured]:
        messages: dict[tuple[str, ...], float] = {}
        published: dict[tuple[str, ...], float] = {}
        for name, link in self._links().items():
            published[(name,)] = link.publisher.published
            for _, consumer in link.consumers.values():
                for outcome, count in consumer.counts.items():
                    messages[consumer.consumed.name, outcome] = count
        return (Measured(m.BUS_MESSAGES, messages), Measured(m.BUS_PUBLISHED, published))

    async def _ask(self) -> Sequence[Measured]:
        readings = [
            (link, consumer.consumed) for link in self._links().values() for _, consumer in link.consumers.values()
        ]
        lags = await asyncio.gather(*(link.lag(read.to.channel, read.to.group) for link, read in readings))
        known = [(read.name, lag) for (_, read), lag in zip(readings, lags, strict=True) if isinstance(lag, Lag)]
        waiting: Values = {(name,): lag.waiting for name, lag in known}
        ages: Values = {(name,): lag.oldest_age_ms / 1000 for name, lag in known if lag.oldest_age_ms is not None}
        return (
            Measured(m.BUS_LAG, waiting),
            Measured(m.BUS_AGE, ages),
            *await self._stored(m.OUTBOX, OUTBOX, "connection"),
            *await self._stored(m.EARLY, EARLY, "name"),
        )

    async def _stored(self, metric: m.Metric, table: str, column: str) -> Sequence[Measured]:
        try:
            rows = await self._store.groups(Group(table, (column,)))
        except PenstockError:
            return ()  # `/ready` says that the store is away
        return (Measured(metric, {(row[column] or "",): row["count"] for row in rows}),)
