"""What `bus_suite` needs of a broker beside its address: to stop it, start it, and let a consumer die."""

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import count

from penstock.base.clock import SystemClock
from penstock.base.ids import UuidSource

LEASE_MS = 6_000
"""Short, so that the messages of a dead consumer come again soon; Kafka's brokers take no less."""
VICTIM_START_S = 60

_numbers = count(1)
_run = UuidSource(SystemClock()).new()[:18]


class BrokerControl(ABC):
    """One running broker. It is started when the fixture gives it, and whatever a test stopped, the test started again."""

    url: str
    """The address that `bus.registry` opens."""
    tells_oldest_age = True
    """False: `Lag.oldest_age_ms` is always None here."""
    keeps_order = True
    """False: the kind of channel that `channel` gives has no order on this broker at all."""
    large_bytes = 200_000
    """Size of the large message."""

    @abstractmethod
    async def stop(self) -> None:
        """Stops the broker as an operator would; what it keeps durably is kept."""

    @abstractmethod
    async def start(self) -> None:
        """Starts it again on the same address; returns when it serves."""

    def channel(self) -> str:
        """A name that no test has used, not in this run nor in an earlier one."""
        return f"suite-{_run}-{next(_numbers)}"

    async def die_receiving(self, channel: str, group: str, messages: int) -> Sequence[str]:
        """Lets a consumer receive at least so many messages and die without a word. Returns their ids.

        A process of its own that is killed; a broker without a network puts something like it in its place."""
        arguments = (self.url, channel, group, str(messages), str(LEASE_MS))
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "penstock.testing.bus_victim", *arguments, stdout=asyncio.subprocess.PIPE
        )
        assert victim.stdout is not None
        try:
            async with asyncio.timeout(VICTIM_START_S):
                return [(await victim.stdout.readline()).decode().strip() for _ in range(messages)]
        finally:
            victim.kill()
            await victim.communicate()
