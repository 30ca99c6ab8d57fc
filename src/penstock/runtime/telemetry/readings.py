"""Everything that a node shows, put together when somebody asks."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock import __version__
from penstock.base.clock import Clock
from penstock.runtime.telemetry import catalogue as m
from penstock.runtime.telemetry.backlog import Backlog
from penstock.runtime.telemetry.catalogue import Measured
from penstock.runtime.telemetry.counters import COMMITTED, Counters
from penstock.runtime.telemetry.loads import Load
from penstock.store.protocol import Store


class Readings:
    """The metrics of one node. `plain`: `Engine.metrics`; `health`: `Engine.health`."""

    def __init__(
        self,
        counters: Counters,
        store: Store,
        clock: Clock,
        *,
        plain: Callable[[], Mapping[str, float]],
        health: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._counters = counters
        self._store = store.name
        self._backlog = Backlog(store, clock)
        self._plain = plain
        self._health = health

    async def loads(self) -> Mapping[str, Load]:
        """How much work waits, by topic."""
        return await self._backlog.loads.read()

    async def take(self) -> list[Measured]:
        """Every metric with its values, in no order."""
        health = self._health()
        return [
            Measured(m.INFO, {(__version__, self._store, str(health["node"])): 1}),
            Measured(m.READY, {(): int(health["ready"])}),
            *self._counted(),
            *(Measured(m.PLAIN[name], {(): value}) for name, value in self._plain().items() if name in m.PLAIN),
            *await self._backlog.read(),
        ]

    def _counted(self) -> Sequence[Measured]:
        counters = self._counters
        units: dict[tuple[str, ...], float] = {
            (command.__name__, COMMITTED): count for command, count in counters.committed.items()
        }
        units.update({(command.__name__, outcome): count for (command, outcome), count in counters.dropped.items()})
        return (
            Measured(m.UNITS, units),
            Measured(m.BATCH_UNITS, {(): counters.batch_units}),
            Measured(m.COMMIT_SECONDS, {(): counters.commit_seconds}),
            Measured(m.STARTED, _by_key(counters.started)),
            Measured(m.ENDED, _by_key(counters.ended)),
            Measured(m.JOBS_EXECUTED, {(): counters.jobs_executed}),
            Measured(m.JOBS_FAILED, {(): counters.jobs_failed}),
            Measured(
                m.REQUESTS,
                {
                    (method, route, str(status)): seconds
                    for (method, route, status), seconds in counters.requests.items()
                },
            ),
        )


def _by_key(by_definition: Mapping[str | None, int]) -> Mapping[tuple[str, ...], float]:
    """Counts of definition ids (`key:version:uuid`) by key; standalone tasks have no definition."""
    found: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for definition, count in by_definition.items():
        if definition is not None:
            found[(definition.rpartition(":")[0].rpartition(":")[0],)] += count
    return found
