"""Two nodes on one PostgreSQL: no client notices which one it speaks to."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from runtime_models import ASYNC, EXPRESSION, EXTERNAL, MakeNode, deploy, deployed_id, fetch, one_task, until

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
    made = (await make_node(stores[0]), await make_node(stores[1]))
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


async def settled(nodes: Nodes) -> tuple[Node, Node]:
    """(the node that projects the views, the other): one of them, once something was projected."""
    a, b = nodes
    definition = await deployed_id(a, EXTERNAL, key="settling")
    for node in (a, b) * 2:
        await node.execute(c.StartInstance(definition=definition))
        assert await a.count(Query("process_instance")) == await b.count(Query("process_instance"))
    await until(lambda: a._projector.leads != b._projector.leads)
    return (a, b) if a._projector.leads else (b, a)


async def test_one_node_projects_and_both_show_the_same(nodes: Nodes) -> None:
    leader, follower = await settled(nodes)
    before = follower.metrics()["view_rows_projected_total"]
    definition = await deployed_id(leader, EXPRESSION)
    for number in range(10):
        # What either node has answered is in the views of both at once.
        id = await (leader, follower)[number % 2].execute(c.StartInstance(definition=definition))
        for node in nodes:
            assert await node.count(Query("process_instance", (eq("id", id),))) == 1
    assert leader._projector.leads and not follower._projector.leads
    assert follower.metrics()["view_rows_projected_total"] == before


async def test_when_the_projecting_node_closes_the_other_goes_on(nodes: Nodes) -> None:
    leader, follower = await settled(nodes)
    await leader.close()
    definition = await deployed_id(follower, EXPRESSION)
    instance = await follower.execute(c.StartInstance(definition=definition))
    assert await follower.count(Query("process_instance", (eq("id", instance),))) == 1
    assert follower._projector.leads


async def test_when_the_projecting_node_is_killed_the_views_go_on_though_nobody_asks(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.runtime.projector.TAKE_OVER_S", 0.1)
    leader, follower = await settled(nodes)
    definition = await deployed_id(follower, EXPRESSION)
    task = leader._projector._task
    assert task is not None
    task.cancel()
    leader._projector._task = None
    # What the killed node itself has committed last is not lost either.
    last = await leader.execute(c.StartInstance(definition=definition))
    heads = await follower.store.heads()
    async with asyncio.timeout(10):
        while await follower.store.view_positions("views") != heads:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert await follower.count(Query("process_instance", (eq("id", last),))) == 1


async def test_a_paused_node_that_wakes_does_no_harm(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = await settled(nodes)
    definition = await deployed_id(leader, EXTERNAL)
    await leader.count(Query("process_instance"))
    paused, wakes, answers = asyncio.Event(), asyncio.Event(), []
    project = leader.store.project

    async def late(*given: object) -> bool:
        paused.set()
        await wakes.wait()
        answers.append(await project(*given))  # type: ignore[arg-type]
        return answers[-1]

    monkeypatch.setattr(leader.store, "project", late)
    instance = await leader.execute(c.StartInstance(definition=definition))
    await paused.wait()
    # The other takes over, and moves on: the task is completed in the views as well.
    task = await one_task_of(follower, instance)
    await follower.execute(c.CompleteExternalTask(instance=instance, external_task=task, worker="w"))
    of_it = (eq("id", instance),)
    (row,) = await follower.rows(Query("process_instance", of_it))
    assert row["state"] == "COMPLETED"
    wakes.set()
    await until(lambda: not leader._projector.leads)
    assert answers == [False]
    for node in nodes:
        (row,) = await node.rows(Query("process_instance", of_it))
        assert row["state"] == "COMPLETED"


async def one_task_of(node: Node, instance: str) -> str:
    rows = await node.fetch_and_lock(fetch(most=100), wait_ms=None)
    (id,) = [row["id"] for row in rows if row["instance_id"] == instance]
    found: str = id
    return found


async def test_rebuilding_on_one_is_seen_by_the_other(nodes: Nodes) -> None:
    leader, follower = await settled(nodes)
    count = await leader.count(Query("activity_instance"))
    assert count
    await follower.rebuild_views()
    for node in nodes:
        assert await node.count(Query("activity_instance")) == count
    instance = await leader.execute(c.StartInstance(definition=await deployed_id(leader, EXPRESSION)))
    for node in nodes:
        assert await node.count(Query("process_instance", (eq("id", instance),))) == 1


async def test_a_single_node_tells_nobody(emptied_postgres_url: str, clock: VirtualClock, make_node: MakeNode) -> None:
    spy = await asyncpg.connect(emptied_postgres_url)
    heard: list[str] = []
    store = PostgresqlStore(emptied_postgres_url, clock)
    await store.open()
    node = await make_node(store)
    await until(lambda: not store._listener.others)
    await spy.add_listener("penstock", lambda *said: heard.append(said[-1]))
    definition = await deployed_id(node, EXTERNAL)
    for _ in range(3):
        instance = await node.execute(c.StartInstance(definition=definition))
        task = await one_task(node)
        await node.execute(c.CompleteExternalTask(instance=instance, external_task=task["id"], worker="w"))
        assert await node.count(Query("process_instance", (eq("id", instance),))) == 1
    await node.execute(c.StartInstance(definition=await deployed_id(node, ASYNC), variables={}))
    await node.close()
    await store.close()
    await spy.execute("SELECT 1")
    await spy.close()
    assert heard == []
