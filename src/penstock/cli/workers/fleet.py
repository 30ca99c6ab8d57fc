"""The processes of a worker: as many as the policy says, each ended in order, each replaced when it ends by itself."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Collection, Sequence

from penstock.cli.workers import demand
from penstock.cli.workers.policy import Bounds, Policy
from penstock.worker.backoff import Backoff
from penstock.worker.errors import WorkerError
from penstock.worker.http.aio import Pool
from penstock.worker.http.wire import Address

logger = logging.getLogger("penstock.worker")

LOOK_S = 2.0
"""How often the server is asked."""
PARENT = "PENSTOCK_WORKER_PARENT"
"""Environment variable of the processes: who has started them. They end in order when it is gone."""
SOON_S = 5.0
"""A process that ends by itself within this time is started again later and later."""

_BACKOFF = Backoff(first_ms=500, most_ms=30_000)


class Fleet:
    """`command`: starts one process. `topics`: asked each time, as a file may have changed. `address`: of the server."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        bounds: Bounds,
        capacity: int,
        topics: Callable[[], Collection[str]],
        address: Address,
    ) -> None:
        self._command = list(command)
        self._bounds = bounds
        self._policy = Policy(bounds, capacity)
        self._topics = topics
        self._address = address
        self._running: list[asyncio.subprocess.Process] = []
        self._ending: set[asyncio.subprocess.Process] = set()
        self._watching: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._failures = 0
        self._not_before_s = 0.0
        self._said = ""
        self.status = 0

    async def run(self) -> int:
        """Until SIGTERM or SIGINT, or until no process can be started; the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        logger.info("runs %d to %d processes for %s", self._bounds.least, self._bounds.most, self._address.url)
        pool = Pool(self._address, 1)
        wanted = self._bounds.least
        try:
            while not self._stopping.is_set():
                await self._have(wanted)
                await self._pause()
                wanted = await self._decide(pool, wanted)
        finally:
            await self._end_all()
            await pool.close()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        return self.status

    def _signalled(self) -> None:
        if self._stopping.is_set():
            logger.warning("asked to stop a second time: the processes give back what runs")
            for process in self._ending:
                _tell(process)
        self._stopping.set()
        self._changed.set()

    async def _pause(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(LOOK_S):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _decide(self, pool: Pool, wanted: int) -> int:
        now_s = asyncio.get_running_loop().time()
        try:
            found = await demand.ask(pool, self._topics())
        except demand.NoLoads as error:
            self._say(error.message)
            return wanted
        except WorkerError as error:
            # Nobody knows: what is there goes on.
            self._say(f"cannot ask how much there is to do: {error.message}")
            return wanted
        self._said = ""
        decided = self._policy.decide(now_s, wanted, found)
        if decided != wanted:
            why = f"{found.waiting} tasks wait, {found.locked} are locked, {found.drain_s:.0f} s to go"
            logger.info("%d processes instead of %d: %s", decided, wanted, why)
        return decided

    def _say(self, why: str) -> None:
        if why != self._said:
            logger.warning("%s", why)
        self._said = why

    # ------------------------------------------------------------------------------------------ processes

    async def _have(self, wanted: int) -> None:
        while len(self._running) > wanted:
            self._end(self._running.pop())
        while len(self._running) < wanted and asyncio.get_running_loop().time() >= self._not_before_s:
            await self._start()

    async def _start(self) -> None:
        # A group of its own: Ctrl-C reaches this process only, which then ends the others in order.
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, PARENT: str(os.getpid())},
            process_group=0,
        )
        self._running.append(process)
        watching = asyncio.create_task(self._watch(process, asyncio.get_running_loop().time()))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

    async def _watch(self, process: asyncio.subprocess.Process, began_s: float) -> None:
        status = await process.wait()
        if process in self._ending:
            self._ending.discard(process)
            if status:
                logger.warning("process %d ended with %d", process.pid, status)
            return
        self._running.remove(process)
        now_s = asyncio.get_running_loop().time()
        self._failures = self._failures + 1 if now_s - began_s < SOON_S else 1
        wait_ms = _BACKOFF.wait_ms(self._failures)
        self._not_before_s = now_s + wait_ms / 1000
        if status == USAGE and not self._running:
            # It says why by itself; another one would say the same. (As long as others work, the file may be mended.)
            self.status = status
            self._stopping.set()
        else:
            logger.warning("process %d ended by itself with %d; another one in %d ms", process.pid, status, wait_ms)
        self._changed.set()

    def _end(self, process: asyncio.subprocess.Process) -> None:
        self._ending.add(process)
        _tell(process)

    async def _end_all(self) -> None:
        while self._running:
            self._end(self._running.pop())
        await asyncio.gather(*self._watching)


USAGE = 2


def _tell(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()


def command_of(place: str, url: str | None, log_level: str) -> list[str]:
    """One process that does the work."""
    command = [sys.executable, "-m", "penstock.cli", "worker", "run", place, "--log-level", log_level]
    return command if url is None else [*command, "--url", url]
