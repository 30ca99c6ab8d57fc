"""ActiveMQ Artemis: one broker with an acceptor for AMQP 1.0, on a free loopback port, in a temporary folder."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.testing.bus_control import BrokerControl
from support.brokers.local import (
    BrokerFailed,
    LocalProcess,
    answers,
    free_port,
    java,
    maven_archive,
)

VERSION = "2.56.0"
ARTIFACT = f"org.apache.activemq:apache-artemis:{VERSION}:tar.gz:bin"
SETTINGS = (
    *("--user", "admin", "--password", "admin", "--require-login", "--host", "127.0.0.1"),
    *("--no-amqp-acceptor", "--no-mqtt-acceptor", "--no-hornetq-acceptor", "--no-stomp-acceptor", "--no-web"),
    *("--no-autotune", "--silent"),
)
MEMORY = "-Xms128m -Xmx512m -XX:TieredStopAtLevel=1"


class ActiveMqBroker(BrokerControl):
    """Artemis as a child process."""

    def __init__(self, folder: Path) -> None:
        java()
        port = free_port()
        self.url = f"activemq://admin:admin@127.0.0.1:{port}?timeout_ms=5000"
        home = maven_archive("artemis", ARTIFACT) / f"apache-artemis-{VERSION}"
        self._create = (str(home / "bin" / "artemis"), "create", str(folder / "broker"), *SETTINGS)
        self._port = port
        command = (str(folder / "broker" / "bin" / "artemis"), "run")
        self.process = LocalProcess(command, folder / "log", lambda: answers(port), {"JAVA_ARGS": MEMORY})

    def create(self) -> None:
        """Makes the folder of the broker."""
        command = (*self._create, "--default-port", str(self._port))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerFailed(f"the broker's folder cannot be made: {done.stdout}{done.stderr}")

    async def start(self) -> None:
        await asyncio.to_thread(self.process.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.process.stop)


@contextmanager
def activemq() -> Iterator[ActiveMqBroker]:
    """A running broker; it and its data go at the end. Raises NoBroker."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-activemq-"))
    try:
        broker = ActiveMqBroker(folder)
        broker.create()
        try:
            broker.process.start()
            yield broker
        finally:
            broker.process.stop()
    finally:
        shutil.rmtree(folder)
