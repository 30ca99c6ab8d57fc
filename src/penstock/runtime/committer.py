"""Group commit: everything that is pending when the previous commit returns goes into the next one. No timer.

Units of one instance may follow each other within the pending batch, and behind a batch that is under way: the newest
state is in memory. Nobody gets an answer before the commit of its unit. When the store refuses a batch, the units that
are to blame, and all units connected with them through an instance, are dropped and stepped again or answered with
their error; the others go again. A batch that fails otherwise is halved until the culprit is alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

from penstock.base.clock import Clock
from penstock.base.errors import Conflict, Failure, PenstockError, StoreFailed
from penstock.engine.events import InstanceEvents, LogRow, pack
from penstock.runtime.hot import Hot, HotCache
from penstock.runtime.protocol import Place
from penstock.runtime.telemetry.counters import Counters
from penstock.store.protocol import (
    AnyChange,
    Batch,
    InboxEntry,
    InstanceWrite,
    JobCheck,
    LockCheck,
    Rejected,
    Store,
)

UNITS_MAX = 1_000
"""Most units of one batch: bounds its bytes, and how long a commit takes."""

RECOVER_EVERY_S = 1.0


class StepAgain(Exception):
    """The unit was dropped through no fault of its own: step it again on what is true now."""


class AlreadyTaken(Exception):
    """The idempotency key was taken in before; `answer` is what the first request got. `fenced`: it was not the request's
    own key, but its fence."""

    def __init__(self, answer: bytes, *, fenced: bool = False) -> None:
        super().__init__()
        self.answer = answer
        self.fenced = fenced


class LockLost(Exception):
    """The external task is gone (`missing`) or locked by `holder`."""

    def __init__(self, external_task: str, holder: str | None, missing: bool) -> None:
        super().__init__()
        self.external_task = external_task
        self.holder = holder
        self.missing = missing


class JobLost(Exception):
    """The job is gone, or leased by somebody else."""


class Write:
    """The state of one instance after one unit. `chunks`: only what changed."""

    __slots__ = ("before", "chunks", "head", "hot", "revision")

    def __init__(
        self, hot: Hot, before: int, revision: int, head: bytes | None, chunks: dict[int, bytes | None]
    ) -> None:
        self.hot = hot
        self.before = before
        self.revision = revision
        self.head = head
        self.chunks = chunks


class Ticket:
    """One unit that waits for its commit."""

    __slots__ = (
        "bump_epoch",
        "deleted",
        "done",
        "epoch",
        "events",
        "fence",
        "inbox",
        "jobs",
        "locks",
        "notify",
        "parts",
        "place",
        "retries",
        "rows",
        "seen",
        "settled",
        "writes",
    )

    def __init__(self, epoch: int, done: asyncio.Future[None]) -> None:
        self.epoch = epoch
        self.events: Sequence[InstanceEvents] = ()
        self.parts: Sequence[bytes] = ()
        """Rows of the log with the parts of a long unit, which come before `events`."""
        self.seen: Sequence[InstanceEvents] = ()
        """Of those parts what somebody wants to see after the commit."""
        self.writes: list[Write] = []
        self.rows: list[AnyChange] = []
        self.locks: Sequence[LockCheck] = ()
        self.jobs: Sequence[JobCheck] = ()
        self.inbox: InboxEntry | None = None
        self.fence: InboxEntry | None = None
        """A second key that nobody may have taken in before."""
        self.deleted: Sequence[str] = ()
        self.notify: Sequence[str] = ()
        self.retries: Sequence[tuple[str, int]] = ()
        """External tasks that become free: (topic, when)."""
        self.bump_epoch = False
        self.place: Place | None = None
        """Of the instance that it starts, among those of its service."""
        self.done = done
        self.settled = False
        """Whether the unit is committed or dropped, its caller still there or not."""

    def settle(self, error: BaseException | None = None) -> None:
        """Answers the caller, unless it has gone away: that does not take its unit back."""
        self.settled = True
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


ENDED_MAX = 10_000
"""How many instances that have ended are remembered, so that nobody looks for them in the store."""


class Committer:
    """The only one who commits for this node.

    `epoch`: gives the definitions' epoch as this node knows it; `epoch_moved(new)`: told when the store knows a newer.
    `committed(tickets, position, row)`: told after each commit, before the answers go out.
    """

    def __init__(
        self,
        store: Store,
        cache: HotCache,
        clock: Clock,
        stream: str,
        *,
        epoch: Callable[[], int],
        epoch_moved: Callable[[int], None],
        committed: Callable[[Sequence[Ticket], int, LogRow | None], None],
        counters: Counters,
    ) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self.stream = stream
        self._epoch = epoch
        self._epoch_moved = epoch_moved
        self._tell = committed
        self._counters = counters
        self._pending: list[Ticket] = []
        self._flying: list[Ticket] = []
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Future[None] | None = None
        self._batch_ended: asyncio.Future[None] | None = None
        """What those wait for who want everything to be committed."""
        self._closing = False
        self._ended: deque[str] = deque()
        self._ended_ids: set[str] = set()
        self.failed: StoreFailed | None = None
        self.position = 0
        """Last position of this node's stream."""
        self.batches = 0
        self.units = 0
        self.rejections = 0

    # ------------------------------------------------------------------------------------------ from outside

    async def start(self) -> None:
        """Claims the stream."""
        self.position = await self._store.claim_stream(self.stream)
        # To ask for it with each unit would cost a system call.
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="penstock-committer")

    async def close(self) -> None:
        """Commits what is pending and stops."""
        if self._task is None:
            return
        if self.failed is None:
            await self.flushed()
        self._closing = True
        self._wake_up()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self._fail_all(StoreFailed("The node is closed"))

    def ticket(self, epoch: int) -> Ticket:
        """A new one, for a unit that was stepped under this epoch of the definitions."""
        assert self._loop is not None, "the committer is not started"
        return Ticket(epoch, self._loop.create_future())

    def submit(self, ticket: Ticket) -> asyncio.Future[None]:
        """Queues a unit. The future ends with its commit, or raises StepAgain, AlreadyTaken, LockLost, JobLost, or what
        the store said. Who no longer waits for it may cancel it: the unit is committed all the same."""
        if self.failed is not None:
            self._forget(ticket)
            ticket.settle(StoreFailed(self.failed.message))
            return ticket.done
        for write in ticket.writes:
            write.hot.pending += 1
        self._pending.append(ticket)
        self._wake_up()
        return ticket.done

    @property
    def waiting(self) -> int:
        """Units that are not committed yet."""
        return len(self._pending) + len(self._flying)

    def has_ended(self, instance: str) -> bool:
        """Whether this node has committed the end of the instance not long ago; an instance never comes back."""
        return instance in self._ended_ids

    async def flushed(self) -> None:
        """Returns when everything that was submitted before is committed or dropped."""
        before = (*self._flying, *self._pending)
        while not all(ticket.settled for ticket in before):
            if self._batch_ended is None:
                self._batch_ended = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._batch_ended)

    # ------------------------------------------------------------------------------------------ the loop

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _run(self) -> None:
        while not self._closing:
            if self.failed is not None:
                await self._recover()
            elif not self._pending:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
            else:
                self._flying = self._next()
                try:
                    await self._commit(list(self._flying))
                except Exception as error:
                    # A defect here must not leave callers waiting for ever.
                    self._broken(StoreFailed(f"The committer failed: {type(error).__name__}: {error}"))
                finally:
                    self._flying = []
                    self._end_batch()

    def _end_batch(self) -> None:
        if self._batch_ended is not None:
            self._batch_ended.set_result(None)
            self._batch_ended = None

    def _next(self) -> list[Ticket]:
        """The units of the next batch. A change of the definitions ends it: what comes behind was stepped without it."""
        pending = self._pending
        end = next((n for n, ticket in enumerate(pending[:UNITS_MAX], 1) if ticket.bump_epoch), UNITS_MAX)
        self._pending = pending[end:]
        return pending[:end]

    async def _recover(self) -> None:
        """The store is out of reach: units are refused until the stream can be claimed again."""
        await asyncio.sleep(RECOVER_EVERY_S)
        try:
            self.position = await self._store.claim_stream(self.stream)
            epoch = await self._store.epoch()
        except StoreFailed as error:
            self.failed = error
            return
        self._epoch_moved(epoch)
        self.failed = None

    async def _commit(self, tickets: list[Ticket]) -> None:
        while True:
            tickets = self._current(tickets)
            if not tickets:
                return
            parts, row = _log_rows(tickets)
            try:
                batch = self._batch(tickets, parts, row)
                began_s = perf_counter()
                answer = await self._store.commit(batch)
                self._counters.commit_seconds.observe(perf_counter() - began_s)
            except StoreFailed as error:
                self._broken(error)
                return
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if len(tickets) == 1:
                    self._drop(tickets, {tickets[0]: _refusal(error)})
                    return
                half = len(tickets) // 2
                await self._commit(tickets[:half])
                await self._commit(tickets[half:])
                return
            if not isinstance(answer, Rejected):
                self._committed(tickets, answer, row if not parts else None)
                return
            self.rejections += 1
            tickets = self._rejected(tickets, answer)

    def _current(self, tickets: list[Ticket]) -> list[Ticket]:
        """Without those that were answered meanwhile, or that were stepped under an older epoch of the definitions."""
        epoch = self._epoch()
        stale: dict[Ticket, BaseException] = {
            ticket: StepAgain() for ticket in tickets if ticket.epoch != epoch and not ticket.settled
        }
        if stale:
            self._drop(tickets, stale)
        return [ticket for ticket in tickets if not ticket.settled]

    def _batch(self, tickets: list[Ticket], parts: Sequence[bytes], row: LogRow | None) -> Batch:
        writes: dict[str, list[Write]] = {}
        rows: list[AnyChange] = []
        locks: list[LockCheck] = []
        jobs: list[JobCheck] = []
        inbox: list[InboxEntry] = []
        notify: dict[str, None] = {}
        bump = False
        for ticket in tickets:
            for write in ticket.writes:
                writes.setdefault(write.hot.id, []).append(write)
            rows += ticket.rows
            locks += ticket.locks
            jobs += ticket.jobs
            if ticket.inbox is not None:
                inbox.append(ticket.inbox)
            if ticket.fence is not None:
                inbox.append(ticket.fence)
            if ticket.notify:
                notify.update(dict.fromkeys(ticket.notify))
            bump = bump or ticket.bump_epoch
        return Batch(
            stream=self.stream,
            log=pack(row) if row is not None else None,
            parts=parts,
            at_ms=self._clock.now_ms(),
            instances=[merged for of_one in writes.values() if (merged := _merged(of_one)) is not None],
            locks=locks,
            jobs=jobs,
            rows=rows,
            inbox=inbox,
            epoch=tickets[0].epoch,
            bump_epoch=bump,
            notify=list(notify),
        )

    def _committed(self, tickets: list[Ticket], position: int, row: LogRow | None) -> None:
        if position:
            self.position = position
        self.batches += 1
        self.units += len(tickets)
        counters = self._counters
        counters.batch_units.observe(len(tickets))
        for ticket in tickets:
            for write in ticket.writes:
                hot = write.hot
                hot.pending -= 1
                if not write.before:
                    counters.started[hot.definition] += 1
                if write.head is None:
                    counters.ended[hot.definition] += 1
                if not hot.pending and hot.head is None:
                    self._cache.drop(hot.id)
                    self._ended.append(hot.id)
                    self._ended_ids.add(hot.id)
        while len(self._ended) > ENDED_MAX:
            self._ended_ids.discard(self._ended.popleft())
        self._tell(tickets, position, row)
        for ticket in tickets:
            ticket.settle()

    # ------------------------------------------------------------------------------------------ when it goes wrong

    def _rejected(self, tickets: list[Ticket], why: Rejected) -> list[Ticket]:
        """Answers the culprits; returns the others, to go again."""
        if why.epoch is not None:
            self._epoch_moved(why.epoch)
        moved = set(why.instances)
        lost_jobs = set(why.jobs)
        missing = set(why.missing_tasks)
        culprits: dict[Ticket, BaseException] = {}
        for ticket in tickets:
            error = self._blame(ticket, why, moved, lost_jobs, missing)
            if error is not None:
                culprits[ticket] = error
        if not culprits and why.epoch is None:
            # The store names nobody that is in the batch: it cannot be retried as it is.
            culprits = {
                ticket: StoreFailed(f"The store rejected a batch without naming why: {why}") for ticket in tickets
            }
        self._drop(tickets, culprits)
        return [ticket for ticket in tickets if not ticket.settled]

    @staticmethod
    def _blame(
        ticket: Ticket, why: Rejected, moved: set[str], lost_jobs: set[str], missing: set[str]
    ) -> BaseException | None:
        if ticket.inbox is not None and ticket.inbox.key in why.inbox:
            return AlreadyTaken(why.inbox[ticket.inbox.key])
        if ticket.fence is not None and ticket.fence.key in why.inbox:
            return AlreadyTaken(why.inbox[ticket.fence.key], fenced=True)
        for lock in ticket.locks:
            if lock.external_task in missing:
                return LockLost(lock.external_task, None, True)
            if lock.external_task in why.external_tasks and lock.worker is not None:
                holder = why.external_tasks[lock.external_task]
                if holder != lock.worker:
                    return LockLost(lock.external_task, holder, False)
        if lost_jobs and any(check.job in lost_jobs for check in ticket.jobs):
            return JobLost()
        if moved and any(write.hot.id in moved for write in ticket.writes):
            return StepAgain()
        return None

    def _drop(self, tickets: Iterable[Ticket], culprits: dict[Ticket, BaseException]) -> None:
        """Answers the culprits, and has every other unit that is connected with them through an instance stepped again:
        its state was made from theirs, or theirs from its. The store's state is the truth again."""
        spoilt = {write.hot.id for ticket in culprits for write in ticket.writes}
        gone = dict(culprits)
        everybody = [ticket for ticket in (*tickets, *self._flying, *self._pending) if not ticket.settled]
        found = bool(spoilt)
        while found:
            found = False
            for ticket in everybody:
                if ticket not in gone and any(write.hot.id in spoilt for write in ticket.writes):
                    gone[ticket] = StepAgain()
                    spoilt.update(write.hot.id for write in ticket.writes)
                    found = True
        for id in spoilt:
            self._cache.drop(id)
        if any(ticket in gone for ticket in self._pending):
            self._pending = [ticket for ticket in self._pending if ticket not in gone]
        for ticket, error in gone.items():
            self._forget(ticket)
            if not ticket.settled:
                ticket.settle(error)

    def _forget(self, ticket: Ticket) -> None:
        for write in ticket.writes:
            write.hot.dropped = True
            self._cache.drop(write.hot.id)

    def _broken(self, error: StoreFailed) -> None:
        """Whether the batch was written is unknown: nothing in memory can be relied on."""
        self.failed = error
        self._cache.clear()
        self._fail_all(error)

    def _fail_all(self, error: StoreFailed) -> None:
        for ticket in (*self._flying, *self._pending):
            self._forget(ticket)
            if not ticket.settled:
                ticket.settle(StoreFailed(error.message))
        self._pending = []
        self._end_batch()


def _log_rows(tickets: list[Ticket]) -> tuple[Sequence[bytes], LogRow | None]:
    """The last row of the log, and those that come before it because long units are among the tickets."""
    parts: list[bytes] = []
    units: list[InstanceEvents] = []
    deleted: list[str] = []
    for ticket in tickets:
        if ticket.parts:
            if units or deleted:
                parts.append(pack(LogRow(units, deleted)))
                units, deleted = [], []
            parts += ticket.parts
        units += ticket.events
        deleted += ticket.deleted
    return parts, LogRow(units, deleted) if units or deleted else None


def _merged(writes: list[Write]) -> InstanceWrite | None:
    """The writes of one instance as one; None when it both began and ended within the batch."""
    first, last = writes[0], writes[-1]
    if last.head is None and first.before == 0:
        return None
    if len(writes) == 1:
        chunks = first.chunks
    else:
        chunks = {}
        for write in writes:
            chunks.update(write.chunks)
    hot = last.hot
    return InstanceWrite(
        id=hot.id,
        shard=hot.shard,
        root=hot.root,
        definition=hot.definition,
        revision_before=first.before,
        revision=last.revision,
        head=last.head,
        chunks=chunks if last.head is not None else {},
    )


def _refusal(error: Exception) -> BaseException:
    if isinstance(error, PenstockError):
        return error if not isinstance(error, Conflict) else StepAgain()
    refused = Failure(f"The store refused the unit: {type(error).__name__}: {error}")
    refused.__cause__ = error
    return refused
