"""Threads that own a connection each, so that no statement ever holds up the event loop."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

import apsw

T = TypeVar("T")

Task = tuple[Callable[[apsw.Connection], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class ConnectionThread:
    """One thread with one connection; calls run in the order in which they were made."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], apsw.Connection],
        after: Callable[[apsw.Connection], None] | None = None,
    ) -> None:
        """`connect` runs in the thread. `after` runs after each call whose answer has gone out (must not raise)."""
        self._connect = connect
        self._after = after
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = False

    async def start(self) -> None:
        """Starts the thread; raises what `connect` raises."""
        self._thread.start()
        self._started = True
        await self.call(lambda connection: None)

    async def call(self, function: Callable[[apsw.Connection], T]) -> T:
        """Runs `function` in the thread. When the caller is cancelled meanwhile, it runs to its end all the same."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._tasks.put((function, loop, future))
        return await future

    async def stop(self) -> None:
        """Lets everything that was asked for finish, closes the connection and ends the thread."""
        if self._started:
            self._started = False
            self._tasks.put(None)
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        failure: Exception | None = None
        try:
            connection = self._connect()
        except Exception as error:
            failure = error
        while (task := self._tasks.get()) is not None:
            function, loop, future = task
            result: Any = None
            problem: BaseException | None = failure
            if connection is not None:
                try:
                    result = function(connection)
                except Exception as error:
                    problem = error
            try:
                loop.call_soon_threadsafe(_settle, future, result, problem)
            except RuntimeError:
                # The loop is closed: nobody waits for this answer any more.
                continue
            if connection is not None and self._after is not None:
                self._after(connection)
            # Do not keep the last batch alive while waiting for the next.
            del task, function, future, result, problem
        if connection is not None:
            connection.close()


def _settle(future: "asyncio.Future[Any]", result: Any, problem: BaseException | None) -> None:
    if future.done():
        return
    if problem is not None:
        future.set_exception(problem)
    else:
        future.set_result(result)
