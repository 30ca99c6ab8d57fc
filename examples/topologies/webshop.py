"""Three orders, and the courier who fetches one of them: over the broker if the file has bridges, else over REST.

    python webshop.py [penstock.toml]

The shop is no part of the engine: it says what has happened, and knows nothing of the process behind it.
"""

import asyncio
import os
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from penstock.base.clock import SystemClock
from penstock.bus.cloudevents import CloudEvent, structured
from penstock.bus.registry import make_bus
from penstock.worker import Client, RestError

PLACED, PICKED_UP = "OrderPlaced", "ParcelPickedUp"

ORDERS: tuple[dict[str, Any], ...] = (
    {"orderId": "order-1", "item": "mug", "card": "4711", "pickUpWithin": "PT1H"},
    {"orderId": "order-2", "item": "unicorn", "card": "4712", "pickUpWithin": "PT1H"},
    {"orderId": "order-3", "item": "lamp", "card": "4713", "pickUpWithin": "PT1S"},
)
"""A good one, one for something that is sold out, and one that nobody comes for."""

PICK_UP = {"orderId": "order-1", "courier": "Ada"}


async def by_events(file: dict[str, Any]) -> None:
    """What has happened is published where the bridges listen."""
    bridges = {bridge["event"]: bridge for bridge in file["bridge"]}
    for type, happened in ((PLACED, ORDERS), (PICKED_UP, (PICK_UP,))):
        bridge = bridges[type]
        bus = make_bus(os.path.expandvars(file["connections"][bridge["connection"]]["url"]), SystemClock())
        await bus.open()
        for data in happened:
            event = CloudEvent(id=f"{type}-{data['orderId']}", source="/webshop", type=type, data=data)
            # Sent twice, as networks do: it happens once.
            for _ in range(2):
                (refused,) = await bus.publish([structured(event, bridge["channel"], key=data["orderId"])])
                assert refused is None, refused
            print(f"published {type} of {data['orderId']}", flush=True)
        await bus.close()


def by_rest(url: str) -> None:
    """What has happened is told to the engine."""
    with Client(f"{url}/engine-rest") as engine:
        for order in ORDERS:
            engine.start("web-order", order, business_key=order["orderId"])
            print(f"started {order['orderId']}", flush=True)
        while not told(engine):
            time.sleep(0.2)
        print(f"{PICK_UP['orderId']} was picked up", flush=True)


def told(engine: Client) -> bool:
    """Over REST a message must find somebody who waits: before the card is charged, nobody does."""
    try:
        engine.message(PICKED_UP, business_key=PICK_UP["orderId"], variables={"courier": PICK_UP["courier"]})
    except RestError as error:
        if error.status != 400:
            raise
        return False
    return True


def main() -> None:
    file = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8")) if len(sys.argv) > 1 else {}
    if "bridge" in file:
        asyncio.run(by_events(file))
    else:
        by_rest(os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8080"))


if __name__ == "__main__":
    main()
