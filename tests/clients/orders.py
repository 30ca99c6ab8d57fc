"""Orders for a client to work, and what must have become of them. Every client gets the same."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from support.processes import Running, Server, wait_until

INSTRUCTIONS = "Leave it with Frau Grün, 2nd floor.\n"
DECLINED = ["ReserveStock", "ChargeCard", "ReleaseStock"]
FULFILLED = ["ReserveStock", "ChargeCard", "ShipOrder", "NotifyCustomer"]


@dataclass(frozen=True)
class Order:
    """A started order. `carrier`: slowpost does not answer at the first try."""

    key: str
    card: str
    carrier: str
    instance: str

    @property
    def steps(self) -> list[str]:
        """Who has an entry in the results."""
        return DECLINED if self.card == "declined" else FULFILLED


def start_orders(server: Server, client: str, *, instructions: str = "File") -> list[Order]:
    """Three orders: a plain one, one with a declined card, one whose carrier fails once. `instructions`: their type."""
    plain, declined, slow = (f"{client}-{word}" for word in ("plain", "declined", "slow"))
    return [
        _start(server, plain, "valid", "fastpost", instructions),
        _start(server, declined, "declined", "fastpost", instructions),
        _start(server, slow, "valid", "slowpost", instructions),
    ]


def _start(server: Server, key: str, card: str, carrier: str, instructions: str) -> Order:
    content = base64.b64encode(INSTRUCTIONS.encode()).decode()
    info = {"filename": "instructions.txt", "mimetype": "text/plain", "encoding": "UTF-8"}
    file = {"value": content, "type": instructions, "valueInfo": info if instructions == "File" else {}}
    variables = {
        "orderId": {"value": key, "type": "String"},
        "amount": {"value": 59.9, "type": "Double"},
        "items": {"value": json.dumps([{"sku": "book", "quantity": 2}]), "type": "Json"},
        "card": {"value": card, "type": "String"},
        "carrier": {"value": carrier, "type": "String"},
        "instructions": file,
    }
    started = server.post("/process-definition/key/order/start", {"businessKey": key, "variables": variables})
    return Order(key, card, carrier, started["id"])


def wait_for(server: Server, orders: list[Order]) -> None:
    """Waits until all have ended."""

    def running() -> tuple[bool, object]:
        ids = ",".join(order.instance for order in orders)
        left = server.get("/process-instance", processInstanceIds=ids)
        return not left, [instance["businessKey"] for instance in left]

    wait_until(running, "orders have ended")


def check_workers(server: Server, client: str, begin: Callable[[dict[str, str]], Running]) -> None:
    """An example's own workers: a carrier that is down is an incident after three tries, until it is repaired. `begin`:
    starts them with these settings."""
    orders = start_orders(server, client)
    (slow,) = (order for order in orders if order.carrier == "slowpost")
    with begin({"PENSTOCK_URL": server.url, "CARRIER_DOWN": "slowpost", "RETRY_TIMEOUT_MS": "50"}) as worker:
        wait_until(lambda: _incidents(server, slow), "an incident")
        wait_for(server, [order for order in orders if order is not slow])
        worker.stop()
    with begin({"PENSTOCK_URL": server.url, "CARRIER_DOWN": "", "RETRY_TIMEOUT_MS": "50"}) as worker:
        everything = {"retries": 3, "externalTaskQuery": {"processInstanceId": slow.instance}}
        assert server.rest.put("/external-task/retries", json=everything).status_code == 204
        wait_for(server, orders)
        worker.stop()
    check_orders(server, orders, failures=3)


def _incidents(server: Server, order: Order) -> tuple[bool, object]:
    incidents = server.get("/incident", processInstanceId=order.instance)
    return bool(incidents), incidents


def check_orders(server: Server, orders: list[Order], *, failures: int | None = 1) -> None:
    """Each order has ended as it must, with every step's entry once, and a label that shows the instructions.

    `failures`: how often the slow carrier was tried in vain.
    """
    for order in orders:
        instance = server.get(f"/history/process-instance/{order.instance}")
        assert (instance["state"], instance["businessKey"]) == ("COMPLETED", order.key)
        results = json.loads(_variable(server, order, "ProcessTaskResults")["value"])
        assert results["correlationId"] == order.key
        assert [entry["taskId"] for entry in results["taskResults"]] == order.steps
        reserved, charged = results["taskResults"][:2]
        assert reserved["data"] == {
            "reservationId": f"reservation-{order.key}",
            "items": [{"sku": "book", "quantity": 2}],
        }
        assert charged["data"]["paid"] is (order.card == "valid")
        log = server.get("/history/external-task-log", processInstanceId=order.instance, failureLog="true")
        if order.carrier == "slowpost" and failures is not None:
            assert [entry["errorMessage"] for entry in log] == ["carrier slowpost does not answer"] * failures
        elif order.carrier != "slowpost":
            assert log == []
        if order.card == "valid":
            _check_shipped(server, order, results["taskResults"][2]["data"])


def _check_shipped(server: Server, order: Order, shipped: dict[str, Any]) -> None:
    tracking = f"{order.carrier}-{order.key}"
    assert shipped == {"carrier": order.carrier, "trackingNumber": tracking, "instructions": INSTRUCTIONS}
    label = _variable(server, order, "shippingLabel")
    if label["type"] == "File":
        assert label["valueInfo"] == {"filename": "label.txt", "mimeType": "text/plain", "encoding": "UTF-8"}
    answer: httpx.Response = server.rest.get(f"/history/variable-instance/{label['id']}/data")
    assert (answer.status_code, answer.content.decode()) == (200, f"{tracking}\n{INSTRUCTIONS}")


def _variable(server: Server, order: Order, name: str) -> dict[str, Any]:
    (found,) = server.get(
        "/history/variable-instance", processInstanceId=order.instance, variableName=name, deserializeValues="false"
    )
    variable: dict[str, Any] = found
    return variable
