"""Failed work tried again in bulk, on a whole node: what is found, at which pace, and what becomes of it."""

from collections.abc import AsyncIterator

import pytest
from runtime_models import ASYNC, EXTERNAL, TIMER_START, MakeNode, deploy, deployed_id, fetch, sequence

from penstock.base.clock import SystemClock, VirtualClock
from penstock.base.errors import BadRequest, BadUserRequest, NotFound
from penstock.engine import commands as c
from penstock.expr.values import TypedValue
from penstock.runtime.node import Node
from penstock.runtime.reprocessing.groups import GROUPS_MAX, shape
from penstock.runtime.reprocessing.pace import PARTS_MAX, SHARE, pace_of
from penstock.runtime.reprocessing.runs import Run, RunState
from penstock.runtime.reprocessing.selection import PAGE_ROWS, Selection
from penstock.runtime.reprocessing.service import Look, Reprocessing
from penstock.store.postgresql.store import PostgresqlStore
from penstock.store.protocol import Row, Store
from penstock.store.query import Order, Query, eq, is_null

DOWN = "connect to 10.0.0.{}: refused"


async def failed_tasks(node: Node, definition: str, count: int, error: str = "down", **start: str) -> list[Row]:
    """Tasks that a worker has given up; `error` may have a place for their number."""
    for _ in range(count):
        await node.execute(c.StartInstance(definition=definition, **start))  # type: ignore[arg-type]
    rows = await node.fetch_and_lock(fetch(most=count), wait_ms=None)
    assert len(rows) == count
    for number, row in enumerate(rows):
        await node.execute(
            c.FailExternalTask(
                instance=row["instance_id"],
                external_task=row["id"],
                worker="w",
                error_message=error.format(number),
                retries=0,
                retry_timeout_ms=0,
            )
        )
    return rows


async def failed_jobs(node: Node, definition: str, count: int) -> None:
    """Jobs that fail because a variable is missing."""
    for _ in range(count):
        await node.execute(c.StartInstance(definition=definition))
    await node.run_due_jobs()


async def retries(node: Node, table: str = "external_task") -> list[int]:
    return [row["retries"] for row in await node.rows(Query(table, (), (Order("id"),)))]


async def look(node: Node, **conditions: object) -> Look:
    return await Reprocessing(node).look(Selection(**conditions))  # type: ignore[arg-type]


async def begun(node: Node, *, rate: float | None = None, count: int = 1, **conditions: object) -> Run:
    selection = Selection(**conditions)  # type: ignore[arg-type]
    run = await Reprocessing(node).start(selection, rate=rate, retries=count, user="mary")
    assert run is not None
    return run


async def now(node: Node, run: Run, *, failed_again: bool = False) -> Run:
    return await Reprocessing(node).run(run.id, failed_again=failed_again)


# ------------------------------------------------------------------------------------------ what is found


async def test_each_condition_finds_what_it_says(store: Store, make_node: MakeNode, clock: VirtualClock) -> None:
    node = await make_node(store)
    first = await deployed_id(node, EXTERNAL)
    (early,) = await failed_tasks(node, first, 1, "Out of MEMORY 100% of the time", business_key="b")
    clock.advance_ms(60_000)
    middle_ms = clock.now_ms()
    second = await deployed_id(node, EXTERNAL.replace('topic="t"', 'topic="t" camunda:taskPriority="1"'))
    await failed_tasks(node, second, 2, DOWN)
    await failed_jobs(node, await deployed_id(node, ASYNC, key="job"), 3)
    for expected, conditions in (
        (6, {"everything": True}),
        (3, {"topic": "t"}),
        (0, {"topic": "T"}),
        (3, {"definition_key": "p"}),
        (1, {"definition_key": "p", "definition_version": 1}),
        (2, {"definition_id": second}),
        (6, {"activity": "work"}),
        (0, {"activity": "start"}),
        (3, {"incident_type": "failedJob"}),
        (1, {"error": "memory 100%"}),
        (0, {"error": "memory_100%"}),
        (2, {"error": "REFUSED"}),
        (3, {"error": "unknown property used in expression", "definition_key": "job"}),
        (5, {"from_ms": middle_ms}),
        (1, {"before_ms": middle_ms}),
        (0, {"from_ms": middle_ms + 1}),
        (1, {"business_key": "b"}),
        (1, {"instances": (early["instance_id"], "nobody")}),
        (0, {"tenant": "t"}),
    ):
        found = await look(node, **conditions)
        assert (found.count, found.groups.count) == (expected, expected), conditions


async def test_a_look_says_what_is_alike_and_changes_nothing(store: Store, make_node: MakeNode) -> None:
    node = await make_node(store)
    definition = await deployed_id(node, EXTERNAL)
    await failed_tasks(node, definition, 5, DOWN)
    await failed_tasks(node, definition, 1, "address unknown")
    await failed_jobs(node, await deployed_id(node, ASYNC, key="job"), 2)
    before = await node.rows(Query("incident"))
    found = await look(node, everything=True)
    groups = found.groups.largest(10)
    assert [(g.count, g.type, g.topic, g.activity, len(g.examples)) for g in groups] == [
        (5, "failedExternalTask", "t", "work", 3),
        (2, "failedJob", None, "work", 2),
        (1, "failedExternalTask", "t", "work", 1),
    ]
    assert groups[0].error == "connect to #.#.#.#: refused"
    assert groups[0].examples[0].error == "connect to 10.0.0.0: refused"
    assert found.definitions[definition]["key"] == "p"
    assert await node.rows(Query("incident")) == before
    assert await node.rows(Query("batch")) == []


async def test_an_incident_above_a_called_process_is_not_counted_twice(store: Store, make_node: MakeNode) -> None:
    node = await make_node(store)
    await deploy(node, EXTERNAL, key="below")
    call = sequence('<callActivity id="call" calledElement="below"/>')
    await failed_tasks(node, await deployed_id(node, call, key="above"), 1)
    assert await node.count(Query("incident", (is_null("ended_ms"),))) == 2
    run = await begun(node, everything=True)
    assert run.total == 1
    await node.run_due_jobs()
    assert await node.count(Query("incident", (is_null("ended_ms"),))) == 0


def test_messages_are_alike_without_numbers_and_ids() -> None:
    assert shape(None) is None
    assert shape("Order 4711 of 2024-01-05 is late\nat line 7") == "Order # of #-#-# is late"
    assert shape("task 0194ffee-1234-7abc-8def-0123456789ab lost") == "task # lost"
    assert shape("digest 0f0f0f0f0f0f0f0f of a cafe") == "digest # of a cafe"
    assert len(shape("x" * 1_000_000) or "") == 200


async def test_groups_and_pages_are_bounded(store: Store, make_node: MakeNode) -> None:
    if store.name != "memory":
        pytest.skip("one store is enough")
    node = await make_node(store)
    count = PAGE_ROWS + 50
    words = ["".join(chr(ord("a") + int(digit)) for digit in str(n)) for n in range(count)]
    rows = await failed_tasks(node, await deployed_id(node, EXTERNAL), count, "{}")
    for row, word in zip(rows, words, strict=True):
        task = c.SetExternalTaskRetries(instance=row["instance_id"], external_task=row["id"], retries=1)
        await node.execute(task)
        (locked,) = await node.fetch_and_lock(fetch(), wait_ms=None)
        failure = c.FailExternalTask(
            instance=locked["instance_id"],
            external_task=locked["id"],
            worker="w",
            error_message=word,
            retries=0,
            retry_timeout_ms=0,
        )
        await node.execute(failure)
    found = (await look(node, topic="t")).groups
    assert (found.count, len(found), found.other) == (count, GROUPS_MAX, count - GROUPS_MAX)


@pytest.mark.parametrize(
    ("selection", "why"),
    [
        (Selection(), "no condition"),
        (Selection(everything=True, topic="t"), "has conditions"),
        (Selection(definition_version=1), "state its key"),
        (Selection(incident_type="custom"), "it can be failedJob or failedExternalTask"),
        (Selection(error=""), "empty text"),
        (Selection(instances=()), "process instances"),
    ],
)
async def test_a_selection_without_sense_is_refused(
    store: Store, make_node: MakeNode, selection: Selection, why: str
) -> None:
    service = Reprocessing(await make_node(store))
    for refused in (service.look(selection), service.start(selection)):
        with pytest.raises(BadRequest, match=why):
            await refused


# ------------------------------------------------------------------------------------------ runs


async def test_a_run_gives_retries_to_what_fits_and_ends(
    store: Store, make_node: MakeNode, clock: VirtualClock
) -> None:
    node = await make_node(store)
    definition = await deployed_id(node, EXTERNAL)
    await failed_tasks(node, definition, SHARE + 5, DOWN)
    await failed_tasks(node, definition, 2, "address unknown")
    run = await begun(node, error="refused", count=2)
    assert (run.state, run.total, run.remaining, run.user) == (RunState.RUNNING, SHARE + 5, SHARE + 5, "mary")
    await node.run_due_jobs()
    run = await now(node, run)
    assert (run.state, run.retried, run.skipped, run.remaining) == (RunState.COMPLETED, SHARE + 5, 0, 0)
    assert run.ended_ms is not None
    assert sorted(await retries(node)) == [0, 0] + [2] * (SHARE + 5)
    assert await node.count(Query("incident", (is_null("ended_ms"),))) == 2
    entries = await node.rows(Query("operation_log", (eq("batch_id", run.id),), (Order("id"),)))
    assert {(row["operation_type"], row["property"], row["new_value"]) for row in entries} == {
        ("RetryFailedWork", "nrOfInstances", str(SHARE + 5)),
        ("RetryFailedWork", "async", "true"),
        ("RetryFailedWork", "retries", "2"),
        ("RetryFailedWork", "ratePerSecond", None),
        ("RetryFailedWork", "filter", "error=refused"),
    }
    clock.advance_ms(node.settings.batch_poll_ms + 1)
    await node.run_due_jobs()
    assert await node.rows(Query("job")) == []
    assert (await now(node, run)).state is RunState.COMPLETED
    assert await Reprocessing(node).start(Selection(error="refused")) is None
    await node.delete_history_batch(run.id)
    for table in ("reprocessing", "reprocessed"):
        assert await node.rows(Query(table)) == []
    with pytest.raises(NotFound):
        await now(node, run)


async def test_jobs_of_instances_and_of_none_are_run_again(
    store: Store, make_node: MakeNode, clock: VirtualClock
) -> None:
    node = await make_node(store)
    await failed_jobs(node, await deployed_id(node, ASYNC, key="job"), 3)
    broken = TIMER_START.replace(
        '<endEvent id="end"/>',
        '<endEvent id="end"><extensionElements>'
        '<camunda:executionListener event="start" expression="${nobody}"/></extensionElements></endEvent>',
    )
    await deploy(node, broken, key="timer")
    for _ in range(3):
        clock.advance_ms(3_600_001)
        await node.run_due_jobs()
    found = await look(node, incident_type="failedJob")
    jobs_alone = found.count - 3
    assert jobs_alone >= 1
    await node.execute(
        c.SetVariables(
            instance=(await node.rows(Query("process_instance", (eq("definition_key", "job"),))))[0]["id"],
            modifications={"answer": TypedValue("String", "yes")},
        )
    )
    run = await begun(node, everything=True)
    await node.run_due_jobs()
    run = await now(node, run, failed_again=True)
    # One job has what it needs now; the others have used their attempt and stand still again.
    assert (run.retried, run.failed_again) == (3 + jobs_alone, 2 + jobs_alone)


async def test_what_was_solved_or_retried_meanwhile_is_passed_over(store: Store, make_node: MakeNode) -> None:
    node = await make_node(store)
    rows = await failed_tasks(node, await deployed_id(node, EXTERNAL), 4)
    run = await begun(node, topic="t")
    await node.execute(c.DeleteInstance(instance=rows[0]["instance_id"]))
    await node.execute(
        c.SetExternalTaskRetries(instance=rows[1]["instance_id"], external_task=rows[1]["id"], retries=7)
    )
    await node.run_due_jobs()
    run = await now(node, run)
    assert (run.state, run.retried, run.skipped) == (RunState.COMPLETED, 2, 2)
    assert sorted(await retries(node)) == [1, 1, 7]


async def test_a_limit_takes_the_oldest(store: Store, make_node: MakeNode, clock: VirtualClock) -> None:
    node = await make_node(store)
    definition = await deployed_id(node, EXTERNAL)
    (oldest,) = await failed_tasks(node, definition, 1)
    clock.advance_ms(1)
    await failed_tasks(node, definition, 3)
    service = Reprocessing(node)
    assert (await service.look(Selection(topic="t"), limit=1)).count == 1
    run = await service.start(Selection(topic="t"), limit=1)
    assert run is not None
    await node.run_due_jobs()
    (row,) = await node.rows(Query("external_task", (eq("retries", 1),)))
    assert row["id"] == oldest["id"]


# ------------------------------------------------------------------------------------------ pace


@pytest.mark.parametrize("rate", [0.01, 0.3, 1, 3, 7.5, 10, 60, 123, 400, 2_000, 99_999])
@pytest.mark.parametrize("total", [1, 37, 10_000, 100_000])
def test_a_pace_is_never_faster_than_its_rate(total: int, rate: float) -> None:
    pace = pace_of(total, rate)
    assert pace.jobs_per_seed is not None
    assert pace.pace_ms is not None
    part = pace.jobs_per_seed * pace.things_per_job
    assert part * 1000 / pace.pace_ms <= rate * 1.000_001
    assert part * 1000 / pace.pace_ms >= rate * 0.99 - 1
    assert pace.things_per_job <= SHARE
    assert -(-total // part) <= PARTS_MAX


async def test_a_rate_holds_and_nothing_is_caught_up_with(
    store: Store, make_node: MakeNode, clock: VirtualClock
) -> None:
    node = await make_node(store)
    await failed_tasks(node, await deployed_id(node, EXTERNAL), 40)
    run = await begun(node, topic="t", rate=20)
    done = []
    for _ in range(5):
        await node.run_due_jobs()
        done.append((await now(node, run)).retried)
        clock.advance_ms(250)
    assert done == [5, 10, 15, 20, 25]
    # Nobody was there for an hour: one part, and then on at the same pace.
    clock.advance_ms(3_600_000)
    await node.run_due_jobs()
    await node.run_due_jobs()
    assert (await now(node, run)).retried == 30
    clock.advance_ms(250)
    await node.run_due_jobs()
    assert (await now(node, run)).retried == 35


async def test_a_run_is_paused_resumed_and_canceled(store: Store, make_node: MakeNode, clock: VirtualClock) -> None:
    node = await make_node(store)
    await failed_tasks(node, await deployed_id(node, EXTERNAL), 20)
    service = Reprocessing(node)
    run = await begun(node, topic="t", rate=20)
    await node.run_due_jobs()
    assert (await service.pause(run.id, True, user="john")).state is RunState.PAUSED
    clock.advance_ms(60_000)
    await node.run_due_jobs()
    assert (await now(node, run)).retried == 5
    assert (await service.pause(run.id, False)).state is RunState.RUNNING
    await node.run_due_jobs()
    assert (await now(node, run)).retried == 10
    canceled = await service.cancel(run.id)
    assert (canceled.state, canceled.retried, canceled.remaining) == (RunState.CANCELED, 10, 10)
    clock.advance_ms(60_000)
    await node.run_due_jobs()
    assert (await now(node, run)).retried == 10
    for refused in (service.pause(run.id, True), service.cancel(run.id)):
        with pytest.raises(BadUserRequest, match="it is canceled"):
            await refused
    assert [found.id for found in await service.runs(10)] == [run.id]
    entries = await node.rows(Query("operation_log", (eq("user_id", "john"),)))
    assert [entry["operation_type"] for entry in entries] == ["SuspendBatch"]


async def test_shares_that_wait_hold_back_the_next_ones(store: Store, make_node: MakeNode, clock: VirtualClock) -> None:
    """Only seed jobs run: nobody has the time for the others."""
    node = await make_node(store)
    await failed_tasks(node, await deployed_id(node, EXTERNAL), 40)
    run = await begun(node, topic="t", rate=20)
    for _ in range(6):
        (seed,) = await node.rows(Query("job", (eq("kind", "batch-seed-job"),)))
        await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
        clock.advance_ms(250)
    assert await node.count(Query("job", (eq("kind", "retry-failed-work"),))) == 2
    await node.run_due_jobs()
    assert (await now(node, run)).retried <= 15
    for _ in range(8):
        clock.advance_ms(250)
        await node.run_due_jobs()
    assert (await now(node, run)).state is RunState.COMPLETED


async def test_what_needs_a_person_is_counted(store: Store, make_node: MakeNode, clock: VirtualClock) -> None:
    node = await make_node(store)
    await failed_tasks(node, await deployed_id(node, EXTERNAL), 10)
    run = await begun(node, topic="t", rate=20)

    async def give_up(kind: str, count: int) -> None:
        (job,) = await node.rows(Query("job", (eq("kind", kind),)))
        await node.execute(c.ChangeJob(instance="", job=job["id"], changes={"retries": count}))

    await give_up("batch-seed-job", 0)
    assert (await now(node, run)).failed == 10
    await give_up("batch-seed-job", 1)
    (seed,) = await node.rows(Query("job", (eq("kind", "batch-seed-job"),)))
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    await give_up("retry-failed-work", 0)
    for _ in range(3):
        clock.advance_ms(250)
        await node.run_due_jobs()
    found = await now(node, run)
    assert (found.state, found.retried, found.failed, found.remaining) == (RunState.RUNNING, 5, 5, 5)
    await give_up("retry-failed-work", 1)
    await node.run_due_jobs()
    assert (await now(node, run)).state is RunState.COMPLETED


# ------------------------------------------------------------------------------------------ nodes


@pytest.fixture
async def neighbours(emptied_postgres_url: str, make_node: MakeNode, clock: VirtualClock) -> AsyncIterator[list[Node]]:
    clock.advance_ms(SystemClock().now_ms() - clock.now_ms())
    stores = [PostgresqlStore(emptied_postgres_url, clock) for _ in range(2)]
    nodes = []
    for store in stores:
        await store.open()
        nodes.append(await make_node(store))
    yield nodes
    for node in nodes:
        await node.close()
    for store in stores:
        await store.close()


async def test_two_nodes_keep_one_rate(neighbours: list[Node], clock: VirtualClock) -> None:
    a, b = neighbours
    await failed_tasks(a, await deployed_id(a, EXTERNAL), 40)
    run = await begun(a, topic="t", rate=20)
    for part in range(1, 9):
        await b.run_due_jobs()
        await a.run_due_jobs()
        found = await now(b, run)
        assert (found.retried, found.skipped) == (5 * part, 0)
        clock.advance_ms(250)
    assert found.state is RunState.COMPLETED
    assert await retries(a) == [1] * 40
