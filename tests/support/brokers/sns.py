"""moto, a server that speaks SNS and SQS: on a free loopback port, its data in its memory."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.testing.bus_control import BrokerControl
from support.brokers.gate import Gate
from support.brokers.local import LocalProcess, NoBroker, answers, free_port

OF_ITS_OWN = Path(sys.prefix) / "moto" / "bin" / "moto_server"
IN_TURN = Path(__file__).with_name("moto_in_turn.py")


class SnsBroker(BrokerControl):
    """moto as a child process, behind a gate: it forgets all when it ends, as AWS never does, so an outage is a closed gate."""

    tells_oldest_age = False
    keeps_order = False
    large_bytes = 150_000

    def __init__(self, folder: Path) -> None:
        port, behind = free_port(), free_port()
        # Long enough for a slow machine: what is given up is sent again, and moto gets slower with what it has. In an outage
        # nobody waits for it: a closed gate refuses.
        self.url = f"sns+http://x:x@127.0.0.1:{port}?timeout_ms=30000&wait_s=1&region=eu-central-1"
        command = (str(_python()), "-P", str(IN_TURN), "-H", "127.0.0.1", "-p", str(behind))
        self._process = LocalProcess(command, folder / "log", lambda: answers(behind))
        self._gate = Gate(port, behind)

    def begin(self) -> None:
        """Starts it; returns when it serves."""
        self._process.start()
        self._gate.open()

    def end(self) -> None:
        """Stops it for good."""
        self._gate.close()
        self._process.stop()

    async def start(self) -> None:
        await asyncio.to_thread(self._gate.open)

    async def stop(self) -> None:
        await asyncio.to_thread(self._gate.close)


def _python() -> Path:
    """The Python that has moto. Raises NoBroker."""
    for path in (Path(os.environ.get("PENSTOCK_MOTO") or OF_ITS_OWN), Path(sys.executable).with_name("moto_server")):
        if path.is_file():
            return path.with_name("python")
    raise NoBroker("there is no moto_server here: `make test` installs one; PENSTOCK_MOTO says where another is")


@contextmanager
def sns() -> Iterator[SnsBroker]:
    """A running server; it and its data go at the end. Raises NoBroker."""
    with tempfile.TemporaryDirectory(prefix="penstock-sns-") as folder:
        broker = SnsBroker(Path(folder))
        try:
            broker.begin()
            yield broker
        finally:
            broker.end()
