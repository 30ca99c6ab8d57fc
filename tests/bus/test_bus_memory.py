"""The bus in memory: the contract, and what is its own."""

from collections.abc import Sequence
from itertools import count

import pytest

from penstock.base.clock import SystemClock, VirtualClock
from penstock.bus.memory.broker import MemoryBroker, named_broker
from penstock.bus.memory.bus import MemoryBus
from penstock.bus.protocol import Message, Retry, Subscribe

pytest.register_assert_rewrite("penstock.testing.bus_suite")
from penstock.testing.bus_control import BrokerControl  # noqa: E402
from penstock.testing.bus_suite import BusSuite, bodies  # noqa: E402

_numbers = count(1)


class MemoryControl(BrokerControl):
    """A broker of its own for each test."""

    def __init__(self) -> None:
        name = f"test-{next(_numbers)}"
        self.url = f"memory://{name}"
        self._broker = named_broker(name, SystemClock())

    async def stop(self) -> None:
        self._broker.stop()

    async def start(self) -> None:
        self._broker.start()

    async def die_receiving(self, channel: str, group: str, messages: int) -> Sequence[str]:
        """There is no process to kill: the broker sees its consumer go, the consumer does nothing about it."""
        bus = MemoryBus(self._broker, SystemClock())
        subscription = await bus.subscribe(Subscribe(channel=channel, group=group))
        given = await subscription.receive(messages, 1_000)
        self._broker.leave(channel, group, subscription)
        return [delivery.id for delivery in given]


class TestMemoryBus(BusSuite):
    quiet_ms = 30
    lease_ms = 300

    @pytest.fixture
    def broker(self) -> BrokerControl:
        return MemoryControl()


async def test_delays_are_measured_on_the_clock_of_the_broker() -> None:
    clock = VirtualClock()
    bus = MemoryBus(MemoryBroker(clock), clock)
    subscription = await bus.subscribe(Subscribe(channel="c"))
    await bus.publish([Message(channel="c", body=b"x", delay_ms=1_000)])
    assert await subscription.receive(1, 0) == []
    clock.advance_ms(1_000)
    (delivery,) = await subscription.receive(1, 0)
    await subscription.settle([Retry(delivery, 500)])
    clock.advance_ms(499)
    assert await subscription.receive(1, 0) == []
    clock.advance_ms(1)
    assert bodies(await subscription.receive(1, 0)) == [b"x"]
