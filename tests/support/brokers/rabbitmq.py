"""RabbitMQ: one node with its own epmd, on free loopback ports, in a temporary folder."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.testing.bus_control import BrokerControl
from support.brokers.local import LocalProcess, answers, free_port, program

FOLDER = "/usr/lib/rabbitmq/bin"
ERLANG = "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
"""Loopback only, and no waiting that burns a core."""


class RabbitBroker(BrokerControl):
    """RabbitMQ as a child process."""

    tells_oldest_age = False

    def __init__(self, folder: Path) -> None:
        port, epmd = free_port(), free_port()
        self.url = f"amqp://127.0.0.1:{port}?timeout_ms=5000"
        settings = folder / "rabbitmq.conf"
        settings.write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n", encoding="utf-8")
        (folder / "plugins").write_text("[].", encoding="utf-8")
        self._environment = {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"penstock-{port}@localhost",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        }
        self._epmd = ("epmd", "-port", str(epmd), "-kill")
        # Debian's own command changes to another user; the one in the folder does not.
        command = (program(f"{FOLDER}/rabbitmq-server", "rabbitmq-server"),)
        self.process = LocalProcess(
            command, folder / "out", lambda: answers(port), self._environment, pid_file=folder / "pid"
        )

    async def start(self) -> None:
        await asyncio.to_thread(self.process.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.process.stop)

    def end(self) -> None:
        """Stops it with what it has started."""
        self.process.stop()
        subprocess.run(self._epmd, capture_output=True, check=False)


@contextmanager
def rabbitmq() -> Iterator[RabbitBroker]:
    """A running node; it and its data go at the end. Raises NoBroker."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-rabbitmq-"))
    try:
        broker = RabbitBroker(folder)
        try:
            broker.process.start()
            yield broker
        finally:
            broker.end()
    finally:
        shutil.rmtree(folder)
