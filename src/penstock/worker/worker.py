"""`Worker`: functions that do the work of external tasks."""

import asyncio
import logging
import signal
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from penstock.worker import handling
from penstock.worker.backoff import Retries
from penstock.worker.handlers import Handler, HandlerFunction
from penstock.worker.http import aio
from penstock.worker.http.wire import Address, Auth
from penstock.worker.network import Network
from penstock.worker.observing import Observer
from penstock.worker.results import RESULTS
from penstock.worker.session import Session
from penstock.worker.settings import Settings, own_id
from penstock.worker.topic import FILTERS, Gate, Topic

logger = logging.getLogger("penstock.worker")

H = TypeVar("H", bound=HandlerFunction)

LOCK_MS_MIN = 1_000
"""A lock that is shorter could end while it is being extended."""

DEFAULT_RETRIES = Retries()


class Worker:
    """Works topics of a Camunda 7 compatible server, such as Penstock.

        worker = Worker("http://127.0.0.1:8080/engine-rest")

        @worker.task("charge-card")
        async def charge(order: Order) -> dict[str, object]:
            ...

        worker.run()

    `worker_id`: who locks; by default a name that no other process has. Whatever is locked under it and not in this
    worker's hand is unlocked when it loses contact and when it stops; `shares_id=True` prevents that, for processes that
    must lock under one id.
    `concurrency`: most handlers at a time; up to twice as many tasks are locked when handlers are quick. `threads`: most
    threads for handlers that are no coroutines (default: as many, at most 64).
    `lock_duration_ms`, `retries`: of topics that do not say otherwise. Locks are extended while a handler runs.
    `long_poll_ms`: how long the server waits for work before it answers.
    `grace_ms`: how long handlers may go on after `stop`; what is not done then is given back to the server.
    `results_variable`: where `TaskResult`s go. `observer`: is told what became of each task, for metrics.
    """

    def __init__(
        self,
        base_url: str,
        worker_id: str | None = None,
        *,
        auth: Auth | None = None,
        tls: ssl.SSLContext | None = None,
        shares_id: bool = False,
        concurrency: int = 32,
        threads: int | None = None,
        lock_duration_ms: int = 30_000,
        retries: Retries = DEFAULT_RETRIES,
        long_poll_ms: int = 20_000,
        grace_ms: int = 20_000,
        use_priority: bool = True,
        results_variable: str = RESULTS,
        observer: Observer | None = None,
    ) -> None:
        self._base_url = base_url
        self._auth = auth
        self._tls = tls
        self._lock_duration_ms = _checked_lock(lock_duration_ms)
        self._retries = retries
        self._observer = observer
        self.settings = Settings(
            worker_id=own_id("penstock-worker") if worker_id is None else worker_id,
            shares_id=shares_id,
            concurrency=concurrency,
            threads=min(concurrency, 64) if threads is None else threads,
            long_poll_ms=long_poll_ms,
            grace_ms=grace_ms,
            use_priority=use_priority,
            results_variable=results_variable,
        )
        self.topics: dict[str, Topic] = {}
        self._session: Session | None = None
        self._running: asyncio.Task[None] | None = None
        Address(base_url, tls, auth)  # a wrong address is told where it is written

    @property
    def worker_id(self) -> str:
        """Under which tasks are locked."""
        return self.settings.worker_id

    @property
    def base_url(self) -> str:
        """Where the server is. May be changed as long as the worker does not run."""
        return self._base_url

    @base_url.setter
    def base_url(self, value: str) -> None:
        if self._session is not None:
            raise RuntimeError("the worker runs: its server cannot be changed now")
        Address(value, self._tls, self._auth)
        self._base_url = value

    def network(self) -> Network:
        """How it reaches its server."""
        return aio.Network(Address(self._base_url, self._tls, self._auth))

    def address(self, url: str) -> Address:
        """Another address of the same server, with the worker's credentials. Raises ValueError."""
        return Address(url, self._tls, self._auth)

    def task(
        self,
        topic: str,
        *,
        lock_duration_ms: int | None = None,
        variables: Sequence[str] | None = None,
        local_variables: bool = False,
        retries: Retries | None = None,
        process_variables: Mapping[str, Any] | None = None,
        gate: Gate | None = None,
        **filters: Any,
    ) -> Callable[[H], H]:
        """The function that follows does the tasks of this topic (see `penstock.worker.handlers`).

        `variables`: which ones are fetched; left out, those of the handler's model, or all if it takes the task.
        `local_variables`: only those of the task's own scope. `process_variables`: only tasks of processes with these
        values. `filters`: Camunda's, such as `processDefinitionKey="order"`. `gate`: how many of its tasks may be fetched
        (a `Breaker`). Raises TypeError and ValueError.
        """
        unknown = set(filters) - set(FILTERS)
        if unknown:
            raise TypeError(f"topic {topic!r}: unknown filter {sorted(unknown)[0]!r}; there are {', '.join(FILTERS)}")

        def register(function: H) -> H:
            self.add(
                Topic(
                    name=topic,
                    handler=(handler := Handler(function)),
                    lock_duration_ms=_checked_lock(lock_duration_ms or self._lock_duration_ms),
                    retries=retries or self._retries,
                    variables=handler.variables() if variables is None else tuple(variables),
                    local_variables=local_variables,
                    filters=filters,
                    process_variables=process_variables or {},
                    gate=gate,
                )
            )
            return function

        return register

    def add(self, topic: Topic) -> None:
        """As `task`, without a decorator. Raises ValueError for a topic that has a handler already."""
        if topic.name in self.topics:
            raise ValueError(f"topic {topic.name!r} has a handler already: {self.topics[topic.name].handler.name}")
        if self._session is not None:
            raise RuntimeError("the worker runs: topics are added before")
        self.topics[topic.name] = topic

    def replace(self, topics: Iterable[Topic]) -> None:
        """Works these topics instead, also while it runs: what is in hand is done as it was begun. In the event loop."""
        self.topics = {topic.name: topic for topic in topics}
        if self._session is not None:
            self._session.replace(self.topics)

    def include(self, service: object) -> None:
        """Adds the methods of an object that are marked with `handles`. Raises TypeError, ValueError."""
        found = handling.methods(service)
        if not found:
            raise TypeError(f"{type(service).__name__} has no method that is marked with @handles(…)")
        for method, options in found:
            self.task(**options)(method)

    # ------------------------------------------------------------------------------------------ running

    def run(self) -> None:
        """Works until SIGTERM, SIGINT or `stop` (from another thread), then drains. A second signal does not wait for
        what runs."""
        run_until_signalled(self.run_async, self)

    def signalled(self) -> None:
        """Somebody wants it to stop; the second time, at once."""
        session = self._session
        if session is None:
            return
        if session.stopping:
            logger.warning("asked to stop a second time: what runs is given back")
            session.hurry()
        else:
            logger.info("asked to stop: %d tasks in hand", session.in_hand)
            session.stop()

    async def run_async(self) -> None:
        """Works in this event loop until `stop`, or until it is cancelled; drains in both cases."""
        if not self.topics:
            raise ValueError("the worker has no topic: give it handlers with @worker.task(…)")
        if self._session is not None:
            raise RuntimeError("the worker runs already")
        network = self.network()
        session = self._session = Session(network, self.settings, self.topics, self._observer)
        logger.info("worker %s works %s for %s", self.worker_id, ", ".join(self.topics), network.url)
        try:
            await session.run()
        finally:
            self._session = None
        logger.info("worker %s has stopped", self.worker_id)

    def stop(self) -> None:
        """Has it stop: fetches no more, finishes what runs, gives back the rest. From any thread."""
        session = self._session
        if session is not None:
            # Its loop is closed: it has stopped meanwhile.
            with suppress(RuntimeError):
                session.loop.call_soon_threadsafe(session.stop)

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.run_async(), name="penstock-worker")
        await asyncio.sleep(0)  # what is wrong with its topics is raised here
        if self._running.done():
            self._running.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._running is not None
        if self._session is not None:
            self._session.stop()
        await self._running

    @property
    def in_hand(self) -> int:
        """How many tasks are locked by it and neither reported nor given back."""
        return 0 if self._session is None else self._session.in_hand


def run_until_signalled(run: Callable[[], Coroutine[Any, Any, None]], worker: Worker) -> None:
    """Runs it in an event loop of its own; SIGTERM and SIGINT stop the worker."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_with_signals(run, worker))


async def _with_signals(run: Callable[[], Coroutine[Any, Any, None]], worker: Worker) -> None:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    for number in numbers:
        loop.add_signal_handler(number, worker.signalled)
    try:
        await run()
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _checked_lock(duration_ms: int) -> int:
    if duration_ms < LOCK_MS_MIN:
        raise ValueError(f"lock_duration_ms is {duration_ms} and must be at least {LOCK_MS_MIN}")
    return duration_ms


def _loop_factory() -> "Callable[[], asyncio.AbstractEventLoop] | None":
    """uvloop, where it is installed: it does twice the work."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
