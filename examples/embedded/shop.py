"""What the shop can do: handlers that know nothing of where the engine is.

`Engine.include` takes them for an engine in this process, `Worker.include` for a server's.
"""

from typing import Any

import msgspec

from penstock.worker import BpmnError, ExternalTask, handles

CENTS = {"apple": 40, "pear": 55}


class Order(msgspec.Struct):
    cents: int
    card: str


class Shop:
    @handles("charge-card")
    async def charge(self, order: Order, task: ExternalTask) -> dict[str, Any]:
        if order.card == "empty":
            raise BpmnError("CARD_DECLINED", "there is no money on it")
        return {"receipt": f"{task.business_key}: {order.cents} cents"}

    @handles("ship-order")
    def ship(self, task: ExternalTask) -> dict[str, Any]:
        """No coroutine: it runs in a thread and may block."""
        return {"parcel": f"parcel-{task.business_key}"}


def prices(scope: Any) -> None:
    """What the model calls `${prices}`: quick, and inside the unit of work."""
    scope["cents"] = CENTS[scope["item"]] * scope["pieces"]
