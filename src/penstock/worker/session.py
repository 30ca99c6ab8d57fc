"""One run of a worker in an event loop: from the first poll until everything that was locked is reported or given back."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from penstock.base.clock import SystemClock
from penstock.worker import attempts, worker_calls
from penstock.worker.errors import ConnectionLost, Parked, RestError, TaskFailure, WorkerError
from penstock.worker.hand import Hand, Held, Stage
from penstock.worker.heartbeat import AT_ONCE_MAX as LOCKS_AT_ONCE_MAX
from penstock.worker.heartbeat import Heartbeat
from penstock.worker.intake import ANSWER_S, Intake
from penstock.worker.lanes import Lanes
from penstock.worker.logic import Logic, drive_async
from penstock.worker.network import Network
from penstock.worker.observing import Finished, Observer, Outcome
from penstock.worker.records import LockedTask
from penstock.worker.reports import Report, Reporting
from penstock.worker.settings import Settings
from penstock.worker.task import ExternalTask
from penstock.worker.threads import Threads
from penstock.worker.topic import Topic
from penstock.worker.tracing import Tracing
from penstock.worker.worker_calls import Told

logger = logging.getLogger("penstock.worker")

T = TypeVar("T")

REPORTS_AT_ONCE_MAX = 64
"""Most connections for reports: more only queue in the server."""
UNLOCKS_AT_ONCE_MAX = 32
RESTING_MAX = 100_000
"""Most failed tasks that are remembered until they are offered again."""
CANCEL_S = 2.0
"""How long a handler may take to notice that it was canceled."""
LAST_REPORTS_S = 5.0
"""How long reports that are under way may take once the grace period is over."""

_OUTCOMES = {"complete": Outcome.COMPLETED, "bpmnError": Outcome.BPMN_ERROR, "failure": Outcome.FAILED}


class Session:
    """See the module. `run` until `stop`."""

    def __init__(
        self, network: Network, settings: Settings, topics: Mapping[str, Topic], observer: Observer | None
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._observer = observer
        self.loop = asyncio.get_running_loop()
        self.results_variable = settings.results_variable
        self._tracing = Tracing()
        self._hand = Hand(settings.concurrency)
        self._pool = network.pool(min(settings.concurrency, REPORTS_AT_ONCE_MAX) + 2)
        # Connections of their own: locks are extended however many reports wait for theirs.
        self._lock_pool = network.pool(LOCKS_AT_ONCE_MAX)
        self._heartbeat = Heartbeat(settings.worker_id, lambda logic: drive_async(logic, self._lock_pool))
        self._threads = Threads(self.loop, settings.threads, "penstock-worker")
        self._reporting = Reporting(settings.worker_id, settings.results_variable, SystemClock())
        self._queue: deque[Held] = deque()
        self._running = 0
        self._resting: dict[str, float] = {}
        self._turns: dict[str, Turns] = {}
        self._works: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()
        self._intake = Intake(
            pool=self._pool,
            url=network.url,
            hand=self._hand,
            worker=settings.worker_id,
            lanes=Lanes(self._hand, topics.values(), also=self._tracing.variables),
            long_poll_ms=settings.long_poll_ms,
            use_priority=settings.use_priority,
            take=self._take,
            give_back=self._give_back_locked,
            reconcile=self._reconcile,
        )

    # ------------------------------------------------------------------------------------------ life

    async def run(self) -> None:
        """Works until `stop`; then finishes what runs, gives back the rest and returns. Cancelling it stops it, too."""
        polling = asyncio.create_task(self._intake.run(), name="penstock-worker-intake")
        try:
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait((polling, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        finally:
            # Whoever cancels this a second time wants it to end now: that is `hurry`.
            await self._uncancelled(self._drain(polling))
        if polling.done() and not polling.cancelled() and (error := polling.exception()) is not None:
            raise error

    def stop(self) -> None:
        """Fetches no more."""
        self._stopping.set()
        self._intake.stop()

    def replace(self, topics: Mapping[str, Topic]) -> None:
        """Works these topics from now on. What is in hand is done as it was begun."""
        self._topics = dict(topics)
        self._intake.replace(Lanes(self._hand, topics.values(), also=self._tracing.variables))

    def hurry(self) -> None:
        """Does not wait for what runs."""
        self.stop()
        self._hurried.set()

    async def _uncancelled(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                if task.done():
                    break
                self.hurry()
        task.result()

    async def _drain(self, polling: "asyncio.Task[None]") -> None:
        self.stop()
        began_s = self.loop.time()
        queued, self._queue = list(self._queue), deque()
        await self._give_back(queued)
        await self._finish(began_s + self._settings.grace_ms / 1000)
        left_s = began_s + self._settings.long_poll_ms / 1000 + ANSWER_S - self.loop.time()
        await asyncio.wait((polling,), timeout=0 if self._hurried.is_set() else max(left_s, 0))
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        await self._give_back(list(self._hand))
        if self._works:
            await asyncio.wait(self._works)
        try:
            await self._reconcile()
        except WorkerError as error:
            logger.warning("nobody knows whether tasks stay locked by %s: %s", self._settings.worker_id, error.message)
        await self._heartbeat.close()
        self._threads.close()
        await self._lock_pool.close()
        await self._pool.close()

    async def _finish(self, until_s: float) -> None:
        """Waits for what runs until then, and a little longer for reports that are under way."""
        hurried = asyncio.create_task(self._hurried.wait())
        works = [held.work for held in self._hand if held.work is not None]
        waiting = asyncio.gather(*works, return_exceptions=True)
        await asyncio.wait((waiting, hurried), timeout=until_s - self.loop.time(), return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if waiting.done():
            return
        for held in self._hand:
            if held.stage is Stage.RUNNING and held.work is not None:
                logger.warning("%r is not done within the grace period and is given back", held.task)
                held.work.cancel()
        reporting = [held.work for held in self._hand if held.stage is Stage.REPORTING and held.work is not None]
        if reporting:
            await asyncio.wait(reporting, timeout=LAST_REPORTS_S)
        for work in works:
            work.cancel()
        # A handler that does not let itself be canceled is left behind.
        await asyncio.wait((waiting,), timeout=CANCEL_S)

    # ------------------------------------------------------------------------------------------ tasks come

    def _take(self, tasks: list[LockedTask], appends: bool) -> None:
        for locked in tasks:
            topic = self._topics.get(locked.topic_name)
            if topic is None:
                # It was asked for before the topics were replaced.
                self._later(self._give_back_locked([locked]))
                continue
            known = self._hand.of(locked.id)
            if known is not None and (known.report is None or known.report.what != "failure"):
                # Its lock had ended, and nobody but this worker has got it since: the handler goes on.
                known.task.lock_lost = False
                self._heartbeat.watch(known)
                continue
            complete = topic.variables is None and not topic.local_variables
            task = ExternalTask(locked, self, topic.lock_duration_ms, complete=complete, appends=appends)
            held = Held(task, topic, self.loop.time())
            self._hand.add(held)
            self._heartbeat.watch(held)
            self._queue.append(held)
        self._start_queued()

    def _start_queued(self) -> None:
        while self._queue and self._running < self._settings.concurrency:
            held = self._queue.popleft()
            if held.task.lock_lost:
                self._drop(held, Outcome.LOST)
                continue
            self._running += 1
            held.stage = Stage.RUNNING
            held.work = self.loop.create_task(self._work(held))

    async def _work(self, held: Held) -> None:
        began_s = self.loop.time()
        handled_s = began_s
        outcome = Outcome.GIVEN_BACK
        try:
            try:
                report = await self._handle(held)
            finally:
                handled_s = self.loop.time()
                self._hand.note_handled(handled_s - began_s)
                held.stage = Stage.REPORTING
                self._running -= 1
                if not self._stopping.is_set():
                    self._start_queued()
            outcome = await self._report(held, report)
        except Parked as parked:
            logger.debug("%r is parked: %s", held.task, parked)
            outcome = await self._park(held, parked)
        except asyncio.CancelledError:
            # Only the end of the session cancels: the task is given back with the rest.
            return
        finally:
            if outcome is not Outcome.GIVEN_BACK:
                self._drop(held, outcome, began_s, handled_s)

    def _drop(self, held: Held, outcome: Outcome, began_s: float | None = None, handled_s: float | None = None) -> None:
        self._heartbeat.forget(held)
        self._hand.remove(held)
        if self._observer is None:
            return
        now_s = self.loop.time()
        began_s = now_s if began_s is None else began_s
        handled_s = now_s if handled_s is None else handled_s
        finished = Finished(
            topic=held.topic.name,
            outcome=outcome,
            waited_s=began_s - held.taken_s,
            handled_s=handled_s - began_s,
            reported_s=now_s - handled_s,
        )
        try:
            self._observer(finished)
        except Exception:
            logger.exception("the observer of worker %s failed", self._settings.worker_id)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    # ------------------------------------------------------------------------------------------ one task

    async def _handle(self, held: Held) -> Report:
        task, handler = held.task, held.topic.handler
        began = self._reporting.now()
        try:
            with self._tracing.span(task):
                if handler.is_async:
                    result = await handler.call(task)
                else:
                    result = await self._threads.run(lambda: handler.call(task))
            return self._reporting.completed(task, result, began)
        except asyncio.CancelledError as canceled:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            # Something that the handler waited for was canceled, not the handler.
            return self._reporting.failed(task, held.topic, canceled)
        except Parked:
            raise
        except Exception as error:
            report = self._reporting.failed(task, held.topic, error)
            if report.what == "failure":
                logger.info("%r failed: %s", task, error, exc_info=logger.isEnabledFor(logging.DEBUG))
            return report

    async def _park(self, held: Held, parked: Parked) -> Outcome:
        task = held.task
        if task.lock_lost:
            return Outcome.PARKED
        if not parked.rest_ms:
            await self._unlock([task.id])
            return Outcome.PARKED
        if attempts.parks(task.error_details) >= attempts.PARKS_MAX:
            why = f"parked {attempts.PARKS_MAX} times, and failed once more: {parked.message}"
            failure = TaskFailure(why, details=why, unclear=True)
            return await self._report(held, self._reporting.failed(task, held.topic, failure))
        await self._report(held, self._reporting.parked(task, held.topic, parked))
        return Outcome.PARKED

    async def _report(self, held: Held, report: Report) -> Outcome:
        try:
            return await self._tell(held, report)
        except RestError as refused:
            if report.what == "failure" or held.task.lock_lost:
                return self._unheard(held, report, refused)
            # The engine could not go on from here (an expression fails, a value is refused): that has to be seen.
            logger.warning("%s of %r was refused: %s", report.what, held.task, refused.message)
            report = self._reporting.failed(held.task, held.topic, _Refused(report.what, refused))
        try:
            return await self._tell(held, report)
        except RestError as refused:
            return self._unheard(held, report, refused)

    async def _tell(self, held: Held, report: Report) -> Outcome:
        began_s = self.loop.time()
        # The task rests from when the server knows of it; remembered before, so that nobody unlocks it meanwhile.
        if report.rests_ms:
            self._rests(held.task.id, report.rests_ms)
        held.report = report
        told = await self._tell_in_turn(held.task, report)
        self._hand.note_reported(self.loop.time() - began_s)
        if told is Told.DONE:
            return _OUTCOMES[report.what]
        logger.info("%r is gone: its process went on without it", held.task)
        return Outcome.GONE

    async def _tell_in_turn(self, task: ExternalTask, report: Report) -> Told:
        """Camunda lets parallel branches of one instance fail with optimistic locking when they end at once. Those that
        did are reported one after another, or they would go on defeating each other."""
        instance = task.process_instance_id
        if instance not in self._turns:
            try:
                return await self.call(worker_calls.tell(report.ask, 0))
            except RestError as refused:
                if not refused.is_conflict:
                    raise
        turns = self._turns.setdefault(instance, Turns())
        turns.wanted += 1
        try:
            async with turns.lock:
                return await self.call(worker_calls.tell(report.ask, worker_calls.CONFLICTS_MAX))
        finally:
            turns.wanted -= 1
            if not turns.wanted:
                del self._turns[instance]

    def _unheard(self, held: Held, report: Report, refused: RestError) -> Outcome:
        logger.warning("%s of %r was not taken: %s", report.what, held.task, refused.message)
        return Outcome.LOST

    # ------------------------------------------------------------------------------------------ giving back

    async def _give_back(self, helds: Iterable[Held]) -> None:
        helds = list(helds)
        await self._unlock([held.task.id for held in helds if not held.task.lock_lost])
        for held in helds:
            self._drop(held, Outcome.GIVEN_BACK)

    async def _give_back_locked(self, tasks: list[LockedTask]) -> None:
        await self._unlock([task.id for task in tasks])

    async def _unlock(self, ids: Iterable[str]) -> None:
        slots = asyncio.Semaphore(UNLOCKS_AT_ONCE_MAX)

        async def unlock(id: str) -> None:
            async with slots:
                try:
                    await self.call(worker_calls.unlock(id))
                except (RestError, ConnectionLost) as error:
                    logger.warning("task %s stays locked until its lock ends: %s", id, error.message)

        await asyncio.gather(*(unlock(id) for id in ids))

    async def _reconcile(self) -> None:
        """Gives back what this worker id has locked and this worker does not know of. Raises WorkerError."""
        if self._settings.shares_id:
            return
        self._forget_rested()
        locked = await self.call(worker_calls.locked_by(self._settings.worker_id))
        unknown = [id for id in locked if id not in self._hand and id not in self._resting]
        if unknown:
            logger.info("%d tasks were locked by a poll whose answer was lost, and are given back", len(unknown))
            await self._unlock(unknown)

    def _rests(self, id: str, wait_ms: int) -> None:
        """A failed task keeps its worker and a lock until it is tried again (Camunda): that one is not given back."""
        if len(self._resting) >= RESTING_MAX:
            self._forget_rested()
        self._resting[id] = self.loop.time() + wait_ms / 1000 + 1

    def _forget_rested(self) -> None:
        now_s = self.loop.time()
        self._resting = {id: until_s for id, until_s in self._resting.items() if until_s > now_s}

    # ------------------------------------------------------------------------------------------ for tasks

    async def call(self, logic: Logic[T]) -> T:
        """See `task.Hub`."""
        return await drive_async(logic, self._pool)

    async def extend(self, task: ExternalTask, duration_ms: int) -> None:
        """See `task.Hub`."""
        held = self._hand.of(task.id)
        if held is None or held.task is not task:
            raise WorkerError(f"{task!r} is not in hand any more")
        await self._heartbeat.extend(held, duration_ms)

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    @property
    def in_hand(self) -> int:
        """How many tasks are locked and neither reported nor given back."""
        return len(self._hand)


class Turns:
    """Reports of one process instance that go one after another. `wanted`: how many."""

    __slots__ = ("lock", "wanted")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class _Refused(Exception):
    """The server refused a report; its words are the failure's."""

    unclear = True
    """The work was done: who does it again says so with the same idempotency key."""

    def __init__(self, what: str, refused: RestError) -> None:
        super().__init__(f"{what} was refused by the engine: {refused.message}")
        self.__cause__ = refused
