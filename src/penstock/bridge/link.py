"""One connection at work: its bus, the consumers on it, and the publisher of its outbox rows."""

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bridge.config import Connection
from penstock.bridge.consuming import Consumed, Consumer, Take
from penstock.bridge.outbox import Publisher
from penstock.bus.protocol import Bus, Lag

OPEN_AGAIN_FIRST_S, OPEN_AGAIN_MAX_S = 0.5, 10.0
LAG_TIMEOUT_S = 5.0

logger = logging.getLogger(__name__)


class Reading(msgspec.Struct, frozen=True):
    """What to consume and what makes the consumer another one: `rules` is compared, `take` is not."""

    consumed: Consumed
    rules: object
    take: Take


class Link:
    """Opens its bus as soon as the broker can be reached, and keeps its consumers as they are wanted."""

    def __init__(self, name: str, connection: Connection, bus: Bus, publisher: Publisher) -> None:
        self.name = name
        self.connection = connection
        self.bus = bus
        self.publisher = publisher
        self.is_open = False
        self.consumers: dict[tuple[str, str], tuple[Reading, Consumer]] = {}
        self._wanted: Mapping[tuple[str, str], Reading] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._open(), name=f"penstock-connection-{self.name}")

    async def _open(self) -> None:
        pause_s = OPEN_AGAIN_FIRST_S
        while True:
            try:
                await self.bus.open()
                break
            except BusFailed as error:
                level = logging.WARNING if isinstance(error, BusUnavailable) else logging.ERROR
                logger.log(level, "the connection %s cannot be opened yet: %s", self.name, error.message)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, OPEN_AGAIN_MAX_S)
        self.is_open = True
        self.publisher.start()
        await self.read(self._wanted)

    async def read(self, wanted: Mapping[tuple[str, str], Reading]) -> None:
        """Consumes these channels and groups from now on; consumers whose rules have not changed go on."""
        self._wanted = wanted
        if not self.is_open:
            return
        for place, (reading, consumer) in list(self.consumers.items()):
            now = wanted.get(place)
            if now is None or (now.consumed, now.rules) != (reading.consumed, reading.rules):
                del self.consumers[place]
                await consumer.close()
        for place, reading in wanted.items():
            if place not in self.consumers:
                consumer = Consumer(self.bus, reading.consumed, reading.take)
                self.consumers[place] = (reading, consumer)
                consumer.start()

    async def close(self) -> None:
        """Finishes what was received and closes the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(consumer.close() for _, consumer in self.consumers.values()))
        self.consumers.clear()
        await self.publisher.close()
        await self.bus.close()
        self.is_open = False

    async def lag(self, channel: str, group: str) -> Lag | None:
        """How far behind a group is; None when the broker does not say."""
        if not self.is_open:
            return None
        try:
            async with asyncio.timeout(LAG_TIMEOUT_S):
                return await self.bus.lag(channel, group)
        except (BusFailed, TimeoutError) as error:
            logger.info("the lag of %s is not known: %s", channel, error)
            return None
