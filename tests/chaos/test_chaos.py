"""`kill -9` under load: nothing acknowledged is lost, nothing is done twice.

`PENSTOCK_CHAOS_KILLS` says how many kills each case takes (`make chaos`: 200), `SEED` repeats a run.
"""

import os
import random
from pathlib import Path

import pytest
from harness import STORES, Plan, empty_store, run

from penstock.bench.postgres import NoPostgres

KILLS = os.environ.get("PENSTOCK_CHAOS_KILLS")


async def _run(plan: Plan, folder: Path) -> None:
    try:
        async with empty_store(plan.store, folder) as url:
            print(await run(plan, url, folder), flush=True)
    except NoPostgres as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"NOTHING OF POSTGRESQL IS TESTED: {missing}")


def _seed() -> int:
    return int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))


@pytest.mark.slow
@pytest.mark.parametrize("store", STORES)
async def test_a_killed_server_loses_nothing_and_does_nothing_twice(store: str, tmp_path: Path) -> None:
    await _run(Plan(store, int(KILLS or 10), _seed()), tmp_path)


@pytest.mark.slow
async def test_two_nodes_survive_kills_and_pauses_of_each_other(tmp_path: Path) -> None:
    await _run(Plan("postgresql", int(KILLS or 6), _seed(), nodes=2), tmp_path)
