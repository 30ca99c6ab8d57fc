"""The order example, as a user runs it: a server process, a worker process (the unmodified JavaScript client; ours), REST."""

import asyncio
import base64
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.processes import Running, Server, wait_until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "order"
ORDERS = 20
DECLINED = frozenset(f"order-{number}" for number in range(3, ORDERS, 5))
UNSHIPPED = frozenset(f"order-{number}" for number in range(4, ORDERS, 5))
INSTRUCTIONS = "Leave it next door."
RETRIES_BEFORE = [(False, None), (True, 1), (True, 2)]
FULFILLED_STEPS = ["ReserveStock", "ChargeCard", "ShipOrder", "NotifyCustomer"]


@dataclass(frozen=True)
class Order:
    """One started order."""

    key: str
    instance: str


async def test_order_on_sqlite(tmp_path: Path, node: str) -> None:
    await asyncio.to_thread(_story, f"sqlite:///{tmp_path}/order.db", tmp_path, _javascript(node))


async def test_order_on_postgresql(tmp_path: Path, node: str, postgres_url: str) -> None:
    await asyncio.to_thread(_story, postgres_url, tmp_path, _javascript(node))


async def test_order_with_python_workers(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLE / "workers-py" / "worker.py")]
    await asyncio.to_thread(_story, f"sqlite:///{tmp_path}/order.db", tmp_path, command)


def _javascript(node: str) -> list[str]:
    return [node, str(EXAMPLE / "workers-js" / "worker.js")]


def _story(store: str, folder: Path, command: list[str]) -> None:
    """Twenty orders, four with a declined card and four with a carrier that is down until somebody repairs it."""
    with Server(store, folder) as server:
        server.deploy(EXAMPLE / "order.bpmn")
        orders = [_start(server, f"order-{number}") for number in range(ORDERS)]
        with _worker(server, folder, command, carrier_down="slowpost") as worker:
            wait_until(lambda: _stand(server, ended=ORDERS - len(UNSHIPPED), incidents=len(UNSHIPPED)), "first run")
            worker.stop()
        _check_incidents(server, orders)
        for order in orders:
            if order.key not in UNSHIPPED:
                _check_ended(server, order)

        server.kill()
        server.start()
        _stand_is(server, ended=ORDERS - len(UNSHIPPED), incidents=len(UNSHIPPED))

        with _worker(server, folder, command, carrier_down="") as worker:
            everything = {"retries": 3, "externalTaskQuery": {"noRetriesLeft": True}}
            assert server.rest.put("/external-task/retries", json=everything).status_code == 204
            wait_until(lambda: _stand(server, ended=ORDERS, incidents=0), "after the bulk retry")
            worker.stop()
        for order in orders:
            _check_ended(server, order)
        resolved = server.get("/history/incident", resolved="true")
        assert {incident["processInstanceId"] for incident in resolved} == _instances(orders, UNSHIPPED)
        server.stop()


def _start(server: Server, key: str) -> Order:
    variables = {
        "orderId": {"value": key, "type": "String"},
        "amount": {"value": 59.9, "type": "Double"},
        "items": {"value": json.dumps([{"sku": "book", "quantity": 2}]), "type": "Json"},
        "card": {"value": "declined" if key in DECLINED else "valid", "type": "String"},
        "carrier": {"value": "slowpost" if key in UNSHIPPED else "fastpost", "type": "String"},
        "instructions": {
            "value": base64.b64encode(INSTRUCTIONS.encode()).decode(),
            "type": "File",
            "valueInfo": {"filename": "instructions.txt", "mimetype": "text/plain", "encoding": "UTF-8"},
        },
    }
    body = {"businessKey": key, "variables": variables}
    started = server.post("/process-definition/key/order/start", body)
    return Order(key=key, instance=started["id"])


def _worker(server: Server, folder: Path, command: list[str], *, carrier_down: str) -> Running:
    environment = {"PENSTOCK_URL": server.url, "CARRIER_DOWN": carrier_down, "RETRY_TIMEOUT_MS": "50"}
    return Running(command, folder / "worker.log", environment)


def _stand(server: Server, *, ended: int, incidents: int) -> tuple[bool, dict[str, int]]:
    seen = {
        "ended": server.get("/history/process-instance/count", finished="true")["count"],
        "incidents": server.get("/incident/count")["count"],
    }
    return seen == {"ended": ended, "incidents": incidents}, seen


def _stand_is(server: Server, *, ended: int, incidents: int) -> None:
    holds, seen = _stand(server, ended=ended, incidents=incidents)
    assert holds, seen


def _instances(orders: Sequence[Order], keys: frozenset[str]) -> set[str]:
    return {order.instance for order in orders if order.key in keys}


def _check_incidents(server: Server, orders: Sequence[Order]) -> None:
    """Each order with the broken carrier waits where it stopped, says why, and has used its three tries."""
    incidents = server.get("/incident")
    assert {incident["processInstanceId"] for incident in incidents} == _instances(orders, UNSHIPPED)
    assert {
        (incident["incidentType"], incident["activityId"], incident["incidentMessage"]) for incident in incidents
    } == {("failedExternalTask", "ShipOrder", "carrier slowpost does not answer")}
    assert server.get("/external-task/count", noRetriesLeft="true")["count"] == len(UNSHIPPED)
    for instance in _instances(orders, UNSHIPPED):
        failures = server.get("/history/external-task-log", processInstanceId=instance, failureLog="true")
        # As in Camunda, an entry holds the retries from before the failure; a fresh task has none.
        assert sorted((entry["retries"] is not None, entry["retries"]) for entry in failures) == RETRIES_BEFORE


def _check_ended(server: Server, order: Order) -> None:
    """The order has ended as it must, and its results have every step's entry, once."""
    declined = order.key in DECLINED
    instance = server.get(f"/history/process-instance/{order.instance}")
    assert (instance["state"], instance["businessKey"]) == ("COMPLETED", order.key)
    activities = server.get("/history/activity-instance", processInstanceId=order.instance)
    reached = [activity["activityId"] for activity in activities]
    assert ("OrderCancelled" in reached) == ("ReleaseStock" in reached) == ("PaymentDeclined" in reached) == declined
    assert ("OrderFulfilled" in reached) == ("ShipOrder" in reached) == (not declined)
    assert all(activity["endTime"] for activity in activities)

    results = _results(server, order)
    assert results["correlationId"] == order.key
    assert results["processMetadata"]["processInstanceId"] == order.instance
    steps = ["ReserveStock", "ChargeCard", "ReleaseStock"] if declined else FULFILLED_STEPS
    assert [entry["taskId"] for entry in results["taskResults"]] == steps
    for entry in results["taskResults"]:
        assert set(entry) == {"data", "startTime", "endTime", "taskId"}
        assert entry["startTime"] <= entry["endTime"]
    assert results["taskResults"][0]["data"]["reservationId"] == f"reservation-{order.key}"
    assert results["taskResults"][1]["data"]["paid"] is not declined
    if not declined:
        assert _label(server, order) == f"{results['taskResults'][2]['data']['trackingNumber']}\n{INSTRUCTIONS}"


def _label(server: Server, order: Order) -> str:
    """The file that the order's worker has left behind."""
    query = {"processInstanceId": order.instance, "variableName": "shippingLabel"}
    (variable,) = server.get("/history/variable-instance", **query)
    assert (variable["type"], variable["valueInfo"]["filename"]) == ("File", "label.txt")
    return server.rest.get(f"/history/variable-instance/{variable['id']}/data").text


def _results(server: Server, order: Order) -> Any:
    (variable,) = server.get(
        "/history/variable-instance",
        processInstanceId=order.instance,
        variableName="ProcessTaskResults",
        deserializeValues="false",
    )
    assert variable["type"] == "Json"
    return json.loads(variable["value"])
