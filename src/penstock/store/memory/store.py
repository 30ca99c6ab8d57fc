"""The contract of `store.protocol`, kept in dicts.

No method awaits between its first read and its last write, so each is atomic within its event loop. A batch is
prepared whole (names, types, keys) before anything changes: what can fail has failed by then.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from itertools import chain, islice, takewhile
from typing import Any, cast

import msgspec

from penstock.base.clock import Clock
from penstock.base.errors import StoreFailed
from penstock.store.memory.evaluate import Evaluator
from penstock.store.memory.rows import RankedRows, Rows
from penstock.store.protocol import (
    AnyChange,
    Batch,
    Change,
    DeleteWhere,
    Fetch,
    InboxEntry,
    InstanceWrite,
    LogEntry,
    Rejected,
    Row,
    RowChange,
    StoredInstance,
    TopicFetch,
    UpdateWhere,
)
from penstock.store.query import Group, Query
from penstock.store.sql import LOG_FORMAT, check_batch, stands_at
from penstock.store.tables import TABLES, Sort

CANDIDATES_PER_JOB = 8
"""How many due jobs are looked at for each one wanted, because exclusive jobs stand in each other's way."""

LOOK_EVERY_MS = 100
"""How often all due jobs are looked at when those are too few."""

Apply = Callable[[], None]
"""A prepared change. It cannot fail."""


class MemoryStore:
    """A store in plain Python; see `penstock.store.protocol.Store` for the contract.

    It is a store with a clock of its own: leases are measured on `clock`, whatever `now_ms` a caller gives.
    The log is kept whole, so memory grows with history.
    """

    name = "memory"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tables = {name: Rows(table) for name, table in TABLES.items()}
        self._external_tasks = RankedRows(TABLES["external_task"], _task_place)
        self._jobs = RankedRows(TABLES["job"], _job_place)
        self._tables |= {"external_task": self._external_tasks, "job": self._jobs}
        self._evaluator = Evaluator(self._tables)
        self._instances: dict[str, StoredInstance] = {}
        self._log: dict[str, list[LogEntry]] = {}
        self._inbox = _Inbox()
        self._epoch = 0
        self._positions: dict[str, dict[str, int]] = {}
        self._turns: dict[str, int] = {}
        self._turn = 0
        self._looked_ms = 0
        """When all due jobs were looked at last."""

    @property
    def alone(self) -> bool:
        return True

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to close; what was stored stays until the object goes."""

    async def claim_stream(self, stream: str) -> int:
        return len(self._log.setdefault(stream, []))

    # -- commit

    async def commit(self, batch: Batch) -> int | Rejected:
        check_batch(batch)
        rejected = self._rejection(batch)
        if rejected is not None:
            return rejected
        if batch.log is not None and batch.stream not in self._log:
            raise StoreFailed(f"nobody owns the stream {batch.stream}: claim it before committing to it")
        changes = [self._prepared(change) for change in batch.rows]
        for write in batch.instances:
            self._write_instance(write)
        position = 0
        if batch.log is not None:
            entries = self._log[batch.stream]
            for log in (*batch.parts, batch.log):
                position = len(entries) + 1
                entries.append(LogEntry(batch.stream, position, LOG_FORMAT, bytes(log), batch.at_ms))
        for apply in changes:
            apply()
        self._inbox.forget(batch.at_ms)
        for entry in batch.inbox:
            self._inbox.add(entry)
        if batch.bump_epoch:
            self._epoch += 1
        return position

    def _rejection(self, batch: Batch) -> Rejected | None:
        """Everything that speaks against the batch, or None."""
        instances = [write.id for write in batch.instances if self._revision(write.id) != write.revision_before]
        holders: dict[str, str | None] = {}
        missing = []
        for lock in batch.locks:
            task = self._external_tasks.one(lock.external_task)
            if task is None:
                missing.append(lock.external_task)
                holders[lock.external_task] = None
            elif lock.worker is not None and task["worker_id"] != lock.worker:
                holders[lock.external_task] = task["worker_id"]
        jobs = []
        for check in batch.jobs:
            job = self._jobs.one(check.job)
            if job is None or (check.owner is not None and job["lease_owner"] != check.owner):
                jobs.append(check.job)
        answers: dict[str, bytes] = {}
        for entry in batch.inbox:
            answer = self._inbox.answer(entry.key, batch.at_ms)
            if answer is not None:
                answers[entry.key] = answer
        epoch = self._epoch if batch.epoch not in (None, self._epoch) else None
        if not (instances or holders or jobs or answers or epoch is not None):
            return None
        return Rejected(instances, holders, missing, jobs, answers, epoch)

    def _revision(self, instance_id: str) -> int:
        instance = self._instances.get(instance_id)
        return 0 if instance is None else instance.revision

    def _write_instance(self, write: InstanceWrite) -> None:
        before = self._instances.pop(write.id, None)
        if write.head is None:
            return
        # Callers have copies: what is kept here can be changed in place.
        chunks: dict[int, bytes] = {} if before is None else cast(dict[int, bytes], before.chunks)
        for number, chunk in write.chunks.items():
            if chunk is None:
                chunks.pop(number, None)
            else:
                chunks[number] = bytes(chunk)
        self._instances[write.id] = StoredInstance(
            write.id, write.root, write.definition, write.revision, bytes(write.head), chunks
        )

    def _prepared(self, change: AnyChange) -> Apply:
        """The change with its names, types and keys checked. Raises KeyError or ValueError."""
        rows = self._evaluator.table(change.table)
        match change:
            case RowChange(_, Change.INSERT, values):
                return partial(rows.put, rows.whole(values))
            case RowChange(_, Change.UPDATE, values):
                return partial(rows.change, rows.key_of(values), rows.part(values))
            case RowChange(_, Change.DELETE, values):
                return partial(rows.remove, rows.key_of(values))
            case DeleteWhere(_, column, values):
                return partial(rows.remove_where, column, [rows.stored(column, value) for value in values])
            case UpdateWhere(_, column, values, changes):
                fixed = [name for name in rows.table.key if name in changes]
                if fixed:
                    raise ValueError(f"UpdateWhere cannot change the key of {change.table}: {', '.join(fixed)}")
                wanted = [rows.stored(column, value) for value in values]
                return partial(rows.change_where, column, wanted, rows.part(changes))
        raise ValueError(f"there is no change {change!r}")

    async def load(self, ids: Sequence[str]) -> dict[str, StoredInstance]:
        found = {}
        for instance_id in ids:
            instance = self._instances.get(instance_id)
            if instance is not None:
                found[instance_id] = msgspec.structs.replace(instance, chunks=dict(instance.chunks))
        return found

    async def epoch(self) -> int:
        return self._epoch

    async def read_inbox(self, key: str, now_ms: int) -> bytes | None:
        return self._inbox.answer(key, now_ms)

    # -- the log and its projections

    async def heads(self) -> dict[str, int]:
        return {stream: len(entries) for stream, entries in self._log.items()}

    async def read_log(self, after: Mapping[str, int], limit: int) -> list[LogEntry]:
        # Oldest first over all streams, so that a busy stream does not keep a quiet one waiting.
        upcoming: list[tuple[int, str, int]] = []
        for stream, entries in self._log.items():
            _push_next(upcoming, stream, entries, after.get(stream, 0))
        found: list[LogEntry] = []
        while upcoming and len(found) < limit:
            _, stream, at = heapq.heappop(upcoming)
            found.append(self._log[stream][at])
            _push_next(upcoming, stream, self._log[stream], at + 1)
        return found

    async def view_positions(self, projection: str) -> dict[str, int]:
        return dict(self._positions.get(projection, {}))

    async def project(
        self,
        projection: str,
        changes: Sequence[AnyChange],
        positions: Mapping[str, int],
        before: Mapping[str, int] | None = None,
    ) -> bool:
        for change in changes:
            if self._evaluator.table(change.table).table.sort is not Sort.VIEW:
                raise ValueError(f"a projection changes views only, and {change.table} is none")
        prepared = [self._prepared(change) for change in changes]
        if not stands_at(self._positions.get(projection, {}), before):
            return False
        for apply in prepared:
            apply()
        self._positions.setdefault(projection, {}).update(positions)
        return True

    async def reset_views(self, projection: str) -> None:
        for rows in self._tables.values():
            if rows.table.sort is Sort.VIEW:
                rows.clear()
        self._positions.pop(projection, None)

    # -- queries

    async def rows(self, query: Query) -> list[Row]:
        return self._evaluator.select(query)

    async def count(self, query: Query) -> int:
        return self._evaluator.count(query)

    async def groups(self, group: Group) -> list[Row]:
        return self._evaluator.groups(group)

    # -- external tasks

    async def fetch_and_lock(self, fetch: Fetch, now_ms: int) -> list[Row]:
        now_ms = self._clock.now_ms()
        queues = self._fetchable(fetch, now_ms)
        if fetch.use_priority or fetch.created is not None:
            offered: Iterator[tuple[Row, TopicFetch]] = iter(_ranked(fetch, queues))
        else:
            offered = self._taking_turns(queues)
        locked: list[Row] = []
        for task, topic in offered:
            if len(locked) >= fetch.max_tasks:
                break
            locked.append(self._set_lock(task, fetch.worker, now_ms + topic.lock_duration_ms))
            self._turn += 1
            self._turns[topic.topic] = self._turn
        return locked

    def _fetchable(self, fetch: Fetch, now_ms: int) -> list[list[tuple[Row, TopicFetch]]]:
        """Per topic of the fetch the tasks that it may lock, the first ones unless the fetch has an order of its own; a task
        that several want is the first one's."""
        in_order = not fetch.use_priority and fetch.created is None
        queues = []
        taken: set[str] = set()
        for topic in fetch.topics:
            queue: list[tuple[Row, TopicFetch]] = []
            wanted_instances = None if topic.instance_ids is None else frozenset(topic.instance_ids)
            for task in self._unlocked(topic.topic, now_ms):
                if in_order and len(queue) >= fetch.max_tasks:
                    break
                if task["id"] not in taken and _is_free(task, now_ms) and _is_wanted(task, topic, wanted_instances):
                    taken.add(task["id"])
                    queue.append((task, topic))
            queues.append(queue)
        return queues

    def _unlocked(self, topic: str, now_ms: int) -> Iterable[Row]:
        """The tasks of a topic that nobody holds, oldest first."""
        rows = self._external_tasks
        expired = takewhile(lambda task: task["lock_expires_ms"] <= now_ms, rows.ranked((topic, True)))
        return heapq.merge(sorted(expired, key=_age), rows.ranked((topic, False)), key=_age)

    def _taking_turns(self, queues: list[list[tuple[Row, TopicFetch]]]) -> Iterator[tuple[Row, TopicFetch]]:
        """Tasks in the order in which topics take turns; the topic that was served longest ago begins."""
        waiting = sorted((queue for queue in queues if queue), key=lambda queue: self._turns.get(queue[0][1].topic, 0))
        heaps = [[(_age(task), at) for at, (task, _) in enumerate(queue)] for queue in waiting]
        for heap in heaps:
            heapq.heapify(heap)
        while any(heaps):
            for queue, heap in zip(waiting, heaps, strict=True):
                if heap:
                    _, at = heapq.heappop(heap)
                    yield queue[at]

    def _set_lock(self, task: Row, worker: str | None, until_ms: int | None) -> Row:
        key = self._external_tasks.key_of(task)
        self._external_tasks.change(key, {"worker_id": worker, "lock_expires_ms": until_ms})
        return self._external_tasks.decoded(task)

    async def extend_lock(self, external_task: str, worker: str, until_ms: int) -> Row | None:
        task = self._external_tasks.one(external_task)
        if task is None:
            return None
        if task["worker_id"] == worker:
            return self._set_lock(task, worker, until_ms)
        return self._external_tasks.decoded(task)

    async def lock(self, external_task: str, worker: str, until_ms: int, now_ms: int) -> Row | None:
        task = self._external_tasks.one(external_task)
        if task is None:
            return None
        if task["worker_id"] in (None, worker) or _has_expired(task["lock_expires_ms"], self._clock.now_ms()):
            return self._set_lock(task, worker, until_ms)
        return self._external_tasks.decoded(task)

    async def unlock(self, external_task: str) -> Row | None:
        task = self._external_tasks.one(external_task)
        if task is None:
            return None
        before = self._external_tasks.decoded(task)
        self._set_lock(task, None, None)
        return before

    # -- jobs

    async def lease_jobs(self, owner: str, until_ms: int, limit: int, now_ms: int) -> list[Row]:
        now_ms = self._clock.now_ms()
        busy = self._busy_instances(now_ms)
        candidates = self._due(now_ms)
        if now_ms - self._looked_ms < LOOK_EVERY_MS:
            candidates = islice(candidates, limit * CANDIDATES_PER_JOB)
        seen = 0
        leased: list[Row] = []
        chosen: list[Row] = []
        for job in candidates:
            seen += 1
            if len(chosen) >= limit:
                break
            instance_id = job["instance_id"]
            if job["exclusive"] and instance_id is not None:
                if instance_id in busy:
                    continue
                busy.add(instance_id)
            chosen.append(job)
        if seen > limit * CANDIDATES_PER_JOB:
            self._looked_ms = now_ms
        for job in chosen:
            self._jobs.change(self._jobs.key_of(job), {"lease_owner": owner, "lease_expires_ms": until_ms})
            leased.append(self._jobs.decoded(job))
        return leased

    def _due(self, now_ms: int) -> Iterator[Row]:
        """Jobs that nobody works on and that may run now, most urgent first."""
        rows = self._jobs
        timed = takewhile(lambda job: job["due_ms"] <= now_ms, rows.ranked(_Queue.TIMED))
        given_back = (
            job
            for job in rows.ranked(_Queue.LEASED)
            if not _is_leased(job, now_ms) and (job["due_ms"] is None or job["due_ms"] <= now_ms)
        )
        others = sorted(chain(timed, given_back), key=_urgency)
        return (job for job in heapq.merge(rows.ranked(_Queue.AT_ONCE), others, key=_urgency) if _may_run(job))

    def _busy_instances(self, now_ms: int) -> set[str]:
        """The process instances of which an exclusive job is leased."""
        leased = self._jobs.ranked(_Queue.LEASED)
        return {job["instance_id"] for job in leased if job["exclusive"] and _is_leased(job, now_ms)}

    async def release_jobs(self, owner: str, jobs: Sequence[str]) -> None:
        for job_id in jobs:
            job = self._jobs.one(job_id)
            if job is not None and job["lease_owner"] == owner:
                self._jobs.change(self._jobs.key_of(job), {"lease_owner": None, "lease_expires_ms": None})

    async def next_due_ms(self, now_ms: int) -> int | None:
        now_ms = self._clock.now_ms()
        rows = self._jobs
        if next(filter(_may_run, rows.ranked(_Queue.AT_ONCE)), None) is not None:
            return now_ms
        timed = next(filter(_may_run, rows.ranked(_Queue.TIMED)), None)
        given_back = (job for job in rows.ranked(_Queue.LEASED) if _may_run(job) and not _is_leased(job, now_ms))
        dues = [now_ms if job["due_ms"] is None else job["due_ms"] for job in given_back]
        return min(dues + ([timed["due_ms"]] if timed is not None else []), default=None)

    async def claim_leases(self, names: Sequence[str], owner: str, duration_ms: int, now_ms: int) -> list[str]:
        now_ms = self._clock.now_ms()
        leases = self._tables["lease"]
        mine = []
        for name in names:
            row = leases.by_key.get((name,))
            if row is None or row["owner"] == owner or _has_expired(row["expires_ms"], now_ms):
                leases.put(leases.whole({"name": name, "owner": owner, "expires_ms": now_ms + duration_ms}))
                mine.append(name)
        return mine

    async def release_leases(self, names: Sequence[str], owner: str) -> None:
        leases = self._tables["lease"]
        for name in names:
            row = leases.by_key.get((name,))
            if row is not None and row["owner"] == owner:
                leases.remove(leases.key_of(row))

    async def notify(self, topics: Sequence[str]) -> None:
        """There is no other node."""

    async def wait_notification(self, timeout_s: float) -> Sequence[str]:
        await asyncio.sleep(timeout_s)
        return ()


class _Inbox:
    """Answers by key, forgotten when they expire."""

    def __init__(self) -> None:
        self._entries: dict[str, InboxEntry] = {}
        self._expiries: list[tuple[int, str]] = []

    def answer(self, key: str, now_ms: int) -> bytes | None:
        entry = self._entries.get(key)
        return entry.answer if entry is not None and entry.expires_ms > now_ms else None

    def add(self, entry: InboxEntry) -> None:
        self._entries[entry.key] = InboxEntry(entry.key, bytes(entry.answer), entry.expires_ms)
        heapq.heappush(self._expiries, (entry.expires_ms, entry.key))

    def forget(self, now_ms: int) -> None:
        """Drops what has expired."""
        while self._expiries and self._expiries[0][0] <= now_ms:
            _, key = heapq.heappop(self._expiries)
            entry = self._entries.get(key)
            # The key may have been taken in again since, with a later expiry of its own in the heap.
            if entry is not None and entry.expires_ms <= now_ms:
                del self._entries[key]


def _push_next(upcoming: list[tuple[int, str, int]], stream: str, entries: list[LogEntry], at: int) -> None:
    if at < len(entries):
        heapq.heappush(upcoming, (entries[at].at_ms, stream, at))


def _has_expired(expires_ms: int | None, now_ms: int) -> bool:
    return expires_ms is None or expires_ms <= now_ms


def _is_leased(job: Row, now_ms: int) -> bool:
    return job["lease_owner"] is not None and not _has_expired(job["lease_expires_ms"], now_ms)


def _urgency(job: Row) -> tuple[Any, ...]:
    """Sorts jobs: highest priority, then oldest due (without due date: since it was made)."""
    due_ms = (job["created_ms"] or 0) if job["due_ms"] is None else job["due_ms"]
    return (-(job["priority"] or 0), due_ms, job["shard"], job["id"])


def _is_free(task: Row, now_ms: int) -> bool:
    """Nobody holds the task and it may be worked on. Retries that were never set are not 0."""
    return task["retries"] != 0 and not task["suspended"] and _has_expired(task["lock_expires_ms"], now_ms)


def _is_wanted(task: Row, topic: TopicFetch, wanted_instances: frozenset[str] | None) -> bool:
    """Whether the task passes the filters of the topic; `wanted_instances` are its `instance_ids`."""
    return (
        (topic.business_key is None or task["business_key"] == topic.business_key)
        and (topic.definition_id is None or task["definition_id"] == topic.definition_id)
        and (not topic.definition_ids or task["definition_id"] in topic.definition_ids)
        and (topic.definition_key is None or task["definition_key"] == topic.definition_key)
        and (not topic.definition_keys or task["definition_key"] in topic.definition_keys)
        and (topic.version_tag is None or task["version_tag"] == topic.version_tag)
        and (not topic.without_tenant or task["tenant_id"] is None)
        and (not topic.tenant_ids or task["tenant_id"] in topic.tenant_ids)
        and (wanted_instances is None or task["instance_id"] in wanted_instances)
    )


class _Queue(Enum):
    """Where a job stands."""

    AT_ONCE = auto()
    TIMED = auto()
    LEASED = auto()


def _job_place(job: Row) -> tuple[_Queue, tuple[Any, ...]]:
    if job["lease_owner"] is not None or job["lease_expires_ms"] is not None:
        return _Queue.LEASED, ()
    if job["due_ms"] is not None:
        return _Queue.TIMED, (job["due_ms"],)
    return _Queue.AT_ONCE, _urgency(job)


def _may_run(job: Row) -> bool:
    return (job["retries"] or 0) > 0 and not job["suspended"]


def _task_place(task: Row) -> tuple[tuple[str | None, bool], tuple[Any, ...]]:
    """By topic those that nobody has locked, oldest first, and those with a lock by its end."""
    until_ms = task["lock_expires_ms"]
    return ((task["topic"], False), _age(task)) if until_ms is None else ((task["topic"], True), (until_ms,))


def _age(task: Row) -> tuple[int, int, str]:
    """Sorts tasks: oldest first."""
    return (task["created_ms"] or 0, task["shard"], task["id"])


def _ranked(fetch: Fetch, queues: list[list[tuple[Row, TopicFetch]]]) -> list[tuple[Row, TopicFetch]]:
    """The tasks of all topics, by creation and, above that, by priority, as the fetch asks."""
    offered = sorted((pair for queue in queues for pair in queue), key=lambda pair: _age(pair[0]))
    if fetch.created == "desc":
        offered.sort(key=lambda pair: pair[0]["created_ms"] or 0, reverse=True)
    if fetch.use_priority:
        offered.sort(key=lambda pair: pair[0]["priority"] or 0, reverse=True)
    return offered
