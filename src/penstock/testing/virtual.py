"""A server's engine for tests: in memory, on a clock that stands still until the test moves it, asked without `await`.

It is the node that a server runs, on the memory store: correlation, jobs, incidents, scripts and history behave as they
do in production. What is asynchronous there happens at once here: after each call everything runs on until it waits for a
person, a message, an external task without a worker, or time.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from penstock.api.app import create_app
from penstock.api.http import Request
from penstock.api.subscriptions import Wanted, executions, receivers, starts
from penstock.api.values import from_row
from penstock.base.clock import VirtualClock
from penstock.base.errors import NotFound
from penstock.base.ids import CountingIds
from penstock.engine import commands as c
from penstock.expr.values import TypedValue
from penstock.runtime.node import Node
from penstock.runtime.protocol import Deploy, Resource, Settings
from penstock.store.memory.store import MemoryStore
from penstock.store.protocol import Row
from penstock.store.query import Order, Query, Term, eq, is_null
from penstock.testing.coverage import Coverage
from penstock.testing.instance import ProcessInstance, Variables
from penstock.testing.loop import Loop
from penstock.testing.native import native, typed
from penstock.testing.workers import AT_ONCE, Workers
from penstock.worker.backoff import Retries

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

ROUNDS_MAX = 10_000
"""Rounds of jobs and workers after which a process that never comes to rest is given up."""


class VirtualEngine:
    """One engine with everything deployed into it. Close it, or use it in a `with` statement.

    `now`: where its clock begins. `auto`: whether jobs that are due and registered workers run by themselves; without it
    `run_jobs` and `run_workers` do. `settings`: see `penstock.runtime.protocol.Settings`.
    """

    def __init__(self, *, now: datetime | None = None, auto: bool = True, settings: Settings | None = None) -> None:
        self.loop = Loop()
        self.clock = VirtualClock() if now is None else VirtualClock(round(now.timestamp() * 1_000))
        self.auto = auto
        self._ids = CountingIds()
        store = MemoryStore(self.clock)
        # Jobs run when the test says so, or after each call; never by themselves.
        chosen = msgspec.structs.replace(settings or Settings(), execute_jobs=False)
        self.node = self.run(_started(store, self.clock, self._ids, chosen))
        self.app = create_app(self.node)
        self._workers = Workers(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it; everything in it is gone."""
        if not self.loop.loop.is_closed():
            self.run(self.node.close())
            self.loop.close()

    # ------------------------------------------------------------------------------------------ setting up

    def deploy(self, *models: str | Path | bytes) -> list[str]:
        """Deploys BPMN files (and forms or scripts that they name) as one deployment: paths, or BPMN itself (text that
        begins with `<`, or bytes). Returns the keys of the processes. Raises ParseFailed with what is wrong where."""
        resources = [_resource(number, model) for number, model in enumerate(models, 1)]
        made = self.run(self.node.deploy(Deploy(name="test", resources=resources)))
        self._settle()
        return [row["key"] for row in made.process_definitions]

    def delegate(self, name: str, function: F) -> F:
        """Has `function` called where a model names `name` (`camunda:class`, `delegateExpression`, a bean's method). It
        gets a `penstock.runtime.delegates.DelegateScope`."""
        self.node.delegates.register(name, function)
        return function

    def worker(self, topic: str, handler: F, *, retries: Retries = AT_ONCE) -> F:
        """Has `handler` do the external tasks of `topic`: the same function that `penstock.worker.Worker` takes."""
        self._workers.add(topic, handler, retries)
        self._settle()
        return handler

    # ------------------------------------------------------------------------------------------ what happens

    def start(
        self,
        key: str,
        variables: Variables = None,
        *,
        business_key: str | None = None,
        before: str | Iterable[str] | None = None,
    ) -> ProcessInstance:
        """Starts the newest version of the process. `before`: ids of elements at which it begins instead of at its start
        event. Raises NotFound, and Failure when it cannot get as far as its first wait state."""
        definition = self.run(self.node.latest(key, None))
        if definition is None:
            known = ", ".join(sorted({row["key"] for row in self.rows(Query("process_definition"))})) or "nothing"
            raise NotFound(f"no process with key {key!r} is deployed; deployed: {known}")
        places = (before,) if isinstance(before, str) else tuple(before or ())
        command = c.StartInstance(
            definition=definition,
            business_key=business_key,
            variables=typed(variables),
            instructions=tuple(c.StartInstruction(type="startBeforeActivity", activity=place) for place in places),
        )
        return ProcessInstance(self, self.do(command))

    def message(
        self,
        name: str,
        variables: Variables = None,
        *,
        business_key: str | None = None,
        correlation: Mapping[str, Any] | None = None,
    ) -> ProcessInstance:
        """The message finds the one instance that waits for it, or starts one; returns that. `correlation`: variables by
        which it is found. Raises AssertionError when nobody or more than one waits for it."""
        return self.correlate(name, variables, business_key=business_key, correlation=correlation)

    def signal(self, name: str, variables: Variables = None) -> None:
        """The signal reaches everybody who waits for it."""
        waiting, beginning = self.run(self._found(Wanted(type="signal", name=name)))
        self.do(
            c.BroadcastSignal(
                name=name,
                receivers=tuple((row["instance_id"], row["id"]) for row in waiting),
                starts=tuple((row["definition_id"], row["activity_id"]) for row in beginning),
                variables=typed(variables),
            )
        )

    # ------------------------------------------------------------------------------------------ time

    @property
    def now(self) -> datetime:
        """The present."""
        return datetime.fromtimestamp(self.clock.now_ms() / 1_000, UTC)

    def advance(self, span: timedelta | None = None, **units: float) -> None:
        """Lets time pass: `advance(hours=2)`, with the units of `timedelta`. Timers fire on the way, each at its moment."""
        self.advance_to(self.now + (span or timedelta()) + timedelta(**units))

    def advance_to(self, moment: datetime) -> None:
        """Lets time pass until then. Raises ValueError for a moment that is past."""
        until_ms = round(moment.timestamp() * 1_000)
        for _ in range(ROUNDS_MAX):
            now_ms = self.clock.now_ms()
            due_ms = self.run(self.node.store.next_due_ms(now_ms)) if self.auto else None
            if due_ms is None or not now_ms < due_ms < until_ms:
                break
            self.clock.advance_ms(due_ms - now_ms)
            self._settle()
        else:
            raise AssertionError(f"more than {ROUNDS_MAX} timers fire until {moment}: advance in smaller steps")
        self.clock.advance_ms(until_ms - self.clock.now_ms())
        self._settle()

    # ------------------------------------------------------------------------------------------ looking

    def instances(self, key: str | None = None, *, business_key: str | None = None) -> list[ProcessInstance]:
        """All instances there have been, called ones included, oldest first."""
        where: list[Term] = []
        if key is not None:
            where.append(eq("definition_key", key))
        if business_key is not None:
            where.append(eq("business_key", business_key))
        rows = self.rows(Query("process_instance", where, (Order("started_ms"), Order("id"))))
        return [ProcessInstance(self, row["id"]) for row in rows]

    def coverage(self) -> Coverage:
        """Which elements of the deployed processes were visited."""
        found = Coverage()
        for row in self.rows(Query("process_definition")):
            definition = self.run(self.node.definition(row["id"]))
            seen = self.rows(Query("activity_instance", (eq("definition_id", row["id"]),), columns=("activity_id",)))
            found.add(definition.process, {activity["activity_id"] for activity in seen})
        return found

    # ------------------------------------------------------------------------------------------ by hand

    def run_jobs(self) -> int:
        """Runs every job that is due, and what follows from it; how many that were."""
        return self.run(self.node.run_due_jobs())

    def run_workers(self) -> int:
        """Has the registered workers do every task that is there; how many that were."""
        return self._workers.work()

    def do(self, command: c.Command) -> Any:
        """Executes a command of the engine, and all that follows from it."""
        result = self.run(self.node.execute(command))
        self._settle()
        return result

    def _settle(self) -> None:
        if not self.auto:
            return
        for _ in range(ROUNDS_MAX):
            if not self.run_jobs() + self.run_workers():
                return
        raise AssertionError(
            f"jobs and workers go on for more than {ROUNDS_MAX} rounds: is there a loop without a wait?"
        )

    # ------------------------------------------------------------------------------------------ for the other modules

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine of the node."""
        return self.loop.run(work)

    def rows(self, query: Query) -> list[Row]:
        """Rows of the node."""
        return self.run(self.node.rows(query))

    def visible(self, instance: str, execution: str) -> dict[str, TypedValue]:
        """The variables that are visible at an execution."""
        from penstock.api import live

        state = self.run(self.node.instance(instance))
        return live.visible(state, execution) if state is not None else {}

    def variables_in_history(self, instance: str) -> dict[str, Any]:
        """The variables that an ended instance had at its end."""
        where = (eq("instance_id", instance), eq("execution_id", instance), is_null("task_id"))
        return native(
            {row["name"]: from_row(row) for row in self.rows(Query("variable", where, (Order("created_ms"),)))}
        )

    def correlate(
        self,
        name: str,
        variables: Variables,
        *,
        instance: str | None = None,
        business_key: str | None = None,
        correlation: Mapping[str, Any] | None = None,
    ) -> ProcessInstance:
        """See `message`; `instance`: only this one."""
        wanted = Wanted(
            type="message", name=name, instance=instance, business_key=business_key, variables=typed(correlation)
        )
        waiting, beginning = self.run(self._found(wanted))
        found = executions(waiting)
        if len(found) == 1:
            (row,) = found
            self.do(
                c.TriggerMessage(
                    instance=row["instance_id"],
                    execution=row["execution_id"],
                    name=name,
                    variables=typed(variables),
                )
            )
            return ProcessInstance(self, row["instance_id"])
        if not found and len(beginning) == 1 and instance is None:
            (row,) = beginning
            command = c.StartInstance(
                definition=row["definition_id"],
                start_event=row["activity_id"],
                business_key=business_key,
                variables={**wanted.variables, **typed(variables)},
            )
            return ProcessInstance(self, self.do(command))
        raise AssertionError(self._uncorrelated(name, len(found) or len(beginning)))

    def _uncorrelated(self, name: str, count: int) -> str:
        if count:
            return f"{count} wait for the message {name!r} and fit: say which one, with business_key or correlation"
        rows = self.rows(Query("event_subscription", (eq("type", "message"),)))
        places = (
            ", ".join(sorted({f"{row['name']!r} (at {row['activity_id']})" for row in rows})) or "no message at all"
        )
        return f"nobody who fits waits for the message {name!r}; waited for: {places}"

    async def _found(self, wanted: Wanted) -> tuple[list[Row], list[Row]]:
        request = Request(self.node, {"method": "POST"}, None, {})
        return await receivers(request, wanted), await starts(request, wanted)


async def _started(store: MemoryStore, clock: VirtualClock, ids: CountingIds, settings: Settings) -> Node:
    await store.open()
    node = Node(store, clock=clock, ids=ids, settings=settings)
    await node.start()
    return node


def _resource(number: int, model: str | Path | bytes) -> Resource:
    if isinstance(model, bytes):
        return Resource(f"model-{number}.bpmn", model)
    if isinstance(model, str) and model.lstrip().startswith("<"):
        return Resource(f"model-{number}.bpmn", model.encode())
    path = Path(model)
    return Resource(path.name, path.read_bytes())
