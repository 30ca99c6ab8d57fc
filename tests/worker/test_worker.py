"""Workers against a real server: outcomes, locks, lost answers, restarts."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from faulty import faulty
from worker_models import one_task

from penstock.worker import (
    AsyncClient,
    Backoff,
    Bearer,
    BpmnError,
    Client,
    Completed,
    ExternalTask,
    File,
    Finished,
    Outcome,
    Retries,
    TaskFailure,
    Typed,
    Worker,
)
from support.processes import Server

DECLINED = """<bpmn:boundaryEvent id="Declined" attachedToRef="Work">
    <bpmn:errorEventDefinition errorRef="E"/></bpmn:boundaryEvent>
  <bpmn:sequenceFlow id="no" sourceRef="Declined" targetRef="Look"/><bpmn:userTask id="Look"/>
  <bpmn:sequenceFlow id="noo" sourceRef="Look" targetRef="End2"/><bpmn:endEvent id="End2"/>"""


async def until(condition: Callable[[], Any], timeout_s: float = 30.0) -> None:
    """Waits for something that happens in this event loop."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - other processes are waited for, too
            await asyncio.sleep(0.01)


async def deploy(client: AsyncClient, topic: str, inside: str = "", after: str = "") -> None:
    """A process of the topic's name with one task of it."""
    model = one_task(topic, topic, inside, after)
    if after:
        model = model.replace(b"<bpmn:process", b'<bpmn:error id="E" errorCode="DECLINED"/><bpmn:process', 1)
    await client.deploy(topic, resources={f"{topic}.bpmn": model})


def history(server: Server, instance: str) -> dict[str, Any]:
    """Variables of an instance that has ended, as the server tells them."""
    rows = server.get("/history/variable-instance", processInstanceId=instance, deserializeValues="false")
    return {row["name"]: (row["type"], row["value"]) for row in rows}


def log(server: Server, instance: str, **more: Any) -> list[Any]:
    """The log of an instance's external tasks."""
    rows: list[Any] = server.get(
        "/history/external-task-log", processInstanceId=instance, sortBy="timestamp", sortOrder="asc", **more
    )
    return rows


class Order(msgspec.Struct):
    """What the handlers of this module take."""

    amount: int
    note: str = "none"


class Paid(msgspec.Struct):
    """What they give back."""

    paid: bool
    receipt: bytes


async def test_a_coroutine_and_a_function_do_the_same(server: Server, base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "coroutine")
    await deploy(aclient, "function")
    finished: list[Finished] = []
    threads: set[str] = set()
    worker = Worker(base_url, observer=finished.append)

    @worker.task("coroutine")
    async def coroutine(order: Order) -> Paid:
        return Paid(order.amount > 5, order.note.encode())

    @worker.task("function")
    def function(order: Order, task: ExternalTask) -> Completed:
        threads.add(threading.current_thread().name)
        assert task.business_key == "o-1" and task.activity_id == "Work" and task.created_at is not None
        assert task.created_at <= datetime.now(UTC)  # noqa: TID251
        return Completed(variables=Paid(order.amount > 5, order.note.encode()), local_variables={"seen": True})

    async with worker:
        started = [
            (await aclient.start(key, {"amount": 9}, business_key="o-1")).id for key in ("coroutine", "function")
        ]
        await until(lambda: len(finished) == 2)
    assert {event.outcome for event in finished} == {Outcome.COMPLETED}
    for instance in started:
        variables = history(server, instance)
        assert (variables["paid"], variables["receipt"][0]) == (("Boolean", True), "Bytes")
    assert threads and "MainThread" not in threads


async def test_every_type_there_and_back(server: Server, base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "types")
    sent: dict[str, Any] = {
        "text": "ä" * 5_000,
        "whole": 7,
        "large": 2**40,
        "ratio": 1.5,
        "truth": True,
        "nothing": None,
        "moment": datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC),
        "raw": b"\x00\xff",
        "json": {"a": [1, {"b": None}]},
    }
    stated = {
        "short": Typed("Short", 3),
        "xml": Typed("Xml", "<a/>"),
        "object": Typed("Object", {"a": 1}, {"objectTypeName": "a.B", "serializationDataFormat": "application/json"}),
        "file": File("ü ä.txt", b"content \x00", "text/plain", "utf-8"),
    }
    seen: dict[str, Any] = {}
    files: list[File] = []
    done = asyncio.Event()
    worker = Worker(base_url)

    @worker.task("types")
    async def types(task: ExternalTask) -> dict[str, Any]:
        seen.update(task.variables)
        files.append(await task.file("file"))
        files.append(await asyncio.to_thread(task.read_file, "raw"))
        done.set()
        return {f"{name}2": value for name, value in (sent | stated).items()}

    async with worker:
        instance = (await aclient.start("types", sent | stated)).id
        await done.wait()
        await until(lambda: not worker.in_hand)
    assert {name: seen[name] for name in sent} == sent
    assert (seen["short"], seen["xml"], seen["object"]) == (3, "<a/>", {"a": 1})
    assert (seen["file"].name, seen["file"].mimetype, seen["file"].encoding) == ("ü ä.txt", "text/plain", "utf-8")
    assert (files[0].name, files[0].content, files[0].mimetype) == ("ü ä.txt", b"content \x00", "text/plain")
    assert files[1].content == b"\x00\xff"
    kept = history(server, instance)
    for name in sent | stated:
        assert kept[f"{name}2"] == kept[name], name


async def test_failures_end_in_an_incident_that_says_why(server: Server, base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "failing")
    finished: list[Finished] = []
    quick = Retries(count=2, backoff=Backoff(first_ms=20))
    worker = Worker(base_url, retries=quick, observer=finished.append)

    @worker.task("failing")
    def failing(task: ExternalTask) -> None:
        raise TaskFailure("not today", retries=0) if task.business_key == "final" else KeyError("sku-1")

    async with worker:
        mended = (await aclient.start("failing")).id
        final = (await aclient.start("failing", business_key="final")).id
        await until(lambda: len(finished) == 3)
    assert [entry["retries"] for entry in log(server, mended, failureLog="true")] == [None, 1]
    for instance, message in ((mended, "'sku-1'"), (final, "not today")):
        (incident,) = await aclient.incidents(process_instance_id=instance)
        assert (incident.incident_type, incident.incident_message) == ("failedExternalTask", message)
    details = server.rest.get(f"/external-task/{incident.configuration}/errorDetails")
    assert "test_worker.py" in details.text


async def test_variables_that_do_not_fit_end_in_an_incident(base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "typed")
    finished: list[Finished] = []
    worker = Worker(base_url, observer=finished.append)

    @worker.task("typed")
    async def typed(order: Order) -> None:
        raise AssertionError("is never called")

    async with worker:
        instance = (await aclient.start("typed", {"amount": "nine"})).id
        await until(lambda: finished)
    (incident,) = await aclient.incidents(process_instance_id=instance)
    assert incident.incident_message == "Variable 'amount': Expected `int`, got `str` (Order.amount)"


async def test_a_bpmn_error_is_caught_in_the_model(server: Server, base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "declining", after=DECLINED)
    finished: list[Finished] = []
    worker = Worker(base_url, observer=finished.append)

    @worker.task("declining")
    async def declining() -> None:
        raise BpmnError("DECLINED", "no money", {"reason": "limit"})

    async with worker:
        instance = (await aclient.start("declining")).id
        await until(lambda: finished)
    assert finished[0].outcome is Outcome.BPMN_ERROR
    assert server.get("/task/count", processInstanceId=instance)["count"] == 1
    assert (await aclient.variables(instance))["reason"] == "limit"


async def test_what_the_engine_cannot_go_on_with_is_seen(base_url: str, aclient: AsyncClient) -> None:
    """The completion is refused (an expression behind the task fails): the task fails with the engine's words."""
    bad = (
        '<bpmn:extensionElements><camunda:inputOutput><camunda:outputParameter name="x">${nobody.knows}'
        "</camunda:outputParameter></camunda:inputOutput></bpmn:extensionElements>"
    )
    await deploy(aclient, "stuck", inside=bad)
    finished: list[Finished] = []
    worker = Worker(base_url, observer=finished.append, retries=Retries(count=1))

    @worker.task("stuck")
    async def stuck() -> None: ...

    async with worker:
        instance = (await aclient.start("stuck")).id
        await until(lambda: finished)
    (incident,) = await aclient.incidents(process_instance_id=instance)
    assert "complete was refused by the engine" in (incident.incident_message or "")
    assert "nobody" in (incident.incident_message or "")


# ------------------------------------------------------------------------------------------ locks


async def test_a_lock_is_extended_while_the_handler_runs(base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "slow")
    calls: list[str] = []
    worker = Worker(base_url, lock_duration_ms=1_000, long_poll_ms=300)

    @worker.task("slow")
    async def slow(task: ExternalTask) -> None:
        calls.append(task.id)
        await asyncio.sleep(3)
        assert not task.lock_lost

    async with worker:
        await aclient.start("slow")
        await until(lambda: calls)
        await until(lambda: not worker.in_hand)
    assert len(calls) == 1


async def test_a_handler_sees_that_its_lock_is_lost(server: Server, base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "stolen")
    finished: list[Finished] = []
    worker = Worker(base_url, lock_duration_ms=1_000, observer=finished.append, concurrency=1)
    running: list[ExternalTask] = []

    @worker.task("stolen")
    async def stolen(task: ExternalTask) -> None:
        running.append(task)
        while not task.lock_lost:  # noqa: ASYNC110 - as a handler would
            await asyncio.sleep(0.01)

    async with worker:
        await aclient.start("stolen")
        await until(lambda: running)
        id = running[0].id
        server.post(f"/external-task/{id}/unlock", None)
        server.post(f"/external-task/{id}/lock", {"workerId": "thief", "lockDuration": 600_000})
        await until(lambda: finished)
    assert finished[0].outcome is Outcome.LOST
    assert server.get(f"/external-task/{id}")["workerId"] == "thief"


# ------------------------------------------------------------------------------------------ what gets lost


async def test_a_completion_whose_answer_is_lost_is_done_once(
    server: Server, base_url: str, aclient: AsyncClient
) -> None:
    await deploy(aclient, "unheard")
    finished: list[Finished] = []
    async with faulty(base_url) as proxy:
        proxy.lose = lambda request: b"/complete " in request and proxy.lost == 0
        worker = Worker(proxy.url, observer=finished.append, long_poll_ms=500)

        @worker.task("unheard")
        async def unheard() -> None: ...

        async with worker:
            instance = (await aclient.start("unheard")).id
            await until(lambda: finished)
    assert (proxy.lost, finished[0].outcome) == (1, Outcome.COMPLETED)
    assert [entry["creationLog"] or entry["successLog"] for entry in log(server, instance)] == [True, True]


async def test_tasks_of_a_lost_answer_are_given_back(base_url: str, aclient: AsyncClient) -> None:
    """Their locks would last for ten minutes."""
    await deploy(aclient, "dropped")
    finished: list[Finished] = []
    async with faulty(base_url) as proxy:
        proxy.lose = lambda request: b"fetchAndLock" in request and proxy.lost == 0
        worker = Worker(proxy.url, observer=finished.append, lock_duration_ms=600_000, long_poll_ms=500)

        @worker.task("dropped")
        async def dropped() -> None: ...

        await aclient.start("dropped")
        async with worker:
            await until(lambda: finished)
    assert (proxy.lost, finished[0].outcome) == (1, Outcome.COMPLETED)


async def test_a_server_that_has_too_much_to_do_is_asked_later(base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "busy")
    finished: list[Finished] = []
    refused: dict[str, int] = {"fetchAndLock": 2, "complete": 2}

    def refuse(request: bytes) -> bytes | None:
        for what in refused:
            if what.encode() in request.partition(b"\r\n")[0] and refused[what]:
                refused[what] -= 1
                status = b"429 Too Many Requests" if refused[what] else b"503 Service Unavailable"
                return b"HTTP/1.1 " + status + b"\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
        return None

    async with faulty(base_url) as proxy:
        proxy.refuse = refuse
        worker = Worker(proxy.url, observer=finished.append, long_poll_ms=500)

        @worker.task("busy")
        async def busy() -> None: ...

        async with worker:
            await aclient.start("busy")
            await until(lambda: finished)
    assert finished[0].outcome is Outcome.COMPLETED and not any(refused.values())


async def test_credentials_that_cannot_be_had_are_asked_for_again(base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "locked-out")
    finished: list[Finished] = []
    asked: list[str] = []

    def token() -> str:
        asked.append("")
        if len(asked) in (1, 2, 3, 6, 7):  # before the first poll, and after it
            raise RuntimeError("the issuer does not answer")
        return "t"

    worker = Worker(base_url, auth=Bearer(token), observer=finished.append, long_poll_ms=500)

    @worker.task("locked-out")
    async def locked_out() -> None: ...

    await aclient.start("locked-out")
    async with worker:
        await until(lambda: finished)
    assert finished[0].outcome is Outcome.COMPLETED and len(asked) > 7


async def test_it_goes_on_when_the_server_is_back(tmp_path: Path) -> None:
    finished: list[Finished] = []
    with Server(f"sqlite:///{tmp_path}/a.db", tmp_path) as server:
        async with AsyncClient(f"{server.url}/engine-rest") as client:
            await deploy(client, "again")
            running = asyncio.Event()
            go_on = asyncio.Event()
            worker = Worker(f"{server.url}/engine-rest", observer=finished.append, concurrency=2)

            @worker.task("again")
            async def again() -> None:
                running.set()
                await go_on.wait()

            async with worker:
                await client.start("again")
                await running.wait()
                server.kill()
                go_on.set()
                await asyncio.sleep(0.5)
                await asyncio.to_thread(server.start)
                await until(lambda: len(finished) == 1)
                await client.start("again")
                await until(lambda: len(finished) == 2)
    assert [event.outcome for event in finished] == [Outcome.COMPLETED] * 2


# ------------------------------------------------------------------------------------------ filters, mistakes


async def test_topics_may_be_restricted(base_url: str, aclient: AsyncClient) -> None:
    await deploy(aclient, "filtered")
    seen: list[str | None] = []
    worker = Worker(base_url)

    @worker.task("filtered", processDefinitionKey="filtered", process_variables={"region": "eu"})
    async def filtered(task: ExternalTask) -> None:
        seen.append(task.business_key)

    async with worker:
        await aclient.start("filtered", {"region": "us"}, business_key="us")
        await aclient.start("filtered", {"region": "eu"}, business_key="eu")
        await until(lambda: seen)
        await until(lambda: not worker.in_hand)
    assert seen == ["eu"]


def test_mistakes_are_told_where_they_are_made(base_url: str) -> None:
    with pytest.raises(ValueError, match="no address of a server"):
        Worker("localhost:8080")
    with pytest.raises(ValueError, match="concurrency is 0"):
        Worker(base_url, concurrency=0)
    with pytest.raises(ValueError, match="lock_duration_ms is 10"):
        Worker(base_url, lock_duration_ms=10)
    worker = Worker(base_url)
    with pytest.raises(TypeError, match="unknown filter 'processKey'"):
        worker.task("t", processKey="x")
    worker.task("t")(lambda: None)
    with pytest.raises(ValueError, match="topic 't' has a handler already"):
        worker.task("t")(lambda: None)
    with pytest.raises(ValueError, match="no topic"):
        Worker(base_url).run()


def test_a_blocking_program_runs_and_stops_it(base_url: str, client: Client) -> None:
    client.deploy("blocking", resources={"blocking.bpmn": one_task("blocking", "blocking")})
    worker = Worker(base_url)
    done = threading.Event()

    @worker.task("blocking")
    def blocking() -> None:
        done.set()

    thread = threading.Thread(target=worker.run)
    thread.start()
    client.start("blocking")
    assert done.wait(30)
    worker.stop()
    thread.join(30)
    assert not thread.is_alive()
