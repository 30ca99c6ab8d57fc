"""Topics: which a channel needs, making them, and how far a group is behind on them.

A channel is the topic of the same name. Kafka has neither delay nor retry, so two topics of one partition stand beside it:
`<channel>.delayed` holds what was published with a delay, `<channel>.<group>.retry` what the group retries. Each
subscription reads all three and holds what is not yet due.
"""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.bookkeeping import read_headers
from penstock.bus.kafka.connection import RETRY_S, Connection
from penstock.bus.kafka.records import header_pairs
from penstock.bus.protocol import Channel, Lag

EXISTS = TopicAlreadyExistsError.errno
LOOK_MS = 1_000
"""How long the age of the oldest message is looked for."""


def delayed_topic(channel: str) -> str:
    """Where messages with a delay wait."""
    return f"{channel}.delayed"


def retry_topic(channel: str, group: str) -> str:
    """Where the messages wait that a group retries."""
    return f"{channel}.{group}.retry"


class Topics:
    """Makes topics and looks at them."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._admin: AIOKafkaAdminClient | None = None
        self._known: set[str] = set()
        self._looking = asyncio.Lock()

    async def open(self) -> None:
        """Connects."""
        parameters = self._connection.parameters()
        admin = AIOKafkaAdminClient(**parameters)
        try:
            await self._connection.ask(admin.start)
        except BusFailed:
            await self._connection.leave(admin.close)
            raise
        self._admin = admin

    async def close(self) -> None:
        """Disconnects."""
        if self._admin is not None:
            admin, self._admin = self._admin, None
            await self._connection.leave(admin.close)

    # -- making

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes what does not exist, and waits until it can be used."""
        options = self._connection.options
        wanted = {}
        for channel in channels:
            wanted[channel.name] = options.partitions
            wanted[delayed_topic(channel.name)] = 1
            wanted.update({retry_topic(channel.name, group): 1 for group in channel.groups})
        missing = {name: partitions for name, partitions in wanted.items() if name not in self._known}
        if missing:
            await self._connection.ask(lambda: self._make(missing))
            await self._connection.ask(lambda: self._partitions_once_ready(missing))
            self._known.update(missing)

    async def _make(self, partitions: Mapping[str, int]) -> None:
        there = await self._partitions(list(partitions))
        new = [self._new_topic(name, count) for name, count in partitions.items() if name not in there]
        if new:
            answer = await self._client().create_topics(new, timeout_ms=self._connection.options.timeout_ms)
            for name, code, *message in answer.topic_errors:
                if code not in (0, EXISTS):
                    raise for_code(code)(f"topic {name}: {' '.join(filter(None, message))}")

    def _new_topic(self, name: str, partitions: int) -> NewTopic:
        replication = self._connection.options.replication
        # The client takes -1, "as the broker likes", only with explicit assignments, of which there may be none.
        return NewTopic(
            name, partitions, replication, replica_assignments={} if -1 in (partitions, replication) else None
        )

    async def _partitions_once_ready(self, names: Mapping[str, int]) -> None:
        """A topic that was just made has no leaders for a moment."""
        while names.keys() - (await self._partitions(list(names))).keys():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(RETRY_S)

    async def _partitions(self, names: Sequence[str]) -> dict[str, list[TopicPartition]]:
        """The partitions of those topics that exist and can be used."""
        found = {}
        for topic in await self._client().describe_topics(list(names)):
            partitions = topic["partitions"]
            if not topic["error_code"] and partitions and not any(each["error_code"] for each in partitions):
                found[topic["topic"]] = [TopicPartition(topic["topic"], each["partition"]) for each in partitions]
        return found

    def _client(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            raise BusFailed("the bus is not open")
        return self._admin

    # -- looking

    async def lag(self, channel: str, group: str) -> Lag:
        """How far the group's committed positions are behind the ends."""
        topics = [channel, delayed_topic(channel), retry_topic(channel, group)]
        async with self._looking:
            return await self._connection.ask(lambda: self._lag(topics, group))

    async def _lag(self, topics: Sequence[str], group: str) -> Lag:
        partitions = [each for found in (await self._partitions(topics)).values() for each in found]
        if not partitions:
            return Lag(0, None)
        committed = await self._client().list_consumer_group_offsets(group, partitions=partitions)
        if committed.keys() < set(partitions):
            raise BusUnavailable(f"the broker does not say yet where the group {group} stands: it has just begun")
        consumer = AIOKafkaConsumer(**self._connection.parameters(), enable_auto_commit=False)
        try:
            await consumer.start()
            begins = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
            stands = {each: max(begins[each], committed[each].offset) for each in partitions}
            behind = {each: stands[each] for each in partitions if stands[each] < ends[each]}
            oldest_ms = await self._oldest_ms(consumer, behind) if behind else None
        finally:
            await self._connection.leave(consumer.stop, consumer._client.close)
        waiting = sum(ends[each] - stand for each, stand in behind.items())
        return Lag(waiting, None if oldest_ms is None else max(0, self._clock.now_ms() - oldest_ms))

    async def _oldest_ms(self, consumer: AIOKafkaConsumer, stands: Mapping[TopicPartition, int]) -> int | None:
        """When the first message of each partition was published, the earliest of them."""
        consumer.assign(list(stands))
        for partition, offset in stands.items():
            consumer.seek(partition, offset)
        published: dict[TopicPartition, int] = {}
        loop = asyncio.get_running_loop()
        end_s = loop.time() + LOOK_MS / 1000
        while len(published) < len(stands) and loop.time() < end_s:
            for partition, records in (await consumer.getmany(timeout_ms=100, max_records=len(stands))).items():
                notes = read_headers(header_pairs(records[0]))
                published.setdefault(partition, notes.published_at_ms or records[0].timestamp)
                consumer.pause(partition)
        return min(published.values(), default=None)
