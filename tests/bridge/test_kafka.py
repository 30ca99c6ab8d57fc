"""The main paths over a real broker and through a real server."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from bridge_models import CHARGE, USER
from site_of_tests import Site, until
from test_intake import ORDERS
from test_requests import CHARGES, reply

from penstock.base.clock import SystemClock
from penstock.base.errors import BusUnavailable
from penstock.bus.cloudevents import CloudEvent, structured
from penstock.bus.protocol import Message
from penstock.bus.registry import make_bus
from penstock.store.memory.store import MemoryStore
from penstock.testing.bus_control import BrokerControl

MESSAGES = 300


@pytest.fixture
async def kafka_site(kafka_broker: BrokerControl, tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(MemoryStore(SystemClock()), kafka_broker.url, tmp_path / "penstock.toml")
    await made.bus.open()
    yield made
    await made.close()


async def test_messages_with_duplicates_and_a_restart_of_the_broker(
    kafka_site: Site, kafka_broker: BrokerControl
) -> None:
    site = kafka_site
    events = [
        structured(
            CloudEvent(
                id=f"id-{number}", source="/t", type="OrderAccepted", data={"orderId": f"A{number}", "amount": 1}
            ),
            "orders",
            key=f"k{number % 50}",
        )
        for number in (*range(MESSAGES), *range(0, MESSAGES, 10))
    ]
    await site.start(ORDERS, USER)
    await site.publish(*events[: MESSAGES // 2])
    await site.instances("order", MESSAGES // 4)
    await kafka_broker.stop()
    await kafka_broker.start()

    async def published() -> bool:
        try:
            await site.publish(*events[MESSAGES // 2 :])
        except Exception:
            return False
        return True

    await until(published)
    await site.instances("order", MESSAGES)

    async def settled() -> bool:
        try:
            lag = await site.bus.lag("orders", "penstock")
        except BusUnavailable:
            return False
        return lag.waiting == 0

    await until(settled)
    rows = await site.instances("order")
    assert sorted(row["business_key"] for row in rows) == sorted(f"A{number}" for number in range(MESSAGES))


async def test_a_request_and_its_answer(kafka_site: Site) -> None:
    site = kafka_site
    await site.start(CHARGES, CHARGE)
    instances = [await site.start_instance("charge", f"K{number}") for number in range(20)]
    requests = await site.received("charge.requests", 20)
    for request in requests:
        await reply(site, request, "completed")
    for instance in instances:
        await site.at(instance, "t")
    await site.clean_outbox()


async def test_a_server_that_is_killed_loses_and_doubles_nothing(kafka_broker: BrokerControl, tmp_path: Path) -> None:
    """A whole `penstock up`, configured by its file alone."""
    bridge = ORDERS.replace('"orders"', '"server.orders"') + 'lease = "PT6S"\n'
    (tmp_path / "penstock.toml").write_text(f'[connections.events]\nurl = "${{BUS}}"\n{bridge}')
    bus = make_bus(kafka_broker.url, SystemClock())
    await bus.open()
    server = Server(tmp_path, kafka_broker.url)
    try:
        await server.start()
        await server.deploy(USER)
        for kill in (True, False):
            first = len(server.sent)
            server.sent += [f"S{number}" for number in range(first, first + MESSAGES)]
            await bus.publish([_accepted(number) for number in range(first, first + MESSAGES)])
            await until(lambda wanted=first: server.has(wanted + 20))
            if kill:
                server.process.kill()
                await asyncio.to_thread(server.process.wait)
                await server.start()
        await until(lambda: server.has(len(server.sent)))
        keys = [row["businessKey"] for row in await server.instances()]
        assert sorted(keys) == sorted(server.sent)
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.process.wait, 30) == 0
    finally:
        await server.close()
        await bus.close()


def _accepted(number: int) -> Message:
    data = {"orderId": f"S{number}", "amount": 1}
    return structured(CloudEvent(id=f"s-{number}", source="/t", type="OrderAccepted", data=data), "server.orders")


class Server:
    """`penstock up` on a free port and a SQLite file."""

    process: "subprocess.Popen[bytes]"

    def __init__(self, folder: Path, bus: str) -> None:
        self._folder = folder
        self._environment = {**os.environ, "BUS": bus}
        self._client = httpx.AsyncClient(timeout=20)
        self._url = ""
        self.sent: list[str] = []

    async def start(self) -> None:
        said = self._folder / "up.log"
        self._spawn(said)

        async def there() -> "re.Match[str] | None":
            assert self.process.poll() is None, said.read_text()
            return re.search(r"http://[\d.]+:\d+", said.read_text())

        found = await until(there, "the server starts")
        assert found is not None
        self._url = f"{found[0]}/engine-rest"

    def _spawn(self, said: Path) -> None:
        command = [sys.executable, "-m", "penstock.cli", "up", "--port", "0"]
        with said.open("wb") as out:
            self.process = subprocess.Popen(
                command, cwd=self._folder, env=self._environment, stdout=out, stderr=subprocess.STDOUT
            )

    async def close(self) -> None:
        self.process.kill()
        await asyncio.to_thread(self.process.wait)
        await self._client.aclose()

    async def deploy(self, model: bytes) -> None:
        parts = {"deployment-name": (None, "d"), "m.bpmn": ("m.bpmn", model)}
        answer = await self._client.post(f"{self._url}/deployment/create", files=parts)
        assert answer.status_code == 200, answer.text

    async def instances(self) -> list[dict[str, str]]:
        answer = await self._client.get(f"{self._url}/history/process-instance", params={"maxResults": 10_000})
        found: list[dict[str, str]] = answer.json()
        return found

    async def has(self, number: int) -> bool:
        answer = await self._client.get(f"{self._url}/history/process-instance/count")
        return answer.status_code == 200 and answer.json()["count"] >= number
