"""Bridges under kills and under load, on real brokers: nothing is lost, nothing is doubled.

`make buses` runs all of it at length, on every broker; `SEED` repeats a run.
"""

import os
import random
from pathlib import Path

import pytest
from bus_harness import BUSES, CASES, Plan, run

from penstock.bench.postgres import NoPostgres
from support.brokers.local import NoBroker

BUS = os.environ.get("PENSTOCK_BUS")
KILLS = os.environ.get("PENSTOCK_BUS_KILLS")
MESSAGES = os.environ.get("PENSTOCK_BUS_MESSAGES")
LONG = [(bus, case) for bus in ([BUS] if BUS else BUSES) for case in CASES]
SHORT = [("redis", "kills"), ("nats", "kills"), ("redis", "restart")]
"""What `make test` has time for."""


@pytest.mark.slow
@pytest.mark.parametrize(("bus", "case"), LONG if KILLS else SHORT)
async def test_nothing_is_lost_or_doubled(bus: str, case: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
    plan = Plan(bus, case, messages=int(MESSAGES or 300), kills=int(KILLS or 2), seed=seed)
    try:
        print(await run(plan, tmp_path), flush=True)
    except (NoBroker, NoPostgres) as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"NOTHING OF {bus.upper()} IS TESTED: {missing}")
