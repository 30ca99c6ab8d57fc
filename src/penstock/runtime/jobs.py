"""Runs due jobs: timers and asynchronous continuations, leased from the store so that each runs on one node at a time.

The store leases at most one exclusive job of a process instance. A lease is long and never renewed: a node that dies
gives its jobs back by letting the leases expire, and one that was only paused cannot commit what it no longer holds.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from penstock.base.clock import Clock
from penstock.base.errors import PenstockError
from penstock.runtime.protocol import Settings
from penstock.store.protocol import Row, Store

logger = logging.getLogger(__name__)

SLEEP_MAX_S = 30.0
SHARED_SLEEP_MAX_S = 2.0
"""Other nodes make jobs as well; their notification may be missed."""

RETRY_S = 1.0

BLOCKED_S = 0.2
"""How long jobs that are due and not to be had are left alone: the store may not have looked behind them."""

Execute = Callable[[Row], Awaitable[None]]
"""Runs one leased job; takes care of its failure."""


class JobRunner:
    """The job executor of one node."""

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, owner: str, execute: Execute, *, shared: bool
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self.owner = owner
        self._execute = execute
        self._sleep_max_s = SHARED_SLEEP_MAX_S if shared else SLEEP_MAX_S
        self._task: asyncio.Task[None] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._waiting = 0
        self._wake = asyncio.Event()
        self._wake_at_ms: int | None = None
        self.executed = 0

    def start(self) -> None:
        """Begins to run jobs."""
        self._task = asyncio.create_task(self._run(), name="penstock-jobs")

    async def close(self) -> None:
        """Takes no more jobs, finishes what runs."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._running:
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    def wake(self, due_ms: int | None = None) -> None:
        """There is a new job, due at that moment (None: at once)."""
        if due_ms is None or due_ms <= self._clock.now_ms():
            self._wake.set()
        elif self._wake_at_ms is None or due_ms < self._wake_at_ms:
            # The sleep must be shortened: the loop looks up when the next one is due.
            self._wake.set()

    @contextmanager
    def waiting(self, job: str) -> Iterator[None]:
        """The job (id) waits for an answer from outside: it takes no place among `jobs_at_once` meanwhile, so that slow services
        do not hold up timers. There are as many places for such waits as `connector_calls_at_once` says."""
        if job not in self._running:
            # A person has asked for it: it has no place to give.
            yield
            return
        self._waiting += 1
        self._wake.set()
        try:
            yield
        finally:
            self._waiting -= 1

    @property
    def _free(self) -> int:
        """How many more jobs may begin."""
        aside = min(self._waiting, self._settings.connector_calls_at_once)
        return self._settings.jobs_at_once + aside - len(self._running)

    @property
    def running(self) -> int:
        """How many jobs run."""
        return len(self._running)

    async def run_due(self) -> int:
        """Runs everything that is due now, and what follows from it, and returns how many that were (tests)."""
        before = self.executed
        while True:
            leased = await self._lease(self._settings.jobs_at_once)
            if not leased and not self._running:
                return self.executed - before
            for row in leased:
                self._begin(row)
            if self._running:
                await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                free = self._free
                leased = await self._lease(free) if free > 0 else []
                for row in leased:
                    self._begin(row)
                await self._sleep(bool(leased))
            except PenstockError as error:
                logger.warning("jobs wait for the store: %s", error.message)
                await asyncio.sleep(RETRY_S)

    async def _lease(self, limit: int) -> list[Row]:
        now_ms = self._clock.now_ms()
        return await self._store.lease_jobs(self.owner, now_ms + self._settings.job_lease_ms, limit, now_ms)

    async def _sleep(self, leased: bool) -> None:
        """Until a job is due, comes, or ends (an exclusive one may have kept others waiting)."""
        if leased and self._free > 0:
            return
        now_ms = self._clock.now_ms()
        due_ms = await self._store.next_due_ms(now_ms)
        pause_s = self._sleep_max_s
        if due_ms is not None and due_ms > now_ms:
            pause_s = min(pause_s, (due_ms - now_ms) / 1000)
        elif due_ms is not None:
            # Due, but not to be had: an exclusive job of its instance runs, here (its end wakes) or on another node.
            pause_s = min(pause_s, BLOCKED_S)
        self._wake_at_ms = now_ms + int(pause_s * 1000)
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake_at_ms = None

    def _begin(self, row: Row) -> None:
        id = row["id"]
        task = asyncio.create_task(self._one(row), name="penstock-job")
        self._running[id] = task
        task.add_done_callback(lambda _: self._ended(id))

    def _ended(self, id: str) -> None:
        self._running.pop(id, None)
        self.executed += 1
        self._wake.set()

    async def _one(self, row: Row) -> None:
        try:
            await self._execute(row)
        except PenstockError as error:
            logger.warning("job %s: %s", row["id"], error.message)
            await self._release(row)
        except Exception:
            logger.exception("job %s failed in a way that nobody handles", row["id"])
            await self._release(row)

    async def _release(self, row: Row) -> None:
        # Not at once: what failed outside of the job itself would fail again.
        await asyncio.sleep(RETRY_S)
        try:
            await self._store.release_jobs(self.owner, [row["id"]])
        except PenstockError as error:
            logger.warning("the lease of job %s stays until it expires: %s", row["id"], error.message)
