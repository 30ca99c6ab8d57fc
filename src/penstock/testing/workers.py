"""Workers inside a test: the handlers of `penstock.worker`, called with real tasks and without a network."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.api.http import Request
from penstock.store.protocol import Fetch, Row, TopicFetch
from penstock.testing.native import on_the_wire
from penstock.worker.backoff import Backoff, Retries
from penstock.worker.handlers import Handler
from penstock.worker.http.wire import Answer, Ask
from penstock.worker.logic import Logic
from penstock.worker.records import LockedTask
from penstock.worker.reports import Reporting
from penstock.worker.results import RESULTS
from penstock.worker.task import ExternalTask
from penstock.worker.topic import Topic

if TYPE_CHECKING:
    from penstock.testing.virtual import VirtualEngine

WORKER = "test"
"""Id of the worker that a test is."""

LOCK_MS = 60_000

AT_ONCE = Retries(count=3, backoff=Backoff(first_ms=0, most_ms=0, jitter=0.0))
"""Three tries without a wait between them; a handler that wants one raises TaskFailure with `retry_timeout_ms`."""


class Workers:
    """The handlers that a test has registered, by topic. What ExternalTask needs of its worker is here as well."""

    results_variable = RESULTS

    def __init__(self, engine: "VirtualEngine") -> None:
        self._engine = engine
        self._topics: dict[str, Topic] = {}
        self._reporting = Reporting(WORKER, RESULTS, engine.clock)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The engine's event loop."""
        return self._engine.loop.loop

    def add(self, topic: str, handler: Callable[..., Any], retries: Retries) -> None:
        """Has `handler` do the tasks of `topic`. Raises TypeError for a signature that nobody can call."""
        self._topics[topic] = Topic(name=topic, handler=Handler(handler), lock_duration_ms=LOCK_MS, retries=retries)

    def work(self) -> int:
        """Does every task that is there; how many that were."""
        done = 0
        for name, topic in self._topics.items():
            fetch = Fetch(worker=WORKER, max_tasks=100, topics=[TopicFetch(topic=name, lock_duration_ms=LOCK_MS)])
            for row in self._engine.loop.run(self._engine.node.fetch_and_lock(fetch, wait_ms=None)):
                self._do(row, topic)
                done += 1
        return done

    def _do(self, row: Row, topic: Topic) -> None:
        task = self._task(row)
        began = self._reporting.now()
        try:
            outcome = topic.handler.call(task)
            if topic.handler.is_async:
                outcome = self._engine.loop.run(outcome)
            report = self._reporting.completed(task, outcome, began)
        except AssertionError:
            # A check inside a handler is the test's, not the process's.
            raise
        except Exception as error:
            report = self._reporting.failed(task, topic, error)
        answer = self._engine.loop.run(self._sent(report.ask))
        if not answer.ok:
            raise RuntimeError(f"the engine refused what the handler of {topic.name!r} did: {answer.body.decode()}")

    def _task(self, row: Row) -> ExternalTask:
        visible = self._engine.visible(row["instance_id"], row["execution_id"])
        locked = LockedTask(
            id=row["id"],
            topic_name=row["topic"],
            worker_id=WORKER,
            activity_id=row["activity_id"],
            activity_instance_id=row["activity_instance_id"],
            execution_id=row["execution_id"],
            process_instance_id=row["instance_id"],
            process_definition_id=row["definition_id"],
            process_definition_key=row["definition_key"],
            process_definition_version_tag=row["version_tag"],
            tenant_id=row["tenant_id"],
            business_key=row["business_key"],
            priority=row["priority"] or 0,
            retries=row["retries"],
            error_message=row["error_message"],
            error_details=row["error_details"],
            variables=on_the_wire(visible),
            extension_properties=row["properties"],
        )
        return ExternalTask(locked, self, LOCK_MS, complete=True, appends=False)

    # ------------------------------------------------------------------------------------------ what a task asks for

    async def call(self, logic: "Logic[Any]") -> Any:
        """Runs a call of the SDK in the engine's event loop."""
        answer: Any = None
        try:
            while True:
                asked = logic.send(answer)
                answer = await self._sent(asked) if isinstance(asked, Ask) else None
        except StopIteration as stop:
            return stop.value

    async def extend(self, task: ExternalTask, duration_ms: int) -> None:
        """See `ExternalTask.extend_lock`."""
        await self._engine.node.extend_lock(task.id, WORKER, duration_ms)

    async def _sent(self, ask: Ask) -> Answer:
        path, _, query = ask.path.partition("?")
        scope = {
            "type": "http",
            "method": ask.method,
            "path": f"/engine-rest{path}",
            "raw_path": f"/engine-rest{path}".encode(),
            "query_string": query.encode(),
        }
        headers = {b"content-type": ask.type.encode(), b"accept": ask.accept.encode(), b"host": b"penstock.test"}
        request = Request(self._engine.node, scope, None, headers)
        request.content = ask.body or b""
        response = await self._engine.app.respond(request)
        assert response is not None
        return Answer(response.status, dict(response.headers), response.body)
