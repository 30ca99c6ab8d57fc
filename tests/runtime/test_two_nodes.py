"""Two nodes on one PostgreSQL: no client notices which one it speaks to."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from runtime_models import ASYNC, EXPRESSION, EXTERNAL, deploy, deployed_id, fetch, one_task, until

from conftest import MakeNode
from penstock.base.clock import SystemClock, VirtualClock
from penstock.base.errors import NotFound
from penstock.engine import commands as c
from penstock.expr.values import TypedValue
from penstock.runtime.node import Node
from penstock.store.postgresql.store import PostgresqlStore
from penstock.store.query import Query, eq

Nodes = tuple[Node, Node]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(SystemClock().now_ms())


@pytest.fixture
async def nodes(emptied_postgres_url: str, clock: VirtualClock, make_node: MakeNode) -> AsyncIterator[Nodes]:
    stores = [PostgresqlStore(emptied_postgres_url, clock) for _ in range(2)]
    for store in stores:
        await store.open()
    made = (await make_node(stores[0]), await make_node(stores[1], project_views=False))
    yield made
    for node in made:
        await node.close()
    for store in stores:
        await store.close()


async def test_a_definition_deployed_on_one_starts_on_the_other_at_once(nodes: Nodes) -> None:
    a, b = nodes
    await deploy(a, EXTERNAL)
    first = await b.latest("p", None)
    assert first is not None
    await b.execute(c.StartInstance(definition=first))
    second = await deployed_id(a, EXPRESSION)
    assert await b.latest("p", None) == second
    instance = await b.execute(c.StartInstance(definition=second))
    for node in nodes:
        (row,) = await node.rows(Query("process_instance", (eq("id", instance),)))
        assert row["state"] == "COMPLETED"


async def test_what_one_has_changed_the_other_goes_on_from(nodes: Nodes) -> None:
    a, b = nodes
    instance = await a.execute(c.StartInstance(definition=await deployed_id(a, EXTERNAL)))
    for n, node in enumerate((a, b) * 4):
        await node.execute(c.SetVariables(instance=instance, modifications={f"v{n}": TypedValue("Long", n)}))
    await asyncio.gather(
        *(
            node.execute(c.SetVariables(instance=instance, modifications={f"w{n}": TypedValue("Long", n)}))
            for n, node in enumerate((a, b) * 4)
        )
    )
    for node in nodes:
        state = await node.instance(instance)
        assert state is not None
        assert set(state.executions[instance].variables) == {f"{x}{n}" for x in "vw" for n in range(8)}
        assert await node.count(Query("variable", (eq("instance_id", instance),))) == 16


async def test_a_task_is_completed_once_whoever_is_asked(nodes: Nodes) -> None:
    a, b = nodes
    definition = await deployed_id(a, EXTERNAL)
    for _ in range(3):
        instance = await a.execute(c.StartInstance(definition=definition))
        task = await one_task(b)
        complete = c.CompleteExternalTask(instance=instance, external_task=task["id"], worker="w")
        outcomes = await asyncio.gather(a.execute(complete), b.execute(complete), return_exceptions=True)
        assert sorted(type(outcome) for outcome in outcomes if outcome is not None) == [NotFound]


async def test_a_worker_that_waits_at_one_is_woken_by_the_other(nodes: Nodes) -> None:
    a, b = nodes
    definition = await deployed_id(a, EXTERNAL)
    waiting = asyncio.create_task(b.fetch_and_lock(fetch(), wait_ms=10_000))
    await asyncio.sleep(0.05)
    instance = await a.execute(c.StartInstance(definition=definition))
    (row,) = await asyncio.wait_for(waiting, 1.0)
    assert row["instance_id"] == instance


async def test_an_idempotency_key_counts_on_both(nodes: Nodes) -> None:
    a, b = nodes
    command = c.StartInstance(definition=await deployed_id(a, EXTERNAL))
    answers = await asyncio.gather(*(node.execute(command, idempotency_key="k") for node in (a, b) * 2))
    assert len(set(answers)) == 1
    assert await b.count(Query("process_instance")) == 1


async def test_jobs_of_one_run_on_the_other(nodes: Nodes) -> None:
    a, b = nodes
    definition = await deployed_id(a, ASYNC)
    instances = [
        await a.execute(c.StartInstance(definition=definition, variables={"answer": TypedValue("Long", 1)}))
        for _ in range(5)
    ]
    done = await asyncio.gather(a.run_due_jobs(), b.run_due_jobs())
    assert sum(done) == 5
    assert {row["state"] for row in await b.rows(Query("process_instance"))} == {"COMPLETED"}
    assert len(instances) == 5
    await until(lambda: a.metrics()["units_waiting"] == 0)
