"""Handlers of the SDK that take their tasks from a bus."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.base.clock import SystemClock
from penstock.base.ids import UuidSource
from penstock.bridge.answering import Answering, work
from penstock.bridge.bridges import Bridges
from penstock.bridge.config import BadBridges, read
from penstock.bus.cloudevents import CloudEvent, structured
from penstock.bus.dead_letters import read_dead_letter
from penstock.bus.protocol import DEFAULT_GROUP, Channel, Delivery, Done, Message, Subscribe
from penstock.bus.registry import make_bus
from penstock.engine.commands import StartInstance
from penstock.expr.values import from_native
from penstock.runtime.node import Node
from penstock.runtime.protocol import Deploy, Resource, Settings
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Row
from penstock.store.query import Query, eq
from penstock.worker import Backoff, BpmnError, ExternalTask, Retries, Worker

MODEL = b"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t"><error id="e" errorCode="NO"/>
  <process id="p" isExecutable="true"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="w"/>
  <serviceTask id="w" camunda:type="external" camunda:topic="charge"/>
  <boundaryEvent id="b" attachedToRef="w"><errorEventDefinition errorRef="e"/></boundaryEvent>
  <sequenceFlow id="g" sourceRef="b" targetRef="refused"/><endEvent id="refused"/>
  <sequenceFlow id="h" sourceRef="w" targetRef="paid"/><endEvent id="paid"/></process></definitions>"""

_numbers = count(1)


class Payment(msgspec.Struct):
    amount: int


class Scene:
    """A node whose topic `charge` leaves over a bus in memory, and a worker that does its work."""

    def __init__(self, folder: Path) -> None:
        self.url = f"memory://answering-{next(_numbers)}"
        self.file = folder / "penstock.toml"
        self.file.write_text(
            f'[connections.c]\nurl = "{self.url}"\n'
            '[topic.charge]\nconnection = "c"\nrequest = "requests"\nreply = "replies"\n'
        )
        self.clock = SystemClock()
        self.store = MemoryStore(self.clock)
        self.node = Node(
            self.store, clock=self.clock, ids=UuidSource(self.clock), settings=Settings(execute_jobs=False)
        )
        self.bridges = Bridges(self.node, self.file)
        self.bus = make_bus(self.url, self.clock)
        self.retries = Retries(count=3, backoff=Backoff(first_ms=10, most_ms=10))
        self.worker = Worker("http://127.0.0.1:1/engine-rest", retries=self.retries)
        self.stopped = asyncio.Event()
        self.working: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.store.open()
        await self.node.start()
        await self.node.deploy(Deploy(name="d", resources=[Resource("p.bpmn", MODEL)]))
        await self.bus.open()
        await self.bridges.start()

    async def begin(self, handler: Callable[..., Any], **options: Any) -> None:
        self.worker.task("charge", **options)(handler)
        self.working = asyncio.create_task(work(self.worker, self.file, {}, self.stopped))

    async def stop(self) -> None:
        self.stopped.set()
        if self.working is not None:
            await self.working
            self.working = None

    async def close(self) -> None:
        await self.stop()
        await self.bridges.close()
        await self.node.close()
        await self.bus.close()
        await self.store.close()

    async def instance(self, amount: int = 3) -> str:
        definition = await self.node.latest("p", None)
        assert definition is not None
        command = StartInstance(definition=definition, business_key="k", variables={"amount": from_native(amount)})
        started: str = await self.node.execute(command)
        return started

    async def end_of(self, instance: str) -> Row:
        async def ended() -> Row | None:
            (row,) = await self.node.rows(Query("process_instance", (eq("id", instance),)))
            return row if row["ended_ms"] else None

        return await until(ended)

    async def variable(self, instance: str, name: str) -> Any:
        where = (eq("instance_id", instance), eq("name", name))
        (row,) = await self.node.rows(Query("variable", where))
        return row["text_value"]

    async def received(self, channel: str, group: str = "penstock") -> Delivery:
        subscription = await self.bus.subscribe(Subscribe(channel=channel, group=group))

        async def one() -> Delivery | None:
            found = await subscription.receive(1, 100)
            return found[0] if found else None

        delivery = await until(one)
        await subscription.settle([Done(delivery)])
        await subscription.close()
        return delivery


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    end_s = asyncio.get_running_loop().time() + 40
    while not (found := await look()):
        assert asyncio.get_running_loop().time() < end_s
        await asyncio.sleep(0.01)
    return found


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    await made.start()
    yield made
    await made.close()


async def test_what_a_handler_gives_back_completes_the_task(scene: Scene) -> None:
    seen: list[tuple[str | None, int]] = []

    async def charge(payment: Payment, task: ExternalTask) -> dict[str, str]:
        seen.append((task.business_key, payment.amount))
        return {"receipt": f"paid {payment.amount}"}

    await scene.begin(charge)
    instance = await scene.instance()
    assert (await scene.end_of(instance))["end_activity_id"] == "paid"
    assert await scene.variable(instance, "receipt") == "paid 3"
    assert seen == [("k", 3)]


async def test_a_bpmn_error_and_a_failure_are_what_they_are_over_rest(scene: Scene) -> None:
    attempts: list[tuple[int, str]] = []

    def charge(task: ExternalTask) -> None:
        assert threading.current_thread() is not threading.main_thread()
        attempts.append((task.attempt, task.idempotency_key))
        if len(attempts) < 3:
            raise ConnectionError("the bank does not answer")
        raise BpmnError("NO", "not today", {"reason": "poor"})

    await scene.begin(charge)
    instance = await scene.instance()
    assert (await scene.end_of(instance))["end_activity_id"] == "refused"
    assert await scene.variable(instance, "reason") == "poor"
    assert [attempt for attempt, _ in attempts] == [1, 2, 3]
    assert len({key for _, key in attempts}) == 3


async def test_retries_come_to_an_end(scene: Scene) -> None:
    def charge() -> None:
        raise ConnectionError("the bank does not answer")

    await scene.begin(charge)
    await scene.instance()

    async def incident() -> list[Row]:
        return await scene.node.rows(Query("incident"))

    (row,) = await until(incident)
    assert row["message"] == "the bank does not answer"


async def test_a_request_that_comes_twice_is_one_attempt_with_one_effect(scene: Scene) -> None:
    # The group of a spy has its own copies of the requests.
    await scene.bus.declare([Channel("requests", groups=(DEFAULT_GROUP, "spy"))])
    spy = await scene.bus.subscribe(Subscribe(channel="requests", group="spy"))
    keys: list[str] = []

    async def charge(task: ExternalTask) -> None:
        keys.append(task.idempotency_key)

    instance = await scene.instance()
    (request,) = await spy.receive(1, 5_000)
    again = Message(channel="requests", body=request.body, key=request.key, content_type=request.content_type)
    assert not any(await scene.bus.publish([again]))
    await scene.begin(charge)
    await scene.end_of(instance)

    async def answered() -> bool:
        (pair,) = scene.bridges.links["c"].consumers.values()
        return pair[1].counts["duplicate"] == 1

    await until(answered)
    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    ("type", "data", "reason"),
    [
        ("penstock.task.requested", {"id": "1", "topicName": "other"}, "no handler for the topic 'other'"),
        ("penstock.task.requested", {"topicName": "charge"}, "a task as fetchAndLock gives it"),
        ("OrderPlaced", {"id": "1"}, "this one has 'OrderPlaced'"),
    ],
)
async def test_what_is_no_request_goes_to_the_dead_letters(scene: Scene, type: str, data: Any, reason: str) -> None:
    async def charge() -> None: ...

    await scene.begin(charge)
    event = CloudEvent(id="1", source="/t", type=type, data=data)
    assert not any(await scene.bus.publish([structured(event, "requests")]))
    assert reason in read_dead_letter(await scene.received("requests.dead")).reason


async def test_what_runs_is_finished_when_it_stops(scene: Scene) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def charge() -> dict[str, str]:
        begun.set()
        await go.wait()
        return {"receipt": "in the end"}

    await scene.begin(charge)
    instance = await scene.instance()
    await asyncio.wait_for(begun.wait(), 10)
    stopping = asyncio.create_task(scene.stop())
    await asyncio.sleep(0.1)
    assert not stopping.done()
    go.set()
    await stopping
    await scene.end_of(instance)
    assert await scene.variable(instance, "receipt") == "in the end"


async def test_a_restricted_topic_is_refused(scene: Scene) -> None:
    worker = Worker("http://127.0.0.1:1/engine-rest")

    @worker.task("charge", businessKey="k")
    async def charge() -> None: ...

    config = read(scene.file, {})
    with pytest.raises(BadBridges, match="only some tasks of the topic 'charge'"):
        Answering(worker, list(config.topics.values()), config)
