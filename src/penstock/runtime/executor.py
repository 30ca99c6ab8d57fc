"""Runs units of work: load, step, hand to the committer, answer after the commit.

The instances that a command names are locked before the step, in the order of their ids. What the step asks for beyond
them is only taken when it is free: else everything is given back and the unit is stepped again with all the ids that are
known by then. No lock is held while a unit waits for its commit.

A refused or failed unit is dropped whole: what it has changed in memory is decoded again from the bytes of the unit
before. An answer that rests on state which is not committed, or which may have moved on another node, is checked again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from penstock.base.clock import Clock
from penstock.base.errors import (
    BadUserRequest,
    Conflict,
    ConnectorRefused,
    EntitySuspended,
    Failure,
    NotFound,
    NullValue,
    Overloaded,
    PenstockError,
    Refused,
)
from penstock.base.ids import Ids
from penstock.dmn.camunda.deployed import DeployedDecision
from penstock.engine import commands as c
from penstock.engine.codec import HEAD_BYTES_MAX, encode, encode_changed
from penstock.engine.definition import Definition
from penstock.engine.events import ExternalTaskDeleted, ExternalTaskFailed, InstanceEvents
from penstock.engine.questions import (
    CallDelegate,
    FindDecision,
    FindDefinition,
    FindSignalReceivers,
    LoadDefinition,
    LoadInstance,
    LoadResource,
    Pause,
    Question,
    RunScript,
)
from penstock.engine.state import Instance
from penstock.engine.step import step
from penstock.engine.unit import LargeRun, Run, Unit
from penstock.expr import juel
from penstock.expr.script import Script, ScriptResult, ScriptScope
from penstock.runtime.committer import AlreadyTaken, Committer, JobLost, LockLost, StepAgain, Ticket, Write
from penstock.runtime.definitions import Definitions, JobOverride
from penstock.runtime.delegates import Delegates
from penstock.runtime.hot import NO_CHUNKS, Hot, HotCache, Locks
from penstock.runtime.parts import PART_EVENTS, Parts
from penstock.runtime.payload import check_command, check_events, clean
from penstock.runtime.protocol import Outgoing, Place, Settings, Sharing
from penstock.runtime.ready import EXTERNAL_TASK, JOB, announced, ready_rows
from penstock.runtime.scripts.host import ScriptHost
from penstock.runtime.telemetry import logs
from penstock.runtime.telemetry.counters import Counters
from penstock.store.protocol import AnyChange, Change, InboxEntry, JobCheck, LockCheck, RowChange, Store
from penstock.store.query import Query, not_null, one_of

logger = logging.getLogger(__name__)

ATTEMPTS_MAX = 100
"""How often one unit is stepped again because of others before its caller is told to come back later."""

PAUSE_S = 0.002
"""How long a long unit stands aside while others wait for their commit: a store's thread that needs the interpreter many
times gets it at once then."""

_UNKNOWN: Any = object()

_LOCK_REFUSALS: dict[type[c.Command], str] = {
    c.CompleteExternalTask: "External Task {task} cannot be completed by worker '{worker}'.",
    c.FailExternalTask: "Failure of External Task {task} cannot be reported by worker '{worker}'.",
    c.ThrowExternalTaskError: "Bpmn error of External Task {task} cannot be reported by worker '{worker}'.",
}
"""Camunda 7 `HandleExternalTaskCmd.getErrorMessageOnWrongWorkerAccess`."""


class Busy(Exception):
    """The unit needs an instance that somebody else is stepping."""

    def __init__(self, id: str) -> None:
        super().__init__()
        self.id = id


class Request(msgspec.Struct):
    """A command with what its commit has to check and to write beside it."""

    command: c.Command
    locks: Sequence[LockCheck] = ()
    jobs: Sequence[JobCheck] = ()
    rows: Sequence[AnyChange] = ()
    events: Sequence[InstanceEvents] = ()
    inbox_key: str | None = None
    inbox_expires_ms: int = 0
    fence_key: str | None = None
    """A second key of the inbox, which must be new too."""
    trace: str | None = None
    """`traceparent` of the unit's span."""
    place: Place | None = None
    """Of the instance that it starts, where limits of services have let it pass already."""


class Executor:
    """Steps units for one node; see the module."""

    def __init__(
        self,
        *,
        store: Store,
        cache: HotCache,
        committer: Committer,
        definitions: Definitions,
        scripts: ScriptHost,
        delegates: Delegates,
        clock: Clock,
        ids: Ids,
        settings: Settings,
        shared: bool,
        counters: Counters,
    ) -> None:
        self._store = store
        self._cache = cache
        self._committer = committer
        self._definitions = definitions
        self._scripts = scripts
        self._delegates = delegates
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._shared = shared
        self._counters = counters
        self.outgoing: Outgoing | None = None
        self.sharing: Sharing | None = None
        self._locks = Locks()
        self.running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.stepped_again = 0
        self._parts: dict[Unit, Parts] = {}
        """What was taken out of the long units that are under way."""
        self._slow: dict[type[Question], Callable[[Unit, Any], Awaitable[Any]]] = {
            Pause: self._pause,
            LoadDefinition: self._load_definition,
            FindDefinition: self._find_definition,
            LoadResource: self._load_resource,
            RunScript: self._run_script,
            CallDelegate: self._call_delegate,
            FindDecision: self._find_decision,
            FindSignalReceivers: self._find_signal_receivers,
        }

    # ------------------------------------------------------------------------------------------ a whole command

    async def run(self, request: Request) -> Any:
        """Runs the command; returns its result when it is durable.

        Raises Refused and Failure (nothing has changed), Overloaded, `AlreadyTaken`, `JobLost`, StoreFailed.
        """
        try:
            result = await self._run(request)
        except PenstockError as error:
            self._counters.drop(request.command, error)
            if isinstance(error, Failure):
                logs.unit_failed(request.command, error)
            raise
        self._counters.committed[type(request.command)] += 1
        if logs.logger.isEnabledFor(logging.DEBUG):
            logs.unit_done(request.command, result)
        return result

    async def _run(self, request: Request) -> Any:
        settings = self._settings
        if self.running >= settings.pending_units_max:
            raise Overloaded(
                f"More than {settings.pending_units_max} units of work wait for their commit (setting pending_units_max)"
            )
        command = request.command
        check_command(command, settings.payload_bytes_max)
        if self.sharing is not None and request.place is None:
            request.place = self.sharing.admit(command)
        ids = _instances_of(command)
        self.running += 1
        self._idle.clear()
        try:
            for _ in range(ATTEMPTS_MAX):
                try:
                    ticket, result, ids = await self._attempt(request, ids)
                    # A caller that goes away does not take its unit back: the memory has moved on already.
                    await self._committer.submit(ticket)
                    return result
                except StepAgain:
                    self.stepped_again += 1
                except LockLost as lost:
                    raise _lock_refusal(command, lost) from None
        finally:
            if request.place is not None:
                request.place.release()
            self.running -= 1
            if not self.running:
                self._idle.set()
        raise Overloaded("The process instance is changed by too many others at once: try again in a moment")

    async def idle(self) -> None:
        """Returns when no command is under way."""
        await self._idle.wait()

    async def _attempt(self, request: Request, ids: tuple[str, ...]) -> tuple[Ticket, Any, tuple[str, ...]]:
        """Steps once. Raises StepAgain when what it rested on was not final."""
        while True:
            held: set[str] = set()
            try:
                for id in ids:
                    if not self._locks.try_take(id):
                        await self._locks.take(id)
                    held.add(id)
                return (*await self._locked_attempt(request, ids, held), ids)
            except Busy as busy:
                ids = tuple(sorted({*held, busy.id}))
            finally:
                for id in held:
                    self._locks.release(id)

    async def _locked_attempt(self, request: Request, ids: tuple[str, ...], held: set[str]) -> tuple[Ticket, Any]:
        command = request.command
        epoch = self._definitions.epoch
        rests_on = _RestsOn()
        if type(command) is c.StartInstance and not self._definitions.is_startable(command.definition):
            await self._definitions.check_startable(command.definition)
        unit = Unit(
            now_ms=self._clock.now_ms(),
            ids=self._ids,
            default_retries=self._settings.default_retries,
            steps_max=self._settings.steps_per_unit_max,
            paths_max=self._settings.paths_per_scope_max,
            calls_max=self._settings.calls_deep_max,
            user=command.user,
            trace=request.trace,
            logs_operations=command.user is not None or self._settings.log_operations_without_user,
        )
        hots: dict[str, Hot] = {}
        try:
            if len(ids) > 1:
                await self._load_together(ids)
            for id in ids:
                await self._adopt(unit, id, hots, rests_on)
            if isinstance(command, c.InstanceCommand) and command.instance not in unit.runs:
                raise _gone(command)
            result = await self._drive(unit, step(unit, command), hots, held, rests_on)
            if _drops_tasks(unit):
                await self._name_workers(unit)
            ticket = self._ticket(request, unit, hots, epoch, result)
        except PenstockError:
            await self._check_again(rests_on)
            raise
        finally:
            self._parts.pop(unit, None)
            self._hand_back(unit, hots)
        return ticket, result

    # ------------------------------------------------------------------------------------------ driving the core

    async def _drive(self, unit: Unit, steps: Any, hots: dict[str, Hot], held: set[str], rests_on: "_RestsOn") -> Any:
        try:
            question = next(steps)
            while True:
                kind = type(question)
                if kind is LoadDefinition:
                    answer: Any = self._definitions.cached(question.id)
                    if answer is None:
                        answer = _UNKNOWN
                elif kind is FindDefinition:
                    answer = self._definitions.find_cached(question, _UNKNOWN)
                else:
                    answer = _UNKNOWN
                if answer is _UNKNOWN:
                    try:
                        if kind is LoadInstance:
                            answer = await self._load_instance(unit, question.id, hots, held, rests_on)
                        else:
                            answer = await self._slow[kind](unit, question)
                    except PenstockError as error:
                        question = steps.throw(error)
                        continue
                question = steps.send(answer)
        except StopIteration as stop:
            return stop.value
        finally:
            steps.close()

    async def _adopt(self, unit: Unit, id: str, hots: dict[str, Hot], rests_on: "_RestsOn") -> Instance | None:
        """Makes a locked instance part of the unit; None when it does not live."""
        hot = self._cache.get(id)
        if hot is None:
            found = await self._store.load([id])
            stored = found.get(id)
            if stored is None:
                rests_on.absent.append(id)
                return None
            hot = self._cache.get(id)
            if hot is None:
                hot = Hot.of(stored)
                self._cache.put(hot)
        else:
            rests_on.cached.append(hot)
        state = hot.state()
        if state is None:
            return None
        definition: Definition | None = None
        if state.definition is not None:
            definition = self._definitions.cached(state.definition)
            if definition is None:
                definition = await self._definitions.load(state.definition)
                if hot.dropped:
                    raise StepAgain
        hots[id] = hot
        # It is the unit's alone until that is over: whoever reads meanwhile gets what was there before.
        hot.instance = None
        unit.adopt(state, definition, large=bool(hot.chunks))
        return state

    async def _load_together(self, ids: Sequence[str]) -> None:
        """Those that are not in memory, in one look into the store."""
        unknown = [id for id in ids if self._cache.get(id) is None]
        for id, stored in (await self._store.load(unknown)).items() if unknown else ():
            if self._cache.get(id) is None:
                self._cache.put(Hot.of(stored))

    async def _load_instance(
        self, unit: Unit, id: str, hots: dict[str, Hot], held: set[str], rests_on: "_RestsOn"
    ) -> Instance | None:
        run = unit.runs.get(id)
        if run is not None:
            return run.instance
        if id not in held:
            if not self._locks.try_take(id):
                raise Busy(id)
            held.add(id)
        return await self._adopt(unit, id, hots, rests_on)

    async def _name_workers(self, unit: Unit) -> None:
        """The log of a canceled external task names the worker that has its lock (Camunda 7
        `ExternalTaskEntity.produceHistoricExternalTaskDeletedEvent`). Leases are in the store alone, so the core cannot."""
        places = {
            event.external_task: (run.events, at)
            for run in unit.runs.values()
            for at, event in enumerate(run.events)
            if type(event) is ExternalTaskDeleted and event.worker is None
        }
        if not places:
            return
        of_them = (one_of("id", tuple(places)), not_null("worker_id"))
        for row in await self._store.rows(Query(EXTERNAL_TASK, of_them, columns=("id", "worker_id"))):
            events, at = places[row["id"]]
            events[at] = msgspec.structs.replace(events[at], worker=row["worker_id"])

    async def _pause(self, unit: Unit, question: Pause) -> None:
        if any(len(run.events) >= PART_EVENTS for run in unit.runs.values()):
            await self._take_parts(unit)
        await asyncio.sleep(PAUSE_S if self._committer.waiting else 0)

    async def _take_parts(self, unit: Unit) -> None:
        """A long unit does not hold what has happened as objects: it is packed while the unit goes on."""
        await self._name_workers(unit)
        parts = self._parts.setdefault(unit, Parts())
        for run in unit.runs.values():
            if len(run.events) >= PART_EVENTS:
                self._check_events(run)
                parts.add(run.take_part())

    def _check_events(self, run: Run) -> None:
        bytes_max = self._settings.payload_bytes_max
        if self.sharing is None:
            check_events(run.events, bytes_max)
        else:
            self.sharing.check_events(run.events, run.instance.definition, bytes_max)

    async def _load_definition(self, unit: Unit, question: LoadDefinition) -> Definition:
        return await self._definitions.load(question.id)

    async def _find_definition(self, unit: Unit, question: FindDefinition) -> Definition | None:
        return await self._definitions.find(question)

    async def _load_resource(self, unit: Unit, question: LoadResource) -> str | None:
        return await self._definitions.resource_text(question.definition, question.name)

    async def _run_script(self, unit: Unit, question: RunScript) -> ScriptResult:
        if question.language.strip().lower() == "juel":
            # Camunda 7 registers JUEL as a script engine: the script is one expression.
            names = _ScriptNames(question.names, unit.now_ms)
            return ScriptResult(value=juel.parse(question.source.strip()).evaluate(names))
        script = Script(
            language=question.language, source=question.source, element_id=question.element, resource=question.resource
        )
        return await self._scripts.run(script, question.names)

    async def _call_delegate(self, unit: Unit, question: CallDelegate) -> Any:
        return await self._delegates.call(question)

    async def _find_decision(self, unit: Unit, question: FindDecision) -> DeployedDecision:
        return await self._definitions.decisions.find(question)

    async def _find_signal_receivers(self, unit: Unit, question: FindSignalReceivers) -> Any:
        return await self._definitions.signal_receivers(question.name, question.tenant)

    # ------------------------------------------------------------------------------------------ what came out

    def _ticket(self, request: Request, unit: Unit, hots: dict[str, Hot], epoch: int, result: Any) -> Ticket:
        for hot in hots.values():
            if hot.dropped:
                raise StepAgain
        for run in unit.runs.values():
            if run.events:
                self._check_events(run)
        events = unit.outcome()
        ticket = self._committer.ticket(epoch)
        ticket.place = request.place
        ticket.events = events
        parts = self._parts.get(unit)
        if parts is not None:
            ticket.parts, ticket.seen = parts.packed, parts.seen
        notify: dict[str, None] = {}
        states: list[tuple[Instance, bytes | None, dict[int, bytes | None]]] = []
        for happened in events:
            run = unit.runs[happened.instance]
            if parts is None:
                rows = ready_rows(happened, run.instance, run.definition)
            else:
                rows = parts.ready_rows(happened, run.instance, run.definition)
            if rows:
                overrides = self._definitions.job_overrides(run.instance.definition)
                if overrides:
                    rows = [_overridden(row, overrides) for row in rows]
                if self.outgoing is not None:
                    rows = self.outgoing.with_requests(rows, run.instance, unit.now_ms)
                ticket.rows += rows
                notify.update(dict.fromkeys(announced(rows, run.instance)))
            states.append((run.instance, *self._packed(run, hots.get(happened.instance))))
        ticket.notify = list(notify)
        # From here on nothing can fail: the memory follows.
        for instance, head, changed in states:
            known = hots.get(instance.id)
            if known is not None:
                hot = known
            else:
                hot = Hot(instance.id, instance.root, instance.definition)
            write = Write(hot, hot.revision, instance.revision, head, changed)
            hot.moved_on(instance, head, changed)
            ticket.writes.append(write)
            if head is not None or write.before:
                self._cache.put(hot)
        command = request.command
        if type(command) in _LOCK_REFUSALS:
            ticket.locks = [LockCheck(command.external_task, command.worker)]  # type: ignore[attr-defined]
        if request.locks:
            ticket.locks = [*ticket.locks, *request.locks]
        if type(command) is c.FailExternalTask:
            ticket.retries = [
                (event.topic or "", event.retry_at_ms if event.retry_at_ms is not None else unit.now_ms)
                for happened in (*ticket.seen, *events)
                for event in happened.events
                if type(event) is ExternalTaskFailed
            ]
        ticket.jobs = request.jobs
        if request.events:
            ticket.events = [*events, *request.events]
        if request.rows:
            ticket.rows += request.rows
        if request.inbox_key is not None:
            answer = msgspec.msgpack.encode(result)
            ticket.inbox = InboxEntry(request.inbox_key, answer, request.inbox_expires_ms)
        if request.fence_key is not None:
            ticket.fence = InboxEntry(request.fence_key, b"\xc0", request.inbox_expires_ms)
        return ticket

    @staticmethod
    def _packed(run: Run, hot: Hot | None) -> tuple[bytes | None, dict[int, bytes | None]]:
        """(head, changed chunks); no head when the instance is over."""
        instance = run.instance
        if instance.ended or (instance.definition is None and not instance.tasks):
            return None, {}
        before = hot.chunks if hot is not None else NO_CHUNKS
        try:
            if isinstance(run, LargeRun) and hot is not None and hot.chunks_bytes > HEAD_BYTES_MAX:
                changed = encode_changed(instance, before, run.touched)
                if changed is not None:
                    return changed
            head, chunks = encode(instance)
        except (UnicodeEncodeError, OverflowError, TypeError, ValueError) as error:
            raise Failure(f"The state of process instance {instance.id} cannot be stored: {error}") from error
        whole: dict[int, bytes | None] = {n: chunk for n, chunk in chunks.items() if before.get(n) != chunk}
        whole.update((number, None) for number in before if number not in chunks)
        return head, whole

    # ------------------------------------------------------------------------------------------ when a unit is dropped

    @staticmethod
    def _hand_back(unit: Unit, hots: dict[str, Hot]) -> None:
        """States that the unit has not changed are there again. Those that a dropped unit has changed are forgotten, and
        decoded again when they are needed."""
        for id, hot in hots.items():
            run = unit.runs.get(id)
            if hot.instance is not None or hot.head is None or run is None:
                continue
            # Transient variables change the state, and leave no event behind.
            if not (run.events or run.logged or run.transient):
                hot.instance = run.instance

    async def _check_again(self, rests_on: "_RestsOn") -> None:
        """Before a refusal is told: raises StepAgain when the state it rests on was not committed after all, or has moved
        on another node. The locks are still held, so nobody here can have moved it."""
        if any(hot.pending for hot in rests_on.cached):
            await self._committer.flushed()
        if any(hot.dropped for hot in rests_on.cached):
            raise StepAgain
        if self._shared and rests_on.cached:
            known = {hot.id: hot.revision for hot in rests_on.cached}
            stored = await self._store.load(list(known))
            moved = [id for id, revision in known.items() if id not in stored or stored[id].revision != revision]
            for id in moved:
                hot = self._cache.get(id)
                if hot is not None and not hot.pending:
                    self._cache.drop(id)
            if moved:
                raise StepAgain

    # ------------------------------------------------------------------------------------------ reading

    async def snapshot(self, id: str) -> Instance | None:
        """A copy of an instance's committed state; None when it does not live."""
        hot = self._cache.get(id)
        if hot is not None and hot.pending:
            await self._committer.flushed()
            hot = self._cache.get(id)
        if hot is not None and not self._shared:
            return hot.snapshot() if hot.head is not None else None
        stored = (await self._store.load([id])).get(id)
        return Hot.of(stored).snapshot() if stored is not None else None

    async def committed(self, id: str) -> Instance | None:
        """The state of an instance that this node has just changed; not a copy."""
        if self._committer.has_ended(id):
            return None
        hot = self._cache.get(id)
        return hot.state() if hot is not None else await self.snapshot(id)

    async def snapshots(self, ids: Sequence[str]) -> dict[str, Instance]:
        """The committed states of those that live, in one look into the store; not copies."""
        if any(hot.pending for id in ids if (hot := self._cache.get(id)) is not None):
            await self._committer.flushed()
        found: dict[str, Instance] = {}
        shared = self._shared and not self._store.alone
        unknown = [id for id in dict.fromkeys(ids) if shared or self._cache.get(id) is None]
        stored = await self._store.load(unknown) if unknown else {}
        for id in dict.fromkeys(ids):
            hot = self._cache.get(id)
            row = stored.get(id)
            if hot is None or (row is not None and row.revision > hot.revision):
                state = Hot.of(row).snapshot() if row is not None else None
            elif shared and row is None:
                state = None
            else:
                state = hot.state()
            if state is not None:
                found[id] = state
        return found


def _drops_tasks(unit: Unit) -> bool:
    for run in unit.runs.values():
        for event in run.events:
            if type(event) is ExternalTaskDeleted:
                return True
    return False


class _ScriptNames:
    """What a script sees, as names of an expression."""

    __slots__ = ("_now_ms", "lookup")

    def __init__(self, scope: ScriptScope, now_ms: int) -> None:
        self.lookup = scope.lookup
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms


class _RestsOn:
    """What a unit's answer rests on: states from the cache, and instances that were not there."""

    __slots__ = ("absent", "cached")

    def __init__(self) -> None:
        self.cached: list[Hot] = []
        self.absent: list[str] = []


def _instances_of(command: c.Command) -> tuple[str, ...]:
    """The live instances that a command names, in the order in which they are locked."""
    if isinstance(command, c.InstanceCommand):
        return (command.instance,)
    if type(command) is c.Together:
        return tuple(sorted({one.instance for one in command.commands if isinstance(one, c.InstanceCommand)}))
    if type(command) is c.BroadcastSignal:
        return tuple(sorted({instance for instance, _ in command.receivers}))
    return ()


def _gone(command: c.InstanceCommand) -> Refused:
    """The instance does not live (any more): what is missing, in Camunda's words."""
    for field, kind, text in _MISSING:
        id = getattr(command, field, None)
        if isinstance(id, str):
            return kind(text.format(id=id), **{field: id})
    return NotFound(
        f"The process instance with id '{command.instance}' does not exist or has ended", instance=command.instance
    )


_MISSING: tuple[tuple[str, type[Refused], str], ...] = (
    ("external_task", NotFound, "Cannot find external task with id {id}: externalTask is null"),
    ("task", NullValue, "Cannot find task with id {id}: task is null"),
    ("job", NotFound, "No job found with id '{id}'"),
    ("incident", NotFound, "Cannot find an incident with id '{id}'"),
    ("execution", NullValue, "execution {id} doesn't exist: execution is null"),
)
"""As `engine.step` words it where the instance lives and the thing does not."""


def _overridden(row: AnyChange, overrides: Mapping[str, JobOverride]) -> AnyChange:
    """A new job of a suspended job definition is suspended, and has its overriding priority (Camunda 7
    `JobDeclaration.createJobInstance`)."""
    if type(row) is not RowChange or row.table != JOB or row.change is not Change.INSERT:
        return row
    override = overrides.get(row.values["job_definition_id"])
    if override is None:
        return row
    values = dict(row.values)
    if override.suspended:
        values["suspended"] = True
    if override.priority is not None:
        values["priority"] = override.priority
    return RowChange(JOB, Change.INSERT, values)


def _lock_refusal(command: c.Command, lost: LockLost) -> Refused:
    """Camunda 7 `HandleExternalTaskCmd`: BadUserRequestException, with who holds the lock."""
    task = lost.external_task
    if lost.missing:
        return NotFound(f"Cannot find external task with id {task}: externalTask is null", external_task=task)
    text = _LOCK_REFUSALS.get(type(command), "External Task {task} cannot be changed by worker '{worker}'.")
    holder = lost.holder if lost.holder is not None else "null"
    shown = text.format(task=task, worker=getattr(command, "worker", ""))
    return BadUserRequest(f"{shown} It is locked by worker '{holder}'.", external_task=task)


def fail_job(command: c.ExecuteJob, error: BaseException) -> c.FailJob:
    """The command that follows when the unit of `command` was dropped."""
    message = error.message if isinstance(error, PenstockError) else f"{type(error).__name__}: {error}"
    lines = [f"{type(error).__name__}: {message}"]
    seen, cause = {id(error)}, error.__cause__
    while cause is not None and id(cause) not in seen and len(lines) < 10:  # an error may be its own cause
        lines.append(f"Caused by: {type(cause).__name__}: {cause}")
        seen.add(id(cause))
        cause = cause.__cause__
    if isinstance(error, Failure):
        lines += [f"\t{line}" for line in (*error.trace, *error.stack)]
    return c.FailJob(
        instance=command.instance,
        job=command.job,
        message=clean(message, 4_000),
        stacktrace=clean("\n".join(lines)),
        failed_activity=error.element_id if isinstance(error, Failure) else None,
        owner=command.owner,
        final=isinstance(error, ConnectorRefused),
        user=command.user,
    )


def takes_a_retry(error: BaseException) -> bool:
    """Whether a job whose unit ended with this error has failed. What is gone or suspended has not, nor has a job that
    another node took over or a store that is out of reach."""
    if isinstance(error, Failure):
        return True
    if isinstance(error, NotFound | EntitySuspended):
        return False
    return isinstance(error, Refused) or not isinstance(
        error, PenstockError | JobLost | AlreadyTaken | Conflict | asyncio.CancelledError
    )
