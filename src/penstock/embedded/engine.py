"""`Engine`: a process engine inside a service."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from penstock.base.errors import BadRequest
from penstock.embedded import calls, listing, records, refusals
from penstock.embedded.configuration import place_of
from penstock.embedded.delegates import Delegate, with_bpmn_errors
from penstock.embedded.listing import Listing
from penstock.embedded.mounted import Mounted
from penstock.embedded.place import Sender, not_started
from penstock.embedded.working import WORKER_ID, OwnWorker
from penstock.worker import calls as worker_calls
from penstock.worker.backoff import Retries
from penstock.worker.errors import RestError
from penstock.worker.handlers import HandlerFunction
from penstock.worker.http.wire import Answer, Ask, Auth
from penstock.worker.logic import Logic, drive_async
from penstock.worker.observing import Observer
from penstock.worker.records import Correlation, Record
from penstock.worker.results import RESULTS
from penstock.worker.settings import own_id
from penstock.worker.topic import Gate
from penstock.worker.worker import DEFAULT_RETRIES, Worker

T = TypeVar("T")
R = TypeVar("R", bound=Record)
H = TypeVar("H", bound=HandlerFunction)
D = TypeVar("D", bound=Delegate)

ASK_S = 0.5
"""How often at least `until_ended` looks."""

_log = logging.getLogger("penstock.embedded")


class Engine:
    """A process engine inside a service: no server, no HTTP.

        engine = Engine("sqlite:///orders.db")

        @engine.topic("charge-card")
        async def charge(order: Order) -> dict[str, object]:
            ...

        async with engine:
            await engine.deploy("order.bpmn")
            instance = await engine.start("order", {"amount": 12}, business_key="4711")

    `store`: `sqlite:///orders.db`, `postgresql://…` (which several processes may share) or `memory://`; or the address of
    a server, `http://…/engine-rest`: the same program then works against that, without delegates and bridges of its own.
    Left out: PENSTOCK_STORE, or what the file says.
    `config`: a `penstock.toml`: store and settings in [server], [delegates], and the buses that start and continue
    processes here ([connections.*], [[bridge]], [topic.*]), which are followed while the engine runs.
    `settings`: those of [server], which go before the environment (PENSTOCK_…) and the file.
    `name`: of this node among those that share the store; by default a new one.
    `auth`: for the address of a server.
    `worker_id`, `concurrency`, `threads`, `lock_duration_ms`, `retries`, `long_poll_ms`, `grace_ms`, `results_variable`,
    `observer`: of the handlers, as in `penstock.worker.Worker`.

    Everything but the registration of handlers belongs to the event loop that has started it. Raises BadRequest for a
    configuration that makes no sense.
    """

    def __init__(
        self,
        store: str | None = None,
        *,
        config: str | Path | None = None,
        settings: Mapping[str, Any] | None = None,
        name: str | None = None,
        auth: Auth | None = None,
        worker_id: str | None = None,
        concurrency: int = 32,
        threads: int | None = None,
        lock_duration_ms: int = 30_000,
        retries: Retries = DEFAULT_RETRIES,
        long_poll_ms: int = 20_000,
        grace_ms: int = 20_000,
        results_variable: str = RESULTS,
        observer: Observer | None = None,
    ) -> None:
        self._delegates: dict[str, Delegate] = {}
        self._place = place = place_of(store, config, settings or {}, self._delegates, name, auth, os.environ)
        self._takes_over = worker_id is None and place.alone
        self.worker = OwnWorker(
            "http://penstock.embedded",
            worker_id or (WORKER_ID if place.alone else own_id(WORKER_ID)),
            concurrency=concurrency,
            threads=threads,
            lock_duration_ms=lock_duration_ms,
            retries=retries,
            long_poll_ms=long_poll_ms,
            grace_ms=grace_ms,
            results_variable=results_variable,
            observer=observer,
        )
        self.worker.reach = place.network
        self._stack: AsyncExitStack | None = None
        self._working: asyncio.Task[None] | None = None
        self._app: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def __repr__(self) -> str:
        return f"Engine({self._place.url!r})"

    # ------------------------------------------------------------------------------------------ what it calls

    def topic(
        self,
        name: str,
        *,
        lock_duration_ms: int | None = None,
        variables: Sequence[str] | None = None,
        local_variables: bool = False,
        retries: Retries | None = None,
        process_variables: Mapping[str, Any] | None = None,
        gate: Gate | None = None,
        **filters: Any,
    ) -> Callable[[H], H]:
        """The function that follows does the external tasks of this topic, in this process: a coroutine function, or a
        function, which runs in a thread. What it takes, gives back and raises, and what may be said here, is
        as in `penstock.worker.Worker.task`, so that a worker elsewhere can use the same function. Before the engine is
        started."""
        self._before_the_start()
        return self.worker.task(
            name,
            lock_duration_ms=lock_duration_ms,
            variables=variables,
            local_variables=local_variables,
            retries=retries,
            process_variables=process_variables,
            gate=gate,
            **filters,
        )

    def include(self, handlers: object) -> None:
        """Adds the methods of an object that are marked with `penstock.worker.handles`, or the topics of a
        `penstock.worker.Worker`, which then need not run. Before the engine is started. Raises TypeError, ValueError."""
        self._before_the_start()
        if isinstance(handlers, Worker):
            for topic in handlers.topics.values():
                self.worker.add(topic)
            return
        self.worker.include(handlers)

    def _before_the_start(self) -> None:
        if self._stack is not None:
            raise RuntimeError("the engine is started: its handlers are registered before")

    def delegate(self, name: str) -> Callable[[D], D]:
        """The function that follows is what models call by this name: `camunda:class`, `delegateExpression`, a listener,
        a bean. It gets a `penstock.runtime.delegates.DelegateScope`; what it returns is the activity's result. It runs
        inside the unit of work, in the event loop: once more if the unit has to be stepped again. Raises BadRequest where
        the engine is a server's."""
        if not self._place.here:
            raise BadRequest(f"{self._place.url} calls its own delegates: register {name!r} there, in [delegates]")

        def register(function: D) -> D:
            wrapped = with_bpmn_errors(function)
            self._delegates[name] = wrapped
            self._place.register(name, wrapped)
            return function

        return register

    # ------------------------------------------------------------------------------------------ life

    async def start_up(self) -> Self:
        """Opens the store, takes up what was left, and begins to work. Raises StoreFailed when the store is out of reach
        or, for SQLite, another process has it; BadRequest for a configuration that makes no sense."""
        if self._stack is not None:
            raise RuntimeError("the engine is started already")
        async with AsyncExitStack() as stack:
            await self._place.open(stack)
            self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
            if self.worker.topics:
                if self._takes_over:
                    await self.worker.take_over()
                self._working = asyncio.create_task(self.worker.run_async(), name="penstock-embedded-worker")
                self._working.add_done_callback(_tell)
                stack.push_async_callback(self._end_work)
                await asyncio.sleep(0)  # from here on it can be told to stop
            self._stack = stack.pop_all()
        return self

    async def shut_down(self) -> None:
        """Drains: takes no more tasks, lets handlers finish for `grace_ms`, gives back what is not done then, settles what
        buses have brought, commits what is under way, closes the store."""
        stack, self._stack, self._app = self._stack, None, None
        if stack is not None:
            await stack.aclose()
        self._loop = None

    async def _end_work(self) -> None:
        working, self._working = self._working, None
        assert working is not None
        self.worker.stop()
        await working

    async def __aenter__(self) -> Self:
        return await self.start_up()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shut_down()

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """The lifespan of an ASGI application: `FastAPI(lifespan=engine.lifespan)`, Starlette likewise."""
        async with self:
            yield

    async def until_signalled(self) -> None:
        """Returns at SIGTERM or SIGINT, for programs that do nothing else. From the main thread."""
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, asked.set)
        try:
            await asked.wait()
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def from_thread(self, call: Coroutine[Any, Any, T]) -> T:
        """For handlers and routes that are no coroutines and run in threads: makes a call in the engine's event loop and
        waits for it, as in `engine.from_thread(engine.start("order"))`. Raises what the call raises, and RuntimeError in the
        event loop itself, which would wait for ever."""
        loop = self._loop
        if loop is None or threading.get_ident() == self._thread:
            call.close()
            raise not_started() if loop is None else RuntimeError("this is the event loop: await the call")
        return asyncio.run_coroutine_threadsafe(call, loop).result()

    def asgi(self) -> Mounted:
        """REST API, `/penstock/v1`, `/metrics`, `/ready` and cockpit as an ASGI application, to be mounted:
        `app.mount("/penstock", engine.asgi())`. It answers 503 until the engine is started. Who may reach it is for the
        application to say, or for the setting `authentication`. Raises BadRequest where the engine is a server's."""
        if not self._place.here:
            raise BadRequest(f"{self._place.url} has REST API and cockpit itself: mount an engine of this process")

        def app() -> Any:
            if self._app is None and self._stack is not None:
                self._app = self._place.app()
            return self._app

        return Mounted(app)

    def health(self) -> Mapping[str, Any]:
        """`ready` (bool) and `problems`: what is wrong, by what it is wrong with. For a service's own probes."""
        found = self._place.health()
        working = self._working
        if working is None or not working.done():
            return found
        return {**found, "ready": False, "problems": {**found["problems"], "worker": "it has ended"}}

    # ------------------------------------------------------------------------------------------ processes

    async def deploy(
        self,
        *files: str | Path,
        name: str | None = None,
        resources: Mapping[str, bytes] | None = None,
        tenant_id: str | None = None,
    ) -> records.Deployment:
        """Deploys files (BPMN, DMN, forms, scripts) and `resources` by name, as one deployment; nothing new is made where
        nothing has changed, so a service does it each time it starts. `name`: by default the first file's. Raises
        ParseFailed with the findings, OSError for a file that cannot be read."""
        contents = await asyncio.to_thread(_read, files)
        contents |= resources or {}
        if not contents:
            raise BadRequest("there is nothing to deploy: name files or resources")
        return await self._do(calls.deploy(name or Path(next(iter(contents))).stem, contents, tenant_id))

    async def start(
        self,
        key: str | None = None,
        variables: Any = None,
        *,
        business_key: str | None = None,
        definition_id: str | None = None,
        tenant_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> records.ProcessInstance:
        """Starts the newest version of a process, or exactly `definition_id`. Returns when all that follows up to the next
        wait states is durable. `variables`: a mapping, a Struct or a dataclass. With an `idempotency_key` a repeated call
        gives the first one's answer, for 24 h. Raises NotFound, and Failure (nothing has happened) when the process fails
        before its first wait state."""
        logic = calls.start(key, variables, definition_id=definition_id, business_key=business_key, tenant_id=tenant_id)
        return await self._do(logic, idempotency_key)

    async def correlate(
        self,
        message: str,
        variables: Any = None,
        *,
        business_key: str | None = None,
        process_instance_id: str | None = None,
        correlation_keys: Mapping[str, Any] | None = None,
        local_variables: Any = None,
        tenant_id: str | None = None,
        all: bool = False,
        idempotency_key: str | None = None,
    ) -> list[Correlation]:
        """Brings a message to the one execution that waits for it, or else to the one process that it starts; `all`: to
        every one. Raises MismatchingCorrelation for none, or several."""
        logic = worker_calls.message(
            message,
            business_key=business_key,
            process_instance_id=process_instance_id,
            correlation_keys=correlation_keys,
            variables=variables,
            local_variables=local_variables,
            tenant_id=tenant_id,
            all=all,
        )
        return await self._do(logic, idempotency_key)

    async def signal(
        self,
        name: str,
        variables: Any = None,
        *,
        execution_id: str | None = None,
        tenant_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Throws a signal: to everybody who waits for it, and processes that it starts, or to one execution."""
        logic = worker_calls.signal(name, variables, execution_id=execution_id, tenant_id=tenant_id)
        await self._do(logic, idempotency_key)

    async def delete_instance(self, id: str) -> None:
        """Cancels a running instance. Raises NotFound."""
        await self._do(worker_calls.delete_process_instance(id))

    async def migrate(self, source_definition_id: str, target_definition_id: str, *instances: str) -> None:
        """Moves running instances to another version: all of them, or none. Elements of the same id are the same. Raises
        BadUserRequest, Failure for what cannot be moved. (Plans of your own, and batches: `rest`.)"""
        await self._do(calls.migrate(source_definition_id, target_definition_id, instances))

    async def variables(self, process_instance_id: str) -> dict[str, Any]:
        """The variables of a running instance, or all that an execution sees (with its id). Raises NotFound."""
        return await self._do(worker_calls.variables(process_instance_id))

    async def set_variables(self, process_instance_id: str, variables: Any) -> None:
        """Sets variables of a running instance. Raises NotFound."""
        await self._do(worker_calls.set_variables(process_instance_id, variables))

    # ------------------------------------------------------------------------------------------ what people do

    async def claim(self, task_id: str, user: str) -> None:
        """`user` takes a user task. Raises TaskAlreadyClaimed, NotFound."""
        await self._do(calls.claim(task_id, user))

    async def unclaim(self, task_id: str) -> None:
        """Nobody has the user task any more."""
        await self._do(calls.unclaim(task_id))

    async def complete(self, task_id: str, variables: Any = None, *, idempotency_key: str | None = None) -> None:
        """A user task is done. Raises NotFound, and Failure when the process fails before its next wait state: the task is
        still open then."""
        await self._do(calls.complete_task(task_id, variables), idempotency_key)

    async def bpmn_error(
        self, task_id: str, error_code: str, message: str | None = None, variables: Any = None
    ) -> None:
        """A user task ends with a BPMN error, which the model handles."""
        await self._do(calls.task_bpmn_error(task_id, error_code, message, variables))

    async def task_variables(self, task_id: str) -> dict[str, Any]:
        """What a user task sees."""
        return await self._do(calls.task_variables(task_id))

    # ------------------------------------------------------------------------------------------ what there is

    async def instances(
        self, *, first: int = 0, most: int = 100, sort: str | None = None, **filters: Any
    ) -> list[records.ProcessInstance]:
        """Running instances. `filters`: those of Camunda 7 `POST /process-instance` in snake_case, such as
        `business_key="4711"`, `process_definition_key="order"`, `with_incident=True`, `variables={"amount": 12}`; None is
        no filter. `sort`: `"business_key"`, or `"-business_key"` for the other direction. Raises TypeError for a filter
        that there is not. What was committed before the call is seen; ViewsBehind when that takes too long."""
        return await self._list(listing.INSTANCES, first, most, sort, filters)

    async def instance(self, id: str) -> records.ProcessInstance:
        """A running instance. Raises NotFound when there is none (any more)."""
        return await self._do(calls.instance(id))

    async def tasks(
        self, *, first: int = 0, most: int = 100, sort: str | None = None, **filters: Any
    ) -> list[records.Task]:
        """Open user tasks, as `instances`: `process_instance_id=…`, `assignee="mary"`, `candidate_group="sales"`, …"""
        return await self._list(listing.TASKS, first, most, sort, filters)

    async def task(self, id: str) -> records.Task:
        """An open user task. Raises NotFound."""
        return await self._do(calls.task(id))

    async def external_tasks(
        self, *, first: int = 0, most: int = 100, sort: str | None = None, **filters: Any
    ) -> list[records.WaitingTask]:
        """External tasks that are not done, as `instances`: `topic_name="charge-card"`, `no_retries_left=True`, …"""
        return await self._list(listing.EXTERNAL_TASKS, first, most, sort, filters)

    async def jobs(
        self, *, first: int = 0, most: int = 100, sort: str | None = None, **filters: Any
    ) -> list[records.Job]:
        """Timers and asynchronous continuations, as `instances`: `process_instance_id=…`, `timers=True`, …"""
        return await self._list(listing.JOBS, first, most, sort, filters)

    async def run_job(self, id: str) -> None:
        """Runs a job now, due or not. Raises NotFound, and what it fails with."""
        await self._do(calls.run_job(id))

    async def incidents(
        self, *, first: int = 0, most: int = 100, sort: str | None = None, **filters: Any
    ) -> list[records.Incident]:
        """What stands still until somebody acts, as `instances`: `process_instance_id=…`, `incident_message_like="%bank%"`,
        …"""
        return await self._list(listing.INCIDENTS, first, most, sort, filters)

    async def retry(self, *incidents: records.Incident, retries: int = 1) -> None:
        """Has what failed tried again, `retries` times at most. Raises BadUserRequest for an incident that is of no external
        task and no job, NotFound for what is gone."""
        await self._do(calls.retry(incidents, retries))

    async def definitions(
        self, *, first: int = 0, most: int = 100, sort: str | None = None, **filters: Any
    ) -> list[records.ProcessDefinition]:
        """Deployed processes, as `instances`: `key="order"`, `latest_version=True`, …"""
        return await self._list(listing.DEFINITIONS, first, most, sort, filters)

    async def history(
        self, *, first: int = 0, most: int = 100, sort: str | None = None, **filters: Any
    ) -> list[records.HistoricProcessInstance]:
        """Running and ended instances, as `instances`: `process_instance_business_key="4711"`, `finished=True`,
        `sort="-end_time"`, …"""
        return await self._list(listing.HISTORY, first, most, sort, filters)

    async def historic_instance(self, id: str) -> records.HistoricProcessInstance:
        """An instance, running or ended. Raises NotFound."""
        return await self._do(calls.historic_instance(id))

    async def until_ended(self, id: str, *, timeout_s: float | None = None) -> records.HistoricProcessInstance:
        """Returns when an instance has ended, which may take as long as people and timers do. It asks now and then, less
        and less often. Raises NotFound, TimeoutError."""
        async with asyncio.timeout(timeout_s):
            pause_s = 0.01
            while (found := await self.historic_instance(id)).end_time is None:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 1.5, ASK_S)
            return found

    async def historic_variables(self, process_instance_id: str) -> dict[str, Any]:
        """The variables that an instance has or had at its end; none for one that never was."""
        return await self._do(calls.historic_variables(process_instance_id))

    async def activities(
        self, *, first: int = 0, most: int = 100, sort: str | None = None, **filters: Any
    ) -> list[records.HistoricActivityInstance]:
        """Which elements instances have been in and are in, as `instances`: `process_instance_id=…`, `unfinished=True`,
        …"""
        return await self._list(listing.ACTIVITIES, first, most, sort, filters)

    async def rest(self, method: str, path: str, body: Any = None, *, query: Mapping[str, Any] | None = None) -> Any:
        """Everything else: a call of Camunda's REST API without HTTP. `path`: below `/engine-rest`, such as
        `/modification/execute`, or one of `/penstock/v1/…`; `body`, `query`: as REST has them. JSON comes back as Python
        values, other content as bytes, no content as None."""
        return await self._do(calls.rest(method, path, body, query))

    # ------------------------------------------------------------------------------------------ inside

    async def _list(
        self, of: Listing[R], first: int, most: int, sort: str | None, filters: Mapping[str, Any]
    ) -> list[R]:
        return await self._do(of.ask(filters, first, most, sort))

    async def _do(self, logic: Logic[T], idempotency_key: str | None = None) -> T:
        sender = self._place.sender()
        try:
            return await drive_async(logic, sender if idempotency_key is None else _Once(sender, idempotency_key))
        except RestError as refused:
            origin = refusals.origin(sender.refused) if sender.refused is not None else None
            raise origin or refusals.of_answer(refused) from None


class _Once:
    """Sends with an `Idempotency-Key`: such requests may be sent again, whatever became of them."""

    def __init__(self, sender: Sender, key: str) -> None:
        self._sender = sender
        self._key = key

    async def send(self, ask: Ask) -> Answer:
        return await self._sender.send(
            msgspec.structs.replace(ask, headers={**ask.headers, "idempotency-key": self._key}, repeatable=True)
        )


def _read(files: tuple[str | Path, ...]) -> dict[str, bytes]:
    return {Path(file).name: Path(file).read_bytes() for file in files}


def _tell(working: "asyncio.Task[None]") -> None:
    if not working.cancelled() and (error := working.exception()) is not None:
        _log.critical("handlers are not called any more", exc_info=error)
