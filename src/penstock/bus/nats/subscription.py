"""A durable consumer, asked for messages in batches."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Listening
from nats.errors import Error

from penstock.base.clock import Clock
from penstock.bus.adapter.producer import AdapterProducer
from penstock.bus.adapter.subscription import AdapterSubscription
from penstock.bus.nats.connection import Connection
from penstock.bus.nats.records import Receipt, delivery_of
from penstock.bus.nats.streams import NS_PER_MS, Consumer, Streams
from penstock.bus.protocol import Retry, Settlement, Subscribe

ASKED_S_MAX = 1.0
"""For how long a request for messages stands. `close` waits for its end: a server that finds a request whose asker has gone
loses the count of the message that it wanted to give, and gives it to others only after the lease."""
GRACE_S = 0.2
DONE = b"+ACK"
WORKING = b"+WPI"
AGAIN = b"-NAK"


class Asked(msgspec.Struct):
    """A request that stands. `inbox`: where its messages come; `missing`: how many have not come."""

    inbox: str
    missing: int
    until_s: float
    generation: int


class NatsSubscription(AdapterSubscription):
    """See `bus.protocol.Subscription`."""

    def __init__(
        self,
        connection: Connection,
        streams: Streams,
        producer: AdapterProducer,
        to: Subscribe,
        dead_letter_channel: str,
        clock: Clock,
    ) -> None:
        super().__init__(producer, to, dead_letter_channel, clock)
        self._connection = connection
        self._streams = streams
        self._unseen: list[tuple[str, bytes]] = []
        self._asked: Asked | None = None
        self._requests = 0
        self._consumer: Consumer | None = None
        self._listening: Listening | None = None
        self._inbox = ""
        self._renewed_until_s = 0.0

    async def open(self) -> None:
        """Finds or makes the consumer."""
        to = self._to
        self._consumer = await self._streams.consumer(to.channel, to.group, to.lease_ms)
        self._inbox = self._connection.client.new_inbox()
        self._listening = await self._connection.client.subscribe(
            f"{self._inbox}.*", cb=self._on_message, pending_msgs_limit=0, pending_bytes_limit=0
        )
        self._repeat(lambda: self._lease_s() / 4, self._renew_and_trim)

    # -- receive

    async def _fetch(self, max_messages: int, timeout_s: float) -> None:
        """Sees to it that there is a request for messages, and waits for them. No more is asked for than is
        wanted: JetStream counts as an attempt what lies here and is given back."""
        self._arrived.clear()
        self._connection.client  # noqa: B018 - raises when there is no connection
        if self._consumer is None:
            self._consumer = await self._streams.consumer(self._to.channel, self._to.group, self._to.lease_ms)
        if not self._stands(self._asked):
            await self._ask(
                self._consumer, min(max_messages, self._window.fetch_room()), min(ASKED_S_MAX, max(GRACE_S, timeout_s))
            )
        await self._wait_arrived(min(timeout_s, ASKED_S_MAX))
        await self._settle_unseen()

    def _stands(self, asked: Asked | None) -> bool:
        return (
            asked is not None
            and asked.missing > 0
            and asked.generation == self._connection.generation
            and asyncio.get_running_loop().time() < asked.until_s
        )

    async def _ask(self, consumer: Consumer, room: int, stands_s: float) -> None:
        self._requests += 1
        until_s = asyncio.get_running_loop().time() + stands_s
        self._asked = Asked(f"{self._inbox}.{self._requests}", room, until_s, self._connection.generation)
        wanted = msgspec.json.encode({"batch": room, "expires": int(stands_s * 1_000) * NS_PER_MS})
        try:
            await self._connection.client.publish(consumer.next_subject(), wanted, reply=self._asked.inbox)
        except (Error, OSError) as error:
            raise self._connection.failed(error) from error

    async def _on_message(self, message: Msg) -> None:
        asked = self._asked
        if not message.reply:  # not a message of the stream: the server says something about a request
            if asked is not None and message.subject == asked.inbox:
                self._on_status((message.headers or {}).get("Status", ""))
            return
        if asked is not None:
            asked.missing -= 1
        self._take_in(message)
        self._arrived.set()

    def _on_status(self, status: str) -> None:
        """100 is a sign of life; all others end the request."""
        if status == "100":
            return
        self._asked = None
        if status not in ("404", "408"):
            self._consumer = None  # the consumer may have gone
        self._arrived.set()

    def _take_in(self, message: Msg) -> None:
        """What is not due is put back until it is, what is for another group is settled: both unseen."""
        delivery, notes = delivery_of(message, self._to.channel, asyncio.get_running_loop().time())
        delay_ms = notes.not_before_ms - self._clock.now_ms()
        if not notes.is_for(self._to.group):
            self._unseen.append((message.reply, DONE))
        elif delay_ms > 0:
            self._unseen.append((message.reply, _again(delay_ms)))
        else:
            self._ahead.append(delivery)

    async def _settle_unseen(self) -> None:
        unseen = list(self._unseen)
        if unseen:
            await self._say(unseen)
            del self._unseen[: len(unseen)]

    # -- settle

    async def _settle(self, mine: Mapping[Receipt, Settlement]) -> None:
        kept = {receipt: each for receipt, each in mine.items() if not self._is_lost(receipt)}
        await self._bury(kept.values())
        if kept:
            await self._say([(receipt.subject, _word(each)) for receipt, each in kept.items()])

    def _is_lost(self, receipt: Receipt) -> bool:
        """Whether its lease may have ended during an outage."""
        until_s = max(self._renewed_until_s, receipt.arrived_s + self._lease_s())
        return asyncio.get_running_loop().time() >= until_s

    async def _say(self, says: Sequence[tuple[str, bytes]]) -> None:
        """Words to the consumer, which takes them in order: its answer to the last one is for all."""

        async def say() -> None:
            client = self._connection.client
            for subject, word in says[:-1]:
                await client.publish(subject, word)
            await self._connection.request(*says[-1])

        await self._connection.ask(say)

    # -- lease

    def _lease_s(self) -> float:
        return (self._to.lease_ms if self._consumer is None else self._consumer.lease_ms) / 1000

    async def _renew_and_trim(self) -> None:
        await self._renew()
        if self._consumer is not None:
            await self._streams.trim(self._consumer.stream)

    async def _renew(self) -> None:
        now_s, lease_s = asyncio.get_running_loop().time(), self._lease_s()
        old = [receipt for receipt in self._held() if receipt.arrived_s <= now_s - lease_s / 5]
        if old:
            await self._say([(receipt.subject, WORKING) for receipt in old])
        self._renewed_until_s = now_s + lease_s

    # -- close

    async def _stop(self) -> None:
        """Until no request stands any more."""
        while (asked := self._asked) is not None and asked.generation == self._connection.generation:
            left_s = asked.until_s + GRACE_S - asyncio.get_running_loop().time()
            if left_s <= 0 or not asked.missing or not self._connection.is_connected:
                return
            self._arrived.clear()
            await self._wait_arrived(left_s)

    async def _leave(self, held: Sequence[Receipt]) -> None:
        try:
            if self._listening is not None:
                await self._listening.unsubscribe()
        except (Error, OSError):
            return
        if held and self._connection.is_connected:
            await self._say([(receipt.subject, AGAIN) for receipt in held])


def _word(settlement: Settlement) -> bytes:
    return _again(settlement.delay_ms) if isinstance(settlement, Retry) else DONE


def _again(delay_ms: int) -> bytes:
    return AGAIN if delay_ms <= 0 else AGAIN + b" " + msgspec.json.encode({"delay": delay_ms * NS_PER_MS})
