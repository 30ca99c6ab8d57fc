"""ElasticMQ, a server that speaks SQS: on a free loopback port, its messages in a temporary folder."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.testing.bus_control import BrokerControl
from support.brokers.gate import Gate
from support.brokers.local import LocalProcess, free_port, java, maven_jars

ARTIFACT = "org.elasticmq:elasticmq-server_2.13:1.7.1"
STARTED = ") started in "
RESTORED = " messages in queue "
CREATED = re.compile(r"Creating queue CreateQueueData\(([^,]{1,80}),")
"""Also said of a name that is too long and is then refused: those do not match."""
SETTINGS = """\
include classpath("application.conf")
node-address {{ protocol = http, host = "127.0.0.1", port = {port}, context-path = "" }}
rest-sqs {{ enabled = true, bind-port = {behind}, bind-hostname = "127.0.0.1", sqs-limits = strict }}
rest-stats {{ enabled = false }}
messages-storage {{
  enabled = true, driver-class-name = "org.h2.Driver", uri = "jdbc:h2:{folder}/data", username = "", password = ""
  prune-data-on-init = false
}}
"""


class SqsBroker(BrokerControl):
    """ElasticMQ as a child process, behind a gate: it listens before it has its queues again, as SQS never does."""

    tells_oldest_age = False
    keeps_order = False
    large_bytes = 150_000

    def __init__(self, folder: Path) -> None:
        port, behind = free_port(), free_port()
        self.url = f"sqs+http://x:x@127.0.0.1:{port}?timeout_ms=5000&wait_s=1&region=eu-central-1"
        settings = folder / "elasticmq.conf"
        settings.write_text(SETTINGS.format(port=port, behind=behind, folder=folder), encoding="utf-8")
        options = ("-Xmx256m", "-XX:TieredStopAtLevel=1", f"-Dconfig.file={settings}")
        jars = f"{maven_jars('elasticmq', ARTIFACT)}/*"
        command = (java(), *options, "-cp", jars, "org.elasticmq.server.Main")
        self._log = folder / "log"
        self._starts_at = 0
        self._queues = 0
        self._gate = Gate(port, behind)
        self._process = LocalProcess(command, self._log, self._ready)

    def _ready(self) -> bool:
        said = self._said()[self._starts_at :]
        return STARTED in said and said.count(RESTORED) >= self._queues

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def begin(self) -> None:
        """Starts it; returns when it serves."""
        said = self._said()
        self._starts_at, self._queues = len(said), len(set(CREATED.findall(said)))
        self._process.start()
        self._gate.open()

    def end(self) -> None:
        """Stops it."""
        self._gate.close()
        self._process.stop()

    async def start(self) -> None:
        await asyncio.to_thread(self.begin)

    async def stop(self) -> None:
        await asyncio.to_thread(self.end)


@contextmanager
def sqs() -> Iterator[SqsBroker]:
    """A running server; it and its data go at the end. Raises NoBroker."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-sqs-"))
    try:
        broker = SqsBroker(folder)
        try:
            broker.begin()
            yield broker
        finally:
            broker.end()
    finally:
        shutil.rmtree(folder)
