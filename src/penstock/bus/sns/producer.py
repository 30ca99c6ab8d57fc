"""Publishing: to the topic, which feeds the queue of each group."""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.bus.aws.connection import Connection
from penstock.bus.aws.producer import Producer
from penstock.bus.aws.records import topic_entry
from penstock.bus.protocol import Message
from penstock.bus.sns.topics import Topics


class TopicProducer(Producer):
    """Publishes messages to topics."""

    def __init__(self, connection: Connection, queues: Connection, topics: Topics, clock: Clock) -> None:
        super().__init__(queues, topics, clock)
        self._connection = connection
        self._topics = topics

    async def _write_to(self, channel: str, messages: Sequence[Message]) -> list[str | None]:
        topic = await self._topics.for_publishing(channel)
        return await self._send_parts(self._connection, "publish_batch", topic, messages, topic_entry)
