"""Publishing: to the queue of each group in turn."""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.bus.aws.connection import Connection
from penstock.bus.aws.producer import Producer
from penstock.bus.protocol import Channel, Message
from penstock.bus.sqs.queues import ChannelQueues


class QueueProducer(Producer):
    """Sends messages to queues."""

    def __init__(self, connection: Connection, queues: ChannelQueues, clock: Clock) -> None:
        super().__init__(connection, queues, clock)
        self._channels = queues

    async def publish(self, messages: Sequence[Message]) -> list[str | None]:
        """What is not there is made when it is found missing: the queues of a channel are listed each time."""
        return await self.write(messages)

    async def _write_to(self, channel: str, messages: Sequence[Message]) -> list[str | None]:
        answers: list[str | None] = [None] * len(messages)
        for queue in await self._queues_of(channel):
            found = await self.send(messages, queue)
            answers = [before or now for before, now in zip(answers, found, strict=True)]
        return answers

    async def _queues_of(self, channel: str) -> list[str]:
        found = await self._channels.urls(channel)
        if not found:
            await self._channels.declare([Channel(channel)])
            found = await self._channels.urls(channel)
        return found
