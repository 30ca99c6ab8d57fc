"""A consumer of the queue of a group. What the group retries comes on that queue too."""

import asyncio
from collections import deque
from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.bookkeeping import Notes, copy_headers
from penstock.bus.dead_letters import dead_letter
from penstock.bus.protocol import DeadLetter, Delivery, Message, Retry, Settlement, Subscribe
from penstock.bus.sqs.connection import ENTRIES_MAX, HIDDEN_S_MAX, Connection
from penstock.bus.sqs.producer import Producer
from penstock.bus.sqs.queues import Queues
from penstock.bus.sqs.records import Receipt, delivery_of
from penstock.bus.window import Window

POLLS_MAX = 4
"""Requests for messages at the same time; one while little comes."""
LEAVE_S = 1.5
"""How long `close` waits for requests that are under way: their messages can be given back at once."""


class SqsSubscription:
    """See `bus.protocol.Subscription`."""

    def __init__(
        self,
        connection: Connection,
        queues: Queues,
        producer: Producer,
        queue: str,
        to: Subscribe,
        dead_letter_channel: str,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._queues = queues
        self._producer = producer
        self._queue = queue
        self._to = to
        self._dead_letter_channel = dead_letter_channel
        self._clock = clock
        self._lease_s = max(1, -(-to.lease_ms // 1000))
        self._window = Window(to)
        self._ahead: deque[Delivery] = deque()
        self._polls: dict[asyncio.Task[None], int] = {}
        self._busy = False
        self._failure: BusFailed | None = None
        self._arrived = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to renew."""
        self._renewing = asyncio.create_task(self._keep_renewing())

    # -- receive

    async def receive(self, max_messages: int, timeout_ms: int) -> Sequence[Delivery]:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_ms / 1000
        found = self._window.take(self._ahead, max_messages)
        while not found and self._renewing is not None:
            left_s = max(0.0, end_s - loop.time())
            if self._window.room():
                await self._fetch(left_s)
            else:
                await self._window.wait_room(left_s * 1000)
            found = self._window.take(self._ahead, max_messages)
            if not left_s:
                break
        if self._renewing is not None:
            self._poll_more()
        return found

    async def _fetch(self, timeout_s: float) -> None:
        """Waits until something is in `_ahead`, or a request has failed."""
        self._arrived.clear()
        self._poll_more()
        try:
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        except TimeoutError:
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

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        mine = {each.delivery.receipt: each for each in settlements if self._window.holds(each.delivery.receipt)}
        await self._copy([each for each in mine.values() if isinstance(each, Retry)])
        await self._bury([each for each in mine.values() if isinstance(each, DeadLetter)])
        await self._delete(list(mine))
        for receipt in mine:
            self._window.release(receipt)

    async def _delete(self, receipts: Sequence[Receipt]) -> None:
        """A handle that SQS does not know any more is of a message that is somebody else's."""
        entries = [{"ReceiptHandle": receipt.handle} for receipt in receipts]
        await self._connection.ask_in_parts("delete_message_batch", self._queue, entries)

    async def _copy(self, settlements: Sequence[Retry]) -> None:
        if settlements:
            _check(await self._producer.send([self._again(each) for each in settlements], self._queue))

    def _again(self, settlement: Retry) -> Message:
        delivery = settlement.delivery
        return Message(
            channel=self._to.channel,
            body=delivery.body,
            key=delivery.key,
            headers=copy_headers(delivery, attempt=delivery.attempt + 1),
            delay_ms=settlement.delay_ms,
        )

    async def _bury(self, settlements: Sequence[DeadLetter]) -> None:
        now_ms, place = self._clock.now_ms(), self._dead_letter_channel
        letters = [dead_letter(each.delivery, self._to, place, each.reason, now_ms) for each in settlements]
        _check(await self._producer.publish(letters))

    # -- lease

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 4)
            try:
                await self._hide(self._held(), self._lease_s)
            except BusFailed:
                continue  # after the lease the messages are others'; `receive` says what is wrong

    def _held(self) -> list[Receipt]:
        return [*self._window.receipts(), *(delivery.receipt for delivery in self._ahead)]

    async def _hide(self, receipts: Sequence[Receipt], seconds: int) -> None:
        entries = [{"ReceiptHandle": receipt.handle, "VisibilityTimeout": seconds} for receipt in receipts]
        await self._connection.ask_in_parts("change_message_visibility_batch", self._queue, entries)

    # -- pause, resume, close

    def pause(self) -> None:
        self._window.pause()

    def resume(self) -> None:
        self._window.resume()

    async def close(self) -> None:
        if self._renewing is None:
            return
        renewing, self._renewing = self._renewing, None
        renewing.cancel()
        await asyncio.wait((renewing,))
        await self._end_polls()
        held = self._held()
        self._window.forget_all()
        self._window.resume()
        self._ahead.clear()
        self._arrived.set()
        try:
            await self._hide(held, 0)
        except BusFailed:
            return  # they come again when their lease has ended

    async def _end_polls(self) -> None:
        polls = list(self._polls)
        if polls:
            await asyncio.wait(polls, timeout=LEAVE_S)
            for poll in polls:
                poll.cancel()
            await asyncio.wait(polls)


def _check(answers: Sequence[str | None]) -> None:
    refused = [answer for answer in answers if answer is not None]
    if refused:
        raise BusFailed(f"a copy for retry or dead letters cannot be kept: {refused[0]}")
