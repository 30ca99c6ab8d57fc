"""An engine in this process: what runs in it, and what its callers see."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from embedded_models import (
    AT_ONCE,
    CAUGHT,
    DELEGATE,
    LATER,
    MESSAGE,
    PATIENCE_S,
    PERSON,
    SIGNAL,
    TIMER,
    process,
    until,
    work,
)

from penstock.base.errors import (
    BadRequest,
    BadUserRequest,
    DelegateMissing,
    EntitySuspended,
    Failure,
    LimitReached,
    MismatchingCorrelation,
    NotFound,
    ParseFailed,
    StoreFailed,
    TaskAlreadyClaimed,
)
from penstock.embedded import Engine, Incident
from penstock.worker import BpmnError, Completed, ExternalTask, TaskFailure, Worker, handles


class Order(msgspec.Struct):
    amount: int


async def _ended(engine: Engine, id: str) -> str:
    return (await engine.until_ended(id, timeout_s=PATIENCE_S)).state


# ------------------------------------------------------------------------------------------ work


async def test_an_instance_is_worked_to_its_end(store: str) -> None:
    engine = Engine(store)

    @engine.topic("work")
    async def handler(order: Order, task: ExternalTask) -> dict[str, Any]:
        return {"doubled": order.amount * 2, "by": task.business_key}

    async with engine:
        made = await engine.deploy(resources={"work.bpmn": work()})
        assert [one.key for one in (made.deployed_process_definitions or {}).values()] == ["work"]
        started = await engine.start("work", {"amount": 21}, business_key="4711")
        assert (started.business_key, started.ended, started.definition_key) == ("4711", False, "work")
        assert await _ended(engine, started.id) == "COMPLETED"
        assert await engine.historic_variables(started.id) == {"amount": 21, "doubled": 42, "by": "4711"}
        (row,) = await engine.history(process_instance_business_key="4711")
        assert row.end_time is not None and row.end_time >= row.start_time and row.start_time.tzinfo is not None
        steps = await engine.activities(process_instance_id=started.id, sort="start_time")
        assert {step.activity_id for step in steps} == {"Start", "It", "End"}
        assert not await engine.instances()


async def test_a_failure_is_tried_again_then_an_incident_then_retried(store: str) -> None:
    engine = Engine(store, retries=AT_ONCE)
    broken = True
    attempts: list[str] = []

    @engine.topic("work")
    def handler(task: ExternalTask) -> None:
        attempts.append(task.idempotency_key)
        if broken:
            raise ConnectionError("the bank does not answer")

    async with engine:
        await engine.deploy(resources={"work.bpmn": work()})
        started = await engine.start("work")
        (incident,) = await until(engine.incidents, "an incident")
        assert incident.incident_type == "failedExternalTask" and incident.process_instance_id == started.id
        assert incident.incident_message == "the bank does not answer" and incident.incident_timestamp is not None
        assert len(attempts) == len(set(attempts)) == 2
        (waiting,) = await engine.external_tasks(no_retries_left=True)
        assert (waiting.topic_name, waiting.retries) == ("work", 0)
        broken = False
        await engine.retry(incident)
        assert await _ended(engine, started.id) == "COMPLETED"
        assert not await engine.incidents() and len(attempts) == 3


async def test_a_handler_raises_a_bpmn_error(store: str) -> None:
    engine = Engine(store)

    @engine.topic("work")
    async def handler(task: ExternalTask) -> None:
        raise BpmnError("DECLINED", variables={"why": "no money"})

    async with engine:
        await engine.deploy(resources={"work.bpmn": work(after=CAUGHT)})
        started = await engine.start("work")
        assert await _ended(engine, started.id) == "COMPLETED"
        ends = await engine.activities(process_instance_id=started.id, activity_type="noneEndEvent")
        assert [end.activity_id for end in ends] == ["Other"]
        assert await engine.historic_variables(started.id) == {"why": "no money"}


async def test_timers_fire(store: str) -> None:
    async with Engine(store) as engine:
        await engine.deploy(resources={"timer.bpmn": TIMER})
        long = await engine.start("timer", {"wait": "PT1H"})
        short = await engine.start("timer", {"wait": "PT0.2S"})
        assert await _ended(engine, short.id) == "COMPLETED"
        (job,) = await engine.jobs(process_instance_id=long.id, timers=True)
        assert job.due_date is not None and job.retries == 3
        with pytest.raises(TimeoutError):
            await engine.until_ended(long.id, timeout_s=0.05)
        await engine.run_job(job.id)
        assert await _ended(engine, long.id) == "COMPLETED"


async def test_a_handler_that_blocks_does_not_hold_up_the_loop() -> None:
    engine = Engine("memory://")
    enough = threading.Event()

    @engine.topic("work")
    def handler() -> None:
        assert enough.wait(60)

    async with engine:
        await engine.deploy(resources={"work.bpmn": work(), "other.bpmn": work("other", "nobody")})
        started = await engine.start("work")
        await until(lambda: engine.external_tasks(locked=True), "the handler has it")
        await engine.start("other")
        enough.set()
        assert await _ended(engine, started.id) == "COMPLETED"


async def test_threads_call_the_engine(made: Engine) -> None:
    @made.topic("work")
    def handler(task: ExternalTask) -> dict[str, Any]:
        started = made.from_thread(made.start("message", business_key=task.business_key))
        with pytest.raises(NotFound):
            made.from_thread(made.start("nothing"))
        return {"started": started.id}

    with pytest.raises(RuntimeError, match="not started"):
        made.from_thread(made.start("work"))
    async with made:
        await made.deploy(resources={"work.bpmn": work(), "message.bpmn": MESSAGE})
        started = await made.start("work", business_key="1")
        assert await _ended(made, started.id) == "COMPLETED"
        (other,) = await made.instances(business_key="1")
        assert await made.historic_variables(started.id) == {"started": other.id}
        with pytest.raises(RuntimeError, match="await the call"):
            made.from_thread(made.start("work"))
        with pytest.raises(RuntimeError, match="registered before"):
            made.topic("other")


async def test_a_task_wakes_its_handler_at_once() -> None:
    """Nothing polls: with a long poll of an hour a task that comes later is done all the same."""
    engine = Engine("memory://", long_poll_ms=1_800_000)

    @engine.topic("work")
    async def handler() -> None: ...

    async with engine:
        await engine.deploy(resources={"work.bpmn": work()})
        await asyncio.sleep(0.3)
        assert await _ended(engine, (await engine.start("work")).id) == "COMPLETED"


# ------------------------------------------------------------------------------------------ life


async def test_stopping_lets_handlers_finish_and_gives_back_the_rest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/service.db"
    engine = Engine(url, concurrency=1, lock_duration_ms=600_000)
    began = asyncio.Event()
    done: list[str] = []

    @engine.topic("work")
    async def handler(task: ExternalTask) -> None:
        began.set()
        await asyncio.sleep(0.2)
        done.append(task.process_instance_id)

    async with engine:
        await engine.deploy(resources={"work.bpmn": work()})
        started = [(await engine.start("work")).id for _ in range(5)]
        await began.wait()
    assert len(done) == 1
    async with Engine(url) as later:
        assert len(await later.history(finished=True)) == 1
        left = await later.external_tasks()
        assert {task.process_instance_id for task in left} == set(started) - set(done)
        assert not await later.external_tasks(locked=True)


async def test_stopping_gives_back_what_is_not_done_in_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/service.db"
    engine = Engine(url, grace_ms=100, lock_duration_ms=600_000)
    began = asyncio.Event()

    @engine.topic("work")
    async def handler() -> None:
        began.set()
        await asyncio.sleep(3_600)

    async with engine:
        await engine.deploy(resources={"work.bpmn": work()})
        await engine.start("work")
        await began.wait()
    async with Engine(url) as later:
        assert len(await later.external_tasks(not_locked=True)) == 1


async def test_it_can_be_started_again_and_says_when_it_is_not(made: Engine) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="not started"):
            await made.start("work")
        async with made:
            assert made.health()["ready"]
            with pytest.raises(RuntimeError, match="started already"):
                await made.start_up()
    with pytest.raises(RuntimeError, match="not started"):
        made.health()


async def test_nothing_happens_in_between(made: Engine) -> None:
    """Stopped before its worker has begun."""
    made.topic("work")(lambda: None)
    async with asyncio.timeout(60):
        async with made:
            pass


async def test_a_second_process_on_one_sqlite_file_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/service.db"
    async with Engine(url):
        with pytest.raises(StoreFailed, match=r"service\.db is in use .* postgresql://"):
            await Engine(url).start_up()


async def test_a_store_out_of_reach_is_told_without_its_password() -> None:
    engine = Engine("postgresql://user:secret@127.0.0.1:1/none")
    with pytest.raises(StoreFailed) as refused:
        await engine.start_up()
    assert "secret" not in f"{refused.value} {engine!r}" and "127.0.0.1:1" in str(refused.value)


# ------------------------------------------------------------------------------------------ delegates


async def test_delegates_are_called_inside_the_unit(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    @engine.delegate("org.shop.Charge")
    def charge(scope: Any) -> None:
        if scope["amount"] > 100:
            raise BpmnError("DECLINED", variables={"why": "too much"})
        if scope["amount"] < 0:
            raise ValueError("nobody pays less than nothing")
        scope["paid"] = scope["amount"]

    await engine.deploy(resources={"delegate.bpmn": DELEGATE})
    assert "register a Python callable" not in caplog.text
    paid = await engine.start("delegate", {"amount": 5})
    assert paid.ended and await engine.historic_variables(paid.id) == {"amount": 5, "paid": 5}
    declined = await engine.start("delegate", {"amount": 500})
    assert await engine.historic_variables(declined.id) == {"amount": 500, "why": "too much"}
    with pytest.raises(Failure, match="nobody pays less than nothing") as failed:
        await engine.start("delegate", {"amount": -1})
    assert failed.value.element_id == "It"
    assert len(await engine.history()) == 2


async def test_a_delegate_of_a_job_fails_its_job(store: str) -> None:
    engine = Engine(store)
    broken = True

    @engine.delegate("book")
    async def book(scope: Any) -> None:
        await asyncio.sleep(0)
        if broken:
            raise OSError("no disk")

    async with engine:
        await engine.deploy(resources={"later.bpmn": LATER})
        started = await engine.start("later")
        (job,) = await until(lambda: engine.jobs(with_exception=True), "the job fails")
        for _ in range(3):
            if (await engine.jobs())[0].retries:
                with pytest.raises(Failure, match="no disk"):
                    await engine.run_job(job.id)
        (incident,) = await engine.incidents(incident_type="failedJob")
        broken = False
        await engine.retry(incident)
        assert await _ended(engine, started.id) == "COMPLETED"


async def test_a_delegate_that_is_missing_is_named(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    await engine.deploy(resources={"delegate.bpmn": DELEGATE})
    assert "register a Python callable" in caplog.text
    with pytest.raises(DelegateMissing, match=r"org\.shop\.Charge"):
        await engine.start("delegate", {"amount": 5})


# ------------------------------------------------------------------------------------------ calls


async def test_messages_and_signals(engine: Engine) -> None:
    await engine.deploy(resources={"message.bpmn": MESSAGE, "signal.bpmn": SIGNAL})
    one = await engine.start("message", business_key="1")
    await engine.start("message", business_key="2")
    with pytest.raises(MismatchingCorrelation):
        await engine.correlate("Paid", business_key="3")
    with pytest.raises(MismatchingCorrelation):
        await engine.correlate("Paid")
    for _ in range(2):
        (told,) = await engine.correlate("Paid", {"cents": 5}, business_key="1", idempotency_key="m-1") or [None]
        assert told is None or told.execution is not None
        if (await engine.historic_instance(one.id)).end_time:
            break
    assert (await engine.historic_variables(one.id)) == {"cents": 5}
    assert await engine.correlate("Paid", business_key="1", idempotency_key="m-1") == []
    await engine.start("signal")
    await engine.start("signal")
    await engine.signal("Go")
    assert [found.business_key for found in await engine.instances()] == ["2"]


async def test_people(engine: Engine) -> None:
    await engine.deploy(resources={"person.bpmn": PERSON})
    await engine.start("person", {"amount": 7}, business_key="1")
    (task,) = await engine.tasks(candidate_group="sales")
    assert (task.name, task.task_definition_key, task.assignee) == ("Look", "It", None)
    assert await engine.task_variables(task.id) == {"amount": 7}
    await engine.claim(task.id, "mary")
    with pytest.raises(TaskAlreadyClaimed):
        await engine.claim(task.id, "john")
    assert (await engine.task(task.id)).assignee == "mary"
    await engine.unclaim(task.id)
    await engine.complete(task.id, {"fine": True})
    with pytest.raises(NotFound):
        await engine.complete(task.id)
    with pytest.raises(NotFound):
        await engine.task(task.id)
    other = await engine.start("person")
    (task,) = await engine.tasks(process_instance_id=other.id)
    await engine.bpmn_error(task.id, "DECLINED", variables={"why": "no"})
    assert await engine.historic_variables(other.id) == {"why": "no"}


async def test_a_call_with_an_idempotency_key_happens_once(store: str) -> None:
    async with Engine(store) as engine:
        await engine.deploy(resources={"message.bpmn": MESSAGE})
        starts = [engine.start("message", business_key="1", idempotency_key="1") for _ in range(5)]
        assert len({started.id for started in await asyncio.gather(*starts)}) == 1
        assert len(await engine.instances(business_key="1")) == 1


async def test_what_cannot_be_is_refused_with_the_engines_errors(engine: Engine) -> None:
    with pytest.raises(ParseFailed) as unreadable:
        await engine.deploy(resources={"bad.bpmn": work().replace(b'targetRef="End"', b'targetRef="Nowhere"')})
    assert any("Nowhere" in finding.message for finding in unreadable.value.findings["bad.bpmn"])
    with pytest.raises(NotFound):
        await engine.start("nothing")
    with pytest.raises(NotFound):
        await engine.instance("nothing")
    with pytest.raises(NotFound):
        await engine.historic_instance("nothing")
    with pytest.raises(NotFound):
        await engine.set_variables("nothing", {"a": 1})
    with pytest.raises(BadRequest):
        await engine.deploy()
    with pytest.raises(FileNotFoundError):
        await engine.deploy("nothing.bpmn")
    with pytest.raises(TypeError, match="no filter 'bussiness_key'; there are active, "):
        await engine.instances(bussiness_key="1")
    await engine.deploy(resources={"person.bpmn": PERSON})
    (made,) = await engine.definitions()
    with pytest.raises(BadUserRequest, match="type other cannot be retried"):
        await engine.retry(Incident(id="1", incident_type="other"))
    with pytest.raises(EntitySuspended):
        await engine.rest("PUT", f"/process-definition/{made.id}/suspended", {"suspended": True})
        await engine.start("person")


async def test_lists_filter_sort_and_page(engine: Engine) -> None:
    await engine.deploy(resources={"message.bpmn": MESSAGE})
    for number in range(5):
        await engine.start("message", {"number": number, "even": number % 2 == 0}, business_key=str(number))
    assert [row.business_key for row in await engine.instances(sort="-business_key", most=2)] == ["4", "3"]
    assert [row.business_key for row in await engine.instances(sort="business_key", first=3)] == ["3", "4"]
    assert {row.business_key for row in await engine.instances(variables={"even": True})} == {"0", "2", "4"}
    assert len(await engine.instances(process_definition_key_in=["message", "other"], business_key=None)) == 5
    first = await engine.history(sort="start_time", most=1)
    assert len(await engine.history(started_before=first[0].start_time)) >= 1
    assert [row.version for row in await engine.definitions(key="message", latest_version=True)] == [1]


async def test_variables_migration_and_everything_else(engine: Engine) -> None:
    await engine.deploy(resources={"message.bpmn": MESSAGE})
    started = await engine.start("message")
    await engine.set_variables(started.id, {"a": [1, {"b": None}]})
    assert await engine.variables(started.id) == {"a": [1, {"b": None}]}
    await engine.deploy(resources={"message.bpmn": MESSAGE.replace(b'name="Paid"', b'name="Settled"')})
    new = (await engine.definitions(key="message", latest_version=True))[0]
    await engine.migrate(started.definition_id, new.id, started.id)
    assert (await engine.instance(started.id)).definition_id == new.id
    await engine.correlate("Settled", process_instance_id=started.id)
    assert await engine.rest("GET", "/history/process-instance/count", query={"completed": "true"}) == {"count": 1}
    assert await engine.rest("GET", "/penstock/v1/topics") == []
    other = await engine.start("message")
    await engine.delete_instance(other.id)
    assert (await engine.historic_instance(other.id)).state == "EXTERNALLY_TERMINATED"


# ------------------------------------------------------------------------------------------ handlers and settings


class Shop:
    def __init__(self) -> None:
        self.seen: list[str] = []

    @handles("work", lock_duration_ms=5_000)
    def do(self, task: ExternalTask) -> Completed:
        self.seen.append(threading.current_thread().name)
        return Completed(variables={"done": True})


async def test_handlers_of_a_worker_and_of_a_class_are_taken_as_they_are() -> None:
    shop = Shop()
    worker = Worker("http://127.0.0.1:1/engine-rest")

    @worker.task("other")
    async def other() -> dict[str, Any]:
        return {"other": True}

    engine = Engine("memory://")
    engine.include(shop)
    engine.include(worker)
    with pytest.raises(ValueError, match="has a handler already"):
        engine.include(worker)
    async with engine:
        await engine.deploy(resources={"work.bpmn": work(), "other.bpmn": work("other", "other")})
        for key in ("work", "other"):
            assert await _ended(engine, (await engine.start(key)).id) == "COMPLETED"
    assert shop.seen and threading.main_thread().name not in shop.seen


async def test_a_handler_fails_as_it_says() -> None:
    engine = Engine("memory://")

    @engine.topic("work")
    async def handler(task: ExternalTask) -> None:
        await task.extend_lock(60_000)
        raise TaskFailure("by hand", retries=0)

    async with engine:
        await engine.deploy(resources={"work.bpmn": work()})
        await engine.start("work")
        (incident,) = await until(engine.incidents)
        assert incident.incident_message == "by hand"


async def test_a_lock_is_extended_while_a_handler_runs(store: str) -> None:
    engine = Engine(store, lock_duration_ms=1_000)
    calls: list[float] = []

    @engine.topic("work")
    async def handler() -> None:
        calls.append(time.monotonic())
        await asyncio.sleep(2.5)

    async with engine:
        await engine.deploy(resources={"work.bpmn": work()})
        assert await _ended(engine, (await engine.start("work")).id) == "COMPLETED"
    assert len(calls) == 1


def test_settings_come_from_arguments_then_the_environment_then_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text('[server]\nstore = "memory://"\ndefault_retries = 7\njobs_at_once = 7\nscript_time_limit_ms = 7\n')
    monkeypatch.setenv("PENSTOCK_JOBS_AT_ONCE", "8")
    monkeypatch.setenv("PENSTOCK_SCRIPT_TIME_LIMIT_MS", "8")
    engine = Engine(config=file, settings={"script_time_limit_ms": 9})
    settings = engine._place.settings.node  # type: ignore[attr-defined]
    assert (settings.default_retries, settings.jobs_at_once, settings.script_time_limit_ms) == (7, 8, 9)
    monkeypatch.setenv("PENSTOCK_STORE", "sqlite:///other.db")
    assert repr(Engine(config=file)) == "Engine('sqlite:///other.db')"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({}, "has no store"),
        ({"store": "memory://", "settings": {"retries": 1}}, "no setting 'retries'; there are authentication, "),
        ({"store": "memory://", "settings": {"default_retries": "x"}}, "default_retries"),
        ({"store": "memory://", "settings": {"connector_timeout_ms": 0}}, "connector_timeout_ms"),
        ({"store": "memory://", "config": "nowhere.toml"}, "cannot read nowhere.toml"),
        ({"store": "http://127.0.0.1:1/engine-rest", "settings": {"default_retries": 1}}, "its own configuration"),
    ],
)
def test_a_wrong_configuration_is_told_where_it_is_written(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        Engine(**wrong)


async def test_delegates_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "shop_delegates.py").write_text("def charge(scope):\n    scope['paid'] = 1\n")
    (tmp_path / "penstock.toml").write_text('[delegates]\n"org.shop.Charge" = "shop_delegates:charge"\n')
    async with Engine("memory://", config=tmp_path / "penstock.toml") as engine:
        await engine.deploy(resources={"delegate.bpmn": DELEGATE})
        assert await engine.historic_variables((await engine.start("delegate")).id) == {"paid": 1}
    (tmp_path / "penstock.toml").write_text('[delegates]\n"a" = "shop_delegates:nothing"\n')
    with pytest.raises(BadRequest, match="nothing"):
        await Engine("memory://", config=tmp_path / "penstock.toml").start_up()


async def test_a_failed_start_leaves_nothing_open(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/service.db"
    (tmp_path / "penstock.toml").write_text('[[bridge]]\nconnection = "none"\nchannel = "c"\nstart = "p"\n')
    with pytest.raises(BadRequest, match="none"):
        await Engine(url, config=tmp_path / "penstock.toml").start_up()
    async with Engine(url):
        pass


def test_an_unhandled_failure_of_a_unit_names_the_element() -> None:
    """Without an event loop of pytest's: as a program has it."""
    bad = process("bad", '<bpmn:serviceTask id="It" camunda:expression="${missing.name}"/>')

    async def main() -> None:
        async with Engine("memory://") as engine:
            await engine.deploy(resources={"bad.bpmn": bad})
            with pytest.raises(Failure, match="missing") as failed:
                await engine.start("bad")
            assert failed.value.element_id == "It"

    asyncio.run(main())


async def test_the_limits_of_services_in_its_file_count(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text('[[service]]\nname = "shop"\ndefinitions = ["person"]\nmax_running_instances = 1\n')
    async with Engine("memory://", config=file) as engine:
        await engine.deploy(resources={"person.bpmn": PERSON})
        await engine.start("person")
        with pytest.raises(LimitReached, match="max_running_instances"):
            await engine.start("person")
