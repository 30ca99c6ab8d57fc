"""The process that projects the views of a PostgreSQL store, beside the one that serves requests.

It gets its settings on standard input and ends when that closes. A server whose projecting process dies does the work
itself until there is a new one (`runtime.projector`).
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
import structlog

from penstock.base.clock import SystemClock
from penstock.base.errors import PenstockError
from penstock.cli.collector import collect_rarely
from penstock.cli.settings import ServerSettings
from penstock.runtime.projector import NEWS, Projector
from penstock.store import open_store

RESTART_S = 1.0
LISTEN_S = 5.0

_log = structlog.get_logger("penstock.projecting")


@asynccontextmanager
async def projecting(settings: ServerSettings) -> AsyncIterator[None]:
    """Keeps the process running meanwhile, where the store is PostgreSQL and the settings want it."""
    if not settings.node.projector_process or not settings.store.startswith(("postgresql:", "postgres:")):
        yield
        return
    task = asyncio.create_task(_keep(settings), name="penstock-projecting")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(settings: ServerSettings) -> None:
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "penstock.cli.projecting",
            stdin=asyncio.subprocess.PIPE,
            # Signals from the terminal reach the server, which closes the pipe when it is done.
            start_new_session=True,
        )
        assert process.stdin is not None
        try:
            with suppress(ConnectionError):
                process.stdin.write(msgspec.json.encode(settings) + b"\n")
                await process.stdin.drain()
            code = await process.wait()
            _log.error("the projecting process has died and is started again", pid=process.pid, exit_code=code)
        finally:
            process.stdin.close()
            if process.returncode is None:
                await asyncio.shield(process.wait())
        await asyncio.sleep(RESTART_S)


async def _project(settings: ServerSettings, stop: asyncio.Event) -> None:
    clock = SystemClock()
    store = open_store(settings.store, clock)
    await store.open()
    collect_rarely()
    projector = Projector(store, clock, shared=True, stream="", keeps_lead=True)
    try:
        await projector.start()
        listening = asyncio.create_task(_listen(store.wait_notification, projector), name="penstock-projecting-listen")
        await stop.wait()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    finally:
        await projector.close()
        await store.close()


async def _listen(wait: Callable[[float], Awaitable[Sequence[str]]], projector: Projector) -> None:
    while True:
        try:
            heard = await wait(LISTEN_S)
        except PenstockError as error:
            _log.warning("the projecting process does not hear the others", reason=error.message)
            await asyncio.sleep(RESTART_S)
            continue
        if NEWS in heard:
            projector.wake()


def main() -> None:
    """What the process runs."""
    import uvloop

    from penstock.cli import logs

    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=ServerSettings)
    logs.configure(settings.log_format, settings.log_level)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await _project(settings, stop)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
    except PenstockError as error:
        sys.stderr.write(f"penstock: the projecting process cannot go on: {error.message}\n")
        sys.exit(1)


def _end_with_parent() -> None:
    # Raw: the main thread may end the interpreter while this one reads.
    while os.read(0, 4_096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
