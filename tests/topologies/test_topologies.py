"""One model and one worker in every topology: its page is followed as a reader does, and the same has happened."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from clean_clone import ROOT, clean_clone, reader_environment
from following import Reader

from penstock.base.clock import SystemClock
from penstock.bus.cloudevents import CloudEvent, read
from penstock.bus.protocol import Done, Subscribe
from penstock.bus.registry import make_bus
from penstock.testing.bus_control import BrokerControl
from support.processes import Server, free_port

EXAMPLES = "examples/topologies"
TOPOLOGIES = {
    "engine-as-bus": (),
    "bus-to-engine": ("events",),
    "engine-to-bus": ("work",),
    "embedded": (),
    "services": (),
    "hybrid": ("events", "work"),
}
"""Folder of the example → the brokers that it needs."""

ADDRESSES = {"events": "nats://127.0.0.1:4222", "work": "amqp://127.0.0.1:5672"}

ORDERED = ["OrderPlaced", "ReserveStock"]
CHARGED = [*ORDERED, "ChargeCard", "WaitForPickUp"]
PATHS = {
    "order-1": [*CHARGED, "PickedUp", "TellCustomer", "Delivered"],
    "order-2": [*ORDERED, "OutOfStock", "Rejected"],
    "order-3": [*CHARGED, "NotPickedUp", "Returned"],
}


def _order(item: str, card: str, within: str, **more: str) -> dict[str, str]:
    return {"item": item, "card": card, "pickUpWithin": within, **more}


VARIABLES = {
    "order-1": _order("mug", "4711", "PT1H", shelf="shelf of mugs", paymentId="payment-order-1", courier="Ada"),
    "order-2": _order("unicorn", "4712", "PT1H", reason="there is no unicorn left"),
    "order-3": _order("lamp", "4713", "PT1S", shelf="shelf of lamps", paymentId="payment-order-3"),
}
FAILURES = Counter({"order-1": 1, "order-3": 1})
"""The bank does not answer the first time."""


def test_every_example_is_a_topology() -> None:
    assert {folder.parent.name for folder in (ROOT / EXAMPLES).glob("*/README.md")} == set(TOPOLOGIES)


@pytest.mark.parametrize("topology", TOPOLOGIES)
async def test_the_same_happens_in(topology: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    brokers: dict[str, BrokerControl] = {
        name: request.getfixturevalue(f"{name}_broker") for name in TOPOLOGIES[topology]
    }
    await asyncio.to_thread(_follow, topology, brokers, tmp_path)
    if topology == "hybrid":
        event = await _published(brokers["events"].url, "hybrid.deliveries")
        assert event.type == "OrderOnItsWay"
        assert event.data == {"order": "order-1", "item": "mug", "courier": "Ada"}


def _follow(topology: str, brokers: dict[str, BrokerControl], folder: Path) -> None:
    clone, port = clean_clone(folder), free_port()
    here = {"8080": str(port), **{ADDRESSES[name]: broker.url for name, broker in brokers.items()}}
    with Reader(clone, folder, here, reader_environment(port)) as reader:
        reader.follow(ROOT / EXAMPLES / topology / "README.md")
        if topology != "embedded":
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/engine-rest", timeout=60) as rest:
                _check(rest)
            return
    # The service has ended; what has happened is in its store.
    with Server(f"sqlite:///{clone}/web-orders.db", folder) as server:
        _check(server.rest)


def _check(rest: httpx.Client) -> None:
    def get(path: str, **parameters: str) -> Any:
        return rest.get(path, params=parameters).raise_for_status().json()

    instances = get("/history/process-instance", processDefinitionKey="web-order")
    assert sorted(instance["businessKey"] for instance in instances) == sorted(PATHS)
    failures: Counter[str] = Counter()
    for instance in instances:
        order = instance["businessKey"]
        assert instance["state"] == "COMPLETED"
        of_it = {"processInstanceId": instance["id"]}
        activities = get("/history/activity-instance", **of_it, sortBy="occurrence", sortOrder="asc")
        assert [activity["activityId"] for activity in activities] == PATHS[order]
        variables = get("/history/variable-instance", **of_it)
        found = {variable["name"]: variable["value"] for variable in variables}
        assert found == {"orderId": order, **VARIABLES[order]}
        failures[order] += len(get("/history/external-task-log", **of_it, failureLog="true"))
    assert failures == FAILURES
    assert not get("/incident")


async def _published(url: str, channel: str) -> CloudEvent:
    """The one event that lies there."""
    bus = make_bus(url, SystemClock())
    await bus.open()
    try:
        subscription = await bus.subscribe(Subscribe(channel=channel))
        (delivery,) = await subscription.receive(2, 10_000)
        await subscription.settle([Done(delivery)])
        await subscription.close()
        return read(delivery, "nats").event
    finally:
        await bus.close()
