"""Extends locks before they end: one loop for all tasks.

A lock is extended when half of it is over, so that a lost answer leaves time for a second try. Tasks of one lock duration
come up in the order in which they were locked or extended; a task that is done before that costs nothing.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from penstock.worker import worker_calls
from penstock.worker.errors import ConnectionLost, RestError
from penstock.worker.hand import Held, Stage
from penstock.worker.logic import Logic

logger = logging.getLogger("penstock.worker")

AT_ONCE_MAX = 16
"""Most extensions under way."""
AGAIN_S = 1.0
"""The wait after an extension that did not reach the server."""


class Heartbeat:
    """The locks of one worker. `call`: sends a request."""

    def __init__(self, worker: str, call: Callable[[Logic[None]], Awaitable[None]]) -> None:
        self._worker = worker
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._queues: dict[int, OrderedDict[str, Held]] = {}
        self._sooner = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)
        self._extending: set[asyncio.Task[None]] = set()
        self._running = asyncio.create_task(self._run(), name="penstock-worker-heartbeat")

    def watch(self, held: Held) -> None:
        """The task was locked just now."""
        self._locked(held, self._loop.time())

    def forget(self, held: Held) -> None:
        """The task is done."""
        for queue in self._queues.values():
            if queue.get(held.task.id) is held:
                del queue[held.task.id]
                return

    async def close(self) -> None:
        """Extends nothing more."""
        for task in (self._running, *self._extending):
            task.cancel()
        await asyncio.gather(self._running, *self._extending, return_exceptions=True)

    def _locked(self, held: Held, since_s: float) -> None:
        held.locked_until_s = since_s + held.lock_ms / 1000
        self._queue(held, held.lock_ms, since_s + held.lock_ms / 2000)

    def _queue(self, held: Held, key: int, at_s: float) -> None:
        """`key`: tasks with the same one wait equally long."""
        held.extend_at_s = at_s
        queue = self._queues.setdefault(key, OrderedDict())
        if not queue:
            self._sooner.set()
        queue[held.task.id] = held

    async def _run(self) -> None:
        while True:
            self._sooner.clear()
            now_s = self._loop.time()
            for queue in list(self._queues.values()):
                while queue and (held := next(iter(queue.values()))).extend_at_s <= now_s:
                    del queue[held.task.id]
                    await self._slots.acquire()
                    task = self._loop.create_task(self._extend(held))
                    self._extending.add(task)
                    task.add_done_callback(self._extending.discard)
            due_s = [next(iter(queue.values())).extend_at_s for queue in self._queues.values() if queue]
            try:
                async with asyncio.timeout(max(min(due_s) - self._loop.time(), 0) if due_s else None):
                    await self._sooner.wait()
            except TimeoutError:
                pass

    async def _extend(self, held: Held) -> None:
        try:
            if held.stage is not Stage.DONE:
                await self.extend(held, held.lock_ms)
        except RestError as refused:
            logger.warning("%r is lost: %s", held.task, refused.message)
        except ConnectionLost as lost:
            logger.info("the lock of %r could not be extended yet: %s", held.task, lost.message)
            if self._loop.time() >= held.locked_until_s:
                held.task.lock_lost = True
            elif held.stage is not Stage.DONE:
                self._queue(held, -held.lock_ms, self._loop.time() + min(AGAIN_S, held.lock_ms / 8000))
        finally:
            self._slots.release()

    async def extend(self, held: Held, duration_ms: int) -> None:
        """Extends one lock now. Raises RestError when it is lost, which the task then says, and ConnectionLost."""
        began_s = self._loop.time()
        self.forget(held)
        held.lock_ms = duration_ms
        try:
            await self._call(worker_calls.extend_lock(held.task.id, self._worker, duration_ms))
        except RestError as refused:
            if refused.status < 500 and refused.status != 429:
                held.task.lock_lost = True
                raise
            raise ConnectionLost(refused.message, sent=True) from refused
        if held.stage is not Stage.DONE:
            self._locked(held, began_s)
