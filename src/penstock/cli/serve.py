"""One server process: store, node and HTTP server in one event loop."""

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

import structlog
import uvicorn

from penstock.api.app import App, create_app
from penstock.api.http1 import Connection
from penstock.base.errors import PenstockError
from penstock.cli.assembly import Assembled, assemble
from penstock.cli.collector import collect_rarely
from penstock.cli.projecting import projecting
from penstock.cli.settings import BadSettings, ServerSettings, load_delegates
from penstock.cli.tracing import exporting

if TYPE_CHECKING:
    from collections.abc import Iterator

KEEP_ALIVE_S = 75
"""How long an idle connection stays open: longer than clients and proxies usually keep theirs."""

DRAIN_S = 30
"""How long requests that were taken may still take once the server goes down."""

BACKLOG = 2_048

_log = structlog.get_logger("penstock.server")

Ready = Callable[[], Awaitable[None]]


class CannotServe(Exception):
    """The server cannot start; the message says why in one line."""


class _Server(uvicorn.Server):
    """Leaves signals to us, and drains the node while it lets connections finish."""

    def __init__(self, config: uvicorn.Config, assembled: Assembled, ready: Ready) -> None:
        super().__init__(config)
        self._assembled = assembled
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> "Iterator[None]":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._assembled.reload)
        yield

    def _asked_to_stop(self) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            await self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Connections are told to end first; then the waiting workers get their empty answers, so that they can.
        draining = asyncio.create_task(self._assembled.drain())
        await super().shutdown(sockets)
        await draining


def listen(host: str, port: int, *, shared: bool) -> socket.socket:
    """A socket bound to the address, not yet listening. `shared`: several processes take connections on it.

    Raises CannotServe.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError, OverflowError) as error:
        raise CannotServe(f"{host!r} is no address of this machine: {error}") from None
    family, kind, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotServe(f"port {port} on {host} is taken: choose another one with --port") from None
        raise CannotServe(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    bound.set_inheritable(False)
    return bound


async def serve(settings: ServerSettings, bound: socket.socket, ready: Ready) -> None:
    """Serves on the bound socket until SIGTERM or SIGINT; then finishes what was taken. Raises CannotServe."""
    try:
        async with AsyncExitStack() as stack:
            assembled = await assemble(stack, settings, load_delegates(settings))
            collect_rarely()
            server = _Server(http_config(create_app(assembled.node)), assembled, ready)
            async with projecting(settings):
                own = settings.metrics_port
                await server.serve([bound, *([listen(settings.host, own, shared=False)] if own is not None else [])])
    except PenstockError as error:
        raise CannotServe(error.message) from None
    except BadSettings as error:
        raise CannotServe(str(error)) from None
    _log.info("stopped")


def run(settings: ServerSettings, bound: socket.socket, ready: Ready) -> None:
    """`serve` in an event loop of its own."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_traced(settings, bound, ready))


async def _traced(settings: ServerSettings, bound: socket.socket, ready: Ready) -> None:
    try:
        async with exporting(settings):
            await serve(settings, bound, ready)
    except BadSettings as error:
        raise CannotServe(str(error)) from None


def http_config(app: App) -> uvicorn.Config:
    """How uvicorn serves the application: through our own connections, without what it would put around it."""
    return uvicorn.Config(
        app,
        http=Connection,
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        # It costs each request a wrapper; nothing here depends on the client's address.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
