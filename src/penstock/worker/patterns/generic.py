"""A worker that needs no code: works what a file says, and goes on with what it says when it changes."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from penstock.worker.errors import WorkerError
from penstock.worker.http.auth import Basic, Bearer
from penstock.worker.http.wire import Auth
from penstock.worker.observing import Observer
from penstock.worker.patterns.config import BadConfig, ServerTable, ms, read
from penstock.worker.patterns.mapping import Language
from penstock.worker.patterns.plan import Planner, retire
from penstock.worker.patterns.secrets import Secrets
from penstock.worker.worker import Worker, run_until_signalled

logger = logging.getLogger("penstock.worker")

LOOK_S = 1.0
"""How often the file and its secrets are looked at."""


class GenericWorker:
    """Works the topics of `path` (`config`). `language`: of its expressions. `base_url`: instead of what the file says of
    the server. Raises BadConfig.

    The file is read again when it, or a file with a secret, has changed. What `[server]` and `[worker]` say counts from the
    next start; a file that makes no sense changes nothing and is complained of in the log.
    """

    def __init__(
        self,
        path: Path,
        language: Language,
        *,
        base_url: str | None = None,
        environment: Mapping[str, str] = os.environ,
        observer: Observer | None = None,
    ) -> None:
        self._path = path
        self._planner = Planner(path, language, environment)
        self._config = read(path)
        server, worker = self._config.server, self._config.worker
        secrets = Secrets(environment, path.parent)
        try:
            self.worker = Worker(
                base_url or secrets.fill(server.url, f"{path}: server.url"),
                worker.id,
                auth=_auth(server, secrets, path),
                concurrency=worker.concurrency,
                long_poll_ms=ms(worker.long_poll),
                grace_ms=ms(worker.grace),
                use_priority=worker.use_priority,
                observer=observer,
            )
        except ValueError as error:
            raise BadConfig(f"{path}: {secrets.hidden(str(error))}") from None

    def configured_topics(self) -> Collection[str]:
        """The topics that the file names now; those it had before, if it makes no sense at the moment."""
        with suppress(BadConfig):
            self._config = read(self._path)
        return self._config.topic

    def run(self) -> None:
        """Works until SIGTERM or SIGINT, then drains. Raises BadConfig."""
        run_until_signalled(self.run_async, self.worker)

    async def run_async(self) -> None:
        """Works in this event loop until `worker.stop` or until it is cancelled; drains. Raises BadConfig."""
        plan = await self._planner.plan(self._config, None)
        if not plan.topics:
            await retire(plan.endpoints, {})
            raise BadConfig(f"{self._path} has no [topic.NAME]: there is nothing to do")
        self._plan = plan
        self._seen = self._stamp()
        self.worker.replace(plan.topics)
        watching = asyncio.create_task(self._watch(), name="penstock-worker-reload")
        try:
            await self.worker.run_async()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await retire(self._plan.endpoints, {})

    async def _watch(self) -> None:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        main = threading.current_thread() is threading.main_thread()
        if main:
            loop.add_signal_handler(signal.SIGHUP, asked.set)
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(asked.wait(), LOOK_S)
                stamp = self._stamp()
                if asked.is_set() or stamp != self._seen:
                    asked.clear()
                    self._seen = stamp
                    await self._reload()
        finally:
            if main:
                loop.remove_signal_handler(signal.SIGHUP)

    async def _reload(self) -> None:
        try:
            config = read(self._path)
            plan = await self._planner.plan(config, self._plan)
        except WorkerError as error:
            logger.error("goes on as before: %s", error.message)
            return
        except Exception:
            # A local function's module that cannot be imported may raise anything.
            logger.exception("goes on as before: %s cannot be used", self._path)
            return
        if (config.server, config.worker) != (self._config.server, self._config.worker):
            logger.warning("%s: [server] and [worker] have changed, which counts from the next start", self._path)
        before, self._plan = self._plan, plan
        self._config = config
        self._seen = self._stamp()
        self.worker.replace(plan.topics)
        await retire(before.endpoints, plan.endpoints)
        logger.info("%s was read again: works %s", self._path, ", ".join(self.worker.topics) or "nothing")

    def _stamp(self) -> Mapping[Path, tuple[int, int, int]]:
        """What shows that a file has changed."""
        return {path: _stamp(path) for path in (self._path, *self._plan.secret_files)}


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _auth(server: ServerTable, secrets: Secrets, path: Path) -> Auth | None:
    if server.token is not None:
        return Bearer(secrets.fill(server.token, f"{path}: server.token"))
    if server.user is None:
        return None
    user = secrets.fill(server.user, f"{path}: server.user")
    return Basic(user, secrets.fill(server.password or "", f"{path}: server.password"))
