"""The tasks that a worker has in hand: locked by it, and neither reported nor given back."""

import asyncio
from collections.abc import Iterator
from enum import Enum, auto

from penstock.worker.reports import Report
from penstock.worker.task import ExternalTask
from penstock.worker.topic import Topic


class Stage(Enum):
    """How far a task has come."""

    QUEUED = auto()
    RUNNING = auto()
    REPORTING = auto()
    DONE = auto()


class Held:
    """One task in hand. `taken_s`, `extend_at_s`, `locked_until_s`: on the event loop's clock. `lock_ms`: how long a lock
    holds."""

    __slots__ = ("extend_at_s", "lock_ms", "locked_until_s", "report", "stage", "taken_s", "task", "topic", "work")

    def __init__(self, task: ExternalTask, topic: Topic, now_s: float) -> None:
        self.task = task
        self.topic = topic
        self.stage = Stage.QUEUED
        self.work: asyncio.Task[None] | None = None
        self.lock_ms = task.lock_duration_ms
        self.report: Report | None = None
        """What is being told of it."""
        self.taken_s = now_s
        self.extend_at_s = now_s
        self.locked_until_s = now_s


class Hand:
    """All of them by id, with how many may be there. `freed` is set whenever one has gone."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.freed = asyncio.Event()
        self._held: dict[str, Held] = {}
        self.handler_s = 0.0
        """How long handlers take: an average that follows the last ones."""
        self.round_trip_s = 0.0
        """How long the server takes to answer a report, the same way."""

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(list(self._held.values()))

    def __contains__(self, id: str) -> bool:
        return id in self._held

    def of(self, id: str) -> Held | None:
        """The task, if it is in hand."""
        return self._held.get(id)

    def add(self, held: Held) -> None:
        self._held[held.task.id] = held

    def remove(self, held: Held) -> None:
        held.stage = Stage.DONE
        if self._held.get(held.task.id) is held:
            del self._held[held.task.id]
        self.freed.set()

    @property
    def limit(self) -> int:
        """How many tasks may be in hand: those that run, and as many again as are done while the next ones are fetched,
        at most twice as many. Nothing is locked that would wait for longer than that."""
        if not self.handler_s:
            return self.concurrency
        soon = round(self.concurrency * self.round_trip_s / self.handler_s)
        return self.concurrency + min(soon, self.concurrency)

    @property
    def room(self) -> int:
        """How many more tasks may be locked."""
        return max(self.limit - len(self._held), 0)

    def note_handled(self, seconds: float) -> None:
        """A handler took so long."""
        self.handler_s = _average(self.handler_s, max(seconds, 1e-6))

    def note_reported(self, seconds: float) -> None:
        """A report took so long."""
        self.round_trip_s = _average(self.round_trip_s, seconds)


def _average(before: float, now: float) -> float:
    return now if before == 0.0 else before + (now - before) / 8
