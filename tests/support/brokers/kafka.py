"""Apache Kafka: one node that is broker and controller, on free loopback ports, in a temporary folder."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.testing.bus_control import BrokerControl
from support.brokers.local import BrokerFailed, LocalProcess, answers, free_port, java, maven_jars

ARTIFACTS = ("org.apache.kafka:kafka_2.13:4.3.1", "org.apache.kafka:kafka-tools:4.3.1")
CLUSTER = "4L6g3nShT-eMCtK--X86sw"
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


class KafkaBroker(BrokerControl):
    """Kafka as a child process."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"kafka://127.0.0.1:{port}?timeout_ms=5000&partitions=3"
        self._settings = folder / "server.properties"
        self._settings.write_text(SETTINGS.format(port=port, controller=free_port(), folder=folder), encoding="utf-8")
        self._java = (java(), "-cp", f"{maven_jars('kafka', *ARTIFACTS)}/*")
        options = ("-Xms256m", "-Xmx512m", "-XX:TieredStopAtLevel=1")
        command = (self._java[0], *options, *self._java[1:], "kafka.Kafka", str(self._settings))
        self.process = LocalProcess(command, folder / "log", lambda: answers(port))

    def format(self) -> None:
        """Makes the empty data folder."""
        tool = ("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._settings))
        done = subprocess.run((*self._java, *tool), capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerFailed(f"the data folder cannot be made: {done.stdout}{done.stderr}")

    async def start(self) -> None:
        await asyncio.to_thread(self.process.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.process.stop)


@contextmanager
def kafka() -> Iterator[KafkaBroker]:
    """A running broker; it and its data go at the end. Raises NoBroker."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-kafka-"))
    try:
        broker = KafkaBroker(folder)
        broker.format()
        try:
            broker.process.start()
            yield broker
        finally:
            broker.process.stop()
    finally:
        shutil.rmtree(folder)
