"""A bounded pool of threads for handlers that are no coroutines.

Daemon threads, unlike those of `concurrent.futures`: a handler that hangs does not keep the process from ending after its
task has been given back.
"""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any

_Work = tuple[Callable[[], Any], "asyncio.Future[Any]", contextvars.Context]


class Threads:
    """At most `threads_max` threads, made when they are needed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads_max: int, name: str) -> None:
        self._loop = loop
        self._threads_max = threads_max
        self._name = name
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._done: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def run(self, function: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Its result. A future that is cancelled does not stop the function; its result is thrown away."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._idle:
            self._idle -= 1
        elif self._threads < self._threads_max:
            self._threads += 1
            threading.Thread(target=self._serve, name=f"{self._name}-{self._threads}", daemon=True).start()
        self._work.put((function, future, contextvars.copy_context()))
        return future

    def close(self) -> None:
        """Threads end when they have nothing left to do."""
        for _ in range(self._threads):
            self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            function, future, context = work
            try:
                self._finish(future, context.run(function), None)
            except BaseException as error:
                self._finish(future, None, error)
            del work, function, future, context

    def _finish(self, future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
        # One wake-up of the loop takes everything that has ended by then: waking it costs more than the rest.
        with self._lock:
            self._done.append((future, result, error))
            if len(self._done) > 1:
                return
        try:
            self._loop.call_soon_threadsafe(self._collect)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _collect(self) -> None:
        with self._lock:
            done, self._done = self._done, []
        for future, result, error in done:
            self._idle = min(self._idle + 1, self._threads)
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            elif isinstance(error, StopIteration):
                future.set_exception(RuntimeError(f"the handler raised StopIteration: {error}"))
            else:
                future.set_exception(error)
