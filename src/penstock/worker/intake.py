"""Fetches tasks: one long poll at a time for all topics, never for more than can start soon.

A poll that ends without its answer may have locked tasks of which the worker does not know. Whenever that can have
happened, the locks of this worker id are looked at before the next poll, and at the end: what is not in hand is given
back at once instead of when its lock ends.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from penstock.base.task_results import APPENDS
from penstock.worker.backoff import Backoff
from penstock.worker.errors import RestError, WorkerError
from penstock.worker.hand import Hand
from penstock.worker.http.wire import Answer, Ask
from penstock.worker.lanes import Lanes
from penstock.worker.logic import OVERLOADED, retry_after_ms
from penstock.worker.network import Connection, Pool
from penstock.worker.records import LockedTask

logger = logging.getLogger("penstock.worker")

FETCH_MAX = 500
"""Most tasks of one answer."""
GATHER_S = 0.01
"""How long a fetch is put off while tasks are done quickly, so that it is worth it."""
ANSWER_S = 15.0
"""How long the server may take beyond the end of a long poll."""

_BACKOFF = Backoff(first_ms=100, most_ms=10_000)
_tasks = msgspec.json.Decoder(list[LockedTask])


class Overloaded(WorkerError):
    """The server wants the next poll later."""

    def __init__(self, message: str, wait_ms: int | None) -> None:
        super().__init__(message)
        self.wait_ms = wait_ms


class Intake:
    """Polls until `stop`. `take`: gets tasks, with whether the server appends to results itself. `reconcile`: gives back
    what is locked and not in hand. `give_back`: unlocks what came too late."""

    def __init__(
        self,
        *,
        pool: Pool,
        url: str,
        hand: Hand,
        worker: str,
        lanes: Lanes,
        long_poll_ms: int,
        use_priority: bool,
        take: Callable[[list[LockedTask], bool], None],
        give_back: Callable[[list[LockedTask]], Awaitable[None]],
        reconcile: Callable[[], Awaitable[None]],
    ) -> None:
        self._pool = pool
        self._url = url
        self._hand = hand
        self._take = take
        self._give_back = give_back
        self._reconcile = reconcile
        self._long_poll_ms = long_poll_ms
        self._lanes = lanes
        self._body = msgspec.json.encode({"workerId": worker, "usePriority": use_priority})[:-1]
        self._connection: Connection | None = None
        self._known = False
        self._appends = False
        self._unsure = False
        """Tasks may be locked of which nobody knows."""
        self._failures = 0
        self._said = ""
        self._stopping = asyncio.Event()
        self._polling = False
        self._replaced = False
        """The poll that is under way asks for topics of before, and was told to end."""

    async def run(self) -> None:
        """Polls until it is told to stop; raises nothing that a later poll could mend."""
        try:
            while not self._stopping.is_set():
                await self._turn()
        finally:
            if self._connection is not None:
                self._connection.close()

    async def _turn(self) -> None:
        try:
            if self._unsure:
                await self._reconcile()
                self._unsure = False
            await self._room()
            await self._poll_lanes()
            self._recovered()
        except Overloaded as overloaded:
            await self._later(overloaded.message, overloaded.wait_ms)
        except WorkerError as error:
            if not self._replaced:
                await self._later(error.message, None)
        self._replaced = False

    async def _poll_lanes(self) -> None:
        lanes = self._lanes
        freed = self._hand.freed
        freed.clear()
        for lane in lanes.narrow():
            most = min(lane.most, self._hand.room)
            if most and not self._stopping.is_set():
                await self._poll(lane.body, most, 0)
        wide, changes_s = lanes.wide(), lanes.changes_in_s()
        most = min(self._hand.room, FETCH_MAX)
        if wide is not None and most and not self._stopping.is_set():
            wait_ms = self._long_poll_ms if changes_s is None else min(self._long_poll_ms, round(changes_s * 1000))
            await self._poll(wide, most, wait_ms)
        elif changes_s is not None and not self._stopping.is_set():
            await self._wait(freed, changes_s)

    def _recovered(self) -> None:
        if self._failures and not self._stopping.is_set():
            logger.info("polling %s again", self._url)
        self._failures = 0
        self._said = ""

    async def _later(self, why: str, wait_ms: int | None) -> None:
        self._failures += 1
        if why != self._said and not self._stopping.is_set():
            logger.warning("cannot fetch tasks, trying again: %s", why)
        self._said = why
        await self._wait(self._stopping, (wait_ms or _BACKOFF.wait_ms(self._failures)) / 1000)

    @staticmethod
    async def _wait(event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass

    # ------------------------------------------------------------------------------------------ room

    async def _room(self) -> None:
        """Until it is worth asking for tasks."""
        hand = self._hand
        while not hand.room and not self._stopping.is_set():
            hand.freed.clear()
            await hand.freed.wait()
        if hand.handler_s < GATHER_S:
            until_s = asyncio.get_running_loop().time() + GATHER_S
            while hand.room * 2 < hand.limit and not self._stopping.is_set():
                left_s = until_s - asyncio.get_running_loop().time()
                if left_s <= 0:
                    break
                hand.freed.clear()
                await self._wait(hand.freed, left_s)

    # ------------------------------------------------------------------------------------------ polling

    async def _poll(self, topics: bytes, most: int, long_poll_ms: int) -> None:
        if self._connection is None or not self._connection.usable:
            self._connection = await self._pool.connect()
            self._known = False
        # The first answer on a connection comes at once: it tells what kind of server this is.
        wait_ms = long_poll_ms if self._known else 0
        body = b'%b,"topics":%b,"maxTasks":%d,"asyncResponseTimeout":%d}' % (self._body, topics, most, wait_ms)
        ask = Ask("POST", "/external-task/fetchAndLock", body, timeout_s=wait_ms / 1000 + ANSWER_S)
        self._polling = True
        try:
            answer = await self._connection.exchange(ask)
        except BaseException:
            self._unsure = True
            self._connection.close()
            raise
        finally:
            self._polling = False
        if self._replaced:
            # Nothing can be sent on it after the goodbye.
            self._connection.close()
        await self._answered(answer)

    async def _answered(self, answer: Answer) -> None:
        if answer.status in OVERLOADED:
            raise Overloaded(f"the server has too much to do ({answer.status})", retry_after_ms(answer))
        if not answer.ok:
            self._unsure = answer.status >= 500
            raise RestError.of("fetchAndLock", answer.status, answer.body)
        self._known = True
        self._appends = answer.headers.get(APPENDS[0]) == APPENDS[1]
        try:
            tasks = _tasks.decode(answer.body)
        except msgspec.DecodeError as error:
            self._unsure = True
            raise WorkerError(f"the answer to fetchAndLock cannot be read: {error}") from error
        if self._stopping.is_set():
            await self._give_back(tasks)
        elif tasks:
            self._take(tasks, self._appends)

    def replace(self, lanes: Lanes) -> None:
        """Asks for these topics from now on: the poll that is under way ends, where the server lets it."""
        self._lanes = lanes
        self._hand.freed.set()
        if self._connection is not None and self._polling and self._appends:
            self._replaced = True
            self._connection.say_goodbye()

    # ------------------------------------------------------------------------------------------ the end

    def stop(self) -> None:
        """Begins no other poll. The one under way ends: at once where the server notices that nobody waits any more and
        gives back what it has locked, else by itself. Its answer, if one comes, is given back."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._hand.freed.set()
        connection = self._connection
        # A server that does not notice would lock tasks for a poll that has no reader: there it is read to its end.
        if connection is not None and self._appends:
            connection.say_goodbye()
