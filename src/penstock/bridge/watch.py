"""Notices when a file has changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

LOOK_EVERY_S = 1.0

logger = logging.getLogger(__name__)


class Watch:
    """Calls `changed` after the file was written, replaced, made or removed, and after `look`."""

    def __init__(self, file: Path, changed: Callable[[], Awaitable[None]]) -> None:
        self._file = file
        self._changed = changed
        self._seen = self._stamp()
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="penstock-watch")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def look(self) -> None:
        """As if it had changed."""
        self._asked.set()

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._asked.wait()
            except TimeoutError:
                pass
            stamp = await asyncio.to_thread(self._stamp)
            if stamp == self._seen and not self._asked.is_set():
                continue
            self._asked.clear()
            self._seen = stamp
            try:
                await self._changed()
            except Exception:
                logger.exception("defect: %s cannot be followed", self._file)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
