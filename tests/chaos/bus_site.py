"""What a run needs, all of it real: a broker, a durable PostgreSQL, `penstock up` and an outside service, each of which can
be killed and comes again."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx
from chaos_server import START_MAX_S, Ended, Server

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed
from penstock.bench import machine
from penstock.bus.protocol import Bus, Message
from penstock.bus.registry import make_bus
from penstock.testing.bus_control import BrokerControl
from support.every_broker import BROKERS
from support.postgres import PostgresServer

PUBLISH_MESSAGES = 100
AGAIN_S = 0.2


class Database(PostgresServer):
    """A PostgreSQL with fsync that can crash."""

    def __init__(self) -> None:
        super().__init__(durable=True)

    def crash(self) -> None:
        """All its processes end at once, without a word; it recovers from its log."""
        self._run("pg_ctl", "-D", self._folder / "data", "-w", "-m", "immediate", "stop")
        self._running = False

    def recover(self) -> None:
        """Starts it again."""
        options = " ".join(f"-c {name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items())
        self._run("pg_ctl", "-D", self._folder / "data", "-w", "-l", self._folder / "log", "-o", options, "start")
        self._running = True


class Service:
    """The outside service that answers requests: a process (`bus_service.py`) that is killed and started again."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self.journal = folder / "service.journal"
        self._log = folder / "service.log"
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        command = [sys.executable, str(Path(__file__).parent / "bus_service.py"), self._url, str(self.journal)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def tail(self) -> str:
        return self._log.read_bytes()[-2_000:].decode(errors="replace") if self._log.exists() else ""


class Site:
    """`penstock up` on a broker and a database. `bus`: a connection of our own to the broker."""

    def __init__(self, name: str, broker: BrokerControl, database: Database, folder: Path) -> None:
        self.name = name
        self.broker = broker
        self.database = database
        self.folder = folder
        self.server = Server("server", database.url(), folder)
        self.service = Service(broker.url, folder)
        self.bus: Bus = make_bus(broker.url, SystemClock())
        self.client = httpx.AsyncClient(timeout=30)

    def configure(self, sections: str) -> None:
        """What `penstock.toml` says beside the connection `events`."""
        text = f'[connections.events]\nurl = "{self.broker.url}"\n{sections}'
        (self.folder / "penstock.toml").write_text(text, encoding="utf-8")

    async def deploy(self, model: str) -> None:
        answer = await self.client.post(
            f"{self.server.url}/engine-rest/deployment/create",
            data={"deployment-name": "d"},
            files={"m.bpmn": ("m.bpmn", model.encode(), "application/xml")},
        )
        assert answer.status_code == 200, answer.text

    async def publish(self, messages: list[Message]) -> None:
        """Until the broker has them all: what it may have got already it gets again."""
        for start in range(0, len(messages), PUBLISH_MESSAGES):
            part = messages[start : start + PUBLISH_MESSAGES]

            async def sent(part: list[Message] = part) -> None:
                refused = [answer for answer in await self.bus.publish(part) if answer is not None]
                assert not refused, refused[:3]

            await surely(sent)

    async def ended(self) -> int:
        """Instances that have ended; waits for views. Raises httpx.TransportError."""
        answer = await self.client.get(
            f"{self.server.url}/engine-rest/history/process-instance/count", params={"finished": "true"}
        )
        return int(answer.json()["count"]) if answer.status_code == 200 else -1

    async def wait_ended(self, number: int, stalled_s: float) -> None:
        """Until so many instances have ended; gives up when none has for `stalled_s`."""
        found, since_s = -1, time.monotonic()
        while found < number:
            try:
                now = await self.ended()
            except httpx.TransportError:
                now = -1
            if now > found:
                found, since_s = now, time.monotonic()
            assert time.monotonic() - since_s < stalled_s, f"{found} of {number} have ended, and no more do"
            await asyncio.sleep(0.2)

    # -- kills

    async def crash_broker(self) -> None:
        """SIGKILL where the broker promises to keep what it has confirmed; one that stands for a service is stopped."""
        process = getattr(self.broker, "process", None)
        if process is None:
            await self.broker.stop()
        else:
            await asyncio.to_thread(process.stop, signal.SIGKILL)
        await self.broker.start()

    async def crash_database(self) -> None:
        await asyncio.to_thread(self.database.crash)
        await asyncio.to_thread(self.database.recover)

    async def crash_server(self) -> None:
        self.server.kill()
        end_s = time.monotonic() + START_MAX_S
        while True:
            self.server.spawn()
            try:
                return await self.server.ready()
            except Ended:  # the database is away too: whoever looks after servers starts it again
                assert time.monotonic() < end_s
                await asyncio.sleep(AGAIN_S)

    async def crash_service(self) -> None:
        await asyncio.to_thread(self.service.kill)
        self.service.spawn()

    # -- what it costs

    def cpu_s(self) -> dict[str, float]:
        """CPU time so far of server, broker and database."""
        local = getattr(self.broker, "process", None) or self.broker._process  # type: ignore[attr-defined]
        processes = {"server": self.server.pid, "database": self.database.pid, "broker": local._process.pid}
        return {name: machine.cpu_s(pid) for name, pid in processes.items()}

    def server_rss_bytes(self) -> int:
        """Memory of the server and what it has started."""
        return sum(_rss_bytes(pid) for pid in machine.tree(self.server.pid))


async def surely(ask: Callable[[], Awaitable[None]]) -> None:
    """Asks until the broker is there."""
    while True:
        try:
            await ask()
            return
        except BusFailed:
            await asyncio.sleep(AGAIN_S)


def _rss_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


@asynccontextmanager
async def site(name: str, folder: Path) -> AsyncIterator[Site]:
    """A broker and a database that run, a server that does not yet. Raises NoBroker and NoPostgres."""
    with ExitStack() as stack:
        broker = await asyncio.to_thread(stack.enter_context, BROKERS[name]())
        database = Database()
        await asyncio.to_thread(database.start)
        stack.callback(database.remove)
        made = Site(name, broker, database, folder)
        await surely(made.bus.open)
        try:
            yield made
        except BaseException as error:
            error.add_note(f"output of the server:\n{made.server.tail()}\nof the service:\n{made.service.tail()}")
            raise
        finally:
            made.service.kill()
            if made.server.running:
                made.server.kill()
            await made.bus.close()
            await made.client.aclose()
            await asyncio.to_thread(stack.close)
