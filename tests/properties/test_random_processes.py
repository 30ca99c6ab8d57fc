"""Random processes on random paths: what must always hold, holds after every unit of work.

`make fuzz` takes more examples, other ones each time; a failure prints how to repeat it.
"""

import asyncio
import os
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_process import Model, models
from random_run import Run, run_of

from penstock.base.clock import VirtualClock
from penstock.engine.events import LogRow
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import AnyChange, Row
from penstock.store.query import Query
from penstock.store.tables import TABLES, Sort
from penstock.views.projection import coalesce, project

pytestmark = pytest.mark.slow

EXAMPLES = os.environ.get("PENSTOCK_FUZZ_EXAMPLES")
"""How many random processes, other ones each time; without it always the same few."""

STEPS = 16
"""Random things done to each process before it is brought to its end."""

PROJECTION = "views"

_common = settings(
    deadline=None,
    derandomize=not EXAMPLES,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(_common, max_examples=int(EXAMPLES or 200))
@given(model=models(), seed=st.integers(0, 2**32))
def test_every_path_through_every_process_keeps_the_invariants(model: Model, seed: int) -> None:
    run = run_of(model, Random(seed).randrange, STEPS)
    assert all(ledger.ended for ledger in run.ledgers.values())


@settings(_common, max_examples=int(EXAMPLES or 240) // 4)
@given(model=models(depth=1), seed=st.integers(0, 2**32))
def test_the_views_are_the_same_however_the_log_is_cut(model: Model, seed: int) -> None:
    chance = Random(seed)
    run = Run(model, chance.randrange)
    run.start()
    run.walk(STEPS)
    rows = [LogRow([unit]) for unit in run.units]

    async def both() -> tuple[dict[str, list[Row]], dict[str, list[Row]]]:
        return await _views([[row] for row in rows], shortened=False), await _views(_cut(rows, chance), shortened=True)

    one_by_one, in_bulk = asyncio.run(both())
    for name in one_by_one:
        assert one_by_one[name] == in_bulk[name], f"the view {name}"
    _check_live(run, one_by_one)


def _cut(rows: list[LogRow], chance: Random) -> list[list[LogRow]]:
    found = []
    at = 0
    while at < len(rows):
        size = chance.randint(1, 6)
        found.append(rows[at : at + size])
        at += size
    return found


async def _views(bulks: list[list[LogRow]], *, shortened: bool) -> dict[str, list[Row]]:
    """Every view after these runs of the log."""
    store = MemoryStore(VirtualClock())
    await store.open()
    for number, bulk in enumerate(bulks, 1):
        changes: list[AnyChange] = [change for row in bulk for change in project(row)]
        await store.project(PROJECTION, coalesce(changes) if shortened else changes, {"s": number})
    found = {name: await store.rows(Query(name)) for name, table in TABLES.items() if table.sort is Sort.VIEW}
    await store.close()
    return found


def _check_live(run: Run, views: dict[str, list[Row]]) -> None:
    """What the views show as live is what is live."""
    live = run.engine.instances
    assert {row["id"] for row in views["process_instance"] if row["ended_ms"] is None} == live.keys()
    assert {row["id"] for row in views["task"] if row["live"]} == {id for i in live.values() for id in i.tasks}
    assert {row["id"] for row in views["incident"] if row["ended_ms"] is None} == {
        id for i in live.values() for id in i.incidents
    }
    opened = {id for ledger in run.ledgers.values() for id in ledger.open}
    assert {row["id"] for row in views["activity_instance"] if row["ended_ms"] is None} == opened
    variables = {id for ledger in run.ledgers.values() for id in ledger.variables}
    running = {row["id"] for row in views["process_instance"] if row["ended_ms"] is None}
    living = {row["id"] for row in views["variable"] if row["live"] and row["instance_id"] in running}
    assert living == variables
