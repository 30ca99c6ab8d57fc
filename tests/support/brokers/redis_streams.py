"""Redis: one server that keeps every write, on a free loopback port, in a temporary folder."""

import asyncio
import contextlib
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.testing.bus_control import BrokerControl
from support.brokers.local import LocalProcess, free_port, program


class RedisBroker(BrokerControl):
    """Redis as a child process."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}?timeout_ms=5000"
        settings = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder))
        durable = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
        command = (program("redis-server", "redis-server"), *settings, *durable)
        self.process = LocalProcess(command, folder / "log", lambda: _serves(port))

    async def start(self) -> None:
        await asyncio.to_thread(self.process.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.process.stop)


def _serves(port: int) -> bool:
    """Whether it has read its data: it listens before that."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(b"+PONG")
    return False


@contextmanager
def redis_streams() -> Iterator[RedisBroker]:
    """A running server; it and its data go at the end. Raises NoBroker."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-redis-"))
    try:
        broker = RedisBroker(folder)
        try:
            broker.process.start()
            yield broker
        finally:
            broker.process.stop()
    finally:
        shutil.rmtree(folder)
