"""How much work waits in each topic: what workers are scaled by, as metrics and over `/penstock/v1/topics`."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from runtime_models import EXTERNAL, deployed_id, fetch

from penstock.api.app import create_app
from penstock.base.clock import VirtualClock
from penstock.engine import commands as c
from penstock.runtime.node import Node
from penstock.runtime.telemetry.loads import DRAIN_S_MAX, Pace

TOPICS = "/penstock/v1/topics"


@pytest.fixture
async def rest(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(node))
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        yield client


async def _load(rest: httpx.AsyncClient, clock: VirtualClock, name: str = "t") -> Any:
    clock.advance_ms(2_000)
    answer = await rest.get(f"{TOPICS}/{name}/load")
    assert answer.status_code == 200
    return answer.json()


async def _started(node: Node, definition: str, count: int) -> None:
    for _ in range(count):
        await node.execute(c.StartInstance(definition=definition))


async def test_what_waits_and_what_does_not(node: Node, clock: VirtualClock, rest: httpx.AsyncClient) -> None:
    definition = await deployed_id(node, EXTERNAL)
    await _started(node, definition, 5)
    clock.advance_ms(8_000)
    first, second = await node.fetch_and_lock(fetch(most=2, lock_ms=60_000), wait_ms=None)
    dead = c.FailExternalTask(instance=first["instance_id"], external_task=first["id"], worker="w", retries=0)
    await node.execute(dead)
    found = await _load(rest, clock)
    assert found["topic"] == "t"
    assert (found["open"], found["waiting"], found["locked"]) == (5, 3, 1)
    assert (found["oldestAgeSeconds"], found["oldestWaitingSeconds"]) == (10, 10)
    assert found["drainSeconds"] == 10, "no pace is known yet"
    assert (await rest.get(TOPICS)).json() == [found]
    done = c.CompleteExternalTask(instance=second["instance_id"], external_task=second["id"], worker="w")
    await node.execute(done)
    assert (await _load(rest, clock))["locked"] == 0
    clock.advance_ms(60_000)
    assert (await _load(rest, clock))["waiting"] == 3


async def test_a_lock_that_has_ended_is_work_that_waits(
    node: Node, clock: VirtualClock, rest: httpx.AsyncClient
) -> None:
    await _started(node, await deployed_id(node, EXTERNAL), 1)
    await node.fetch_and_lock(fetch(lock_ms=10_000), wait_ms=None)
    assert [(await _load(rest, clock))[name] for name in ("waiting", "locked")] == [0, 1]
    clock.advance_ms(10_000)
    assert [(await _load(rest, clock))[name] for name in ("waiting", "locked")] == [1, 0]


async def test_a_topic_without_tasks_has_a_load_of_zero(clock: VirtualClock, rest: httpx.AsyncClient) -> None:
    """A scaler asks before there is anything, and wants numbers, no 404."""
    found = await _load(rest, clock, "nothing here")
    assert found.pop("topic") == "nothing here"
    assert set(found.values()) == {0}
    assert (await rest.get(TOPICS)).json() == []


async def test_suspended_tasks_do_not_wait(node: Node, clock: VirtualClock, rest: httpx.AsyncClient) -> None:
    definition = await deployed_id(node, EXTERNAL)
    await _started(node, definition, 2)
    (row, *_) = await node.fetch_and_lock(fetch(most=1), wait_ms=None)
    await node.unlock_external_task(row["id"])
    suspended = await rest.put(
        f"/engine-rest/process-instance/{row['instance_id']}/suspended", json={"suspended": True}
    )
    assert suspended.status_code == 204
    found = await _load(rest, clock)
    assert (found["open"], found["waiting"]) == (2, 1)


async def test_the_document_describes_it(rest: httpx.AsyncClient) -> None:
    paths = (await rest.get("/penstock/v1/openapi.json")).json()["paths"]
    schema = paths["/topics/{name}/load"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(schema["properties"]) == set((await rest.get(f"{TOPICS}/x/load")).json())


# ------------------------------------------------------------------------------------------ the pace


def test_the_pace_of_a_queue_that_becomes_shorter() -> None:
    pace = Pace()
    assert pace.drain_s(0, 1_000, unknown_s=7) == 7
    for second in range(1, 20):
        drain_s = pace.drain_s(second, 1_000 - 10 * second, unknown_s=7)
    assert drain_s == pytest.approx((1_000 - 190) / 10)


def test_a_queue_that_grows_never_drains() -> None:
    pace = Pace()
    for second in range(10):
        drain_s = pace.drain_s(second, 100 + second, unknown_s=1)
    assert drain_s == DRAIN_S_MAX
    assert pace.drain_s(10, 0, unknown_s=1) == 0


def test_many_that_came_at_once_are_soon_forgotten() -> None:
    pace = Pace()
    pace.drain_s(0, 0, unknown_s=0)
    pace.drain_s(1, 1_000, unknown_s=1)
    told = [pace.drain_s(1 + second, 1_000 - 20 * second, unknown_s=1) for second in range(1, 21)]
    assert told[0] == DRAIN_S_MAX
    assert told[-1] == pytest.approx(600 / 20, rel=0.3)
