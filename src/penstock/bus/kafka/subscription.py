"""A consumer of a topic, of its delayed messages, and of what its group retries."""

import asyncio
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.bookkeeping import copy_headers
from penstock.bus.dead_letters import dead_letter
from penstock.bus.kafka.connection import Connection
from penstock.bus.kafka.held import Held
from penstock.bus.kafka.producer import Producer
from penstock.bus.kafka.progress import Progress
from penstock.bus.kafka.records import Receipt, delivery_of
from penstock.bus.kafka.topics import delayed_topic, retry_topic
from penstock.bus.protocol import DeadLetter, Delivery, Message, Retry, Settlement, Subscribe, dead_letter_channel
from penstock.bus.window import Window

SESSION_MS_MIN = 6_000
"""Kafka's group.min.session.timeout.ms."""
JOIN_S = 60
GRACE_S = 1
FETCH_BYTES_MAX = 1024 * 1024
"""Per partition and fetch; one larger message comes all the same."""
POLL_MS_MAX = 2**31 - 1
"""A paused or slow consumer is alive as long as it sends heartbeats."""


class KafkaSubscription(ConsumerRebalanceListener):  # type: ignore[misc]
    """See `bus.protocol.Subscription`."""

    def __init__(self, connection: Connection, producer: Producer, to: Subscribe, clock: Clock) -> None:
        self._connection = connection
        self._producer = producer
        self._to = to
        self._clock = clock
        self._later = (delayed_topic(to.channel), retry_topic(to.channel, to.group))
        self._window = Window(to)
        self._held = Held()
        self._progress: dict[TopicPartition, Progress] = {}
        self._generation = 0
        self._settling = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None

    async def open(self) -> None:
        """Joins the group; returns when partitions are assigned."""
        session_ms = max(SESSION_MS_MIN, self._to.lease_ms)
        consumer = AIOKafkaConsumer(
            **self._connection.parameters(),
            group_id=self._to.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 3,
            max_poll_interval_ms=POLL_MS_MAX,
            rebalance_timeout_ms=session_ms,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
        )
        consumer.subscribe([self._to.channel, *self._later], listener=self)
        try:
            await self._connection.ask(consumer.start, JOIN_S)
        except BusFailed:
            await self._leave(consumer)
            raise
        self._consumer = consumer

    # -- partitions come and go: what was given out under an earlier assignment is nobody's

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group changes: all partitions go, and come again to somebody."""
        self._generation += 1
        self._progress.clear()
        self._held.clear()
        self._window.forget_all()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """They are read from what was committed last."""

    # -- receive

    async def receive(self, max_messages: int, timeout_ms: int) -> Sequence[Delivery]:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_ms / 1000
        while self._consumer is not None:
            left_ms = max(0, int((end_s - loop.time()) * 1000))
            room = min(max_messages, self._window.room())
            found = self._held.take_due(room, self._clock.now_ms())
            if room and not found:
                found = await self._fetch(self._consumer, room, left_ms)
            if found or not left_ms:
                self._window.give_out(found)
                return found
            if not room:
                await self._window.wait_room(left_ms)
        return []

    async def _fetch(self, consumer: AIOKafkaConsumer, room: int, timeout_ms: int) -> list[Delivery]:
        next_ms = self._held.next_in_ms(self._clock.now_ms())
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
        if self._held.full():
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
                    self._held.hold(delivery, notes.not_before_ms)
                else:
                    ready.append(delivery)
        if skipped and not ready:
            await self._commit()
        return ready

    # -- settle

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        async with self._settling:
            mine = [each for each in settlements if self._is_mine(each.delivery.receipt)]
            await self._copy([copy for each in mine for copy in self._copies(each)])
            for each in settlements:
                self._forget(each.delivery.receipt)
            await self._commit()

    def _is_mine(self, receipt: Receipt) -> bool:
        progress = self._progress.get(TopicPartition(receipt.topic, receipt.partition))
        current = receipt.generation == self._generation
        return current and progress is not None and progress.is_open(receipt.offset)

    def _forget(self, receipt: Receipt) -> None:
        if self._is_mine(receipt):
            self._progress[TopicPartition(receipt.topic, receipt.partition)].settle(receipt.offset)
        self._window.release(receipt)

    def _copies(self, settlement: Settlement) -> list[Message]:
        delivery, now_ms = settlement.delivery, self._clock.now_ms()
        match settlement:
            case Retry(delay_ms=delay_ms):
                headers = copy_headers(delivery, attempt=delivery.attempt + 1, not_before_ms=now_ms + delay_ms)
                topic = retry_topic(self._to.channel, self._to.group)
                return [Message(channel=topic, body=delivery.body, key=delivery.key, headers=headers)]
            case DeadLetter(reason=reason):
                channel = self._to.dead_letter or dead_letter_channel(self._to.channel)
                return [dead_letter(delivery, self._to, channel, reason, now_ms)]
            case _:
                return []

    async def _copy(self, messages: Sequence[Message]) -> None:
        refused = [answer for answer in await self._producer.publish(messages) if answer is not None]
        if refused:
            raise BusFailed(f"a copy for retry or dead letters cannot be kept: {refused[0]}")

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

    # -- pause, resume, close

    def pause(self) -> None:
        self._window.pause()

    def resume(self) -> None:
        self._window.resume()

    async def close(self) -> None:
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await self._leave(consumer)
            self._window.resume()

    async def _leave(self, consumer: AIOKafkaConsumer) -> None:
        await self._connection.leave(consumer.stop, consumer._client.close)
