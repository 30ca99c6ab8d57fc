"""One server process: store, node and HTTP server in one event loop."""

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvicorn

from penstock.api.app import App, create_app
from penstock.api.http1 import Connection
from penstock.base.clock import SystemClock
from penstock.base.errors import PenstockError
from penstock.base.ids import UuidSource
from penstock.bridge.bridges import Bridges
from penstock.bridge.watch import Watch
from penstock.cli.collector import collect_rarely
from penstock.cli.projecting import projecting
from penstock.cli.settings import BadSettings, ServerSettings, load_connections, load_delegates, without_password
from penstock.cli.tracing import exporting
from penstock.runtime.node import Node
from penstock.runtime.services.services import Services
from penstock.store import open_store

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

    def __init__(
        self, config: uvicorn.Config, node: Node, bridges: Bridges, services: Watch | None, ready: Ready
    ) -> None:
        """`services`: watches the file for them."""
        super().__init__(config)
        self._node = node
        self._bridges = bridges
        self._services = services
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> "Iterator[None]":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload)
        yield

    def _asked_to_reload(self) -> None:
        self._bridges.reload_soon()
        if self._services is not None:
            self._services.look()

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
        draining = asyncio.create_task(self._drain())
        await super().shutdown(sockets)
        await draining

    async def _drain(self) -> None:
        """Bridges settle what they have taken while the node still takes it."""
        await self._bridges.close()
        await self._node.drain()


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
    clock = SystemClock()
    try:
        delegates = load_delegates(settings)
        connections = load_connections(settings)
        store = open_store(settings.store, clock)
    except (BadSettings, PenstockError) as error:
        raise CannotServe(str(error)) from None
    try:
        await store.open()
    except PenstockError as error:
        raise CannotServe(f"{without_password(settings.store)}: {error.message}") from None
    try:
        node = Node(
            store,
            clock=clock,
            ids=UuidSource(clock),
            settings=settings.node,
            delegates=delegates,
            connections=connections,
        )
        file = Path(settings.config) if settings.config is not None else None
        bridges, services = Bridges(node, file), Services(node, file)
        watch = Watch(file, services.reload) if file is not None else None
        try:
            await node.start()
            await services.start()
            await bridges.start()
            if watch is not None:
                watch.start()
            collect_rarely()
            server = _Server(http_config(create_app(node)), node, bridges, watch, ready)
            async with projecting(settings):
                own = settings.metrics_port
                await server.serve([bound, *([listen(settings.host, own, shared=False)] if own is not None else [])])
        except PenstockError as error:
            raise CannotServe(error.message) from None
        finally:
            if watch is not None:
                await watch.close()
            await bridges.close()
            await services.close()
            await node.close()
    finally:
        await store.close()
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
