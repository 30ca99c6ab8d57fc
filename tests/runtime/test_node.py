"""A whole node on the real core and real stores: what callers see."""

import asyncio
from typing import Any

import msgspec
import pytest
from runtime_models import (
    ASYNC,
    EXPRESSION,
    EXTERNAL,
    TIMER_START,
    USER,
    MakeNode,
    deploy,
    deployed_id,
    fetch,
    one_task,
    sequence,
    until,
)

from penstock.base.clock import VirtualClock
from penstock.base.errors import (
    BadRequest,
    BadUserRequest,
    DelegateMissing,
    EntitySuspended,
    Failure,
    NotFound,
    Overloaded,
    ViewsBehind,
)
from penstock.engine import commands as c
from penstock.expr.values import TypedValue
from penstock.runtime.delegates import DelegateScope
from penstock.runtime.node import Node
from penstock.store.protocol import Fetch, Row, Store
from penstock.store.query import Order, Query, eq, is_null

READY = ("external_task", "job", "event_subscription", "user_task")


async def start(node: Node, definition: str, **variables: TypedValue) -> str:
    found: str = await node.execute(c.StartInstance(definition=definition, variables=variables))
    return found


async def history(node: Node, instance: str) -> Row:
    (row,) = await node.rows(Query("process_instance", (eq("id", instance),)))
    return row


def complete(row: Row, worker: str = "w", **variables: TypedValue) -> c.CompleteExternalTask:
    return c.CompleteExternalTask(
        instance=row["instance_id"], external_task=row["id"], worker=worker, variables=variables
    )


async def check_ready_rows(node: Node, store: Store) -> None:
    """The ready rows are exactly what waits in the live instances."""
    for table in READY:
        rows = await store.rows(Query(table))
        by_instance: dict[str, set[tuple[str, str | None]]] = {}
        for row in rows:
            if row["instance_id"] is not None:
                by_instance.setdefault(row["instance_id"], set()).add((row["id"], row.get("execution_id")))
        for instance, found in by_instance.items():
            state = await node.instance(instance)
            assert state is not None, f"{table} has rows of {instance}, which is over"
            waiting: dict[str, Any] = {
                "external_task": state.external_tasks,
                "job": state.jobs,
                "event_subscription": state.subscriptions,
                "user_task": state.tasks,
            }[table]
            expected = {(i, None if table == "user_task" else item.execution) for i, item in waiting.items()}
            assert found == expected, table


async def test_an_instance_runs_through_and_its_history_is_read_at_once(node: Node) -> None:
    definition = await deployed_id(node, EXPRESSION)
    instance = await start(node, definition, a=TypedValue("Long", 1))
    row = await history(node, instance)
    assert row["state"] == "COMPLETED"
    assert row["definition_id"] == definition
    assert await node.instance(instance) is None
    assert node.metrics()["instances_cached"] == 0


async def test_external_task_from_start_to_end(node: Node, store: Store) -> None:
    definition = await deployed_id(node, EXTERNAL)
    instance = await node.execute(c.StartInstance(definition=definition, business_key="b"))
    task = await one_task(node)
    assert (task["topic"], task["activity_id"], task["business_key"]) == ("t", "work", "b")
    assert await node.instance_of("external_task", task["id"]) == instance
    await check_ready_rows(node, store)
    await node.execute(complete(task, result=TypedValue("String", "x")))
    assert (await history(node, instance))["state"] == "COMPLETED"
    assert await store.rows(Query("external_task")) == []


async def test_only_the_holder_of_the_lock_completes(node: Node, clock: VirtualClock) -> None:
    await start(node, await deployed_id(node, EXTERNAL))
    task = await one_task(node, "w1", lock_ms=1_000)
    with pytest.raises(BadUserRequest, match=r"cannot be completed by worker 'w2'\. It is locked by worker 'w1'\.$"):
        await node.execute(complete(task, "w2"))
    clock.advance_ms(2_000)
    # An expired lock that nobody took still counts.
    await node.execute(complete(task, "w1"))
    with pytest.raises(NotFound, match=f"Cannot find external task with id {task['id']}"):
        await node.execute(complete(task, "w1"))


async def test_completing_twice_at_once_happens_once(node: Node) -> None:
    await start(node, await deployed_id(node, EXTERNAL))
    task = await one_task(node)
    outcomes = await asyncio.gather(*(node.execute(complete(task)) for _ in range(5)), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 4


async def test_units_of_one_instance_follow_each_other_within_a_batch(node: Node) -> None:
    instance = await start(node, await deployed_id(node, EXTERNAL))
    batches = node.metrics()["batches_committed_total"]
    await asyncio.gather(
        *(
            node.execute(c.SetVariables(instance=instance, modifications={f"v{n}": TypedValue("Long", n)}))
            for n in range(30)
        )
    )
    assert node.metrics()["batches_committed_total"] - batches < 10
    state = await node.instance(instance)
    assert state is not None
    assert len(state.executions[instance].variables) == 30
    rows = await node.rows(Query("variable", (eq("instance_id", instance),)))
    assert {row["name"] for row in rows} == {f"v{n}" for n in range(30)}


async def test_a_failed_unit_leaves_nothing_behind(node: Node, store: Store) -> None:
    body = sequence('<userTask id="task"/>', '<serviceTask id="bad" camunda:expression="${missing}"/>')
    instance = await start(node, await deployed_id(node, body))
    before = await node.instance(instance)
    (task,) = await store.rows(Query("user_task"))
    command = c.CompleteTask(instance=instance, task=task["id"], variables={"x": TypedValue("Long", 1)})
    with pytest.raises(Failure, match="missing"):
        await node.execute(command)
    assert msgspec.to_builtins(await node.instance(instance)) == msgspec.to_builtins(before)
    with pytest.raises(Failure, match="missing"):
        await node.execute(command)
    assert await node.count(Query("variable", (eq("instance_id", instance),))) == 0
    await node.execute(c.CompleteTask(instance=instance, task=task["id"], variables={"missing": TypedValue("Long", 1)}))
    assert (await history(node, instance))["state"] == "COMPLETED"


async def test_what_was_acknowledged_is_there_for_the_next_node(store: Store, make_node: MakeNode) -> None:
    first = await make_node(store)
    instance = await start(first, await deployed_id(first, EXTERNAL), a=TypedValue("Json", '{"b": [1]}'))
    await first.close()
    second = await make_node(store)
    task = await one_task(second)
    assert task["instance_id"] == instance
    await second.execute(complete(task))
    assert (await history(second, instance))["state"] == "COMPLETED"


async def test_views_rebuilt_from_the_log_equal_those_kept_up_to_date(node: Node, store: Store) -> None:
    definition = await deployed_id(node, EXTERNAL)
    for n in range(3):
        await start(node, definition, n=TypedValue("Long", n))
    await node.execute(complete(await one_task(node, most=1)))
    tables = ("process_instance", "activity_instance", "variable", "execution", "external_task_log", "detail")
    kept = {table: await node.rows(Query(table)) for table in tables}
    assert kept["activity_instance"]
    await node.rebuild_views()
    assert {table: await store.rows(Query(table)) for table in tables} == kept


# ------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (TypedValue("String", "a\0b"), r"Variable 'v' holds the character U\+0000"),
        (TypedValue("String", "\ud800"), "Variable 'v' holds a lone surrogate"),
        (TypedValue("Long", 2**63), "Variable 'v': the integer .* 64 bits"),
        (TypedValue("Object", "x", {"objectTypeName": "a\0"}), "Variable 'v' holds the character"),
    ],
)
async def test_what_no_store_can_keep_is_refused(node: Node, value: TypedValue, problem: str) -> None:
    definition = await deployed_id(node, EXTERNAL)
    with pytest.raises(BadRequest, match=problem):
        await start(node, definition, v=value)
    assert await node.count(Query("process_instance")) == 0


async def test_what_a_script_makes_is_checked_as_well(node: Node) -> None:
    script = "<scriptTask id='s' scriptFormat='javascript'><script>execution.setVariable('v', 'a\\u0000')</script></scriptTask>"
    definition = await deployed_id(node, sequence(script.replace("'s'", '"s"', 1).replace("id='s'", 'id="s"')))
    with pytest.raises(Failure, match="Variable 'v' holds the character"):
        await start(node, definition)
    assert await node.count(Query("process_instance")) == 0


async def test_too_large_a_payload_is_refused(store: Store, make_node: MakeNode) -> None:
    node = await make_node(store, payload_bytes_max=1_000)
    definition = await deployed_id(node, EXTERNAL)
    with pytest.raises(BadRequest, match="payload_bytes_max"):
        await start(node, definition, v=TypedValue("String", "x" * 2_000))


async def test_more_units_than_may_wait_are_refused(store: Store, make_node: MakeNode) -> None:
    node = await make_node(store, pending_units_max=3)
    definition = await deployed_id(node, EXPRESSION)
    outcomes = await asyncio.gather(*(start(node, definition) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 7


async def test_an_idempotency_key_counts_once(node: Node) -> None:
    command = c.StartInstance(definition=await deployed_id(node, EXTERNAL))
    first, second = await asyncio.gather(*(node.execute(command, idempotency_key="k") for _ in range(2)))
    assert first == second == await node.execute(command, idempotency_key="k")
    assert await node.count(Query("process_instance")) == 1


# ------------------------------------------------------------------------------------------ scripts and delegates


async def test_a_script_runs_while_others_go_on(node: Node) -> None:
    script = (
        '<scriptTask id="s" scriptFormat="javascript" camunda:resultVariable="r"><script>a * 2</script></scriptTask>'
    )
    definition = await deployed_id(node, sequence(script, '<userTask id="task"/>'))
    instance = await start(node, definition, a=TypedValue("Long", 21))
    state = await node.instance(instance)
    assert state is not None
    assert state.executions[instance].variables["r"].value.value == 42


async def test_delegates_are_found_by_name(store: Store, make_node: MakeNode) -> None:
    async def charge(scope: DelegateScope) -> None:
        await asyncio.sleep(0)
        scope.set("charged", scope["amount"] + 1)

    node = await make_node(store, delegates={"com.example.Charge": charge})
    body = sequence('<serviceTask id="c" camunda:class="com.example.Charge"/>', '<userTask id="task"/>')
    definition = await deployed_id(node, body)
    instance = await start(node, definition, amount=TypedValue("Long", 1))
    state = await node.instance(instance)
    assert state is not None
    assert state.executions[instance].variables["charged"].value.value == 2
    other = await deployed_id(node, sequence('<serviceTask id="c" camunda:delegateExpression="${bean}"/>'), key="q")
    with pytest.raises(DelegateMissing, match="register a Python callable under the name 'bean'"):
        await start(node, other)


# ------------------------------------------------------------------------------------------ jobs


async def test_a_job_that_fails_takes_a_retry_and_tells_who_asked(node: Node, store: Store) -> None:
    instance = await start(node, await deployed_id(node, ASYNC))
    (job,) = await store.rows(Query("job"))
    assert job["retries"] == 3
    for left in (2, 1, 0):
        with pytest.raises(Failure, match="answer"):
            await node.execute(c.ExecuteJob(instance=instance, job=job["id"]))
        (job,) = await store.rows(Query("job"))
        assert job["retries"] == left
        assert "answer" in job["message"]
    assert await node.count(Query("incident", (is_null("ended_ms"),))) == 1
    assert await node.run_due_jobs() == 0
    await node.execute(c.ChangeJob(instance=instance, job=job["id"], changes={"retries": 1}))
    await node.execute(c.SetVariables(instance=instance, modifications={"answer": TypedValue("Long", 42)}))
    assert await node.run_due_jobs() == 1
    assert (await history(node, instance))["state"] == "COMPLETED"
    assert await node.count(Query("incident", (is_null("ended_ms"),))) == 0
    with pytest.raises(NotFound, match="No job found with id"):
        await node.execute(c.ExecuteJob(instance=instance, job=job["id"]))


async def test_jobs_run_by_themselves_and_exclusive_ones_one_by_one(store: Store, make_node: MakeNode) -> None:
    running = most = 0

    async def slow(scope: DelegateScope) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    node = await make_node(store, execute_jobs=True, delegates={"slow": slow})
    body = (
        '<startEvent id="start"/><parallelGateway id="fork"/><sequenceFlow id="f" sourceRef="start" targetRef="fork"/>'
        + "".join(
            f'<serviceTask id="t{n}" camunda:asyncBefore="true" camunda:class="slow"/>'
            f'<sequenceFlow id="a{n}" sourceRef="fork" targetRef="t{n}"/>'
            for n in range(4)
        )
    )
    instance = await start(node, await deployed_id(node, body))
    await until(lambda: node.metrics()["jobs_executed_total"] == 4)
    assert (await history(node, instance))["state"] == "COMPLETED"
    assert most == 1


async def test_a_due_timer_fires_when_the_clock_is_there(node: Node, store: Store, clock: VirtualClock) -> None:
    timer = (
        '<intermediateCatchEvent id="wait"><timerEventDefinition><timeDuration>PT1H</timeDuration>'
        "</timerEventDefinition></intermediateCatchEvent>"
    )
    instance = await start(node, await deployed_id(node, sequence(timer)))
    await check_ready_rows(node, store)
    assert await node.run_due_jobs() == 0
    clock.advance_ms(3_600_000)
    assert await node.run_due_jobs() == 1
    assert (await history(node, instance))["state"] == "COMPLETED"


async def test_a_start_timer_starts_and_repeats(node: Node, store: Store, clock: VirtualClock) -> None:
    definition = await deployed_id(node, TIMER_START)
    (job,) = await store.rows(Query("job"))
    assert job["kind"] == "timer-start-event"
    assert job["due_ms"] == clock.now_ms() + 3_600_000
    clock.advance_ms(3_600_000)
    assert await node.run_due_jobs() == 1
    assert await node.count(Query("process_instance", (eq("definition_id", definition),))) == 1
    (following,) = await store.rows(Query("job"))
    assert following["id"] != job["id"]
    await node.execute(c.ExecuteJob(instance="", job=following["id"]))
    assert await node.count(Query("process_instance")) == 2
    states = [row["state"] for row in await node.rows(Query("job_log", order=(Order("sequence"),)))]
    assert states.count("created") >= 2
    assert states.count("successful") == 2
    for row in await node.rows(Query("job_log")):
        assert await node.count(Query("job_log", (eq("id", row["id"]),))) == 1


async def test_a_start_timer_can_be_changed_by_hand(node: Node, store: Store) -> None:
    await deployed_id(node, TIMER_START)
    (job,) = await store.rows(Query("job"))
    await node.execute(c.ChangeJob(instance="", job=job["id"], changes={"retries": 7, "suspended": True}))
    (changed,) = await store.rows(Query("job"))
    assert (changed["retries"], changed["suspended"]) == (7, True)
    await node.execute(c.DeleteJob(instance="", job=job["id"]))
    assert await store.rows(Query("job")) == []


FAILING_START = (
    TIMER_START.replace("R2/PT1H", "R/PT1H")
    .replace(
        'id="start">',
        'id="start" camunda:asyncAfter="false"><extensionElements><camunda:failedJobRetryTimeCycle>R2/PT5M'
        "</camunda:failedJobRetryTimeCycle></extensionElements>",
    )
    .replace(
        '<endEvent id="end"/><sequenceFlow id="f" sourceRef="start" targetRef="end"/>',
        '<serviceTask id="fails" camunda:expression="${missing}"/><sequenceFlow id="f" sourceRef="start" targetRef="fails"/>',
    )
)


async def failing_start_timer(node: Node, store: Store, clock: VirtualClock) -> Row:
    """The job of a start timer that has failed twice, and has no retries left."""
    await deployed_id(node, FAILING_START)
    (job,) = await store.rows(Query("job"))
    assert job["retries"] == 2
    clock.advance_ms(3_600_000)
    assert await node.run_due_jobs() == 1
    (job,) = await store.rows(Query("job"))
    assert (job["retries"], job["due_ms"]) == (1, clock.now_ms() + 5 * 60_000)
    assert await node.count(Query("incident")) == 0
    clock.advance_ms(5 * 60_000)
    assert await node.run_due_jobs() == 1
    (job,) = await store.rows(Query("job"))
    assert job["retries"] == 0
    return job


async def test_a_start_timer_that_fails_has_an_incident(node: Node, store: Store, clock: VirtualClock) -> None:
    job = await failing_start_timer(node, store, clock)
    (incident,) = await node.rows(Query("incident"))
    assert (incident["type"], incident["configuration"], incident["state"]) == ("failedJob", job["id"], "open")
    assert (incident["instance_id"], incident["execution_id"], incident["activity_id"]) == (None, None, "start")
    assert incident["definition_id"] == job["definition_id"]
    assert "missing" in incident["message"]
    with pytest.raises(Failure):
        await node.execute(c.ExecuteJob(instance="", job=job["id"]))
    assert await node.count(Query("incident")) == 1, "the incident stays the same one"
    await node.execute(c.ChangeJob(instance="", job=job["id"], changes={"retries": 1}))
    (closed,) = await node.rows(Query("incident"))
    assert (closed["id"], closed["state"], closed["ended_ms"]) == (incident["id"], "resolved", clock.now_ms())
    await node.execute(c.ChangeJob(instance="", job=job["id"], changes={"retries": 0}))
    (again,) = await node.rows(Query("incident", (is_null("ended_ms"),)))
    await node.execute(c.DeleteJob(instance="", job=job["id"]))
    (gone,) = await node.rows(Query("incident", (eq("id", again["id"]),)))
    assert gone["state"] == "deleted"


async def test_the_incident_of_a_start_timer_goes_with_its_deployment(
    node: Node, store: Store, clock: VirtualClock
) -> None:
    job = await failing_start_timer(node, store, clock)
    await node.delete_deployment(job["deployment_id"], cascade=True)
    assert await node.count(Query("incident")) == await node.count(Query("job_log")) == 0


# ------------------------------------------------------------------------------------------ locks and long polls


async def test_the_log_of_a_canceled_external_task_names_who_held_it(node: Node) -> None:
    definition = await deployed_id(node, EXTERNAL)
    held, free = await start(node, definition), await start(node, definition)
    rows = await node.fetch_and_lock(fetch("w7"), wait_ms=None)
    await node.unlock_external_task(next(row["id"] for row in rows if row["instance_id"] == free))
    for instance in (held, free):
        await node.execute(c.DeleteInstance(instance=instance))
    log = await node.rows(Query("external_task_log", (eq("state", "deleted"),)))
    assert {row["instance_id"]: row["worker_id"] for row in log} == {held: "w7", free: None}


async def test_running_and_completing_asks_for_no_worker(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    definition = await deployed_id(node, EXTERNAL)
    await start(node, definition)
    task = await one_task(node)
    asked: list[Query] = []
    monkeypatch.setattr(node._executor._store, "rows", asked.append)
    await start(node, definition)
    await node.execute(complete(task))
    assert asked == []


async def test_lock_extend_unlock(node: Node, clock: VirtualClock) -> None:
    await start(node, await deployed_id(node, EXTERNAL))
    task = await one_task(node, "w1", lock_ms=1_000)
    with pytest.raises(BadUserRequest, match=r"cannot be locked by worker 'w2'\. It is locked by worker 'w1'"):
        await node.lock_external_task(task["id"], "w2", 1_000)
    await node.extend_lock(task["id"], "w1", 5_000)
    with pytest.raises(BadUserRequest, match="cannot be extended by worker 'w2'"):
        await node.extend_lock(task["id"], "w2", 5_000)
    clock.advance_ms(6_000)
    with pytest.raises(BadUserRequest, match="Cannot extend a lock that expired"):
        await node.extend_lock(task["id"], "w1", 5_000)
    await node.unlock_external_task(task["id"])
    await node.lock_external_task(task["id"], "w2", 1_000)
    with pytest.raises(NotFound, match="Cannot find external task with id 00000000-0000"):
        await node.unlock_external_task("00000000-0000-7000-8000-000000000000")


async def test_a_waiting_worker_gets_the_task_when_it_is_made(node: Node) -> None:
    definition = await deployed_id(node, EXTERNAL)
    first = asyncio.create_task(node.fetch_and_lock(fetch("w1", most=1), wait_ms=10_000))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(node.fetch_and_lock(fetch("w2", most=1), wait_ms=10_000))
    await asyncio.sleep(0.01)
    one = await start(node, definition)
    assert [row["instance_id"] for row in await first] == [one]
    assert not second.done()
    two = await start(node, definition)
    assert [row["instance_id"] for row in await second] == [two]


async def test_waiting_ends_with_nothing(node: Node) -> None:
    assert await node.fetch_and_lock(fetch(), wait_ms=10) == []
    assert node.metrics()["workers_waiting"] == 0


async def test_tasks_of_a_worker_that_went_away_are_free_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    definition = await deployed_id(node, EXTERNAL)
    gone = asyncio.create_task(node.fetch_and_lock(fetch("gone"), wait_ms=10_000))
    await asyncio.sleep(0.01)
    locking = node.store.fetch_and_lock

    async def lock_and_lose(wanted: Fetch, now_ms: int) -> list[Row]:
        rows = await locking(wanted, now_ms)
        if rows and wanted.worker == "gone":
            gone.cancel()
            await asyncio.sleep(0)
        return rows

    monkeypatch.setattr(node.store, "fetch_and_lock", lock_and_lose)
    await start(node, definition)
    (row,) = await node.fetch_and_lock(fetch("here"), wait_ms=5_000)
    assert row["worker_id"] == "here"
    assert gone.cancelled()


async def test_a_failed_task_comes_back_when_its_time_has_come(node: Node, clock: VirtualClock) -> None:
    instance = await start(node, await deployed_id(node, EXTERNAL))
    task = await one_task(node)
    await node.execute(
        c.FailExternalTask(
            instance=instance,
            external_task=task["id"],
            worker="w",
            retries=2,
            retry_timeout_ms=5_000,
            error_message="m",
        )
    )
    assert await node.fetch_and_lock(fetch(), wait_ms=None) == []
    waiting = asyncio.create_task(node.fetch_and_lock(fetch("w2"), wait_ms=10_000))
    await asyncio.sleep(0.01)
    clock.advance_ms(5_000)
    (again,) = await waiting
    assert (again["id"], again["retries"], again["error_message"]) == (task["id"], 2, "m")


async def test_a_worker_is_woken_when_its_task_may_be_tried_again(
    store: Store, make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.runtime.fetching.POLL_S", 3_600)
    node = await make_node(store)
    instance = await start(node, await deployed_id(node, EXTERNAL))
    (task,) = await node.rows(Query("external_task"))
    await node.execute(c.SetExternalTaskRetries(instance=instance, external_task=task["id"], retries=0))
    waiting = asyncio.create_task(node.fetch_and_lock(fetch(), wait_ms=10_000))
    await until(lambda: node.metrics()["workers_waiting"] == 1)
    await node.execute(c.SetExternalTaskRetries(instance=instance, external_task=task["id"], retries=1))
    assert [row["id"] for row in await waiting] == [task["id"]]


async def test_a_unit_of_several_instances_wakes_the_workers_of_all(
    store: Store, make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.runtime.fetching.POLL_S", 3_600)
    node = await make_node(store)
    before = '<signal id="go" name="Go"/>'
    starts = []
    for topic in ("a", "b"):
        work = f'<serviceTask id="work" camunda:type="external" camunda:topic="{topic}"/>'
        definition = await deployed_id(
            node,
            '<startEvent id="start"><signalEventDefinition signalRef="go"/></startEvent>'
            f'{work}<sequenceFlow id="f" sourceRef="start" targetRef="work"/>',
            key=topic,
            before=before,
        )
        starts.append((definition, "start"))
    waiting = [
        asyncio.create_task(node.fetch_and_lock(fetch(topic, topic=topic), wait_ms=10_000)) for topic in ("a", "b")
    ]
    await until(lambda: node.metrics()["workers_waiting"] == 2)
    await node.execute(c.BroadcastSignal(name="Go", starts=tuple(starts)))
    assert [[row["topic"] for row in rows] for rows in await asyncio.gather(*waiting)] == [["a"], ["b"]]


async def test_ten_thousand_waiting_workers(store: Store, make_node: MakeNode) -> None:
    node = await make_node(store)
    definition = await deployed_id(node, EXTERNAL)
    waiting = [asyncio.create_task(node.fetch_and_lock(fetch(f"w{n}", most=1), wait_ms=60_000)) for n in range(10_000)]
    await until(lambda: node.metrics()["workers_waiting"] == 10_000)
    await asyncio.gather(*(start(node, definition) for _ in range(20)))
    done, _ = await asyncio.wait(waiting, timeout=0.5)
    while len(done) < 20:
        done, _ = await asyncio.wait(waiting, timeout=0.1)
    assert sorted(len(task.result()) for task in done) == [1] * 20
    assert {int(task.result()[0]["worker_id"][1:]) for task in done} == set(range(20))
    await node.drain()
    assert {len(task.result()) for task in await asyncio.wait(waiting) and waiting} == {0, 1}


# ------------------------------------------------------------------------------------------ going down


async def test_draining_finishes_what_was_taken(store: Store, make_node: MakeNode) -> None:
    node = await make_node(store)
    definition = await deployed_id(node, EXPRESSION)
    starting = [asyncio.create_task(start(node, definition)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(node.fetch_and_lock(fetch(), wait_ms=60_000))
    await asyncio.sleep(0)
    await node.drain()
    assert len({await one for one in starting}) == 20
    assert await waiting == []
    with pytest.raises(Overloaded):
        await start(node, definition)
    assert await node.count(Query("process_instance")) == 20
    assert not node.health()["ready"]


async def test_a_unit_of_a_suspended_definition_is_refused(node: Node) -> None:
    definition = await deployed_id(node, EXTERNAL)
    instance = await start(node, definition)
    await node.suspend_definition([definition], True, include_instances=True)
    with pytest.raises(EntitySuspended, match="is suspended"):
        await start(node, definition)
    assert await node.fetch_and_lock(fetch(), wait_ms=None) == []
    await node.suspend_definition([definition], False, include_instances=True)
    assert [row["instance_id"] for row in await node.fetch_and_lock(fetch(), wait_ms=None)] == [instance]
    await start(node, definition)


async def test_deleting_history_takes_the_rows_for_good(node: Node) -> None:
    definition = await deployed_id(node, EXPRESSION)
    instance = await start(node, definition)
    running = await start(node, await deployed_id(node, USER, key="q"))
    with pytest.raises(BadUserRequest, match="still running"):
        await node.delete_history([running])
    await node.delete_history([instance])
    assert await node.count(Query("activity_instance", (eq("instance_id", instance),))) == 0
    await node.rebuild_views()
    assert await node.count(Query("activity_instance", (eq("instance_id", instance),))) == 0
    with pytest.raises(NotFound):
        await node.delete_history([instance])


async def test_views_that_do_not_catch_up_answer_503(store: Store, make_node: MakeNode) -> None:
    node = await make_node(store, query_wait_ms=30)
    await node._projector.close()
    await start(node, await deployed_id(node, EXPRESSION))
    with pytest.raises(ViewsBehind, match="not caught up within 30 ms"):
        await node.rows(Query("process_instance"))


async def test_called_instances_are_stepped_with_their_caller(node: Node, store: Store) -> None:
    await deploy(node, EXTERNAL, key="inner")
    outer = await deployed_id(node, sequence('<callActivity id="call" calledElement="inner"/>'), key="outer")
    instance = await start(node, outer)
    task = await one_task(node)
    assert task["instance_id"] != instance
    assert task["root_id"] == instance
    await check_ready_rows(node, store)
    await node.execute(complete(task))
    assert (await history(node, instance))["state"] == "COMPLETED"
    assert (await history(node, task["instance_id"]))["state"] == "COMPLETED"


async def test_commands_to_caller_and_called_at_once_do_not_deadlock(node: Node) -> None:
    await deploy(node, EXTERNAL, key="inner")
    outer = await deployed_id(node, sequence('<callActivity id="call" calledElement="inner"/>'), key="outer")
    instances = [await start(node, outer) for _ in range(10)]
    tasks = await node.fetch_and_lock(fetch(most=100), wait_ms=None)
    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(
            *(node.execute(complete(task)) for task in tasks),
            *(
                node.execute(c.SetVariables(instance=id, modifications={"x": TypedValue("Long", 1)}))
                for id in instances
            ),
            return_exceptions=True,
        )
    assert [outcome for outcome in outcomes[:10] if outcome is not None] == []
    for id in instances:
        assert (await history(node, id))["state"] == "COMPLETED"
