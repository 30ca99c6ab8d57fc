"""One server node: everything above the store, put together. See `runtime.protocol.Engine` for the contract.

A node is stateless: what it keeps in memory is cache. On a store that others use as well (`shared`) it looks for what
they have done before it answers; a store of its own it knows by heart.
"""

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from penstock.base.clock import Clock
from penstock.base.errors import (
    BadUserRequest,
    Conflict,
    EntitySuspended,
    Failure,
    NotFound,
    NotValid,
    Overloaded,
    PenstockError,
    Refused,
    ViewsBehind,
)
from penstock.base.ids import Ids, shard_of
from penstock.connect.connections import Connections
from penstock.dmn.camunda.results import DecisionResult
from penstock.engine import commands as c
from penstock.engine.connectors import ConnectorCall
from penstock.engine.definition import Definition
from penstock.engine.events import AnyEvent, InstanceEvents, JobDeleted, JobExecuted, JobFailed, JobKind, LogRow
from penstock.engine.state import Instance
from penstock.expr import schedule
from penstock.expr.values import TypedValue
from penstock.identity.changes import MakeChanges, Operation, Present
from penstock.runtime import cleanup, suspensions
from penstock.runtime.administration import (
    batch_deleted,
    batch_suspended,
    definition_suspended,
    external_task_unlocked,
    history_batch_deleted,
    history_deleted,
    job_definition_suspended,
    operations,
    remarks,
    start_job_operation,
)
from penstock.runtime.batches.kinds import KINDS as BATCH_KINDS
from penstock.runtime.batches.kinds import NewBatch
from penstock.runtime.batches.service import Batches
from penstock.runtime.callbacks import Callbacks
from penstock.runtime.cleanup import CLEANUP
from penstock.runtime.committer import AlreadyTaken, Committer, JobLost, LockLost, StepAgain, Ticket
from penstock.runtime.connecting import Connecting
from penstock.runtime.definitions import (
    Definitions,
    Plan,
    beside,
    incident_closed,
    incident_opened,
    start_due,
    start_job_events,
    start_job_facts,
    start_retry_due,
)
from penstock.runtime.delegates import Delegate, Delegates
from penstock.runtime.executor import ATTEMPTS_MAX, Executor, Request, fail_job, takes_a_retry
from penstock.runtime.fetching import Fetching
from penstock.runtime.hot import HotCache
from penstock.runtime.jobs import JobRunner
from penstock.runtime.letters import Letters
from penstock.runtime.payload import check_events, clean
from penstock.runtime.projector import NEWS, Projector
from penstock.runtime.protocol import Deploy, Deployed, Outgoing, Settings, Sharing
from penstock.runtime.ready import EXTERNAL_TASK, JOB
from penstock.runtime.scripts.host import ScriptHost
from penstock.runtime.suspensions import KINDS as SUSPENSIONS
from penstock.runtime.telemetry import logs
from penstock.runtime.telemetry.catalogue import Measured
from penstock.runtime.telemetry.counters import Counters
from penstock.runtime.telemetry.loads import Load
from penstock.runtime.telemetry.readings import Readings
from penstock.store.protocol import (
    AnyChange,
    Batch,
    Change,
    Fetch,
    InboxEntry,
    JobCheck,
    LockCheck,
    Row,
    RowChange,
    Store,
    UpdateWhere,
)
from penstock.store.query import AllOf, AnyOf, Exists, Group, Not, Query, Term, eq, is_null, one_of
from penstock.store.tables import TABLES, Sort

logger = logging.getLogger(__name__)

CACHE_BYTES_MAX = 256 * 1024 * 1024
"""What live instances may take in memory, roughly."""

OWNERS_MAX = 50_000
"""Most ids of waiting things whose instance is remembered."""

INBOX_MS = 24 * 3_600_000
"""How long the answer to an idempotency key is kept."""

AT_ONCE = 50
"""Commands of one bulk operation that run side by side."""

DRAIN_VIEWS_MS = 5_000
NOTIFICATION_S = 1.0

OWN_STORES = frozenset({"memory", "sqlite"})
"""Stores that one node has for itself."""


class Node:
    """One node. Opens and closes neither the store nor anything else that it was given."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        ids: Ids,
        settings: Settings | None = None,
        delegates: Mapping[str, Delegate] | None = None,
        name: str | None = None,
        connections: Connections | None = None,
    ) -> None:
        """`name`: names the node's stream of the log and its leases; it must be its own among the nodes that run. By
        default `main` on a store that only one node uses, else a new one. `connections`: of connectors, by name."""
        self.store = store
        self.clock = clock
        self.ids = ids
        self.settings = settings = settings if settings is not None else Settings()
        self.shared = shared = store.name not in OWN_STORES
        self.name = name if name is not None else (f"node-{ids.new()}" if shared else "main")
        self.delegates = Delegates(delegates)
        self.counters = counters = Counters()
        self.letters = Letters()
        self.callbacks = Callbacks()
        self.sharing: Sharing | None = None
        self.bus_readings: Callable[[], Awaitable[Sequence[Measured]]] | None = None
        self._readings = Readings(counters, store, clock, plain=self.metrics, health=self.health)
        self._cache = HotCache(CACHE_BYTES_MAX)
        self._definitions = Definitions(store, clock, ids, settings, shared=shared, commit=self._commit_plan)
        self._committer = Committer(
            store,
            self._cache,
            clock,
            self.name,
            epoch=lambda: self._definitions.epoch,
            epoch_moved=self._definitions.moved,
            committed=self._committed,
            counters=counters,
        )
        self._projector = Projector(store, clock, shared=shared, stream=self.name)
        self._fetching = Fetching(store, clock)
        self._scripts = ScriptHost(time_limit_ms=settings.script_time_limit_ms)
        executor = Executor
        if settings.tracing:
            from penstock.runtime.telemetry.tracing import TracedExecutor

            executor = TracedExecutor
        self._executor = executor(
            store=store,
            cache=self._cache,
            committer=self._committer,
            definitions=self._definitions,
            scripts=self._scripts,
            delegates=self.delegates,
            clock=clock,
            ids=ids,
            settings=settings,
            shared=shared,
            counters=counters,
        )
        self._batches = Batches(
            store,
            self,
            clock,
            settings,
            write=self._write,
            write_made=self._write_made,
            change=self._definitions.change,
            run=self._executor.run,
            execute=self._unless_gone,
        )
        self._jobs = JobRunner(store, clock, settings, self.name, self._execute_leased, shared=shared)
        self._connecting = Connecting(
            settings, self.delegates, connections, run=self._executor.run, waiting=self._jobs.waiting
        )
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._once: dict[str, asyncio.Future[None]] = {}
        self._watchers: defaultdict[str, list[Callable[[RowChange], None]]] = defaultdict(list)
        self._heard: dict[str, Callable[[], None]] = {}
        self._heads: dict[str, int] = {}
        self._listener: asyncio.Task[None] | None = None
        self._started = False
        self._draining = False

    # ------------------------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Takes up work. The store is open."""
        await self._definitions.start()
        await self._committer.start()
        self._heads = await self.store.heads()
        await self._projector.start()
        self._fetching.start()
        if self.settings.execute_jobs:
            self._jobs.start()
        if self.shared:
            self._listener = asyncio.create_task(self._listen(), name="penstock-notifications")
        self._started, self._draining = True, False

    async def drain(self) -> None:
        """Finishes what was taken, gives back what was not begun, takes nothing new (SIGTERM)."""
        if self._draining or not self._started:
            return
        self._draining = True
        await self._jobs.close()
        await self._fetching.close()
        await self._executor.idle()
        if self._committer.failed is None:
            await self._committer.flushed()
            if not self._projector.is_running:
                return
            try:
                await self._projector.wait_for(await self._read_heads(), DRAIN_VIEWS_MS)
            except ViewsBehind as behind:
                logger.info("the next start goes on with the views: %s", behind.message)

    async def close(self) -> None:
        """Drains, then stops."""
        if not self._started:
            return
        await self.drain()
        self._started = False
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._listener = None
        await self._committer.close()
        await self._projector.close()
        await self._connecting.close()
        await self._scripts.close()

    async def _listen(self) -> None:
        """Other nodes have made work."""
        while True:
            try:
                topics = await self.store.wait_notification(NOTIFICATION_S)
            except PenstockError as error:
                logger.warning("notifications of other nodes are not heard: %s", error.message)
                await asyncio.sleep(NOTIFICATION_S)
                continue
            for topic in topics:
                if topic == "jobs":
                    self._jobs.wake()
                elif topic in self._heard:
                    self._heard[topic]()
                elif topic != NEWS:
                    self._fetching.wake((topic.removeprefix("external:"),))
            if topics:
                self._projector.wake()

    def _open(self) -> None:
        if self._draining or not self._started:
            raise Overloaded("The node is going down: ask again in a moment")

    # ------------------------------------------------------------------------------------------ commands

    async def execute(self, command: c.Command, *, idempotency_key: str | None = None) -> Any:
        """See `Engine.execute`. A job that belongs to no process instance (a start timer) is named by `instance=""`."""
        self._open()
        if idempotency_key is not None:
            return await self._execute_once(command, idempotency_key)
        if isinstance(command, c.ExecuteJob):
            return await self._execute_job(command)
        if isinstance(command, c.ChangeJob | c.DeleteJob | c.RecalculateJob) and not command.instance:
            return await self._change_start_job(command)
        return await self._executor.run(Request(command))

    async def _execute_once(self, command: c.Command, key: str) -> Any:
        while (running := self._once.get(key)) is not None:
            await asyncio.wait([running])
        self._once[key] = done = asyncio.get_running_loop().create_future()
        try:
            stored = await self.store.read_inbox(key, self.clock.now_ms())
            if stored is not None:
                return msgspec.msgpack.decode(stored)
            expires_ms = self.clock.now_ms() + INBOX_MS
            try:
                return await self._executor.run(Request(command, inbox_key=key, inbox_expires_ms=expires_ms))
            except AlreadyTaken as taken:
                return msgspec.msgpack.decode(taken.answer)
        finally:
            del self._once[key]
            done.set_result(None)

    # ------------------------------------------------------------------------------------------ buses

    def connect(self, outgoing: Outgoing | None) -> None:
        """From now on the tasks that `outgoing` takes leave over a bus; None: none do."""
        self._executor.outgoing = outgoing

    def share(self, sharing: Sharing | None) -> None:
        """From now on the limits and owners of `sharing` count; None: none do."""
        self.sharing = self._executor.sharing = self._definitions.sharing = sharing

    def watch(self, table: str, told: Callable[[RowChange], None]) -> None:
        """`told` hears of each change of one row of `table` that this node has committed; it must not wait."""
        self._watchers[table].append(told)

    def hear(self, topic: str, told: Callable[[], None]) -> None:
        """`told` hears when another node notifies `topic` (`Store.notify`)."""
        self._heard[topic] = told

    async def take_in(
        self,
        command: c.Command,
        *,
        key: str | None,
        expires_ms: int,
        rows: Sequence[AnyChange] = (),
        fence: str | None = None,
        patient: bool = True,
    ) -> Any:
        """Executes a command that a message brought, with `key` (and `fence`) in the inbox until `expires_ms`, and `rows`
        written in the same commit. Raises AlreadyTaken when the key (or fence) is there; else as `execute`, but with
        `patient` it waits where its service may start no more now."""
        self._open()
        request = Request(command, rows=rows, inbox_key=key, inbox_expires_ms=expires_ms, fence_key=fence)
        if self.sharing is None or not patient:
            return await self._executor.run(request)
        request.place = place = await self.sharing.wait(command)
        try:
            return await self._executor.run(request)
        finally:
            if place is not None:
                place.release()

    async def write_once(
        self, rows: Sequence[AnyChange], *, key: str, expires_ms: int, locks: Sequence[LockCheck] = ()
    ) -> bool:
        """Commits rows that follow from no step, with `key` in the inbox. False, and nothing is written, when the key is
        there or a task of `locks` is gone or not its worker's."""
        self._open()
        for _ in range(ATTEMPTS_MAX):
            ticket = self._committer.ticket(self._definitions.epoch)
            ticket.rows = list(rows)
            ticket.locks = locks
            ticket.inbox = InboxEntry(key, b"\xc0", expires_ms)
            try:
                await self._committer.submit(ticket)
            except StepAgain:
                continue
            except (AlreadyTaken, LockLost):
                return False
            return True
        raise Overloaded("The definitions change all the time: try again in a moment")

    # ------------------------------------------------------------------------------------------ commits

    def _committed(self, tickets: Sequence[Ticket], position: int, row: LogRow | None) -> None:
        """A batch is durable: whoever waits for what it made is woken."""
        topics: dict[str, None] = {}
        for ticket in tickets:
            if ticket.bump_epoch:
                self._definitions.moved(self._definitions.epoch + 1)
            if ticket.place is not None:
                ticket.place.release()
            for topic in ticket.notify:
                if topic != "jobs":
                    topics[topic[9:]] = None
            if ticket.retries:
                logs.external_tasks_failed((*ticket.seen, *ticket.events))
            for topic, at_ms in ticket.retries:
                self._fetching.available_at(topic, at_ms)
            for change in ticket.rows:
                if type(change) is RowChange:
                    self._note(change)
                elif type(change) is UpdateWhere and change.table == JOB:
                    self._jobs.wake()  # a suspension that has ended, for one
        if topics:
            self._fetching.wake(topics)
        if position:
            self._heads[self.name] = position
            self._projector.committed(position, row)

    def _note(self, change: RowChange) -> None:
        values = change.values
        if change.table in self._watchers:
            for told in self._watchers[change.table]:
                told(change)
        if change.change is Change.INSERT:
            instance = values.get("instance_id")
            if instance is not None:
                self._remember(values["id"], instance)
            if change.table == JOB:
                self._jobs.wake(values.get("due_ms"))
        elif change.table == JOB and change.change is Change.UPDATE:
            self._jobs.wake(values.get("due_ms"))

    def _remember(self, id: str, instance: str) -> None:
        self._owners[id] = instance
        if len(self._owners) > OWNERS_MAX:
            self._owners.popitem(last=False)

    async def _commit_plan(
        self, plan: Plan, epoch: int, *, jobs: Sequence[JobCheck] = (), bump_epoch: bool = True
    ) -> None:
        ticket = self._committer.ticket(epoch)
        ticket.rows = plan.rows
        ticket.events = plan.events
        ticket.deleted = plan.deleted
        ticket.jobs = jobs
        ticket.bump_epoch = bump_epoch
        await self._committer.submit(ticket)

    async def _write(
        self,
        rows: Sequence[AnyChange] = (),
        *,
        events: Sequence[InstanceEvents] = (),
        jobs: Sequence[JobCheck] = (),
        deleted: Sequence[str] = (),
    ) -> None:
        """Commits rows that follow from no step. Raises JobLost."""
        plan = Plan(list(rows), list(events), list(deleted))

        async def make() -> Plan:
            return plan

        await self._write_made(make, jobs)

    async def _write_made(self, make: Callable[[], Awaitable[Plan]], jobs: Sequence[JobCheck]) -> None:
        """Commits what `make` gives, made again whenever definitions or suspensions have changed meanwhile. Raises
        JobLost."""
        for _ in range(ATTEMPTS_MAX):
            epoch = self._definitions.epoch
            plan = await make()
            try:
                await self._commit_plan(plan, epoch, jobs=jobs, bump_epoch=False)
            except StepAgain:
                continue
            return
        raise Overloaded("The definitions change all the time: try again in a moment")

    # ------------------------------------------------------------------------------------------ definitions

    async def deploy(self, request: Deploy) -> Deployed:
        """See `Engine.deploy`."""
        self._open()
        made = await self._definitions.deploy(request)
        warnings = {name: self.delegates.unanswered(findings) for name, findings in made.warnings.items()}
        return msgspec.structs.replace(made, warnings={name: found for name, found in warnings.items() if found})

    async def delete_deployment(
        self,
        deployment: str,
        *,
        cascade: bool,
        skip_custom_listeners: bool = False,
        skip_io_mappings: bool = False,
        user: str | None = None,
    ) -> None:
        """See `Engine.delete_deployment`."""
        self._open()
        definitions = await self._definitions.definitions_of(deployment)
        await self._delete_definitions(definitions, deployment, cascade, skip_custom_listeners, skip_io_mappings, user)

    async def delete_definition(self, definition: str, *, cascade: bool, user: str | None = None) -> None:
        """See `Engine.delete_definition`."""
        self._open()
        await self._definitions.refresh()
        row = await self._definitions.row(definition)
        await self._delete_definitions([row], None, cascade, False, False, user)

    async def _delete_definitions(
        self,
        definitions: Sequence[Row],
        deployment: str | None,
        cascade: bool,
        skip_custom_listeners: bool,
        skip_io_mappings: bool,
        user: str | None,
    ) -> None:
        if self.sharing is not None:
            decided = Query("decision_definition", (eq("deployment_id", deployment or ""),), columns=("key",))
            rows = [*definitions, *await self.store.rows(decided)]
            self.sharing.check_owner([row["key"] for row in rows], user)
        ids = [row["id"] for row in definitions]
        removing = self._definitions.removing
        removing.update(ids)
        try:
            deleted: list[str] = []
            if ids and not cascade:
                await self._refuse_running(ids)
            elif ids:
                await self._delete_instances(
                    ids,
                    lambda instance: c.DeleteInstance(
                        instance=instance,
                        reason="deleted process definition",
                        skip_custom_listeners=skip_custom_listeners,
                        skip_io_mappings=skip_io_mappings,
                        fail_if_not_exists=False,
                        user=user,
                        logged=False,
                    ),
                )
                deleted = await self._history_of(ids)
            await self._definitions.remove(definitions, deployment, deleted, cascade=cascade, user=user)
        finally:
            removing.difference_update(ids)

    async def _refuse_running(self, definitions: Sequence[str]) -> None:
        for id in definitions:
            running = await self.count(Query("process_instance", (eq("definition_id", id), is_null("ended_ms"))))
            if running:
                raise Failure(
                    "ENGINE-03076 Deletion of process definition without cascading failed. Process definition with id:"
                    f" {id} can't be deleted, because there are {running} dependent process instances."
                )

    async def _delete_instances(self, definitions: Sequence[str], command: Callable[[str], c.DeleteInstance]) -> None:
        """Deletes what runs, from the top: an instance takes those that it called with it."""
        while True:
            rows = await self.rows(
                Query(
                    "process_instance",
                    (one_of("definition_id", definitions), is_null("ended_ms")),
                    columns=("id", "super_instance_id"),
                )
            )
            if not rows:
                return
            here = {row["id"] for row in rows}
            roots = [row["id"] for row in rows if row["super_instance_id"] not in here]
            await self._all(self._delete_instance(command(id)) for id in roots)

    async def _delete_instance(self, command: c.DeleteInstance) -> None:
        try:
            await self._executor.run(Request(command))
        except NotFound as missing:
            logger.debug("%s", missing.message)

    async def _history_of(self, definitions: Sequence[str]) -> list[str]:
        """Ids under which there is history of these definitions: instances, and start timers."""
        of_them = (one_of("definition_id", definitions),)
        instances = await self.rows(Query("process_instance", of_them, columns=("id",)))
        timers = await self.rows(
            Query("job_log", (*of_them, eq("job_type", JobKind.TIMER_START.value)), columns=("job_id",))
        )
        return list(dict.fromkeys([*(row["id"] for row in instances), *(row["job_id"] for row in timers)]))

    async def _all(self, work: Iterable[Awaitable[Any]]) -> None:
        """Does everything, a bounded number at a time; raises the first error when all are done."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(item: Awaitable[Any]) -> None:
            async with gate:
                await item

        done = await asyncio.gather(*(one(item) for item in work), return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome

    async def suspend_definition(
        self, definitions: Sequence[str], suspended: bool, *, include_instances: bool, user: str | None = None
    ) -> None:
        """See `Engine.suspend_definition`."""
        self._open()
        entries = [definition_suspended(definitions, suspended, include_instances)]
        await self._definitions.suspend(definitions, suspended, entries=entries, user=user)
        if include_instances:
            await self._suspend_instances(definitions, suspended)

    async def _suspend_instances(self, definitions: Sequence[str], suspended: bool) -> None:
        of_them = (one_of("definition_id", definitions), is_null("ended_ms"))
        rows = await self.rows(Query("process_instance", of_them, columns=("id",)))
        await self._all(
            self._unless_gone(c.SetSuspension(instance=row["id"], suspended=suspended, logged=False)) for row in rows
        )

    async def suspend_job_definition(
        self, job_definitions: Sequence[str], suspended: bool, *, include_jobs: bool, user: str | None = None
    ) -> None:
        """See `Engine.suspend_job_definition`."""
        self._open()
        ids = tuple(job_definitions)
        entries = [job_definition_suspended(ids, suspended)]
        await self._definitions.suspend_jobs(ids, suspended, entries=entries, user=user)
        if include_jobs:
            await self._suspend_jobs(ids, suspended)

    async def _suspend_jobs(self, job_definitions: Sequence[str], suspended: bool) -> None:
        of_them = (one_of("job_definition_id", job_definitions),)
        rows = await self.store.rows(Query(JOB, of_them, columns=("id", "instance_id")))
        await self._all(
            self._unless_gone(
                c.ChangeJob(
                    instance=row["instance_id"] or "", job=row["id"], changes={"suspended": suspended}, logged=False
                )
            )
            for row in rows
        )

    async def _suspend_now(self, later: suspensions.Later) -> None:
        """What a suspension at a later date does when its time has come; what is gone by then is passed over."""
        of_jobs = later.what == suspensions.JOB_DEFINITION
        table = "job_definition" if of_jobs else "process_definition"
        ids = [row["id"] for row in await self.store.rows(Query(table, (one_of("id", later.ids),), columns=("id",)))]
        if of_jobs:
            await self._definitions.suspend_jobs(ids, later.suspended)
        else:
            await self._definitions.suspend(ids, later.suspended)
        if later.include:
            await (self._suspend_jobs if of_jobs else self._suspend_instances)(ids, later.suspended)

    async def set_history_time_to_live(self, definition: str, days: int | None, *, user: str | None = None) -> None:
        """See `Engine.set_history_time_to_live`."""
        self._open()
        await self._definitions.set_time_to_live(definition, days, user=user)

    async def evaluate_decision(
        self, decision: str, variables: Mapping[str, TypedValue], *, user: str | None = None
    ) -> DecisionResult:
        """See `Engine.evaluate_decision`."""
        self._open()
        result, log = await self._definitions.decisions.evaluate(decision, variables, self._scripts, user)
        check_events(log.events, self.settings.payload_bytes_max)
        await self._write(events=[log])
        return result

    async def latest_decision(self, key: str, tenant: str | None) -> str | None:
        """See `Engine.latest_decision`."""
        self._open()
        return await self._definitions.decisions.latest(key, tenant)

    async def set_decision_time_to_live(self, decision: str, days: int | None, *, user: str | None = None) -> None:
        """See `Engine.set_decision_time_to_live`."""
        self._open()
        await self._definitions.set_decision_time_to_live(decision, days, user=user)

    async def set_job_definition_priority(
        self, job_definition: str, priority: int | None, *, include_jobs: bool, user: str | None = None
    ) -> None:
        """See `Engine.set_job_definition_priority`."""
        self._open()
        if include_jobs and priority is None:
            raise BadUserRequest(f"The priority of jobs cannot be reset with job definition {job_definition}")
        await self._definitions.set_job_priority(job_definition, priority, user=user)
        if include_jobs:
            rows = await self.store.rows(
                Query(JOB, (eq("job_definition_id", job_definition),), columns=("id", "instance_id"))
            )
            await self._all(
                self._unless_gone(
                    c.ChangeJob(
                        instance=row["instance_id"] or "",
                        job=row["id"],
                        changes={"priority": priority},
                        operation="SetPriority",
                        logged=False,
                    )
                )
                for row in rows
            )

    def _logged(self, user: str | None, *entries: Operation) -> Sequence[InstanceEvents]:
        if user is None and not self.settings.log_operations_without_user:
            return ()
        return operations(entries, self.ids, self.clock.now_ms(), user)

    async def _unless_gone(self, command: c.Command) -> None:
        try:
            await self.execute(command)
        except NotFound as missing:
            logger.debug("%s", missing.message)

    async def delete_history(self, instances: Sequence[str], *, user: str | None = None) -> None:
        """See `Engine.delete_history`. Raises NotFound, and BadUserRequest for an instance that still runs."""
        self._open()
        ids = list(dict.fromkeys(instances))
        rows = await self.rows(Query("process_instance", (one_of("id", ids),), columns=("id", "ended_ms")))
        known = {row["id"]: row["ended_ms"] for row in rows}
        for id in ids:
            if id not in known:
                raise NotFound(f"No historic process instance found with id: {id}", instance=id)
            if known[id] is None:
                raise BadUserRequest(
                    f"Process instance is still running, cannot delete historic process instance: {id}", instance=id
                )
        if ids:
            await self._write(deleted=ids, events=self._logged(user, history_deleted(len(ids))))

    # ------------------------------------------------------------------------------------------ batches

    async def execute_together(
        self, commands: Sequence[c.Command], operation: Operation | None = None, *, user: str | None = None
    ) -> None:
        """See `Engine.execute_together`."""
        self._open()
        command = c.Together(commands=tuple(commands), user=user, logged=False)
        await self._executor.run(Request(command, events=self._logged(user, operation) if operation else ()))

    async def create_batch(self, new: NewBatch, operation: Operation | None = None) -> Row:
        """See `Engine.create_batch`."""
        self._open()
        return await self._batches.create(new, self._logged(new.user, operation) if operation is not None else ())

    async def suspend_batch(self, batch: str, suspended: bool, *, user: str | None = None) -> None:
        """See `Engine.suspend_batch`."""
        self._open()
        await self._batches.suspend(batch, suspended, self._logged(user, batch_suspended(batch, suspended)))

    async def delete_batch(self, batch: str, *, cascade: bool, user: str | None = None) -> None:
        """See `Engine.delete_batch`."""
        self._open()
        await self._batches.delete(batch, cascade=cascade, events=self._logged(user, batch_deleted(batch, cascade)))

    async def delete_history_batch(self, batch: str, *, user: str | None = None) -> None:
        """See `Engine.delete_history_batch`."""
        self._open()
        await self._batches.delete_history(batch, self._logged(user, history_batch_deleted(batch)))

    async def administer(self, make: MakeChanges, *, user: str | None = None) -> Any:
        """See `Engine.administer`."""
        self._open()
        result: Any = None

        async def plan() -> Plan | None:
            nonlocal result
            now_ms = self.clock.now_ms()
            changes = await make(Present(self, self.ids, now_ms))
            result = changes.result
            events = [*remarks(changes, now_ms), *self._logged(user, *changes.operations)]
            if changes.rows:
                return Plan(list(changes.rows), events, [])
            if events:
                await self._write(events=events)
            return None

        await self._definitions.change(plan)
        return result

    async def definition(self, definition: str) -> Definition:
        """See `Engine.definition`."""
        found = self._definitions.cached(definition)
        return found if found is not None and not self.shared else await self._definitions.load(definition)

    async def latest(self, key: str, tenant: str | None) -> str | None:
        """See `Engine.latest`."""
        return await self._definitions.latest(key, tenant)

    # ------------------------------------------------------------------------------------------ reading

    async def instance(self, instance: str) -> Instance | None:
        """See `Engine.instance`: a copy."""
        return await self._executor.snapshot(instance)

    async def instances(self, instances: Sequence[str]) -> Mapping[str, Instance]:
        """See `Engine.instances`."""
        return await self._executor.snapshots(instances)

    async def committed(self, instance: str) -> Instance | None:
        """See `Engine.committed`."""
        return await self._executor.committed(instance)

    async def instance_of(self, table: str, id: str) -> str | None:
        """See `Engine.instance_of`."""
        known = self._owners.get(id)
        if known is not None:
            return known
        if not _is_id(id):
            return None
        if table == "execution" and await self._executor.snapshot(id) is not None:
            return id
        where: list[Term] = [eq("shard", shard_of(id)), eq("id", id)]
        if table == "incident":
            where.append(is_null("ended_ms"))
        rows = await self.rows(Query(table, where, columns=("instance_id",)))
        if not rows or rows[0]["instance_id"] is None:
            return None
        if TABLES[table].sort is Sort.READY:
            self._remember(id, rows[0]["instance_id"])
        instance: str = rows[0]["instance_id"]
        return instance

    async def rows(self, query: Query) -> list[Row]:
        """See `Engine.rows`."""
        if _reads_views(query.table, query.where) or any(_is_view(order.table) for order in query.order):
            await self._views()
        return await self.store.rows(query)

    async def count(self, query: Query) -> int:
        """See `Engine.count`."""
        if _reads_views(query.table, query.where):
            await self._views()
        return await self.store.count(query)

    async def groups(self, group: Group) -> list[Row]:
        """See `Engine.groups`."""
        if _reads_views(group.table, group.where):
            await self._views()
        return await self.store.groups(group)

    async def _views(self) -> None:
        """The views have everything that was committed up to now."""
        heads = await self._read_heads()
        if not self._projector.has(heads):
            await self._projector.wait_for(heads, self.settings.query_wait_ms)

    async def _read_heads(self) -> Mapping[str, int]:
        return await self.store.heads() if self.shared else dict(self._heads)

    async def rebuild_views(self) -> None:
        """Throws the views away and projects the whole log again."""
        await self._projector.rebuild()

    # ------------------------------------------------------------------------------------------ external tasks

    async def fetch_and_lock(self, fetch: Fetch, *, wait_ms: int | None) -> list[Row]:
        """See `Engine.fetch_and_lock`."""
        self._open()
        if wait_ms is not None and wait_ms > self.settings.fetch_wait_max_ms:
            raise BadUserRequest(
                "The asynchronous response timeout cannot be set to a value greater than "
                f"{self.settings.fetch_wait_max_ms} milliseconds"
            )
        rows = await self._fetching.fetch(self._without_bound(fetch), wait_ms)
        for row in rows:
            self._remember(row["id"], row["instance_id"])
        return rows

    def _without_bound(self, fetch: Fetch) -> Fetch:
        """Topics whose tasks leave over a bus give a worker nothing."""
        outgoing = self._executor.outgoing
        if outgoing is None or not any(outgoing.takes(topic.topic) for topic in fetch.topics):
            return fetch
        topics = [
            msgspec.structs.replace(topic, instance_ids=()) if outgoing.takes(topic.topic) else topic
            for topic in fetch.topics
        ]
        return msgspec.structs.replace(fetch, topics=topics)

    async def note_seen_results(self, seen: Mapping[str, Any]) -> None:
        """See `Engine.note_seen_results`."""
        rows = [
            RowChange(EXTERNAL_TASK, Change.UPDATE, {"shard": shard_of(id), "id": id, "seen_results": versions})
            for id, versions in seen.items()
        ]
        await self.store.commit(Batch(stream="", log=None, at_ms=self.clock.now_ms(), rows=rows))

    def give_back(self, rows: Sequence[Row]) -> None:
        """See `Engine.give_back`."""
        self._fetching.give_back(rows)

    async def lock_external_task(self, external_task: str, worker: str, duration_ms: int) -> None:
        """See `Engine.lock_external_task`."""
        self._open()
        _positive(duration_ms)
        now_ms = self.clock.now_ms()
        row = await self.store.lock(external_task, worker, now_ms + duration_ms, now_ms)
        self._held_by(
            row, external_task, worker, f"External Task {external_task} cannot be locked by worker '{worker}'."
        )

    async def extend_lock(self, external_task: str, worker: str, duration_ms: int) -> None:
        """See `Engine.extend_lock`."""
        self._open()
        _positive(duration_ms)
        now_ms = self.clock.now_ms()
        before = await self.store.rows(Query("external_task", (eq("id", external_task),)))
        if before and before[0]["worker_id"] == worker and (before[0]["lock_expires_ms"] or 0) < now_ms:
            raise BadUserRequest(
                f"Cannot extend a lock that expired: lockExpirationTime is not greater than or equal to {now_ms}"
            )
        text = f"The lock of the External Task {external_task} cannot be extended by worker '{worker}'"
        self._held_by(before[0] if before else None, external_task, worker, text + ".")
        if before[0]["suspended"]:
            raise EntitySuspended(f"ENGINE-03043 ExternalTask with id '{external_task}' is suspended.")
        row = await self.store.extend_lock(external_task, worker, now_ms + duration_ms)
        self._held_by(row, external_task, worker, text + ".")

    async def unlock_external_task(self, external_task: str, *, user: str | None = None) -> None:
        """See `Engine.unlock_external_task`."""
        self._open()
        row = await self.store.unlock(external_task)
        if row is None:
            raise _no_external_task(external_task)
        if logged := self._logged(user, external_task_unlocked(row)):
            await self._write(events=logged)
        self._fetching.wake((row["topic"],))

    @staticmethod
    def _held_by(row: Row | None, external_task: str, worker: str, text: str) -> None:
        if row is None:
            raise _no_external_task(external_task)
        if row["worker_id"] != worker:
            raise BadUserRequest(f"{text} It is locked by worker '{row['worker_id'] or 'null'}'.")

    # ------------------------------------------------------------------------------------------ jobs

    async def run_due_jobs(self) -> int:
        """Runs every job that is due, and what follows from it; returns how many (tests, `--no-jobs`)."""
        return await self._jobs.run_due()

    def wake_jobs(self) -> None:
        """The clock was moved: look what is due now."""
        self._jobs.wake()

    async def _execute_leased(self, row: Row) -> None:
        """Runs a job that this node has leased. Its failure is recorded with the job."""
        command = c.ExecuteJob(instance=row["instance_id"] or "", job=row["id"], owner=self.name)
        try:
            await self._execute_job(command)
        except (NotFound, Conflict) as gone:
            logger.debug("job %s is no longer ours: %s", row["id"], gone.message)
        except EntitySuspended:
            await self.store.release_jobs(self.name, [row["id"]])
        except PenstockError as error:
            if not takes_a_retry(error):
                raise
            logs.job_failed(row, error)
        except Exception as error:
            logs.job_defect(row, error)

    async def _execute_job(self, command: c.ExecuteJob) -> Any:
        """Runs a job; when its unit is dropped, records the failure and raises it."""
        checks = [JobCheck(command.job, command.owner)]
        try:
            if not command.instance:
                result = await self._run_start_job(command, checks)
            else:
                result = await self._executor.run(Request(command, jobs=checks))
                if type(result) is ConnectorCall:
                    await self._connecting.finish(command, result, checks)
                    result = None
            self.counters.jobs_executed += 1
            return result
        except JobLost:
            if command.owner is None:
                raise NotFound(f"No job found with id '{command.job}'", job=command.job) from None
            raise Conflict(f"The job '{command.job}' is gone or leased by another node") from None
        except Exception as error:
            if takes_a_retry(error):
                self.counters.jobs_failed += 1
                await self._record_failure(command, checks, error)
            raise

    async def _record_failure(self, command: c.ExecuteJob, checks: Sequence[JobCheck], error: Exception) -> None:
        try:
            if command.instance:
                await self._executor.run(Request(fail_job(command, error), jobs=checks))
            else:
                await self._fail_start_job(fail_job(command, error), checks)
        except (NotFound, JobLost) as gone:
            logger.debug("job %s went away while its failure was recorded: %s", command.job, gone)

    # -- jobs without an instance: start timers, activations

    async def _start_job(self, job: str) -> Row:
        rows = await self.store.rows(Query(JOB, (eq("shard", shard_of(job)), eq("id", job)))) if _is_id(job) else []
        if not rows or rows[0]["instance_id"] is not None:
            raise NotFound(f"No job found with id '{job}'", job=job)
        return rows[0]

    async def _run_start_job(self, command: c.ExecuteJob, checks: Sequence[JobCheck]) -> Any:
        row = await self._start_job(command.job)
        gone = RowChange(JOB, Change.DELETE, {"shard": row["shard"], "id": row["id"]})
        if row["kind"] in SUSPENSIONS:
            await self._suspend_now(suspensions.read(row))
            await self._write([gone], jobs=checks)
            return None
        if row["kind"] == CLEANUP:
            await self._clean_up()
            await self._write([cleanup.done(row, self.settings.default_retries)], jobs=checks)
            return None
        if row["kind"] in BATCH_KINDS:
            await self._batches.run_job(row, checks)
            return None
        now_ms = self.clock.now_ms()
        executed = JobExecuted(
            job=row["id"], log=beside(self.ids, row["id"]), retries=row["retries"], **start_job_facts(row)
        )
        rows: list[AnyChange] = [gone]
        events = [start_job_events(row, executed, now_ms, *incident_closed(row, resolved=True))]
        following = await self._following(row, now_ms)
        if following is not None:
            rows.append(RowChange(JOB, Change.INSERT, following))
            events.append(self._definitions.start_job_created(following, now_ms))
        start = c.StartInstance(
            definition=row["definition_id"], start_event=row["activity_id"], start_job=row["id"], user=command.user
        )
        return await self._executor.run(Request(start, jobs=checks, rows=rows, events=events))

    async def _clean_up(self) -> None:
        """Deletes history that is past its removal time, some at a time."""
        while roots := await self.rows(cleanup.due_roots(self.clock.now_ms())):
            below = await self.rows(cleanup.below([row["id"] for row in roots]))
            await self._write(deleted=[row["id"] for row in below])
        while decisions := await self.rows(cleanup.due_decisions(self.clock.now_ms())):
            await self._write(deleted=[row["id"] for row in decisions])
        await self._batches.clean_up()

    async def _following(self, row: Row, now_ms: int) -> Row | None:
        """The next repetition of a start timer with a cycle."""
        if row["cycle"] is None:
            return None
        due_ms, _ = schedule.due_date_of_cycle(row["cycle"], now_ms)
        # One that is due at this very moment is the one that runs: on a clock that stands still it would come for ever.
        if due_ms is None or due_ms <= now_ms:
            return None
        definition = await self._definitions.load(row["definition_id"])
        start = definition.activities[row["activity_id"]]
        assert start.trigger is not None
        return self._definitions.start_job(
            definition, start, start.trigger, due_ms, row["cycle"], suspended=row["suspended"], now_ms=now_ms
        )

    async def _fail_start_job(self, command: c.FailJob, checks: Sequence[JobCheck]) -> None:
        row = await self._start_job(command.job)
        now_ms = self.clock.now_ms()
        log = beside(self.ids, row["id"])
        retries = max(row["retries"] - 1, 0)
        changes: dict[str, Any] = {
            "shard": row["shard"],
            "id": row["id"],
            "retries": retries,
            "message": clean(command.message, 4_000),
            "stacktrace": clean(command.stacktrace),
            "failed_activity_id": command.failed_activity,
            "failure_log_id": log,
            "lease_owner": None,
            "lease_expires_ms": None,
        }
        if row["kind"] in _OUTSIDE:
            await self._write([RowChange(JOB, Change.UPDATE, changes)], jobs=checks)
            return
        again_ms = await self._start_retry_due(row, now_ms)
        if again_ms is not None:
            changes["due_ms"] = again_ms
        more: list[AnyEvent] = []
        payload = row["payload"] or {}
        if retries == 0 and "incident" not in payload:
            incident = beside(self.ids, row["id"])
            changes["payload"] = {**payload, "incident": incident}
            more = [incident_opened(row, incident, command.message, command.failed_activity, log)]
        facts = start_job_facts(row)
        due_ms = facts.pop("due_ms")
        failed = JobFailed(
            job=row["id"],
            message=command.message,
            stacktrace=command.stacktrace,
            retries=retries,
            failed_activity=command.failed_activity,
            due_ms=again_ms,
            log=log,
            retries_before=row["retries"],
            due_before_ms=due_ms,
            **facts,
        )
        events = [start_job_events(row, failed, now_ms, *more)]
        await self._write([RowChange(JOB, Change.UPDATE, changes)], events=events, jobs=checks)

    async def _start_retry_due(self, row: Row, now_ms: int) -> int | None:
        if row["kind"] in BATCH_KINDS:
            return None
        try:
            definition = await self._definitions.load(row["definition_id"])
        except Refused as error:
            # What cannot be loaded cannot say when to try again; the failure itself is recorded all the same.
            logger.warning("the retry cycle of job %s cannot be read: %s", row["id"], error.message)
            return None
        return start_retry_due(definition.activities[row["activity_id"]], row["retries"], now_ms)

    async def _change_start_job(self, command: c.ChangeJob | c.DeleteJob | c.RecalculateJob) -> None:
        """What operators may do to a start timer: the rows are its whole state."""
        row = await self._start_job(command.job)
        key = {"shard": row["shard"], "id": row["id"]}
        now_ms = self.clock.now_ms()
        if isinstance(command, c.DeleteJob) and row["kind"] in _OUTSIDE:
            await self._write([RowChange(JOB, Change.DELETE, key)], events=self._logged_job(command, row, "Delete", {}))
            return
        if isinstance(command, c.DeleteJob):
            if row["kind"] not in BATCH_KINDS:
                _require_timer(row)
            event = JobDeleted(
                job=row["id"], log=beside(self.ids, row["id"]), retries=row["retries"], **start_job_facts(row)
            )
            events = [start_job_events(row, event, now_ms, *incident_closed(row, resolved=False))]
            await self._write(
                [RowChange(JOB, Change.DELETE, key)], events=[*events, *self._logged_job(command, row, "Delete", {})]
            )
            return
        incidents: list[AnyEvent] = []
        operation = "RecalculateDueDate"
        if isinstance(command, c.ChangeJob):
            operation = command.operation
            known = {name: value for name, value in command.changes.items() if name in _CHANGEABLE}
            if known.keys() != command.changes.keys():
                raise NotValid(f"A job has no attribute {', '.join(command.changes.keys() - known.keys())}")
            values = known
            retries = known.get("retries")
            payload = row["payload"] or {}
            if retries is not None and retries > 0:
                incidents = incident_closed(row, resolved=True)
                values = {**known, "payload": {k: v for k, v in payload.items() if k != "incident"} or None}
            elif retries == 0 and "incident" not in payload and row["kind"] not in _OUTSIDE:
                incident = beside(self.ids, row["id"])
                incidents = [incident_opened(row, incident, row["message"])]
                values = {**known, "payload": {**payload, "incident": incident}}
        else:
            _require_timer(row)
            definition = await self._definitions.load(row["definition_id"])
            trigger = definition.activities[row["activity_id"]].trigger
            assert trigger is not None
            since_ms = row["created_ms"] if command.creation_date_based else now_ms
            values = {"due_ms": start_due(trigger, since_ms)[0]}
        try:
            events = [start_job_events(row, incidents[0], now_ms)] if incidents else []
            await self._write(
                [RowChange(JOB, Change.UPDATE, {**key, **values})],
                events=[*events, *self._logged_job(command, row, operation, values)],
                jobs=[JobCheck(row["id"])],
            )
        except JobLost:
            raise NotFound(f"No job found with id '{command.job}'", job=command.job) from None

    def _logged_job(
        self, command: c.Command, row: Row, operation: str, values: Mapping[str, Any]
    ) -> Sequence[InstanceEvents]:
        return self._logged(command.user, start_job_operation(row, operation, values)) if command.logged else ()

    # ------------------------------------------------------------------------------------------ how it is

    def health(self) -> Mapping[str, Any]:
        """See `Engine.health`."""
        store = self._committer.failed
        views = self._projector.error
        problems = {
            "store": store.message if store is not None else None,
            "views": views.message if views is not None else None,
            "node": "draining" if self._draining else None if self._started else "not started",
        }
        wrong = {what: text for what, text in problems.items() if text is not None}
        return {"ready": not wrong, "node": self.name, "problems": wrong}

    def metrics(self) -> Mapping[str, float]:
        """See `Engine.metrics`."""
        committer, projector = self._committer, self._projector
        return {
            "units_committed_total": committer.units,
            "batches_committed_total": committer.batches,
            "batches_rejected_total": committer.rejections,
            "units_stepped_again_total": self._executor.stepped_again,
            "units_waiting": committer.waiting,
            "units_running": self._executor.running,
            "instances_cached": len(self._cache),
            "cache_bytes": self._cache.size_bytes,
            "view_rows_projected_total": projector.rows,
            "view_units_projected_total": projector.units,
            "view_rows_behind": max(0, committer.position - projector.positions.get(self.name, 0)),
            "jobs_executed_total": self._jobs.executed,
            "jobs_running": self._jobs.running,
            "workers_waiting": self._fetching.waiting,
        }

    async def loads(self) -> Mapping[str, Load]:
        """See `Engine.loads`."""
        return await self._readings.loads()

    async def measure(self) -> Sequence[Measured]:
        """See `Engine.measure`."""
        found = await self._readings.take()
        if self.sharing is not None:
            found += self.sharing.readings()
        return found if self.bus_readings is None else [*found, *await self.bus_readings()]


_OUTSIDE = SUSPENSIONS | {CLEANUP}
"""Kinds of jobs that belong to no process: they have neither log nor incident."""

_CHANGEABLE = frozenset({"retries", "due_ms", "priority", "suspended"})


def _require_timer(row: Row) -> None:
    """Refuses what is no start timer: only start timers may be deleted or recalculated by hand."""
    if row["kind"] != JobKind.TIMER_START.value:
        raise BadUserRequest(f"The job '{row['id']}' is no timer: it cannot be changed in this way")


def _positive(duration_ms: int) -> None:
    if duration_ms <= 0:
        raise BadUserRequest("lockTime is not greater than 0")


def _no_external_task(id: str) -> NotFound:
    return NotFound(f"Cannot find external task with id {id}: externalTask is null", external_task=id)


def _is_id(id: str) -> bool:
    """Whether `id` can be one of ours (its end names the shard)."""
    try:
        shard_of(id)
    except ValueError:
        return False
    return True


def _is_view(table: str | None) -> bool:
    return table is not None and TABLES[table].sort is Sort.VIEW


def _reads_views(table: str, terms: Sequence[Term]) -> bool:
    if TABLES[table].sort is Sort.VIEW:
        return True
    for term in terms:
        if isinstance(term, Exists):
            if _reads_views(term.table, term.where):
                return True
        elif isinstance(term, AnyOf | AllOf):
            if _reads_views(table, term.terms):
                return True
        elif isinstance(term, Not) and _reads_views(table, (term.term,)):
            return True
    return False
