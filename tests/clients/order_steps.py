"""The steps of the order example, for clients in Python: what a step answers is no business of the client under test."""

import json
import time
from collections.abc import Mapping
from typing import Any, ClassVar

TOPICS = ("reserve-stock", "charge-card", "ship-order", "notify-customer", "release-stock")
OUTCOMES = 12
"""How often a worker reports something for the three orders of `orders.py`: 4 + 3 + 4 steps, and a failure."""

_tried: set[str] = set()


class PaymentDeclined(Exception):
    """The bank said no; `data` goes into the results."""

    data: ClassVar = {"paid": False, "reason": "insufficient funds"}


class CarrierDown(Exception):
    """To be tried again."""


def step(topic: str, order: Mapping[str, Any], instructions: str) -> dict[str, Any]:
    """The data of a step's entry. `order`: plain values, JSON as text. Raises PaymentDeclined, CarrierDown."""
    key = order["orderId"]
    if topic == "reserve-stock":
        return {"reservationId": f"reservation-{key}", "items": json.loads(order["items"])}
    if topic == "charge-card":
        if order["card"] == "declined":
            raise PaymentDeclined("insufficient funds")
        return {"paid": True, "amount": order["amount"]}
    if topic == "ship-order":
        carrier = order["carrier"]
        if carrier == "slowpost" and key not in _tried:
            _tried.add(key)
            raise CarrierDown("carrier slowpost does not answer")
        return {"carrier": carrier, "trackingNumber": f"{carrier}-{key}", "instructions": instructions}
    if topic == "notify-customer":
        return {"message": f"Your order {key} is on its way."}
    return {"reservationId": json.loads(order["reserveResult"])["data"]["reservationId"], "released": True}


def kept(topic: str, activity: str, order: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str, str]:
    """Name and JSON text of the variable that keeps an entry."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entry = {"data": data, "startTime": now, "endTime": now, "taskId": activity}
    if topic == "reserve-stock":
        return "reserveResult", json.dumps(entry)
    if topic == "charge-card":
        return "chargeResult", json.dumps(entry)
    results = json.loads(order["ProcessTaskResults"])
    results["taskResults"].append(entry)
    return "ProcessTaskResults", json.dumps(results)


def label(data: Mapping[str, Any]) -> bytes:
    """What is on the parcel."""
    return f"{data['trackingNumber']}\n{data['instructions']}".encode()
