"""Handlers of a `penstock.worker.Worker` that take their tasks from a bus: the other side of `[topic]` in `penstock.toml`.

The same file says what the engine sends and what the worker takes. Topics that it does not bind are worked over REST, as
ever; those that are only published (`publish`) are nobody's work.

Over a bus a task has no lock: the topic's `timeout` says how long an answer may take, and whoever needs longer sets that.
A request that comes again (its consumer has died) is done again, in the same attempt (`ExternalTask.idempotency_key`).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from penstock.base.clock import Clock, SystemClock
from penstock.base.errors import BusUnavailable
from penstock.bridge.config import REQUESTED, BadBridges, Config, read
from penstock.bridge.config import Topic as BoundTopic
from penstock.bridge.consuming import Chunk, Consumed, Consumer, Refusal, Take
from penstock.bridge.replies import BPMN_ERROR, COMPLETED, FAILED
from penstock.bus import cloudevents
from penstock.bus.cloudevents import CloudEvent, Received
from penstock.bus.protocol import Bus, Delivery, Subscribe
from penstock.bus.registry import make_bus
from penstock.worker.errors import Parked
from penstock.worker.logic import Logic, drive_async
from penstock.worker.network import Pool
from penstock.worker.records import LockedTask
from penstock.worker.reports import Report, Reporting
from penstock.worker.task import ExternalTask
from penstock.worker.threads import Threads
from penstock.worker.topic import Topic
from penstock.worker.worker import Worker

T = TypeVar("T")

ATTEMPTS = 5
"""How often a request is taken that ends in nothing: neither done nor failed."""

PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 5.0

_TYPES = {"complete": COMPLETED, "failure": FAILED, "bpmnError": BPMN_ERROR}

logger = logging.getLogger(__name__)


async def work(worker: Worker, file: Path, environment: Mapping[str, str], stopped: asyncio.Event) -> None:
    """Works until `stopped`, as `file` says; then finishes what runs. Raises BadBridges, and BusFailed for a connection
    that can never be."""
    config = read(file, environment)
    bound = {name: config.topics[name] for name in worker.topics if name in config.topics}
    answering = Answering(worker, [topic for topic in bound.values() if topic.reply is not None], config)
    worker.replace([topic for name, topic in worker.topics.items() if name not in bound])
    stopping = asyncio.create_task(stopped.wait())
    polling = asyncio.create_task(worker.run_async()) if worker.topics else None
    try:
        starting = asyncio.create_task(answering.start())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
        elif not stopping.done():
            starting.result()
            await asyncio.wait([stopping, *([polling] if polling else [])], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        worker.stop()
        await answering.close()
        if polling is not None:
            await polling


class Answering:
    """The topics of one worker that come over buses. Also what tasks ask of their worker (`worker.task.Hub`)."""

    def __init__(self, worker: Worker, bound: Sequence[BoundTopic], config: Config, clock: Clock | None = None) -> None:
        self._worker = worker
        self._clock = clock or SystemClock()
        self._handlers = {topic.name: _unfiltered(worker.topics[topic.name]) for topic in bound}
        self._bound = {topic.name: topic for topic in bound}
        self._config = config
        self._reporting = Reporting(worker.worker_id, worker.settings.results_variable, self._clock)
        self._buses: dict[str, Bus] = {
            name: make_bus(config.connections[name].url, self._clock)
            for name in dict.fromkeys(topic.connection for topic in bound)
        }
        self._consumers: list[Consumer] = []
        self._pool: Pool | None = None
        self._threads: Threads | None = None
        self.results_variable = worker.settings.results_variable

    # ------------------------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Waits for the brokers, and begins. Raises BusFailed for one that will never take us."""
        self.loop = asyncio.get_running_loop()
        self._threads = Threads(self.loop, self._worker.settings.threads, "penstock-worker")
        for bus in self._buses.values():
            await _open(bus)
        for connection, channel in dict.fromkeys((one.connection, one.channel) for one in self._bound.values()):
            # In the default group, for which channels keep what comes before anybody listens.
            to = Subscribe(channel=channel, max_unsettled=self._worker.settings.concurrency)
            consumed = Consumed(name=f"{connection}.{channel}", to=to, attempts=ATTEMPTS)
            consumer = Consumer(self._buses[connection], consumed, self._taking(connection, channel))
            self._consumers.append(consumer)
            consumer.start()
            logger.info("worker %s works requests of %s", self._worker.worker_id, consumed.name)

    async def close(self) -> None:
        """Takes nothing new, finishes and answers what runs."""
        await asyncio.gather(*(consumer.close() for consumer in self._consumers))
        await asyncio.gather(*(bus.close() for bus in self._buses.values()))
        if self._pool is not None:
            await self._pool.close()
        if self._threads is not None:
            self._threads.close()

    # ------------------------------------------------------------------------------------------ one request

    def _taking(self, connection: str, channel: str) -> Take:
        scheme = self._config.connections[connection].scheme

        async def take(delivery: Delivery, chunk: Chunk) -> str:
            return await self._answer(cloudevents.read(delivery, scheme), connection, channel)

        return take

    async def _answer(self, received: Received, connection: str, channel: str) -> str:
        """Does what is requested, and publishes the answer. Returns its type. Raises Refusal, BusFailed."""
        locked = _locked(received)
        bound, topic = self._bound.get(locked.topic_name), self._handlers.get(locked.topic_name)
        if bound is None or topic is None or (bound.connection, bound.channel) != (connection, channel):
            raise Refusal(f"this worker has no handler for the topic {locked.topic_name!r}, or it is bound elsewhere")
        task = ExternalTask(locked, self, topic.lock_duration_ms, complete=True, appends=True)
        report = await self._done(task, topic)
        event = self._event(received.event, report)
        await self._publish(bound, event, received.delivery.key)
        return event.type

    async def _done(self, task: ExternalTask, topic: Topic) -> Report:
        """What became of it."""
        began = self._reporting.now()
        try:
            if topic.handler.is_async:
                outcome = await topic.handler.call(task)
            else:
                assert self._threads is not None
                outcome = await self._threads.run(lambda: topic.handler.call(task))
            return self._reporting.completed(task, outcome, began)
        except Parked as parked:
            return self._reporting.parked(task, topic, parked)
        except Exception as error:
            report = self._reporting.failed(task, topic, error)
            if report.what == "failure":
                logger.warning("task %s of topic %s has failed: %s", task.id, topic.name, error)
            return report

    def _event(self, request: CloudEvent, report: Report) -> CloudEvent:
        data: dict[str, Any] = msgspec.json.decode(report.ask.body or b"{}")
        data.pop("workerId", None)
        more: dict[str, str | int | bool] = {"causationid": request.id}
        for name in ("correlationid", "partitionkey", "traceparent"):
            if (value := request.extension(name)) is not None:
                more[name] = value
        return CloudEvent(
            # The same request is answered once in each way, however often it comes.
            id=f"{request.id}.{report.what}",
            source="/penstock/worker",
            type=_TYPES[report.what],
            subject=request.subject,
            data=data,
            extensions=more,
        )

    async def _publish(self, bound: BoundTopic, event: CloudEvent, key: str | None) -> None:
        """The work is done: it is not done again because the broker is away."""
        message = cloudevents.structured(event, bound.reply or "", key=key)
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                (refused,) = await self._buses[bound.connection].publish([message])
                break
            except BusUnavailable as error:
                logger.warning("an answer waits for the broker: %s", error.message)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_MAX_S)
        if refused is not None:
            raise Refusal(f"the broker refuses the answer: {refused}")

    # ------------------------------------------------------------------------------------------ what a task asks for

    async def call(self, logic: Logic[T]) -> T:
        """Runs a call of the SDK over REST: a bus brings no files."""
        if self._pool is None:
            self._pool = self._worker.network().pool(self._worker.settings.concurrency)
        return await drive_async(logic, self._pool)

    async def extend(self, task: ExternalTask, duration_ms: int) -> None:
        """Does nothing: see the module."""


def _unfiltered(topic: Topic) -> Topic:
    """Raises BadBridges."""
    if topic.filters or topic.process_variables:
        raise BadBridges(
            f"the worker takes only some tasks of the topic {topic.name!r} (filters, process_variables): over a bus it "
            "gets all of them; leave the restriction out, or work the topic over REST"
        )
    return topic


def _locked(received: Received) -> LockedTask:
    """The requested task. Raises Refusal."""
    if received.event.type != REQUESTED:
        raise Refusal(f"a request has the type {REQUESTED}, this one has {received.event.type!r}")
    try:
        return msgspec.convert(received.event.data, LockedTask)
    except msgspec.ValidationError as error:
        raise Refusal(f"the data of a request is a task as fetchAndLock gives it: {error}") from None


async def _open(bus: Bus) -> None:
    pause_s = PAUSE_FIRST_S
    while True:
        try:
            await bus.open()
            return
        except BusUnavailable as error:
            logger.warning("the worker waits for the broker: %s", error.message)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)
