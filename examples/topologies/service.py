"""A service with the engine inside: it takes orders, and does their work itself.

python service.py [penstock.toml]
"""

import asyncio
import logging
import sys
from pathlib import Path

from webshop import ORDERS, PICK_UP, PICKED_UP
from work import worker

from penstock.base.errors import MismatchingCorrelation
from penstock.embedded import Engine

HERE = Path(__file__).parent


async def main(config: str | None) -> None:
    engine = Engine(None if config else "memory://", config=config)
    engine.include(worker)
    async with engine:
        await engine.deploy(HERE / "web-order.bpmn")
        orders = [await engine.start("web-order", order, business_key=order["orderId"]) for order in ORDERS]
        while not await picked_up(engine):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        for order in orders:
            while not (ended := await engine.historic_instance(order.id)).end_time:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            print(f"{ended.business_key} has ended", flush=True)


async def picked_up(engine: Engine) -> bool:
    """A message must find somebody who waits: before the card is charged, nobody does."""
    try:
        await engine.correlate(PICKED_UP, {"courier": PICK_UP["courier"]}, business_key=PICK_UP["orderId"])
    except MismatchingCorrelation:
        return False
    return True


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
