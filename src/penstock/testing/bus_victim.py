"""A consumer that receives, tells what, settles nothing, and waits to be killed: `bus_control` runs it as a process."""

import asyncio
import sys

from penstock.base.clock import SystemClock
from penstock.bus.protocol import Subscribe
from penstock.bus.registry import make_bus


async def receive_and_wait(url: str, channel: str, group: str, messages: int, lease_ms: int) -> None:
    """Prints the id of each message on a line."""
    bus = make_bus(url, SystemClock())
    await bus.open()
    subscription = await bus.subscribe(Subscribe(channel=channel, group=group, lease_ms=lease_ms))
    received = 0
    while received < messages:
        for delivery in await subscription.receive(messages - received, 1_000):
            print(delivery.id, flush=True)
            received += 1
    await asyncio.Event().wait()


if __name__ == "__main__":
    url, channel, group, messages, lease_ms = sys.argv[1:]
    asyncio.run(receive_and_wait(url, channel, group, int(messages), int(lease_ms)))
