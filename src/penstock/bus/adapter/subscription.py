"""Consuming: what every adapter does around its broker.

What the broker has given lies in `_ahead`; `receive` gives it out as far as the window allows, `settle` settles what is
given out.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed
from penstock.bus.adapter.producer import AdapterProducer
from penstock.bus.bookkeeping import copy_headers
from penstock.bus.dead_letters import dead_letter
from penstock.bus.protocol import DeadLetter, Delivery, Message, Retry, Settlement, Subscribe
from penstock.bus.window import Window


class AdapterSubscription(ABC):
    """See `bus.protocol.Subscription`."""

    def __init__(self, producer: AdapterProducer, to: Subscribe, dead_letter_channel: str, clock: Clock) -> None:
        self._producer = producer
        self._to = to
        self._dead_letter_channel = dead_letter_channel
        self._clock = clock
        self._window = Window(to)
        self._ahead: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self._repeating: asyncio.Task[None] | None = None
        self.closed = False

    @abstractmethod
    async def open(self) -> None:
        """Begins to consume."""

    # -- receive

    async def receive(self, max_messages: int, timeout_ms: int) -> Sequence[Delivery]:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_ms / 1000
        found = self._window.take(self._ahead, max_messages)
        while not found and not self.closed:
            left_s = max(0.0, end_s - loop.time())
            if self._window.room():
                await self._fetch(max_messages, left_s)
            else:
                await self._window.wait_room(left_s * 1000)
            found = self._window.take(self._ahead, max_messages)
            if not left_s:
                break
        return found

    @abstractmethod
    async def _fetch(self, max_messages: int, timeout_s: float) -> None:
        """Waits until something is in `_ahead`, not longer than `timeout_s`; called when nothing is there, and there is room.

        Raises BusUnavailable or BusFailed."""

    async def _wait_arrived(self, timeout_s: float) -> None:
        """Until `_arrived` is set."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()

    # -- settle

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        mine = {each.delivery.receipt: each for each in settlements if self._window.holds(each.delivery.receipt)}
        if mine:
            await self._settle(mine)
            for receipt in mine:
                self._window.release(receipt)

    @abstractmethod
    async def _settle(self, mine: Mapping[Any, Settlement]) -> None:
        """At least one, by receipt, each given out and not settled. Copies first, then the originals."""

    def _again(self, retry: Retry, *, not_before_ms: int = 0, delay_ms: int = 0) -> Message:
        """What comes again: a copy with one more attempt. Its delay is a note in it, the broker's, or none."""
        delivery = retry.delivery
        headers = copy_headers(delivery, attempt=delivery.attempt + 1, not_before_ms=not_before_ms)
        return Message(
            channel=self._to.channel, body=delivery.body, key=delivery.key, headers=headers, delay_ms=delay_ms
        )

    def _letter(self, settlement: DeadLetter) -> Message:
        """What goes to the dead letters."""
        now_ms, place = self._clock.now_ms(), self._dead_letter_channel
        return dead_letter(settlement.delivery, self._to, place, settlement.reason, now_ms)

    async def _bury(self, settlements: Iterable[Settlement]) -> None:
        """Publishes the dead letters among them."""
        letters = [self._letter(each) for each in settlements if isinstance(each, DeadLetter)]
        if letters:
            check_kept(await self._producer.publish(letters))

    # -- what goes on meanwhile

    def _repeat(self, pause_s: Callable[[], float], work: Callable[[], Awaitable[None]]) -> None:
        """Does `work` over and over until `close`."""
        self._repeating = asyncio.create_task(self._keep_repeating(pause_s, work))

    async def _keep_repeating(self, pause_s: Callable[[], float], work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(pause_s())
            # After the lease the messages are others'. `receive` says what is wrong.
            with contextlib.suppress(BusFailed):
                await work()

    # -- pause, resume, close

    def pause(self) -> None:
        self._window.pause()

    def resume(self) -> None:
        self._window.resume()

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self._repeating is not None:
            self._repeating.cancel()
            await asyncio.wait((self._repeating,))
        await self._stop()
        held = self._forget()
        self._window.resume()
        # What cannot be given back now comes again when the broker finds that nobody is there.
        with contextlib.suppress(BusFailed):
            await self._leave(held)

    async def _stop(self) -> None:  # noqa: B027 - some have nothing to stop
        """Nothing more is to come."""

    @abstractmethod
    async def _leave(self, held: Sequence[Any]) -> None:
        """Gives back what was here, by receipt, and ends."""

    def _held(self) -> list[Any]:
        """The receipts of all that is here: given out, or not yet."""
        return [*self._window.receipts(), *(delivery.receipt for delivery in self._ahead)]

    def _forget(self) -> list[Any]:
        """What was here is the broker's again. Returns the receipts, and wakes whoever waits."""
        held = self._held()
        self._window.forget_all()
        self._ahead.clear()
        self._arrived.set()
        return held


def check_kept(answers: Sequence[str | None]) -> None:
    """Raises BusFailed when a copy was refused: the original must not be settled."""
    refused = [answer for answer in answers if answer is not None]
    if refused:
        raise BusFailed(f"a copy for retry or dead letters cannot be kept: {refused[0]}")
