"""Tasks of bound topics that need something done: a first request, another one after a failure, an end to waiting.

First requests of tasks that were there before their topic was bound, or whose instance was suspended when they came; the
next request when the pause after a failure is over; the failure of those whose answer did not come in time. One node does
it at a time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from math import inf

from penstock.base.errors import (
    EntitySuspended,
    Failure,
    NotFound,
    NullValue,
    Overloaded,
    PenstockError,
    Refused,
    StoreFailed,
)
from penstock.base.ids import shard_of
from penstock.bridge.config import Topic
from penstock.bridge.policy import after_failure
from penstock.bridge.requests import ATTEMPT_KEPT_MS, WORKER, Requests, attempt_key
from penstock.bridge.rows import OUTBOX
from penstock.engine.commands import CompleteExternalTask, FailExternalTask
from penstock.engine.state import Instance
from penstock.runtime.committer import AlreadyTaken
from penstock.runtime.node import Node
from penstock.runtime.ready import EXTERNAL_TASK
from penstock.store.protocol import AnyChange, Batch, Change, LockCheck, Row, RowChange
from penstock.store.query import AnyOf, Op, Order, Query, Where, eq, is_null, one_of

SWEEP_S = 1.0
PAGE_ROWS, PAGES_MAX = 500, 20
LEASE, LEASE_MS = "bus-attempts", 10_000
AT_ONCE = 50

logger = logging.getLogger(__name__)


class Attempts:
    """Looks after the tasks of bound topics."""

    def __init__(self, node: Node, requests: Requests) -> None:
        self._node = node
        self._requests = requests
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._due_ms: int | None = None
        self._leads_until_s = inf

    def start(self) -> None:
        self._node.watch(EXTERNAL_TASK, self._changed)
        self._task = asyncio.create_task(self._run(), name="penstock-bus-attempts")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _changed(self, change: RowChange) -> None:
        """A task has failed: it is due when its pause is over."""
        due_ms = change.values.get("lock_expires_ms")
        if change.change is Change.UPDATE and due_ms is not None and self._requests.topics:
            self._due_ms = due_ms if self._due_ms is None else min(self._due_ms, due_ms)
            self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._pause()
            if not self._requests.topics:
                continue
            try:
                for _ in range(PAGES_MAX):
                    if not await self._leads() or not await self.sweep():
                        break
            except PenstockError as error:
                logger.warning("tasks of bound topics have to wait: %s", error.message)
            except Exception:
                logger.exception("defect: tasks of bound topics have to wait")

    async def _pause(self) -> None:
        """Until the next sweep, or the end of a pause that is known."""
        until_s = self._node.clock.monotonic_s() + SWEEP_S
        while (left_s := until_s - self._node.clock.monotonic_s()) > 0:
            if self._due_ms is not None:
                left_s = min(left_s, (self._due_ms - self._node.clock.now_ms()) / 1000)
            if left_s <= 0:
                break
            self._wake.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
        self._due_ms = None

    async def _leads(self) -> bool:
        node = self._node
        if not node.shared:
            return True
        began_s = node.clock.monotonic_s()
        claimed = await node.store.claim_leases([LEASE], node.name, LEASE_MS, node.clock.now_ms())
        self._leads_until_s = began_s + LEASE_MS / 1000
        return bool(claimed)

    # ------------------------------------------------------------------------------------------ one sweep

    async def sweep(self) -> bool:
        """Does what is to be done now, a page of it; whether there may be more."""
        rows = await self._due()
        late = [row for row in rows if row["worker_id"] == WORKER and row["request_id"] is not None]
        unsent = await self._unsent(late)
        gone = {request for request, connection in unsent.items() if connection not in self._requests.connections}
        lost = {row["id"] for row in late if row["request_id"] in gone}
        free = [row for row in rows if row["worker_id"] != WORKER or row["request_id"] is None or row["id"] in lost]
        await self._wait_on([row for row in late if row["request_id"] in unsent and row["id"] not in lost])
        await asyncio.gather(*(self._gated(row, self._end) for row in late if row["request_id"] not in unsent))
        instances = await self._node.instances([row["instance_id"] for row in free])
        # At once, before anything else is awaited: the states are only good for so long.
        made = [
            (row, self._made(row, instances[row["instance_id"]], lost=row["id"] in lost))
            for row in free
            if row["instance_id"] in instances and row["topic"] in self._requests.topics
        ]
        await asyncio.gather(*(self._gated(row, work) for row, work in made))
        return len(rows) == PAGE_ROWS

    async def _gated(self, row: Row, work: Callable[[Row], Awaitable[None]]) -> None:
        """A task with which something is wrong does not keep others from their turn. Raises StoreFailed and Overloaded."""
        async with self._gate:
            if self._node.clock.monotonic_s() > self._leads_until_s:
                return  # this node was paused, and another one leads
            try:
                await work(row)
            except (StoreFailed, Overloaded):
                raise
            except PenstockError as error:
                logger.warning("the task %s of the topic %s has to wait: %s", row["id"], row["topic"], error.message)
            except Exception:
                logger.exception("defect: the task %s of the topic %s has to wait", row["id"], row["topic"])

    async def _due(self) -> list[Row]:
        now_ms = self._node.clock.now_ms()
        where = (
            one_of("topic", tuple(self._requests.topics)),
            eq("suspended", False),
            AnyOf((is_null("lock_expires_ms"), Where("lock_expires_ms", Op.LE, now_ms))),
            AnyOf((is_null("retries"), Where("retries", Op.GT, 0))),
        )
        order = (Order("created_ms"), Order("id"))
        return await self._node.store.rows(Query(EXTERNAL_TASK, where, order, limit=PAGE_ROWS))

    async def _unsent(self, rows: Sequence[Row]) -> dict[str, str]:
        """Requests that no broker has yet, each with the connection for which it lies there."""
        if not rows:
            return {}
        where = (
            one_of("shard", tuple({row["shard"] for row in rows})),
            one_of("id", tuple(row["request_id"] for row in rows)),
        )
        found = await self._node.store.rows(Query(OUTBOX, where, columns=("id", "connection")))
        return {row["id"]: row["connection"] for row in found}

    async def _wait_on(self, rows: Sequence[Row]) -> None:
        """Their time has not begun: the broker is out of reach."""
        now_ms = self._node.clock.now_ms()
        changes = [
            RowChange(
                EXTERNAL_TASK,
                Change.UPDATE,
                {
                    "shard": row["shard"],
                    "id": row["id"],
                    "lock_expires_ms": now_ms + self._requests.topics[row["topic"]].timeout_ms,
                },
            )
            for row in rows
            if row["topic"] in self._requests.topics
        ]
        if changes:
            await self._node.store.commit(Batch(stream="", log=None, at_ms=now_ms, rows=changes))

    async def _end(self, row: Row) -> None:
        """No answer came. A task whose event needs none is done: only its end was left over."""
        topic = self._requests.topics.get(row["topic"])
        if topic is None:
            return
        if topic.reply is None:
            await self.complete(row["instance_id"], row["id"])
        else:
            await self.fail(row, f"No answer to the request {row['request_id']} within {topic.timeout_ms} ms")

    def _made(self, row: Row, instance: Instance, *, lost: bool) -> Callable[[Row], Awaitable[None]]:
        """What is to be done for a task that nobody has. `lost`: its request lies for a connection that is gone."""
        try:
            lease, request = self._requests.request(row, instance, self._node.clock.now_ms())
        except Failure as failure:
            return partial(self._cannot, message=failure.message)
        except Exception as error:
            logger.exception("defect: the task %s of the topic %s cannot be sent", row["id"], row["topic"])
            return partial(self._cannot, message=f"{type(error).__name__}: {error}")
        key = {"shard": row["shard"], "id": row["id"]}
        changes: list[AnyChange] = [RowChange(EXTERNAL_TASK, Change.UPDATE, {**key, **lease}), request]
        if lost:
            changes.append(RowChange(OUTBOX, Change.DELETE, {"shard": row["shard"], "id": row["request_id"]}))
        return partial(self._request, changes=changes)

    async def _cannot(self, row: Row, *, message: str) -> None:
        now_ms = self._node.clock.now_ms()
        await self._node.store.lock(row["id"], WORKER, now_ms + LEASE_MS, now_ms)
        await self.fail(row, message)

    async def _request(self, row: Row, *, changes: Sequence[AnyChange]) -> None:
        """Once per attempt, whichever node does it."""
        before = row["request_id"]
        attempt = f"{row['id']}:{row['retries']}:{row['lock_expires_ms']}"
        await self._node.write_once(
            changes,
            key=f"bus:request:{attempt}" if before is None else attempt_key(before),
            expires_ms=self._node.clock.now_ms() + ATTEMPT_KEPT_MS,
            locks=[LockCheck(row["id"])],
        )

    # ------------------------------------------------------------------------------------------ reports

    async def complete(self, instance: str, task: str) -> None:
        """The task's event is with the broker: it is done, or has failed when what follows it fails. What cannot be done
        now a sweep finds when the lock has expired."""
        command = CompleteExternalTask(instance=instance, external_task=task, worker=WORKER)
        try:
            await self._node.execute(command)
        except (NotFound, NullValue, EntitySuspended) as passed:
            logger.debug("the task %s is gone, or ends when its instance goes on: %s", task, passed.message)
        except (Refused, Failure) as error:
            await self.fail_refused(task, error.message)
        except PenstockError as error:
            logger.info("the task %s ends later: %s", task, error.message)

    async def fail_refused(self, task: str, message: str, *, request: str | None = None) -> None:
        """As `fail`, of a task that may be gone, or wait for another request than `request`."""
        where = [eq("shard", shard_of(task)), eq("id", task)]
        if request is not None:
            where.append(eq("request_id", request))
        for row in await self._node.store.rows(Query(EXTERNAL_TASK, where)):
            await self.fail(row, message)

    async def fail(self, row: Row, message: str) -> None:
        """One attempt of the task has failed; what comes then says its topic. That is so once per request: the node that
        led before may believe that it still does, and the answer may come at the same moment."""
        topic: Topic | None = self._requests.topics.get(row["topic"])
        if topic is None:
            return
        left, delay_ms = after_failure(topic, row["retries"])
        command = FailExternalTask(
            instance=row["instance_id"],
            external_task=row["id"],
            worker=WORKER,
            error_message=message,
            retries=left,
            retry_timeout_ms=delay_ms,
        )
        request = row["request_id"]
        key = None if request is None else attempt_key(request)
        try:
            await self._node.take_in(command, key=key, expires_ms=self._node.clock.now_ms() + ATTEMPT_KEPT_MS)
        except AlreadyTaken:
            logger.debug("the attempt of the task %s has failed before", row["id"])
        except Refused as refused:
            logger.debug("the task %s has gone on: %s", row["id"], refused.message)
