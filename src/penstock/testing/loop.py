"""An event loop for code that is not asynchronous: it runs only while somebody waits for something."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """One event loop, entered for each call. From inside another loop (an asynchronous test) a thread enters it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; blocks."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self.loop.run_until_complete(work)
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self.loop.run_until_complete, work).result()

    def close(self) -> None:
        """Ends whatever still runs in it."""
        self.run(_end_all())
        self.loop.close()


async def _end_all() -> None:
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
