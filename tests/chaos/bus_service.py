"""An outside service that works requests from a bus: `python bus_service.py URL JOURNAL`. It is made to be killed.

Its effect is a line in the journal: moment (monotonic, s), task, request. It knows nothing of what it has done before.
"""

import asyncio
import os
import sys
import time

from bus_models import LEASE_S, REPLIES, REQUESTS

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed
from penstock.bridge.replies import COMPLETED
from penstock.bus.cloudevents import CloudEvent, read, structured
from penstock.bus.protocol import Bus, Delivery, Done, Message, Subscribe, Subscription
from penstock.bus.registry import make_bus

AT_ONCE = 50
AGAIN_S = 0.1


async def main(url: str, journal: str) -> None:
    bus = make_bus(url, SystemClock())
    out = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    to = Subscribe(channel=REQUESTS, max_unsettled=AT_ONCE, lease_ms=LEASE_S * 1000)
    subscription: Subscription | None = None
    opened = False
    while True:
        try:
            if not opened:
                await bus.open()
                opened = True
            if subscription is None:
                subscription = await bus.subscribe(to)
            deliveries = await subscription.receive(AT_ONCE, 500)
        except BusFailed as error:
            print(error.message, flush=True)
            await asyncio.sleep(AGAIN_S)
            continue
        if deliveries:
            await _work(bus, subscription, list(deliveries), out)


async def _work(bus: Bus, subscription: Subscription, deliveries: list[Delivery], out: int) -> None:
    answers = [_effect(delivery, out) for delivery in deliveries]
    while True:
        try:
            assert not any(await bus.publish(answers))
            await subscription.settle([Done(delivery) for delivery in deliveries])
            return
        except BusFailed as error:
            print(error.message, flush=True)
            await asyncio.sleep(AGAIN_S)


def _effect(delivery: Delivery, out: int) -> Message:
    request = read(delivery, "test").event
    os.write(out, f"{time.monotonic()} {request.subject} {request.id}\n".encode())
    answer = CloudEvent(
        id=f"answer to {request.id}",
        source="/service",
        type=COMPLETED,
        subject=request.subject,
        data={"variables": {"worked": {"value": request.id, "type": "String"}}},
        extensions={"causationid": request.id},
    )
    return structured(answer, REPLIES, key=delivery.key)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
