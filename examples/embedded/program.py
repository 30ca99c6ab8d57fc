"""A plain asyncio program with an engine in it: starts an order, waits until it is shipped, and ends.

PENSTOCK_STORE   sqlite:///shop.db, postgresql://…, memory://

    python program.py 4711 apple 3
"""

import asyncio
import os
import sys
from pathlib import Path

from shop import Shop, prices

from penstock.embedded import Engine

engine = Engine(os.environ.get("PENSTOCK_STORE", "sqlite:///shop.db"))
engine.include(Shop())
engine.delegate("prices")(prices)


async def main(number: str, item: str, pieces: int) -> None:
    async with engine:
        await engine.deploy(Path(__file__).with_name("order.bpmn"))
        order = {"item": item, "pieces": pieces, "card": "valid"}
        instance = await engine.start("shop-order", order, business_key=number, idempotency_key=number)
        await engine.until_ended(instance.id)
        found = await engine.historic_variables(instance.id)
        print(f"{found['receipt']}, shipped as {found['parcel']}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
