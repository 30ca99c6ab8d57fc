"""A consumer of one channel at full speed: many messages at once, those of a key one after another, settled when their
effect is durable.

While the engine cannot take anything (the store is away, it is overloaded) messages wait here, a bounded number, and the
channel with them; nothing is lost and no attempt is burnt.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from penstock.base.errors import (
    BadRequest,
    BusFailed,
    BusUnavailable,
    Conflict,
    EntitySuspended,
    MessageUnreadable,
    MismatchingCorrelation,
    Overloaded,
    PenstockError,
    StoreFailed,
)
from penstock.bus.protocol import Bus, DeadLetter, Delivery, Done, Retry, Settlement, Subscribe, Subscription

RECEIVE_MESSAGES = 500
RECEIVE_MS = 1_000
PAUSE_FIRST_S, PAUSE_MAX_S = 0.1, 5.0
SUSPENDED_RETRY_MS = 10_000
RETRY_FIRST_MS, RETRY_MAX_MS = 1_000, 60_000
DRAIN_S = 10.0
SETTLE_EVERY_S = 0.02
FEW_OF = 10
"""Settling fewer than a tenth of what may be under way is not worth a request of its own at once."""

logger = logging.getLogger(__name__)


class Refusal(Exception):
    """The message can never be taken, or must not be: to the dead letters, with this text as the reason."""


class Late(Refusal):
    """It is about something that is over."""


class Chunk:
    """Messages received together; what is looked up for them may be kept here."""

    __slots__ = ("notes",)

    def __init__(self) -> None:
        self.notes: dict[str, object] = {}


Take = Callable[[Delivery, Chunk], Awaitable[str]]
"""Has the message's effect, durable when it returns; returns what became of it. Raises Refusal, and what the engine raises."""


class Consumed(msgspec.Struct, frozen=True, kw_only=True):
    """What to consume, under which name it is counted, and how often a message is tried."""

    name: str
    to: Subscribe
    attempts: int


class Consumer:
    """Consumes one channel in one group. `counts`: messages by outcome."""

    def __init__(self, bus: Bus, consumed: Consumed, take: Take) -> None:
        self._bus = bus
        self.consumed = consumed
        self._take = take
        self.counts: Counter[str] = Counter()
        self._subscription: Subscription | None = None
        self._tails: dict[str, asyncio.Task[None]] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._settled: list[Settlement] = []
        self._something = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._pause_s = 0.0
        self._closing = False

    # ------------------------------------------------------------------------------------------ life

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._receive(), name=f"penstock-consumer-{self.consumed.name}"),
            asyncio.create_task(self._settle(), name=f"penstock-settling-{self.consumed.name}"),
        ]

    async def close(self) -> None:
        """Receives nothing more, finishes and settles what was received, gives back the rest."""
        self._closing = True
        receiving, settling = self._tasks
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)
        if self._working:
            await asyncio.wait(self._working, timeout=DRAIN_S)
        for task in list(self._working):
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        self._something.set()
        await asyncio.wait([settling], timeout=DRAIN_S)
        settling.cancel()
        await asyncio.gather(settling, return_exceptions=True)
        if self._subscription is not None:
            await self._subscription.close()

    # ------------------------------------------------------------------------------------------ receiving

    async def _receive(self) -> None:
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                if self._subscription is None:
                    self._subscription = await self._bus.subscribe(self.consumed.to)
                deliveries = await self._subscription.receive(RECEIVE_MESSAGES, RECEIVE_MS)
                pause_s = PAUSE_FIRST_S
            except Exception as error:
                self._say(error, logging.WARNING, "receives nothing")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_MAX_S)
                continue
            chunk = Chunk()
            for delivery in deliveries:
                self._begin(delivery, chunk)

    def _begin(self, delivery: Delivery, chunk: Chunk) -> None:
        key = delivery.key
        before = self._tails.get(key) if key is not None else None
        task = asyncio.create_task(self._work(delivery, chunk, before))
        self._working.add(task)
        if key is not None:
            self._tails[key] = task
        task.add_done_callback(lambda done: self._done(key, done))

    def _done(self, key: str | None, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if key is not None and self._tails.get(key) is task:
            del self._tails[key]

    # ------------------------------------------------------------------------------------------ one message

    async def _work(self, delivery: Delivery, chunk: Chunk, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        settlement = await self._outcome(delivery, chunk)
        self._settled.append(settlement)
        self._something.set()

    async def _outcome(self, delivery: Delivery, chunk: Chunk) -> Settlement:
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                self.counts[await self._take(delivery, chunk)] += 1
                return Done(delivery)
            except (StoreFailed, Overloaded, Conflict) as error:
                if pause_s >= 1:
                    logger.warning("%s waits for the engine: %s", self.consumed.name, error.message)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_MAX_S)
                chunk = Chunk()
            except EntitySuspended as error:
                logger.info("%s tries a message again later: %s", self.consumed.name, error.message)
                return Retry(delivery, SUSPENDED_RETRY_MS)
            except (Refusal, MessageUnreadable, MismatchingCorrelation, BadRequest) as error:
                return self._dead(delivery, str(error))
            except PenstockError as error:
                return self._failed(delivery, error.message)
            except Exception as error:
                logger.exception("defect: a message of %s failed", self.consumed.name)
                return self._failed(delivery, f"{type(error).__name__}: {error}")

    def _failed(self, delivery: Delivery, reason: str) -> Settlement:
        if delivery.attempt >= self.consumed.attempts:
            return self._dead(delivery, f"{reason} (after {delivery.attempt} attempts)")
        logger.info("%s tries a message again: %s", self.consumed.name, reason)
        self.counts["retried"] += 1
        return Retry(delivery, min(RETRY_FIRST_MS << min(delivery.attempt - 1, 10), RETRY_MAX_MS))

    def _dead(self, delivery: Delivery, reason: str) -> Settlement:
        logger.warning("%s: a message goes to the dead letters: %s", self.consumed.name, reason)
        self.counts["dead"] += 1
        return DeadLetter(delivery, reason)

    # ------------------------------------------------------------------------------------------ settling

    async def _settle(self) -> None:
        """All that is done when the last settling returned goes into the next one; few messages wait a moment for more."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._settled:
                settlements, self._settled = self._settled, []
                await self._settle_surely(settlements)
                if len(settlements) < self.consumed.to.max_unsettled // FEW_OF and not self._closing:
                    await asyncio.sleep(SETTLE_EVERY_S)
            if self._closing and not self._working:
                return

    async def _settle_surely(self, settlements: list[Settlement]) -> None:
        pause_s = PAUSE_FIRST_S
        while self._subscription is not None:
            try:
                await self._subscription.settle(settlements)
                return
            except Exception as error:
                level = logging.INFO if isinstance(error, BusUnavailable) else logging.ERROR
                self._say(error, level, "cannot settle messages yet")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_MAX_S)

    def _say(self, error: Exception, level: int, what: str) -> None:
        """Why the bus does not do what it should. A defect ends no loop: messages would lie here for ever."""
        if isinstance(error, BusFailed):
            logger.log(level, "%s %s: %s", self.consumed.name, what, error.message)
        else:
            logger.error("defect: %s %s", self.consumed.name, what, exc_info=error)
