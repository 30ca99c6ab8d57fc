"""Long units: they are logged in parts, and nobody can tell."""

import asyncio

import pytest
from runtime_models import EXTERNAL, MakeNode, deployed_id, fetch

from penstock.base.clock import VirtualClock
from penstock.cli.checks.consistency import _apply_next
from penstock.engine import commands as c
from penstock.engine.events import InstanceEvents, LogRow, is_part, unpack
from penstock.engine.state import Instance
from penstock.expr.values import TypedValue
from penstock.runtime import executor
from penstock.runtime.node import Node
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Row, Store
from penstock.store.query import Order, Query, eq
from penstock.store.tables import TABLES, Sort
from penstock.views.projection import project_all

ROUNDS = 60
LOOP = (
    '<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="count"/>'
    '<serviceTask id="count" camunda:expression="${i + 1}" camunda:resultVariable="i"/>'
    '<sequenceFlow id="f2" sourceRef="count" targetRef="again"/><exclusiveGateway id="again" default="f5"/>'
    '<sequenceFlow id="f4" sourceRef="again" targetRef="count"><conditionExpression xsi:type="tFormalExpression">'
    f"${{i &lt; {ROUNDS}}}</conditionExpression></sequenceFlow>"
    '<sequenceFlow id="f5" sourceRef="again" targetRef="work"/>'
    '<serviceTask id="work" camunda:type="external" camunda:topic="t"/>'
    '<sequenceFlow id="f6" sourceRef="work" targetRef="end"/><endEvent id="end"/>'
)
VIEWS = sorted(name for name, table in TABLES.items() if table.sort is Sort.VIEW)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "PART_EVENTS", 20)
    monkeypatch.setattr("penstock.engine.unit.PAUSE_EVERY", 7)


async def run_loop(node: Node, user: str | None = None) -> str:
    definition = await deployed_id(node, LOOP)
    found: str = await node.execute(
        c.StartInstance(definition=definition, variables={"i": TypedValue("Integer", 0)}, user=user)
    )
    return found


async def log_of(store: Store) -> list[LogRow]:
    return [unpack(entry.payload) for entry in await store.read_log({}, 10_000)]


async def views(node: Node) -> dict[str, list[Row]]:
    return {name: await node.rows(Query(name, order=(Order("id"),))) for name in VIEWS}


async def test_a_long_unit_is_one_unit_for_everybody_else(node: Node, store: Store) -> None:
    instance = await run_loop(node)
    entries = await store.read_log({}, 10_000)
    assert sum(is_part(entry.payload) for entry in entries) > 5
    units = [unit for row in await log_of(store) for unit in row.units if unit.instance == instance]
    assert {unit.revision for unit in units} == {1}
    assert [unit.goes_on for unit in units] == [True] * (len(units) - 1) + [False]
    assert [unit.first for unit in units] == [sum(len(u.events) for u in units[:n]) for n in range(len(units))]
    # Its ready row is there, and its history whole.
    (task,) = await node.fetch_and_lock(fetch(), wait_ms=None)
    await node.execute(c.CompleteExternalTask(instance=instance, external_task=task["id"], worker="w"))
    rows = await node.rows(Query("activity_instance", (eq("instance_id", instance),), order=(Order("sequence"),)))
    assert [row["activity_id"] for row in rows[:5]] == ["start", "count", "again", "count", "again"]
    assert len(rows) == 2 * ROUNDS + 3
    assert all(row["ended_ms"] is not None for row in rows)
    details = await node.rows(Query("detail", (eq("instance_id", instance),), order=(Order("sequence"),)))
    assert [row["long_value"] for row in details] == list(range(ROUNDS + 1))


async def test_the_views_are_those_of_a_unit_in_one_piece(node: Node, store: Store, clock: VirtualClock) -> None:
    """The same events as one unit give the same rows, ids included."""
    await run_loop(node, user="demo")
    in_parts = await views(node)
    assert any(row["operation_id"] for row in in_parts["detail"])
    whole = MemoryStore(clock)
    await whole.project("views", project_all(_joined(await log_of(store))), {})
    for name in VIEWS:
        assert await whole.rows(Query(name, order=(Order("id"),))) == in_parts[name], name
    await node.rebuild_views()
    assert await views(node) == in_parts


def _joined(rows: list[LogRow]) -> list[LogRow]:
    """The log as it would be without parts."""
    found: list[LogRow] = []
    open_: list[InstanceEvents] = []
    for row in rows:
        units = []
        for unit in row.units:
            open_.append(unit)
            if not unit.goes_on:
                header = {f: getattr(unit, f) for f in InstanceEvents.__struct_fields__}
                header |= {"events": [e for part in open_ for e in part.events], "first": 0, "operation": None}
                units.append(InstanceEvents(**header))
                open_ = []
        found.append(LogRow(units, row.deleted))
    return found


async def test_the_parts_lead_to_the_state(node: Node, store: Store) -> None:
    instance = await run_loop(node)
    state = await node.instance(instance)
    assert state is not None
    replayed: dict[str, Instance] = {}
    waiting: dict[int, list[InstanceEvents]] = {}
    for row in await log_of(store):
        for unit in row.units:
            if unit.instance == instance:
                waiting.setdefault(unit.revision, []).append(unit)
                _apply_next(replayed, waiting, state.revision, unit)
    assert replayed[instance] == state


async def test_what_comes_before_a_long_unit_in_its_batch_is_logged_before_it(node: Node, store: Store) -> None:
    definition = await deployed_id(node, EXTERNAL, key="other")
    long, *others = await asyncio.gather(
        run_loop(node), *(node.execute(c.StartInstance(definition=definition)) for _ in range(20))
    )
    again = [node.execute(c.SetVariables(instance=i, modifications={"x": TypedValue("Long", 1)})) for i in others]
    await asyncio.gather(*again, run_loop(node))
    seen: dict[str, int] = {}
    for row in await log_of(store):
        for unit in row.units:
            assert unit.revision >= seen.get(unit.instance, 0)
            seen[unit.instance] = unit.revision
    assert seen[long] == 1
    assert all(seen[id] == 2 for id in others)


async def test_a_long_unit_that_fails_leaves_nothing(node: Node, store: Store) -> None:
    before = len(await log_of(store))
    body = LOOP.replace('camunda:type="external" camunda:topic="t"', 'camunda:expression="${nobody}"')
    definition = await deployed_id(node, body)
    deployed = len(await log_of(store))
    with pytest.raises(Exception, match="nobody"):
        await node.execute(c.StartInstance(definition=definition, variables={"i": TypedValue("Integer", 0)}))
    assert len(await log_of(store)) == deployed >= before
    assert await node.rows(Query("process_instance")) == []
    assert not node._executor._parts


async def test_transient_variables_leave_no_trace_in_parts(node: Node, store: Store) -> None:
    definition = await deployed_id(node, LOOP)
    secret = TypedValue("String", "secret", transient=True)
    await node.execute(
        c.StartInstance(definition=definition, variables={"i": TypedValue("Integer", 0), "secret": secret})
    )
    assert "secret" not in str(await log_of(store))


async def test_an_endless_loop_is_an_error(make_node: MakeNode, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await make_node(store)
    monkeypatch.setattr("penstock.engine.unit.EVENTS_MAX", 100)
    with pytest.raises(Exception, match="more than 100 events"):
        await run_loop(node)


async def test_who_reads_during_a_long_unit_sees_what_was_before_it(node: Node) -> None:
    body = LOOP.replace('sourceRef="start" targetRef="count"', 'sourceRef="start" targetRef="first"') + (
        '<serviceTask id="first" camunda:type="external" camunda:topic="t"/>'
        '<sequenceFlow id="f0" sourceRef="first" targetRef="count"/>'
    )
    definition = await deployed_id(node, body)
    instance = await node.execute(
        c.StartInstance(definition=definition, variables={"i": TypedValue("Integer", 0), "long": LONG})
    )
    (task,) = await node.fetch_and_lock(fetch(), wait_ms=None)
    command = c.CompleteExternalTask(instance=instance, external_task=task["id"], worker="w")
    unit = asyncio.create_task(node.execute(command))
    seen = []
    while not node._executor._parts:
        assert not unit.done()
        await asyncio.sleep(0)
    while node._executor._parts:
        state = (await node.instances([instance]))[instance]
        seen.append((state.executions[instance].variables["i"].value.value, state.revision))
        await asyncio.sleep(0)
    await unit
    assert set(seen) == {(0, 1)}
    state = await node.committed(instance)
    assert state is not None
    assert state.executions[instance].variables["i"].value.value == ROUNDS


LONG = TypedValue("String", "x" * 5_000)
"""An instance with this is stored in chunks."""
