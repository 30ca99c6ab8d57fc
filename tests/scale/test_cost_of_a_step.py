"""What a step costs does not depend on how large its instance is: time, bytes written, memory.

Here on small numbers, where calls of functions are counted: they do not depend on the machine. `make scale` runs ten thousand
children, a thousand tokens and loops of a hundred thousand rounds, on every store, and takes time instead.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from scenes import EXTERNAL, SCENES, Costs, Stage, loop, many, staged

from penstock.base.clock import SystemClock
from penstock.engine import commands as c
from penstock.expr.values import TypedValue
from penstock.store import open_store
from penstock.store.query import Query, eq

FULL = os.environ.get("PENSTOCK_SCALE") == "full"
STORES = ("memory", "sqlite", "postgresql")
SHORT = {
    "memory": set(SCENES),
    "sqlite": {"parallel external tasks", "parallel asynchronous", "parallel tokens"},
    "postgresql": {"parallel asynchronous"},
}
"""What short runs have of each store: stores differ in how work is found only."""

MORE_PER_STEP = 1.5 if FULL else 1.2
"""How much more a step may cost in an instance four times as large; where it grows with the instance it is four times."""

Opened = Callable[[], AbstractAsyncContextManager[Stage]]


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Opens a node on a store."""
    url = {"memory": lambda: "memory://", "sqlite": lambda: f"sqlite:///{tmp_path / 'penstock.db'}"}.get(
        request.param, lambda: request.getfixturevalue("postgres_url")
    )()

    @asynccontextmanager
    async def open_() -> AsyncIterator[Stage]:
        store = open_store(url, SystemClock())
        await store.open()
        try:
            async with staged(store, projector_process=False) as stage:
                yield stage
        finally:
            await store.close()

    return open_


def _elements(count: int) -> TypedValue:
    texts = [f"element {number} of {count}".ljust(200) for number in range(count)]
    return TypedValue("Object", json.dumps(texts), {"serializationDataFormat": "application/json"})


def sizes(name: str) -> tuple[int, int]:
    if not FULL:
        return 25, 100
    most = 100_000 if "loop" in name else 1_000 if "tokens" in name else 10_000
    return most // 4, most


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.timeout(3600 if FULL else 60)
async def test_a_step_costs_the_same_in_a_larger_instance(name: str, opened: Opened) -> None:
    model, drive = SCENES[name]
    found: list[Costs] = []
    async with opened() as stage:
        if not FULL and name not in SHORT[stage.store.name]:
            pytest.skip(f"on {stage.store.name} in `make scale`")
        for size in sizes(name):
            given = {"all": _elements(size)} if "collection" in name else {}
            instance = await stage.start(model(size), i=TypedValue("Integer", 0), **given)
            found.append(await stage.work(lambda id=instance: drive(stage, id), calls=not FULL))
            assert await stage.is_over(instance)
    small, large = found
    assert (small.steps, large.steps) == sizes(name)
    if FULL:
        print(f"\n{stage.store.name:10} {name:28} {small.us_per_step:6.0f} → {large.us_per_step:6.0f} µs per step")
        assert large.us_per_step < small.us_per_step * MORE_PER_STEP
    else:
        assert large.calls / large.steps < small.calls / small.steps * MORE_PER_STEP
    # The last step ends what is left of the children: its cost is theirs.
    assert large.bytes_per_step(slice(0, -1)) < small.bytes_per_step(slice(0, -1)) * 1.25
    assert sum(large.bytes_written) / large.steps < sum(small.bytes_written) / small.steps * 1.25
    assert max(large.bytes_written[:-1]) < 16_384


async def _loop_without_wait(
    stage: Stage, rounds: int, *, memory: bool = False, calls: bool = False
) -> tuple[Costs, str]:
    """(what it cost, the instance)."""
    definition = await stage.deploy(loop("", rounds))
    started = ""

    async def run() -> int:
        nonlocal started
        started = await stage.node.execute(
            c.StartInstance(definition=definition, variables={"i": TypedValue("Integer", 0)})
        )
        return rounds

    return await stage.work(run, calls=calls, memory=memory), started


async def _events_of(stage: Stage, instance: str, rounds: int) -> int:
    assert await stage.is_over(instance)
    of_it = (eq("instance_id", instance),)
    activities, details = [await stage.node.count(Query(table, of_it)) for table in ("activity_instance", "detail")]
    assert activities == 2 * rounds + 2
    return 2 * activities + details


@pytest.mark.parametrize("opened", ["sqlite"], indirect=True)
@pytest.mark.timeout(3600 if FULL else 60)
async def test_a_long_unit_holds_little_of_what_has_happened(opened: Opened) -> None:
    rounds = (25_000, 100_000) if FULL else (400, 1_600)
    async with opened() as stage:
        found = [await _loop_without_wait(stage, n, memory=True) for n in rounds]
        events = [await _events_of(stage, id, n) for n, (_, id) in zip(rounds, found, strict=True)]
    per_event = (found[1][0].memory_bytes - found[0][0].memory_bytes) / (events[1] - events[0])
    print(f"\n{per_event:.0f} bytes of memory per further event")
    assert per_event < 200


@pytest.mark.parametrize("opened", ["memory"], indirect=True)
async def test_a_round_of_a_long_unit_costs_the_same_in_a_longer_one(opened: Opened) -> None:
    rounds = (25_000, 100_000) if FULL else (300, 1_200)
    async with opened() as stage:
        small, large = [(await _loop_without_wait(stage, n, calls=True))[0] for n in rounds]
    assert large.calls / large.steps < small.calls / small.steps * MORE_PER_STEP


@pytest.mark.timeout(3600 if FULL else 60)
async def test_other_instances_go_on_during_a_long_unit(opened: Opened) -> None:
    async with opened() as stage:
        other = await stage.deploy(many(EXTERNAL, 1))
        long = asyncio.create_task(_loop_without_wait(stage, 100_000 if FULL else 1_200))
        waits_ms: list[float] = []
        while not long.done():
            began_s = time.perf_counter()
            await stage.node.execute(c.StartInstance(definition=other))
            waits_ms.append((time.perf_counter() - began_s) * 1000)
            await asyncio.sleep(0.005)
        await long
    waits_ms.sort()
    p99_ms = waits_ms[int(len(waits_ms) * 0.99)]
    median_ms = waits_ms[len(waits_ms) // 2]
    print(f"\n{stage.store.name:10} {len(waits_ms)} others meanwhile: median {median_ms:.0f} ms, p99 {p99_ms:.0f} ms")
    # A unit that let nobody else run would let one or two through.
    assert len(waits_ms) > 5
    if FULL:
        assert p99_ms < 100
