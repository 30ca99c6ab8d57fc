"""Services on one server, over REST and over a bus: a flood takes its own part only."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from penstock.base.clock import SystemClock
from penstock.base.ids import UuidSource
from penstock.bridge.bridges import Bridges
from penstock.bus.cloudevents import CloudEvent, structured
from penstock.bus.protocol import DEFAULT_GROUP, Message
from penstock.bus.registry import make_bus
from penstock.runtime.node import Node
from penstock.runtime.protocol import Deploy, Resource, Settings
from penstock.runtime.services.services import Services
from penstock.store.memory.store import MemoryStore
from penstock.store.query import Query, eq
from support.processes import Server, wait_until

FLOOD = 90


def model(key: str, start: str = "") -> bytes:
    """A process that waits for a worker. `start`: what is inside its start event."""
    return (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
        f' targetNamespace="t"><message id="m" name="Asked"/><process id="{key}" isExecutable="true">'
        f'<startEvent id="s">{start}</startEvent>'
        '<serviceTask id="w" camunda:type="external" camunda:topic="t"/><sequenceFlow id="f" sourceRef="s" targetRef="w"/>'
        "</process></definitions>"
    ).encode()


async def until(count: Callable[[], Awaitable[int]], number: int | None = None) -> None:
    """Until the count is that number; without one, anything but nothing."""
    end_s = asyncio.get_running_loop().time() + 60
    while (found := await count()) != number and not (number is None and found):
        assert asyncio.get_running_loop().time() < end_s, f"{found} instead of {number}"
        await asyncio.sleep(0.02)


SERVICES = """
[[service]]
name = "reports"
definitions = ["report-*"]
starts_per_second = 40

[[service]]
name = "orders"
definitions = ["order"]
topics = ["t"]
"""


def test_a_flood_is_refused_as_clients_expect(tmp_path: Path) -> None:
    text = SERVICES.replace("starts_per_second = 40", "max_running_instances = 10")
    (tmp_path / "p.toml").write_text(text)
    options = ("--config", str(tmp_path / "p.toml"))
    with Server(f"sqlite:///{tmp_path}/p.db", tmp_path, *options) as server:
        for key in ("report-daily", "order"):
            (tmp_path / f"{key}.bpmn").write_bytes(model(key))
            server.deploy(tmp_path / f"{key}.bpmn")

        def start(key: str) -> httpx.Response:
            return server.rest.post(f"/process-definition/key/{key}/start", json={})

        floods = [start("report-daily") for _ in range(15)]
        assert [answer.status_code for answer in floods] == [200] * 10 + [429] * 5
        refused = floods[-1]
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json() == {
            "type": "LimitReached",
            "message": "The service 'reports' has what it may have of this engine: 10 process instances run"
            " (max_running_instances); try again in a moment",
            "code": 0,
        }
        assert start("order").status_code == 200
        shown = httpx.get(f"{server.url}/metrics").text
        assert 'penstock_service_starts_refused_total{limit="max_running_instances",service="reports"} 5.0' in shown
        assert 'penstock_service_instances_running{service="reports"} 10.0' in shown
        reports, orders = httpx.get(f"{server.url}/penstock/v1/services").json()
        assert (reports["runningInstances"], reports["refused"]) == (10, {"max_running_instances": 5})
        assert reports["limits"] == {
            "startsPerSecond": None,
            "runningInstances": 10,
            "openTasks": None,
            "variableBytes": None,
        }
        assert (orders["name"], orders["runningInstances"]) == ("orders", 1)
        # What is there counts after a crash as well; another limit counts without a restart.
        server.kill()
        server.start()
        assert start("report-daily").status_code == 429
        (tmp_path / "p.toml").write_text(text.replace("= 10", "= 12"))
        wait_until(lambda: ((answer := start("report-daily")).status_code == 200, answer.text), "the file is followed")


def test_only_deployers_deploy(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/p.db"
    with Server(store, tmp_path) as server:
        for user in ("ada", "eve"):
            profile = {"id": user, "firstName": user, "lastName": user, "email": ""}
            server.post("/user/create", {"profile": profile, "credentials": {"password": "Long-enough-1"}})
    (tmp_path / "p.toml").write_text(
        '[server]\nauthentication = "basic"\n'
        '[[service]]\nname = "reports"\ndefinitions = ["report-*"]\ndeployers = ["ada"]\n'
    )
    with Server(store, tmp_path, "--config", str(tmp_path / "p.toml")) as server:

        def deploy(user: str, key: str) -> httpx.Response:
            files = {f"{key}.bpmn": (f"{key}.bpmn", model(key), "text/xml")}
            basic = b64encode(f"{user}:Long-enough-1".encode()).decode()
            return server.rest.post("/deployment/create", files=files, headers={"Authorization": f"Basic {basic}"})

        refused = deploy("eve", "report-daily")
        assert (refused.status_code, refused.json()["type"]) == (403, "AuthorizationException")
        assert "whose deployers are ada" in refused.json()["message"]
        assert deploy("ada", "report-daily").status_code == 200
        assert deploy("eve", "order").status_code == 200


@pytest.mark.parametrize("target", ['start = "report-daily"', 'message = "Asked"'])
async def test_messages_wait_and_none_is_lost(target: str, tmp_path: Path) -> None:
    """More come at once than may start in a second; those of another service are not behind them."""
    url = f"memory://sharing-{target[:5]}"
    file = tmp_path / "p.toml"
    bridges = "".join(
        f'[[bridge]]\nconnection = "c"\nchannel = "{channel}"\nbusiness_key = "data.key"\n{what}\n'
        for channel, what in (("reports", target), ("orders", 'start = "order"'))
    )
    file.write_text(f'[connections.c]\nurl = "{url}"\n{bridges}{SERVICES}')
    clock = SystemClock()
    store = MemoryStore(clock)
    await store.open()
    node = Node(store, clock=clock, ids=UuidSource(clock), settings=Settings(execute_jobs=False))
    services, links, bus = Services(node, file), Bridges(node, file), make_bus(url, clock)
    try:
        await node.start()
        asked = '<messageEventDefinition id="d" messageRef="m"/>' if "message" in target else ""
        models = [Resource("r.bpmn", model("report-daily", asked)), Resource("o.bpmn", model("order"))]
        await node.deploy(Deploy(name="d", resources=models))
        await services.start()
        await bus.open()
        events = [_event("reports", number) for number in range(FLOOD)] + [_event("reports", 7), _event("orders", 0)]
        assert not any(await bus.publish(events))
        await links.start()

        async def count(key: str) -> int:
            return await node.count(Query("process_instance", (eq("definition_key", key),)))

        async def lag(channel: str) -> int:
            return (await bus.lag(channel, DEFAULT_GROUP)).waiting

        await until(lambda: count("order"))
        assert await count("report-daily") < FLOOD
        await until(lambda: count("report-daily"), FLOOD)
        await until(lambda: lag("reports"), 0)
        assert await count("report-daily") == FLOOD
        reports, _ = services.usage()
        assert (reports.waiting_messages, reports.refused) == (0, {})
        assert not await lag("reports.dead")
    finally:
        await links.close()
        await services.close()
        await node.close()
        await bus.close()
        await store.close()


def _event(channel: str, number: int) -> Message:
    event = CloudEvent(id=f"{channel}-{number}", source="/t", type="Asked", data={"key": f"{channel}-{number}"})
    return structured(event, channel)
