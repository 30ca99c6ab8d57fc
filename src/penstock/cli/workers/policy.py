"""How many processes a worker should have: grows quickly, shrinks slowly, does not flap.

| it sees | and then |
|---|---|
| tasks wait, the processes are busy, and the queue would take longer than wanted | up to twice as many at once |
| fewer would have been enough all the time for a while | one less, and looks on for a while again |
| it has to grow soon after it has shrunk | shrinks more slowly from then on |

Processes that are not busy while tasks wait are held up by something that more of them would not mend (a breaker is open, an
endpoint bounds its calls): that is no reason to grow.
"""

import math
from collections import deque

import msgspec

BUSY = 0.8
"""Share of what a process can do at a time with which it has enough to do."""
IDLE = 0.5
"""Below this share processes are held up by something else."""
PATIENCE_FACTOR_MAX = 8
FORGET_FACTOR = 20
"""After so many times as long it shrinks as quickly as at first."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """`least` … `most` processes. `drain_s`: how long the queue may take. `settle_s`: how long fewer must be enough."""

    least: int
    most: int
    drain_s: float = 10.0
    settle_s: float = 60.0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"--min {self.least} and --max {self.most}: it must be 1 <= min <= max")
        if self.drain_s <= 0 or self.settle_s < 0:
            raise ValueError("--drain must be more than 0, and --settle at least 0")


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """The topics' load, added up. `waiting`: tasks that a worker could have now; `locked`: that workers have;
    `drain_s`: until none waits, as things go now."""

    waiting: int
    locked: int
    drain_s: float


class Policy:
    """See the module. `capacity`: tasks that one process does at a time."""

    def __init__(self, bounds: Bounds, capacity: int) -> None:
        self._bounds = bounds
        self._capacity = capacity
        self._wanted: deque[tuple[float, int]] = deque()
        """(moment, how many would have been enough) while nothing was changed."""
        self._since_s: float | None = None
        self._shrunk_s: float | None = None
        """When it has shrunk and has not grown since."""
        self._patience = 1
        self._flapped_s = 0.0

    def decide(self, now_s: float, processes: int, demand: Demand) -> int:
        """How many there should be. `now_s`: a clock that only goes forward. `processes`: how many there are."""
        least, most = self._bounds.least, self._bounds.most
        enough = self._enough(processes, demand)
        if enough > processes or processes < least:
            self._grew(now_s)
            return min(max(enough, least), most)
        if self._since_s is None:
            self._since_s = now_s
        settle_s = self._settle_s(now_s)
        self._wanted.append((now_s, enough))
        while self._wanted[0][0] < now_s - settle_s:
            self._wanted.popleft()
        if processes > most:
            return most
        calm = now_s - self._since_s >= settle_s
        if not calm or processes <= least or max(wanted for _, wanted in self._wanted) >= processes:
            return processes
        self._start_again()
        self._shrunk_s = now_s
        return processes - 1

    def _enough(self, processes: int, demand: Demand) -> int:
        """How many would do, as far as this look at them tells."""
        busy = math.ceil(demand.locked / (self._capacity * BUSY))
        if not demand.waiting or demand.drain_s <= self._bounds.drain_s:
            return min(busy, processes)
        if demand.locked < IDLE * self._capacity * processes:
            return processes
        times = min(demand.drain_s / self._bounds.drain_s, 2.0)
        return max(math.ceil(processes * times), processes + 1)

    def _grew(self, now_s: float) -> None:
        if self._shrunk_s is not None and now_s - self._shrunk_s < 2 * self._settle_s(now_s):
            self._patience = min(self._patience * 2, PATIENCE_FACTOR_MAX)
            self._flapped_s = now_s
        self._shrunk_s = None
        self._start_again()

    def _settle_s(self, now_s: float) -> float:
        """How long fewer must be enough now: longer for a while after that has turned out to be too short."""
        settle_s = self._bounds.settle_s * self._patience
        if self._patience > 1 and now_s - self._flapped_s > FORGET_FACTOR * settle_s:
            self._patience = 1
            return self._bounds.settle_s
        return settle_s

    def _start_again(self) -> None:
        self._since_s = None
        self._wanted.clear()
