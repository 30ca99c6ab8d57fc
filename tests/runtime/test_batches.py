"""Batches on a whole node: how their jobs follow each other, what each kind does, and what becomes of failures."""

from typing import Any

import msgspec
import pytest
from runtime_models import ASYNC, EXTERNAL, USER, MakeNode, deployed_id, sequence

from penstock.base.clock import VirtualClock
from penstock.base.errors import BadUserRequest, Failure, PenstockError
from penstock.engine import commands as c
from penstock.engine.events import JobKind
from penstock.expr.values import TypedValue
from penstock.runtime.batches.kinds import Correlation, HistoryDeletion, NewBatch, RemovalTime, Restart
from penstock.runtime.batches.rows import template_of
from penstock.runtime.node import Node
from penstock.store.protocol import Row, Store
from penstock.store.query import Order, Query, eq, is_null

HOUR_MS = 3_600_000
MESSAGE = sequence('<receiveTask id="r" messageRef="msg"/>')
DELETE = c.DeleteInstance(instance="", reason="away", fail_if_not_exists=False, logged=False)


async def started(node: Node, definition: str, count: int, **variables: TypedValue) -> list[str]:
    return [await node.execute(c.StartInstance(definition=definition, variables=variables)) for _ in range(count)]


async def made(node: Node, type: JobKind, ids: list[str], template: Any) -> Row:
    return await node.create_batch(NewBatch(type=type, ids=ids, template=template, user="mary"))


async def batch(node: Node, id: str) -> Row:
    (row,) = await node.rows(Query("batch", (eq("id", id),)))
    return row


async def jobs(node: Node, kind: str | None = None) -> list[Row]:
    where = (is_null("instance_id"), *((eq("kind", kind),) if kind else ()))
    return await node.rows(Query("job", where, (Order("id"),)))


async def done(node: Node, clock: VirtualClock, row: Row) -> Row:
    """Runs everything; the batch has ended."""
    await node.run_due_jobs()
    clock.advance_ms(node.settings.batch_poll_ms + 1)
    await node.run_due_jobs()
    ended = await batch(node, row["id"])
    assert ended["ended_ms"] is not None
    assert await jobs(node) == []
    assert await node.rows(Query("batch_part")) == []
    assert await node.rows(Query("job_definition", (eq("configuration", row["id"]),))) == []
    return ended


async def live(node: Node) -> list[str]:
    return [row["id"] for row in await node.rows(Query("process_instance", (is_null("ended_ms"),), (Order("id"),)))]


# ------------------------------------------------------------------------------------------ one after another


async def test_seed_jobs_make_execution_jobs_then_a_monitor_waits(
    store: Store, make_node: MakeNode, clock: VirtualClock
) -> None:
    node = await make_node(store, batch_jobs_per_seed=2, invocations_per_batch_job=2)
    ids = await started(node, await deployed_id(node, USER), 7)
    row = await made(node, JobKind.INSTANCE_DELETION, ids, DELETE)
    assert (row["total_jobs"], row["jobs_created"], row["user_id"]) == (4, 0, "mary")
    (seed,) = await jobs(node)
    assert (seed["kind"], seed["retries"], seed["configuration"]) == ("batch-seed-job", 3, row["id"])
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    assert [job["payload"]["ids"] for job in await jobs(node, "instance-deletion")] == [ids[:2], ids[2:4]]
    assert (await batch(node, row["id"]))["jobs_created"] == 2
    (seed,) = await jobs(node, "batch-seed-job")
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    assert (await batch(node, row["id"]))["jobs_created"] == 4
    assert await jobs(node, "batch-seed-job") == []
    (monitor,) = await jobs(node, "batch-monitor-job")
    assert monitor["due_ms"] is None
    await node.execute(c.ExecuteJob(instance="", job=monitor["id"]))
    (monitor,) = await jobs(node, "batch-monitor-job")
    assert monitor["due_ms"] == clock.now_ms() + node.settings.batch_poll_ms
    first, *_ = await jobs(node, "instance-deletion")
    await node.execute(c.ExecuteJob(instance="", job=first["id"]))
    assert await live(node) == sorted(ids[2:])
    assert (await batch(node, row["id"]))["execution_started_ms"] is not None
    await done(node, clock, row)
    assert await live(node) == []
    assert (await node.rows(Query("process_instance")))[0]["delete_reason"] == "away"


async def test_a_share_of_a_batch_is_all_or_nothing(store: Store, make_node: MakeNode, clock: VirtualClock) -> None:
    node = await make_node(store, invocations_per_batch_job=2)
    ids = await started(node, await deployed_id(node, USER), 2)
    steps = (c.StartInstruction(type="startBeforeActivity", activity="task"),)
    template = c.ModifyInstance(instance="", instructions=steps, logged=False)
    await made(node, JobKind.INSTANCE_MODIFICATION, [ids[0], "gone"], template)
    await node.run_due_jobs()
    (job,) = await jobs(node, "instance-modification")
    assert job["retries"] == 0
    assert "'gone' cannot be modified" in job["message"]
    state = await node.instance(ids[0])
    assert state is not None
    assert len(state.tasks) == 1


async def test_a_failed_job_is_retried_and_then_an_incident(
    store: Store, make_node: MakeNode, clock: VirtualClock
) -> None:
    node = await make_node(store)
    definition = await deployed_id(node, EXTERNAL)
    await started(node, definition, 1)
    template = c.SetExternalTaskRetries(instance="", external_task="", retries=5, logged=False)
    (task,) = await node.rows(Query("external_task"))
    row = await made(node, JobKind.SET_EXTERNAL_TASK_RETRIES, ["gone", task["id"]], template)
    await node.run_due_jobs()
    (job,) = await jobs(node, "set-external-task-retries")
    assert (job["retries"], job["message"]) == (0, "Cannot find external task with id gone: externalTask is null")
    (incident,) = await node.rows(Query("incident"))
    assert (incident["type"], incident["configuration"], incident["state"]) == ("failedJob", job["id"], "open")
    assert incident["job_definition_id"] == row["job_definition_id"]
    log = await node.rows(Query("job_log", (eq("job_id", job["id"]),), (Order("sequence"),)))
    assert len(log) == 4
    (task,) = await node.rows(Query("external_task"))
    assert task["retries"] == 5
    # The batch waits for it: it may be tried again, or deleted.
    clock.advance_ms(node.settings.batch_poll_ms + 1)
    await node.run_due_jobs()
    assert (await batch(node, row["id"]))["ended_ms"] is None
    await node.execute(c.DeleteJob(instance="", job=job["id"]))
    (incident,) = await node.rows(Query("incident"))
    assert incident["state"] == "deleted"
    clock.advance_ms(node.settings.batch_poll_ms + 1)
    await done(node, clock, row)


async def test_a_suspended_target_is_a_failure_and_no_endless_retry(
    store: Store, make_node: MakeNode, clock: VirtualClock
) -> None:
    node = await make_node(store)
    (instance,) = await started(node, await deployed_id(node, MESSAGE, before='<message id="msg" name="M"/>'), 1)
    await node.execute(c.SetSuspension(instance=instance, suspended=True))
    await made(node, JobKind.CORRELATE_MESSAGE, [instance], Correlation(name="M"))
    await node.run_due_jobs()
    (job,) = await jobs(node, "correlate-message")
    assert job["retries"] == 0
    assert "suspended" in job["message"]


async def test_executing_a_failing_job_by_hand_raises(node: Node) -> None:
    await made(node, JobKind.SET_VARIABLES, ["gone"], c.SetVariables(instance="", modifications={}))
    (seed,) = await jobs(node)
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    (job,) = await jobs(node, "set-variables")
    with pytest.raises(Failure):
        await node.execute(c.ExecuteJob(instance="", job=job["id"]))
    (job,) = await jobs(node, "set-variables")
    assert job["retries"] == 2


# ------------------------------------------------------------------------------------------ suspended, deleted


async def test_a_suspended_batch_does_nothing(node: Node, clock: VirtualClock) -> None:
    ids = await started(node, await deployed_id(node, USER), 2)
    row = await made(node, JobKind.INSTANCE_DELETION, ids, DELETE)
    (seed,) = await jobs(node)
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    await node.suspend_batch(row["id"], True)
    assert {job["suspended"] for job in await jobs(node)} == {True}
    assert await node.run_due_jobs() == 0
    assert len(await live(node)) == 2
    await node.suspend_batch(row["id"], False)
    await done(node, clock, row)
    assert await live(node) == []


async def test_jobs_of_a_batch_that_was_suspended_before_it_was_seeded(node: Node) -> None:
    ids = await started(node, await deployed_id(node, USER), 1)
    row = await made(node, JobKind.INSTANCE_DELETION, ids, DELETE)
    await node.suspend_batch(row["id"], True)
    (seed,) = await jobs(node)
    assert await node.run_due_jobs() == 0
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    assert {job["suspended"] for job in await jobs(node)} == {True}


@pytest.mark.parametrize("suspended", [True, False])
async def test_a_suspension_that_comes_while_the_jobs_are_made_reaches_them(
    node: Node, store: Store, monkeypatch: pytest.MonkeyPatch, suspended: bool
) -> None:
    ids = await started(node, await deployed_id(node, USER), 2)
    row = await made(node, JobKind.INSTANCE_DELETION, ids, DELETE)
    await node.suspend_batch(row["id"], not suspended)
    (seed,) = await jobs(node)
    read = store.rows
    interrupted: list[Query] = []

    async def read_and_be_overtaken(query: Query) -> list[Row]:
        found = await read(query)
        if query.table == "batch_part" and not interrupted:
            interrupted.append(query)
            await node.suspend_batch(row["id"], suspended)
        return found

    monkeypatch.setattr(store, "rows", read_and_be_overtaken)
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    assert interrupted
    assert [(job["kind"], job["suspended"]) for job in await jobs(node)] == [
        (kind, suspended) for kind in ("instance-deletion", "instance-deletion", "batch-monitor-job")
    ]


@pytest.mark.parametrize("cascade", [True, False])
async def test_a_deleted_batch_leaves_no_jobs(node: Node, cascade: bool) -> None:
    ids = await started(node, await deployed_id(node, USER), 2)
    row = await made(node, JobKind.INSTANCE_DELETION, ids, DELETE)
    (seed,) = await jobs(node)
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    await node.delete_batch(row["id"], cascade=cascade)
    assert await jobs(node) == []
    assert await node.rows(Query("batch_part")) == []
    rows = await node.rows(Query("batch"))
    assert [row["ended_ms"] is not None for row in rows] == ([] if cascade else [True])
    assert bool(await node.rows(Query("job_log"))) is not cascade
    assert len(await live(node)) == 2
    with pytest.raises(BadUserRequest, match="Unable to delete batch"):
        await node.delete_batch(row["id"], cascade=False)
    with pytest.raises(BadUserRequest, match="Unable to suspend batch"):
        await node.suspend_batch(row["id"], True)
    if not cascade:
        await node.delete_history_batch(row["id"])
        assert await node.rows(Query("batch")) == []
        assert await node.rows(Query("job_log")) == []


async def test_history_of_a_running_batch_is_not_deleted(node: Node) -> None:
    row = await made(node, JobKind.INSTANCE_DELETION, ["x"], DELETE)
    with pytest.raises(BadUserRequest, match="Unable to delete historic batch"):
        await node.delete_history_batch(row["id"])


async def test_a_batch_goes_on_on_another_node(store: Store, make_node: MakeNode, clock: VirtualClock) -> None:
    node = await make_node(store, batch_jobs_per_seed=1)
    ids = await started(node, await deployed_id(node, USER), 3)
    row = await made(node, JobKind.INSTANCE_DELETION, ids, DELETE)
    (seed,) = await jobs(node)
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    await node.close()
    second = await make_node(store)
    await done(second, clock, row)
    assert await live(second) == []


# ------------------------------------------------------------------------------------------ what they do


async def test_migration(node: Node, clock: VirtualClock) -> None:
    source, target = [await deployed_id(node, USER, name=name) for name in ("one", "two")]
    (instance,) = await started(node, source, 1)
    steps = (c.MigrationInstruction(source="task", target="task"),)
    template = c.MigrateInstance(instance="", source=source, target=target, instructions=steps, logged=False)
    await done(node, clock, await made(node, JobKind.INSTANCE_MIGRATION, [instance], template))
    state = await node.instance(instance)
    assert state is not None
    assert state.definition == target


async def test_modification_and_variables_and_suspension(node: Node, clock: VirtualClock) -> None:
    (instance,) = await started(node, await deployed_id(node, USER), 1)
    steps = (c.StartInstruction(type="startBeforeActivity", activity="task"),)
    modify = c.ModifyInstance(instance="", instructions=steps, logged=False)
    await done(node, clock, await made(node, JobKind.INSTANCE_MODIFICATION, [instance], modify))
    assign = c.SetVariables(instance="", modifications={"v": TypedValue("Integer", 1)}, logged=False)
    await done(node, clock, await made(node, JobKind.SET_VARIABLES, [instance], assign))
    suspend = c.SetSuspension(instance="", suspended=True, logged=False)
    await done(node, clock, await made(node, JobKind.INSTANCE_SUSPENSION, [instance, "gone"], suspend))
    state = await node.instance(instance)
    assert state is not None
    assert (len(state.tasks), state.suspended) == (2, True)
    assert state.executions[instance].variables["v"].value == TypedValue("Integer", 1)


async def test_retries_of_jobs_with_and_without_an_instance(node: Node, clock: VirtualClock) -> None:
    await started(node, await deployed_id(node, ASYNC), 1)
    await node.run_due_jobs()
    other = await made(node, JobKind.INSTANCE_DELETION, ["x"], DELETE)
    ids = [job["id"] for job in await node.rows(Query("job"))]
    assert len(ids) == 2
    await node.suspend_batch(other["id"], True)
    template = c.ChangeJob(instance="", job="", changes={"retries": 7}, logged=False)
    row = await made(node, JobKind.SET_JOB_RETRIES, [*ids, "gone"], template)
    (seed,) = [job for job in await jobs(node, "batch-seed-job") if job["configuration"] == row["id"]]
    await node.execute(c.ExecuteJob(instance="", job=seed["id"]))
    for job in await jobs(node, "set-job-retries"):
        await node.execute(c.ExecuteJob(instance="", job=job["id"]))
    retries = {job["id"]: job["retries"] for job in await node.rows(Query("job"))}
    assert [retries[id] for id in ids] == [7, 7]


async def test_a_message_for_those_who_wait(node: Node, clock: VirtualClock) -> None:
    waiting = await deployed_id(node, MESSAGE, before='<message id="msg" name="M"/>')
    ids = [*await started(node, waiting, 2), *await started(node, await deployed_id(node, USER, key="q"), 1), "gone"]
    template = Correlation(name="M", variables={"v": TypedValue("Integer", 1)})
    await done(node, clock, await made(node, JobKind.CORRELATE_MESSAGE, ids, template))
    assert await live(node) == [ids[2]]
    rows = await node.rows(Query("variable", (eq("name", "v"),)))
    assert {row["instance_id"] for row in rows} == set(ids[:2])


@pytest.mark.parametrize(("initial", "value"), [(True, 1), (False, 2)])
async def test_restart(node: Node, clock: VirtualClock, initial: bool, value: int) -> None:
    definition = await deployed_id(node, USER)
    start = c.StartInstance(definition=definition, business_key="k", variables={"v": TypedValue("Integer", 1)})
    instance = await node.execute(start)
    await node.execute(c.SetVariables(instance=instance, modifications={"v": TypedValue("Integer", 2)}))
    await node.execute(c.DeleteInstance(instance=instance, reason="away"))
    steps = (c.StartInstruction(type="startBeforeActivity", activity="task"),)
    again = c.StartInstance(definition=definition, instructions=steps)
    template = Restart(start=again, initial_variables=initial)
    await done(node, clock, await made(node, JobKind.INSTANCE_RESTART, [instance], template))
    (found,) = await live(node)
    assert found != instance
    state = await node.instance(found)
    assert state is not None
    assert state.business_key == "k"
    assert state.executions[found].variables["v"].value == TypedValue("Integer", value)


async def test_history_goes(node: Node, clock: VirtualClock) -> None:
    ids = await started(node, await deployed_id(node, USER), 2)
    await node.execute(c.DeleteInstance(instance=ids[0], reason="away"))
    row = await made(node, JobKind.HISTORY_DELETION, ids, HistoryDeletion())
    await node.run_due_jobs()
    (job,) = await jobs(node, "historic-instance-deletion")
    assert "still running" in job["message"]
    assert job["payload"]["ids"] == [ids[1]]
    assert [found["id"] for found in await node.rows(Query("process_instance"))] == [ids[1]]
    await node.execute(c.DeleteInstance(instance=ids[1], reason="away"))
    await node.execute(c.ExecuteJob(instance="", job=job["id"]))
    await done(node, clock, row)
    assert await node.rows(Query("process_instance")) == []
    assert await node.rows(Query("activity_instance")) == []


@pytest.mark.parametrize("kind", ["absolute", "cleared", "calculated"])
async def test_removal_times(node: Node, clock: VirtualClock, kind: str) -> None:
    definition = await deployed_id(node, USER)
    (instance,) = await started(node, definition, 1)
    await node.execute(c.DeleteInstance(instance=instance, reason="away"))
    await node.set_history_time_to_live(definition, 3)
    template = RemovalTime(at_ms=5_000 if kind == "absolute" else None, calculated=kind == "calculated")
    row = await made(node, JobKind.INSTANCE_REMOVAL_TIME, [instance], template)
    ended = await done(node, clock, row)
    (found,) = await node.rows(Query("process_instance"))
    expected = {"absolute": 5_000, "cleared": None, "calculated": found["ended_ms"] + 3 * 86_400_000}[kind]
    assert found["removal_ms"] == expected
    template = RemovalTime(at_ms=7_000)
    await done(node, clock, await made(node, JobKind.BATCH_REMOVAL_TIME, [ended["id"]], template))
    assert (await batch(node, ended["id"]))["removal_ms"] == 7_000


async def test_an_ended_batch_is_cleaned_up_when_its_time_has_come(node: Node, clock: VirtualClock) -> None:
    first, second = [
        await done(
            node,
            clock,
            await made(node, JobKind.INSTANCE_SUSPENSION, ["gone"], c.SetSuspension(instance="", suspended=True)),
        )
        for _ in range(2)
    ]
    at_ms = clock.now_ms() + HOUR_MS
    await done(node, clock, await made(node, JobKind.BATCH_REMOVAL_TIME, [first["id"]], RemovalTime(at_ms=at_ms)))
    await node._clean_up()
    assert len(await node.rows(Query("batch"))) == 3
    clock.advance_ms(HOUR_MS)
    await node._clean_up()
    left = {row["id"] for row in await node.rows(Query("batch"))}
    assert first["id"] not in left
    assert second["id"] in left


# ------------------------------------------------------------------------------------------ stored forms


@pytest.mark.parametrize(
    "template",
    [
        (JobKind.INSTANCE_DELETION, DELETE),
        (JobKind.CORRELATE_MESSAGE, Correlation(name="M", variables={"v": TypedValue("Bytes", b"\x00\xff")})),
        (
            JobKind.INSTANCE_MIGRATION,
            c.MigrateInstance(
                instance="",
                source="a",
                target="b",
                instructions=(c.MigrationInstruction(source="x", target="y", update_event_trigger=True),),
            ),
        ),
        (JobKind.INSTANCE_RESTART, Restart(start=c.StartInstance(definition="d"), without_business_key=True)),
    ],
    ids=lambda found: found[0].value,
)
async def test_a_template_is_read_as_it_was_written(node: Node, template: tuple[JobKind, msgspec.Struct]) -> None:
    type, written = template
    row = await made(node, type, ["x"], written)
    assert template_of(await batch(node, row["id"])) == written


async def test_an_engine_that_is_closed_makes_no_batch(store: Store, make_node: MakeNode) -> None:
    node = await make_node(store)
    await node.close()
    with pytest.raises(PenstockError):
        await made(node, JobKind.INSTANCE_DELETION, ["x"], DELETE)
