"""Processes that grow with a number, driven step by step on a whole node, and what each step costs."""

import asyncio
import cProfile
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from penstock.base.clock import SystemClock
from penstock.base.ids import UuidSource
from penstock.engine import commands as c
from penstock.expr.values import TypedValue
from penstock.runtime.node import Node
from penstock.runtime.protocol import Deploy, Resource, Settings
from penstock.store.protocol import Batch, Change, Fetch, Rejected, RowChange, Store, TopicFetch
from penstock.store.query import Query, eq

_HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' targetNamespace="tests"><process id="p" isExecutable="true" camunda:historyTimeToLive="P1D">'
)
TASKS_PER_FETCH = 50


class Costs(msgspec.Struct):
    """What the units of work of one run have cost."""

    steps: int = 0
    """Units after the one that began it."""
    cpu_s: float = 0.0
    """Of the whole process, projections and stores within it too."""
    calls: int = 0
    """Of functions, on the thread of the event loop; 0: not counted."""
    memory_bytes: int = 0
    """Most that was held at once beyond what was held before; 0: not measured."""
    bytes_written: list[int] = []
    """Per commit: log, head, chunks and ready rows."""

    @property
    def us_per_step(self) -> float:
        """Microseconds of CPU per step."""
        return self.cpu_s / max(self.steps, 1) * 1e6

    def bytes_per_step(self, part: slice = slice(None)) -> float:
        """Mean over some of the commits."""
        chosen = self.bytes_written[part]
        return sum(chosen) / max(len(chosen), 1)


class Stage:
    """A node on a store whose commits are weighed."""

    def __init__(self, store: Store, node: Node) -> None:
        self.store = store
        self.node = node
        self.costs = Costs(bytes_written=[])
        self.weighs = False
        self.made: dict[str, list[str]] = {}
        self._commit = store.commit
        store.commit = self._weighed  # type: ignore[method-assign]

    async def _weighed(self, batch: Batch) -> int | Rejected:
        answer = await self._commit(batch)
        if self.weighs:
            self.costs.bytes_written.append(_bytes_of(batch))
        for row in batch.rows:
            if isinstance(row, RowChange) and row.change is Change.INSERT and row.table == "user_task":
                self.made.setdefault(row.table, []).append(row.values["id"])
        return answer

    async def deploy(self, body: str) -> str:
        """The id of the definition of a process with this body."""
        resource = Resource("p.bpmn", f"{_HEAD}{body}</process></definitions>".encode())
        deployed = await self.node.deploy(Deploy(name="d", resources=[resource]))
        found: str = deployed.process_definitions[0]["id"]
        return found

    async def start(self, body: str, **variables: TypedValue) -> str:
        """A new instance of a new definition."""
        id: str = await self.node.execute(c.StartInstance(definition=await self.deploy(body), variables=variables))
        return id

    async def work(self, work: Callable[[], Awaitable[int]], *, calls: bool = False, memory: bool = False) -> Costs:
        """Weighs what `work` does; it says how many steps it has made. The views have caught up before and after."""
        await self.settled()
        gc.collect()
        profile = cProfile.Profile()
        if memory:
            tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        self.costs = Costs(bytes_written=[])
        self.weighs = True
        if calls:
            profile.enable()
        began_s = time.process_time()
        self.costs.steps = await work()
        await self.settled()
        self.costs.cpu_s = time.process_time() - began_s
        if calls:
            profile.disable()
            self.costs.calls = sum(entry.callcount for entry in profile.getstats())
        if memory:
            self.costs.memory_bytes = tracemalloc.get_traced_memory()[1] - before
            tracemalloc.stop()
        self.weighs = False
        return self.costs

    async def settled(self) -> None:
        """Returns when the views have caught up."""
        await self.node._projector.wait_for(await self.store.heads(), 600_000)

    async def complete_external(self, instance: str, rounds: int = 10**9) -> int:
        """Fetches and completes external tasks one by one until there are none."""
        fetch = Fetch(worker="w", max_tasks=TASKS_PER_FETCH, topics=[TopicFetch(topic="t", lock_duration_ms=600_000)])
        done = 0
        while done < rounds and (rows := await self.node.fetch_and_lock(fetch, wait_ms=None)):
            for row in rows:
                await self.node.execute(
                    c.CompleteExternalTask(instance=row["instance_id"], external_task=row["id"], worker="w")
                )
                done += 1
        return done

    async def complete_user(self, instance: str) -> int:
        """Completes user tasks one by one until there are none."""
        done = 0
        while tasks := self.made.pop("user_task", []):
            for id in tasks:
                await self.node.execute(c.CompleteTask(instance=instance, task=id))
                done += 1
        return done

    async def run_jobs(self, instance: str) -> int:
        """Runs what is due until nothing is."""
        return await self.node.run_due_jobs()

    async def is_over(self, instance: str) -> bool:
        """Whether history says that the instance has ended."""
        (row,) = await self.node.rows(Query("process_instance", (eq("id", instance),)))
        return bool(row["state"] == "COMPLETED")


def _bytes_of(batch: Batch) -> int:
    size = sum(map(len, (*batch.parts, batch.log or b""))) + len(
        msgspec.msgpack.encode([(r, type(r).__name__) for r in batch.rows])
    )
    for write in batch.instances:
        size += len(write.head or b"") + sum(len(chunk or b"") for chunk in write.chunks.values())
    return size


@asynccontextmanager
async def staged(store: Store, **settings: Any) -> AsyncIterator[Stage]:
    """A node on an opened store."""
    clock = SystemClock()
    settings.setdefault("execute_jobs", False)
    node = Node(store, clock=clock, ids=UuidSource(clock), settings=Settings(**settings))
    await node.start()
    try:
        yield Stage(store, node)
    finally:
        await node.close()
        await asyncio.sleep(0)


# ------------------------------------------------------------------------------------------ models

EXTERNAL = '<serviceTask id="work" camunda:type="external" camunda:topic="t"{attributes}>{loop}</serviceTask>'
USER = '<userTask id="work"{attributes}>{loop}</userTask>'
ASYNC = '<serviceTask id="work" camunda:expression="${{true}}"{attributes}>{loop}</serviceTask>'
SUB_PROCESS = (
    '<subProcess id="work"{attributes}>{loop}<startEvent id="s"/><sequenceFlow id="sf" sourceRef="s" targetRef="inner"/>'
    '<serviceTask id="inner" camunda:type="external" camunda:topic="t"/>'
    '<sequenceFlow id="st" sourceRef="inner" targetRef="e"/><endEvent id="e"/></subProcess>'
)


def many(activity: str, count: int, *, sequential: bool = False, inside: str = "", attributes: str = "") -> str:
    """A multi-instance activity of `count` instances."""
    loop = (
        f'<multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}"{inside_attributes(inside)}>'
        f"<loopCardinality>{count}</loopCardinality></multiInstanceLoopCharacteristics>"
    )
    return (
        '<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="work"/>'
        + activity.format(loop=loop, attributes=attributes)
        + '<sequenceFlow id="f2" sourceRef="work" targetRef="end"/><endEvent id="end"/>'
    )


def over_collection(count: int) -> str:
    """A sequential multi-instance activity over a variable that is as long."""
    made = many(EXTERNAL, 0, sequential=True, inside='camunda:collection="all" camunda:elementVariable="one"')
    return made.replace("<loopCardinality>0</loopCardinality>", "")


def inside_attributes(inside: str) -> str:
    """Attributes of the loop characteristics."""
    return f" {inside}" if inside else ""


def loop(body: str, rounds: int) -> str:
    """`body` (ids: work), `rounds` times."""
    return (
        '<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="count"/>'
        '<serviceTask id="count" camunda:expression="${i + 1}" camunda:resultVariable="i"/>'
        f'<sequenceFlow id="f2" sourceRef="count" targetRef="{"work" if body else "again"}"/>{body}'
        + ('<sequenceFlow id="f3" sourceRef="work" targetRef="again"/>' if body else "")
        + '<exclusiveGateway id="again" default="f5"/>'
        f'<sequenceFlow id="f4" sourceRef="again" targetRef="count"><conditionExpression xsi:type="tFormalExpression">'
        f"${{i &lt; {rounds}}}</conditionExpression></sequenceFlow>"
        '<sequenceFlow id="f5" sourceRef="again" targetRef="end"/><endEvent id="end"/>'
    )


WAIT = '<serviceTask id="work" camunda:type="external" camunda:topic="t"/>'
TIMER = (
    '<intermediateCatchEvent id="work"><timerEventDefinition><timeDuration xsi:type="tFormalExpression">PT0S'
    "</timeDuration></timerEventDefinition></intermediateCatchEvent>"
)


def tokens(count: int) -> str:
    """A fork into `count` external tasks and their join."""
    parts = [
        '<startEvent id="start"/><sequenceFlow id="f" sourceRef="start" targetRef="fork"/><parallelGateway id="fork"/>'
    ]
    for n in range(count):
        parts.append(
            f'<sequenceFlow id="a{n}" sourceRef="fork" targetRef="w{n}"/>'
            f'<serviceTask id="w{n}" camunda:type="external" camunda:topic="t"/>'
            f'<sequenceFlow id="b{n}" sourceRef="w{n}" targetRef="join"/>'
        )
    parts.append(
        '<parallelGateway id="join"/><sequenceFlow id="g" sourceRef="join" targetRef="end"/><endEvent id="end"/>'
    )
    return "".join(parts)


Drive = Callable[[Stage, str], Awaitable[int]]
SCENES: dict[str, tuple[Callable[[int], str], Drive]] = {
    "parallel external tasks": (lambda n: many(EXTERNAL, n), Stage.complete_external),
    "sequential external tasks": (lambda n: many(EXTERNAL, n, sequential=True), Stage.complete_external),
    "sequential over a collection": (over_collection, Stage.complete_external),
    "parallel user tasks": (lambda n: many(USER, n), Stage.complete_user),
    "sequential user tasks": (lambda n: many(USER, n, sequential=True), Stage.complete_user),
    "parallel sub-processes": (lambda n: many(SUB_PROCESS, n), Stage.complete_external),
    "sequential sub-processes": (lambda n: many(SUB_PROCESS, n, sequential=True), Stage.complete_external),
    "parallel asynchronous": (
        lambda n: many(ASYNC, n, inside='camunda:asyncBefore="true"'),
        Stage.run_jobs,
    ),
    "sequential asynchronous": (
        lambda n: many(ASYNC, n, sequential=True, inside='camunda:asyncBefore="true"'),
        Stage.run_jobs,
    ),
    "a loop with an external task": (lambda n: loop(WAIT, n), Stage.complete_external),
    "a loop with a timer": (lambda n: loop(TIMER, n), Stage.run_jobs),
    "parallel tokens": (tokens, Stage.complete_external),
}
"""Name → the model of a size, and how its steps are made."""
