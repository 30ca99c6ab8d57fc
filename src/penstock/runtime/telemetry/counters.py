"""What a node counts while it works: plain numbers, added to on the way and read when somebody asks.

Nothing here knows of Prometheus: looking up a labelled child costs more than the whole of what is counted per unit.
All of it belongs to one event loop.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from penstock.base.errors import Failure, Overloaded, PenstockError, Refused

COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds: a commit takes as long as the disk, which is 1 to 10 ms where all is well."""

BATCH_UNITS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)

REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Up to the time that long polls usually wait."""

COMMITTED, REFUSED, FAILED, OVERLOADED, BROKEN = "committed", "refused", "failed", "overloaded", "error"
"""How a unit ends: durable; not what the caller may ask for; not what the process can do; not now; the store."""


class Histogram:
    """Counts values by the first of `bounds` that is not less; the last count is for all beyond."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        """Sum of the values."""

    def observe(self, value: float) -> None:
        """Adds a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Counters:
    """Since the node was made.

    `committed`: units by class of the command. `dropped`: likewise with how they ended. `started`, `ended`: process
    instances by definition id. `requests`: seconds of HTTP requests by (method, template of the path, status).
    """

    __slots__ = (
        "batch_units",
        "commit_seconds",
        "committed",
        "dropped",
        "ended",
        "jobs_executed",
        "jobs_failed",
        "requests",
        "started",
    )

    def __init__(self) -> None:
        self.committed: defaultdict[type, int] = defaultdict(int)
        self.dropped: defaultdict[tuple[type, str], int] = defaultdict(int)
        self.started: defaultdict[str | None, int] = defaultdict(int)
        self.ended: defaultdict[str | None, int] = defaultdict(int)
        self.batch_units = Histogram(BATCH_UNITS)
        self.commit_seconds = Histogram(COMMIT_SECONDS)
        self.jobs_executed = 0
        self.jobs_failed = 0
        self.requests: dict[tuple[str, str, int], Histogram] = {}

    def drop(self, command: object, error: PenstockError) -> None:
        """A unit of this command was dropped for good."""
        self.dropped[type(command), outcome_of(error)] += 1

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """An HTTP request was answered. `route`: the template of its path."""
        key = (method, route, status)
        found = self.requests.get(key)
        if found is None:
            found = self.requests[key] = Histogram(REQUEST_SECONDS)
        found.observe(seconds)


def outcome_of(error: PenstockError) -> str:
    """How a unit ended that raised `error`."""
    for kind, outcome in ((Refused, REFUSED), (Failure, FAILED), (Overloaded, OVERLOADED)):
        if isinstance(error, kind):
            return outcome
    return BROKEN
