"""NATS with JetStream: one server, on a free loopback port, in a temporary folder."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.testing.bus_control import BrokerControl
from support.brokers.local import LocalProcess, answers, free_port, program


class NatsBroker(BrokerControl):
    """NATS as a child process."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"nats://127.0.0.1:{port}?timeout_ms=3000"
        settings = ("--addr", "127.0.0.1", "--port", str(port), "--jetstream", "--store_dir", str(folder / "data"))
        command = (program("nats-server", "nats-server", "/usr/sbin"), *settings)
        self.process = LocalProcess(command, folder / "log", lambda: answers(port))

    async def start(self) -> None:
        await asyncio.to_thread(self.process.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.process.stop)


@contextmanager
def nats() -> Iterator[NatsBroker]:
    """A running server; it and its data go at the end. Raises NoBroker."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-nats-"))
    try:
        broker = NatsBroker(folder)
        try:
            broker.process.start()
            yield broker
        finally:
            broker.process.stop()
    finally:
        shutil.rmtree(folder)
