"""A consumer of the queue of a group. What the group retries comes on that queue too."""

import asyncio
from collections.abc import Mapping, Sequence

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.adapter.subscription import AdapterSubscription, check_kept
from penstock.bus.aws.connection import ENTRIES_MAX, HIDDEN_S_MAX, Connection
from penstock.bus.aws.producer import Producer
from penstock.bus.aws.queues import Queues
from penstock.bus.aws.records import Receipt, delivery_of
from penstock.bus.bookkeeping import Notes
from penstock.bus.protocol import Delivery, Retry, Settlement, Subscribe

POLLS_MAX = 4
"""Requests for messages at the same time; one while little comes."""
LEAVE_S = 1.5
"""How long `close` waits for requests that are under way: their messages can be given back at once."""


class QueueSubscription(AdapterSubscription):
    """See `bus.protocol.Subscription`."""

    _producer: Producer

    def __init__(
        self,
        connection: Connection,
        queues: Queues,
        producer: Producer,
        to: Subscribe,
        dead_letter_channel: str,
        clock: Clock,
    ) -> None:
        super().__init__(producer, to, dead_letter_channel, clock)
        self._connection = connection
        self._queues = queues
        self._queue = ""
        self._lease_s = max(1, -(-to.lease_ms // 1000))
        self._polls: dict[asyncio.Task[None], int] = {}
        self._busy = False
        self._failure: BusFailed | None = None

    async def open(self) -> None:
        """Begins to renew."""
        self._queue = await self._queues.url(self._to.channel, self._to.group)
        self._repeat(lambda: self._lease_s / 4, self._renew)

    # -- receive

    async def receive(self, max_messages: int, timeout_ms: int) -> Sequence[Delivery]:
        found = await super().receive(max_messages, timeout_ms)
        if not self.closed:
            self._poll_more()
        return found

    async def _fetch(self, max_messages: int, timeout_s: float) -> None:
        """Or until a request has failed."""
        self._arrived.clear()
        self._poll_more()
        await self._wait_arrived(timeout_s)
        if not self._arrived.is_set():
            return
        failure, self._failure = self._failure, None
        if failure is not None and not self._ahead:
            raise failure

    def _poll_more(self) -> None:
        """Requests go on when `receive` has ended: what a request that is cut short was given nobody gets for a lease."""
        wanted = POLLS_MAX if self._busy else 1
        while len(self._polls) < wanted:
            coming = len(self._ahead) + sum(self._polls.values())
            room = min(ENTRIES_MAX, self._window.fetch_room() - coming)
            if room <= 0:
                return
            self._polls[asyncio.create_task(self._poll(room))] = room

    async def _poll(self, room: int) -> None:
        try:
            await self._ask(room)
        except BusFailed as failure:
            self._failure = failure
            self._busy = False
        finally:
            self._polls = {poll: room for poll, room in self._polls.items() if poll is not asyncio.current_task()}
            self._arrived.set()

    async def _ask(self, room: int) -> None:
        self._queue = await self._queues.url(self._to.channel, self._to.group)
        wait_s = self._connection.options.wait_s
        answer = await self._connection.ask(
            "receive_message",
            wait_s,
            QueueUrl=self._queue,
            MaxNumberOfMessages=room,
            VisibilityTimeout=self._lease_s,
            WaitTimeSeconds=wait_s,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        messages = answer.get("Messages", [])
        self._busy = len(messages) == room
        for message in messages:
            await self._take_in(*delivery_of(message, self._to.channel, self._queue))

    async def _take_in(self, delivery: Delivery, notes: Notes) -> None:
        """What is not due is hidden until it is, what is for another group is settled: both unseen."""
        delay_ms = notes.not_before_ms - self._clock.now_ms()
        if not notes.is_for(self._to.group):
            await self._delete([delivery.receipt])
        elif delay_ms > 0:
            await self._hide([delivery.receipt], min(HIDDEN_S_MAX, -(-delay_ms // 1000)))
        else:
            self._ahead.append(delivery)

    # -- settle

    async def _settle(self, mine: Mapping[Receipt, Settlement]) -> None:
        again = [self._again(each, delay_ms=each.delay_ms) for each in mine.values() if isinstance(each, Retry)]
        check_kept(await self._producer.send(again, self._queue))
        await self._bury(mine.values())
        await self._delete(list(mine))

    async def _delete(self, receipts: Sequence[Receipt]) -> None:
        """A handle that SQS does not know any more is of a message that is somebody else's."""
        entries = [{"ReceiptHandle": receipt.handle} for receipt in receipts]
        await self._connection.ask_in_parts("delete_message_batch", self._queue, entries)

    # -- lease

    async def _renew(self) -> None:
        await self._hide(self._held(), self._lease_s)

    async def _hide(self, receipts: Sequence[Receipt], seconds: int) -> None:
        entries = [{"ReceiptHandle": receipt.handle, "VisibilityTimeout": seconds} for receipt in receipts]
        await self._connection.ask_in_parts("change_message_visibility_batch", self._queue, entries)

    # -- close

    async def _stop(self) -> None:
        polls = list(self._polls)
        if polls:
            await asyncio.wait(polls, timeout=LEAVE_S)
            for poll in polls:
                poll.cancel()
            await asyncio.wait(polls)

    async def _leave(self, held: Sequence[Receipt]) -> None:
        await self._hide(held, 0)
