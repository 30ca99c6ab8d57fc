"""fetchAndLock with long polling: a waiting worker costs no thread, no task and no query.

Workers that ask for the same thing (topics and filters alike) wait in one queue, first come first served. A topic is
woken when this node commits a task of it, when another node says so, when a lock or a retry time ends, and by a poll that
runs only while somebody waits. A queue that gets nothing is asleep again at once, however many wait in it.
Two requests of the same worker id are two waiters (Camunda 7: "unique worker request" is off by default).
"""

import asyncio
import heapq
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

import msgspec

from penstock.base.clock import Clock
from penstock.base.errors import PenstockError
from penstock.store.protocol import Fetch, Row, Store
from penstock.store.query import AnyOf, Group, Op, Term, Where, eq, is_null, one_of

logger = logging.getLogger(__name__)

POLL_S = 0.5
TOPICS_IN_QUERY_MAX = 200
EXPIRIES_MAX = 10_000
"""Most ends of locks that are remembered; the poll finds the others."""

_BUCKET_MS = 20


class Waiter:
    """One request that waits."""

    __slots__ = ("answer", "fetch", "number")

    def __init__(self, fetch: Fetch, number: int, answer: "asyncio.Future[list[Row]]") -> None:
        self.fetch = fetch
        self.number = number
        self.answer = answer


class Queue:
    """Waiters that ask for the same thing, in order of arrival."""

    __slots__ = ("key", "topics", "waiters")

    def __init__(self, key: bytes, topics: tuple[str, ...]) -> None:
        self.key = key
        self.topics = topics
        self.waiters: OrderedDict[int, Waiter] = OrderedDict()


class Fetching:
    """The waiting workers of one node."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._queues: dict[bytes, Queue] = {}
        self._by_topic: dict[str, dict[bytes, Queue]] = {}
        self._expiries: list[tuple[int, str]] = []
        self._expiring: set[tuple[int, str]] = set()
        self._numbers = 0
        self._wakes = 0
        self._awake: dict[bytes, Queue] = {}
        self._signal = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unlocking: set[asyncio.Task[None]] = set()
        self._draining = False
        self.waiting = 0

    # ------------------------------------------------------------------------------------------ from outside

    def start(self) -> None:
        """Begins to serve."""
        self._draining = False
        self._tasks = [
            asyncio.create_task(self._serve(), name="penstock-fetching"),
            asyncio.create_task(self._poll(), name="penstock-fetching-poll"),
        ]

    async def close(self) -> None:
        """Answers everybody with nothing and stops."""
        self._draining = True
        for queue in list(self._queues.values()):
            for waiter in list(queue.waiters.values()):
                if not waiter.answer.done():
                    waiter.answer.set_result([])
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._unlocking, return_exceptions=True)
        self._tasks = []

    async def fetch(self, fetch: Fetch, wait_ms: int | None) -> list[Row]:
        """Locks tasks for the worker; waits up to `wait_ms` for the first."""
        if fetch.max_tasks <= 0 or not fetch.topics:
            return []
        key = _key_of(fetch)
        behind = self._queues.get(key)
        # Who comes now does not overtake those who have been waiting for the same.
        if not wait_ms or behind is None or key not in self._awake:
            wakes = self._wakes
            rows = await self._fetch_now(fetch)
            self._note_expiries(rows)
            if rows or not wait_ms or self._draining:
                return rows
        else:
            wakes = self._wakes
        return await self._wait(key, fetch, wait_ms, wakes)

    async def _fetch_now(self, fetch: Fetch) -> list[Row]:
        """A look into the store, which goes on when its worker goes away: what it locks is given back then."""
        looking = asyncio.ensure_future(self._store.fetch_and_lock(fetch, self._clock.now_ms()))
        try:
            return await asyncio.shield(looking)
        except asyncio.CancelledError:
            self._begin(self._give_back_when(looking))
            raise

    async def _give_back_when(self, looking: "asyncio.Future[list[Row]]") -> None:
        try:
            await self._unlock(await looking)
        except PenstockError as error:
            logger.warning("a worker went away while the store was asked for its tasks: %s", error.message)

    async def _wait(self, key: bytes, fetch: Fetch, wait_ms: int, wakes: int) -> list[Row]:
        waiter = self._enter(key, fetch)
        if wakes != self._wakes:
            # A task may have been committed between the look into the store and now.
            self._wake_queue(self._queues[key])
        try:
            async with asyncio.timeout(wait_ms / 1000):
                return await waiter.answer
        except TimeoutError:
            return waiter.answer.result() if waiter.answer.done() and not waiter.answer.cancelled() else []
        except asyncio.CancelledError:
            if waiter.answer.done() and not waiter.answer.cancelled():
                self.give_back(waiter.answer.result())
            raise
        finally:
            self._leave(key, waiter)

    def wake(self, topics: Iterable[str]) -> None:
        """There may be tasks of these topics."""
        self._wakes += 1
        for topic in topics:
            queues = self._by_topic.get(topic)
            if queues is not None:
                for queue in queues.values():
                    self._wake_queue(queue)

    def available_at(self, topic: str, at_ms: int) -> None:
        """A task of `topic` becomes free at that moment (a retry time or a lock ends)."""
        entry = (-(-at_ms // _BUCKET_MS) * _BUCKET_MS, topic)
        if entry in self._expiring or len(self._expiring) >= EXPIRIES_MAX:
            return
        self._expiring.add(entry)
        heapq.heappush(self._expiries, entry)

    # ------------------------------------------------------------------------------------------ queues

    def _enter(self, key: bytes, fetch: Fetch) -> Waiter:
        queue = self._queues.get(key)
        if queue is None:
            topics = tuple(dict.fromkeys(topic.topic for topic in fetch.topics))
            queue = self._queues[key] = Queue(key, topics)
            for topic in topics:
                self._by_topic.setdefault(topic, {})[key] = queue
        self._numbers += 1
        waiter = Waiter(fetch, self._numbers, asyncio.get_running_loop().create_future())
        queue.waiters[waiter.number] = waiter
        self.waiting += 1
        return waiter

    def _leave(self, key: bytes, waiter: Waiter) -> None:
        queue = self._queues[key]
        del queue.waiters[waiter.number]
        self.waiting -= 1
        if not queue.waiters:
            del self._queues[key]
            self._awake.pop(key, None)
            for topic in queue.topics:
                of_topic = self._by_topic[topic]
                del of_topic[key]
                if not of_topic:
                    del self._by_topic[topic]

    def _wake_queue(self, queue: Queue) -> None:
        self._awake[queue.key] = queue
        self._signal.set()

    def give_back(self, rows: Sequence[Row]) -> None:
        """Unlocks tasks whose worker has gone away before its answer."""
        if rows:
            self._begin(self._unlock(rows))

    def _begin(self, unlocking: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(unlocking)
        self._unlocking.add(task)
        task.add_done_callback(self._unlocking.discard)

    async def _unlock(self, rows: Sequence[Row]) -> None:
        try:
            for row in rows:
                await self._store.unlock(row["id"])
            self.wake({row["topic"] for row in rows})
        except PenstockError as error:
            logger.warning("locks of a worker that went away stay until they expire: %s", error.message)

    # ------------------------------------------------------------------------------------------ serving

    async def _serve(self) -> None:
        while True:
            await self._signal.wait()
            self._signal.clear()
            try:
                await self._serve_awake()
            except PenstockError as error:
                logger.warning("waiting workers cannot be served: %s", error.message)
                await asyncio.sleep(POLL_S)

    async def _serve_awake(self) -> None:
        while self._awake:
            # The one who has waited longest among all that may get something.
            queue = min(self._awake.values(), key=lambda q: next(iter(q.waiters)))
            del self._awake[queue.key]
            waiter = next((w for w in queue.waiters.values() if not w.answer.done()), None)
            if waiter is None:
                continue
            rows = await self._store.fetch_and_lock(waiter.fetch, self._clock.now_ms())
            if not rows:
                continue
            self._note_expiries(rows)
            if waiter.answer.done():
                # It gave up, or ran out of time, while the store was asked.
                self.give_back(rows)
            else:
                waiter.answer.set_result(rows)
            if queue.waiters:
                self._awake[queue.key] = queue

    def _note_expiries(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row["lock_expires_ms"] is not None:
                self.available_at(row["topic"], row["lock_expires_ms"])

    # ------------------------------------------------------------------------------------------ the poll

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s())
            now_ms = self._clock.now_ms()
            while self._expiries and self._expiries[0][0] <= now_ms:
                entry = heapq.heappop(self._expiries)
                self._expiring.discard(entry)
                self.wake((entry[1],))
            if not self.waiting:
                continue
            try:
                self.wake(await self._topics_with_work(now_ms))
            except PenstockError as error:
                logger.warning("the poll for external tasks failed: %s", error.message)

    def _pause_s(self) -> float:
        """Until the poll, or the end of the next known lock if that is sooner and somebody waits."""
        if not self.waiting or not self._expiries:
            return POLL_S
        return min(POLL_S, max(0.005, (self._expiries[0][0] - self._clock.now_ms()) / 1000))

    async def _topics_with_work(self, now_ms: int) -> list[str]:
        where: list[Term] = [
            eq("suspended", False),
            AnyOf((is_null("lock_expires_ms"), Where("lock_expires_ms", Op.LE, now_ms))),
            AnyOf((is_null("retries"), Where("retries", Op.GT, 0))),
        ]
        if len(self._by_topic) <= TOPICS_IN_QUERY_MAX:
            where.append(one_of("topic", tuple(self._by_topic)))
        groups = await self._store.groups(Group("external_task", ("topic",), where))
        return [row["topic"] for row in groups]


def _key_of(fetch: Fetch) -> bytes:
    """The same for requests that any task fits alike, whoever asks and for how long."""
    topics = [msgspec.structs.replace(topic, lock_duration_ms=0) for topic in fetch.topics]
    return msgspec.msgpack.encode((topics, fetch.use_priority, fetch.created))
