"""A consumer of a topic, of its delayed messages, and of what its group retries."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.adapter.producer import AdapterProducer
from penstock.bus.adapter.subscription import AdapterSubscription, check_kept
from penstock.bus.kafka.connection import Connection
from penstock.bus.kafka.held import Held
from penstock.bus.kafka.progress import Progress
from penstock.bus.kafka.records import Receipt, delivery_of
from penstock.bus.kafka.topics import delayed_topic, retry_topic
from penstock.bus.protocol import Delivery, Retry, Settlement, Subscribe

SESSION_MS_MIN = 6_000
"""Kafka's group.min.session.timeout.ms."""
JOIN_S = 60
GRACE_S = 1
FETCH_BYTES_MAX = 1024 * 1024
"""Per partition and fetch; one larger message comes all the same."""
HEARTBEAT_MS_MAX = 1_000
"""Who joins a group waits until all others have heard of it with a heartbeat."""
JOIN_SPARE_MS = 5_000
"""The answer to a join comes when all others have joined again: sooner the client must not give up, or it begins anew."""
POLL_MS_MAX = 2**31 - 1
"""A paused or slow consumer is alive as long as it sends heartbeats."""


class KafkaSubscription(AdapterSubscription, ConsumerRebalanceListener):  # type: ignore[misc]
    """See `bus.protocol.Subscription`."""

    def __init__(
        self,
        connection: Connection,
        producer: AdapterProducer,
        to: Subscribe,
        dead_letter_channel: str,
        clock: Clock,
    ) -> None:
        super().__init__(producer, to, dead_letter_channel, clock)
        self._connection = connection
        self._later = (delayed_topic(to.channel), retry_topic(to.channel, to.group))
        self._held_back = Held()
        self._progress: dict[TopicPartition, Progress] = {}
        self._generation = 0
        self._settling = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None

    async def open(self) -> None:
        """Joins the group; returns when partitions are assigned."""
        session_ms = max(SESSION_MS_MIN, self._to.lease_ms)
        parameters = self._connection.parameters()
        parameters["request_timeout_ms"] = max(parameters["request_timeout_ms"], session_ms + JOIN_SPARE_MS)
        consumer = AIOKafkaConsumer(
            **parameters,
            group_id=self._to.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=min(session_ms // 3, HEARTBEAT_MS_MAX),
            max_poll_interval_ms=POLL_MS_MAX,
            rebalance_timeout_ms=session_ms,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
        )
        consumer.subscribe([self._to.channel, *self._later], listener=self)
        try:
            await self._connection.ask(consumer.start, JOIN_S)
        except BusFailed:
            await self._disconnect(consumer)
            raise
        self._consumer = consumer

    # -- partitions come and go: what was given out under an earlier assignment is nobody's

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group changes: all partitions go, and come again to somebody."""
        self._generation += 1
        self._progress.clear()
        self._held_back.clear()
        self._forget()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """They are read from what was committed last."""

    # -- receive

    async def _fetch(self, max_messages: int, timeout_s: float) -> None:
        room = min(max_messages, self._window.room())
        found = self._held_back.take_due(room, self._clock.now_ms())
        self._ahead.extend(found or await self._read(room, int(timeout_s * 1000)))

    async def _read(self, room: int, timeout_ms: int) -> list[Delivery]:
        consumer = self._consumer
        if consumer is None:
            return []
        next_ms = self._held_back.next_in_ms(self._clock.now_ms())
        wait_ms = timeout_ms if next_ms is None else min(timeout_ms, next_ms)
        self._read_later_topics(consumer)
        try:
            # While the group changes the client waits for as long as that takes. Nothing is lost when it is cut short.
            async with asyncio.timeout(wait_ms / 1000 + GRACE_S):
                batches = await consumer.getmany(timeout_ms=wait_ms, max_records=room)
        except (ConsumerStoppedError, TimeoutError):
            return []
        except (KafkaError, OSError) as error:
            raise self._connection.failed(error) from error
        return await self._sort(batches)

    def _read_later_topics(self, consumer: AIOKafkaConsumer) -> None:
        """Or not, while as much is held as may be."""
        later = [partition for partition in consumer.assignment() if partition.topic in self._later]
        if self._held_back.full():
            consumer.pause(*later)
        else:
            consumer.resume(*later)

    async def _sort(self, batches: dict[TopicPartition, list[ConsumerRecord]]) -> list[Delivery]:
        """What may be given out; the others are held, or settled when another group is meant."""
        now_ms = self._clock.now_ms()
        ready: list[Delivery] = []
        skipped = False
        for partition, records in batches.items():
            progress = self._progress.setdefault(partition, Progress())
            for record in records:
                delivery, notes = delivery_of(record, self._to.channel, self._generation)
                progress.read(record.offset)
                if not notes.is_for(self._to.group):
                    progress.settle(record.offset)
                    skipped = True
                elif notes.not_before_ms > now_ms:
                    self._held_back.hold(delivery, notes.not_before_ms)
                else:
                    ready.append(delivery)
        if skipped and not ready:
            await self._commit()
        return ready

    # -- settle

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        async with self._settling:
            await super().settle(settlements)
            await self._commit()

    async def _settle(self, mine: Mapping[Receipt, Settlement]) -> None:
        await self._copy(mine.values())
        for receipt in mine:
            if receipt.generation == self._generation:
                self._progress[TopicPartition(receipt.topic, receipt.partition)].settle(receipt.offset)

    async def _copy(self, settlements: Iterable[Settlement]) -> None:
        """To the topic of the group's retries, which is no channel, and to the dead letters."""
        now_ms, topic = self._clock.now_ms(), self._later[1]
        again = [
            msgspec.structs.replace(self._again(each, not_before_ms=now_ms + each.delay_ms), channel=topic)
            for each in settlements
            if isinstance(each, Retry)
        ]
        check_kept(await self._producer.write(again))
        await self._bury(settlements)

    async def _commit(self) -> None:
        wanted = {partition: progress.to_commit() for partition, progress in self._progress.items()}
        offsets = {partition: offset for partition, offset in wanted.items() if offset is not None}
        if not offsets or self._consumer is None:
            return
        generation = self._generation
        try:
            async with asyncio.timeout(self._connection.timeout_s):
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return  # the partitions are somebody else's by now: the messages come again
        except (KafkaError, OSError) as error:
            raise self._connection.failed(error) from error
        if generation == self._generation:
            for partition, offset in offsets.items():
                self._progress[partition].committed(offset)

    # -- close

    async def _stop(self) -> None:
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await self._disconnect(consumer)

    async def _leave(self, held: Sequence[Receipt]) -> None:
        """With the consumer everything has gone back."""

    async def _disconnect(self, consumer: AIOKafkaConsumer) -> None:
        await self._connection.leave(consumer.stop, consumer._client.close)
