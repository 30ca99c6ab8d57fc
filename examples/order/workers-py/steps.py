"""What each step of the order does. It knows nothing of topics, locks and retries; real ones would call the shop's services."""

from collections.abc import Collection
from typing import Any


class Declined(Exception):
    """The bank said no: an expected outcome that the model handles, not a failure to retry."""


class CarrierDown(Exception):
    """Something outside does not work. The engine retries, and opens an incident when no retry is left."""


def reserve(order_id: str, items: list[Any]) -> dict[str, Any]:
    """Asked twice, it reserves once: the id comes from the order."""
    return {"reservationId": f"reservation-{order_id}", "items": items}


def release(reservation_id: str) -> dict[str, Any]:
    return {"reservationId": reservation_id, "released": True}


def charge(order_id: str, amount: float, card: str) -> dict[str, Any]:
    """Raises Declined."""
    if card == "declined":
        raise Declined("insufficient funds")
    return {"paid": True, "amount": amount, "paymentId": f"payment-{order_id}"}


def ship(order_id: str, carrier: str, instructions: str, carriers_down: Collection[str]) -> dict[str, Any]:
    """`instructions`: the customer's, or an empty text. Raises CarrierDown."""
    if carrier in carriers_down:
        raise CarrierDown(f"carrier {carrier} does not answer")
    return {"carrier": carrier, "trackingNumber": f"{carrier}-{order_id}", "instructions": instructions}


def label(shipped: dict[str, Any]) -> str:
    """What is on the parcel."""
    return f"{shipped['trackingNumber']}\n{shipped['instructions']}"


def notify(order_id: str) -> dict[str, Any]:
    return {"message": f"Your order {order_id} is on its way."}
