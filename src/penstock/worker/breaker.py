"""A circuit breaker: leaves alone what is out of order, and comes back to it gradually.

| state | tasks that may be under way | leaves it |
|---|---|---|
| closed | as many as there is room for | `failures` in a row: opens |
| open | none | after a pause: probes |
| probing | 1 | it succeeds: releases; it fails: opens for a longer pause |
| releasing | 2, 4, 8, … | as many successes as are allowed: the double; more than `wide`: closes; a failure: opens |

Answers to what was begun before it opened or closed say nothing of the present and are not counted. As a topic's
`gate` a breaker keeps the worker from fetching what could only be given back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from threading import RLock

import msgspec

from penstock.base.clock import SystemClock
from penstock.worker.backoff import Backoff
from penstock.worker.errors import Parked

PAUSE = Backoff(first_ms=5_000, most_ms=120_000, jitter=0.2)


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When to open: after so many `failures` in a row, and for how long: `pause`. `wide`: where gradual ends."""

    failures: int = 5
    pause: Backoff = PAUSE
    wide: int = 32

    def __post_init__(self) -> None:
        if self.failures < 1 or self.wide < 1:
            raise ValueError("failures and wide of a breaker must be at least 1")


class State(StrEnum):
    """See the module."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"
    RELEASING = "releasing"


class Permit:
    """One call that may be made: `breaker.succeeded(permit)`, `failed` or `dropped` says what became of it."""

    __slots__ = ("era", "tries")

    def __init__(self, era: int, *, tries: bool) -> None:
        self.era = era
        self.tries = tries
        """Whether it is one of those with which a breaker that was open comes back."""


DEFAULT_POLICY = BreakerPolicy()
_monotonic_s = SystemClock().monotonic_s


class Breaker:
    """See the module. Any thread may use it. `now_s`: a clock that only goes forward. `changed`: is told each new state."""

    def __init__(
        self,
        policy: BreakerPolicy = DEFAULT_POLICY,
        *,
        now_s: Callable[[], float] = _monotonic_s,
        changed: Callable[[State], None] | None = None,
    ) -> None:
        self._policy = policy
        self._now_s = now_s
        self._changed = changed
        self._state = State.CLOSED
        self._era = 0
        """Rises when what is under way does not count any more."""
        self._in_a_row = 0
        """Failures while closed; pauses since it was closed while it is not."""
        self._opens_at_s = 0.0
        self._width = 0
        self._under_way = 0
        self._successes = 0
        self._lock = RLock()

    @property
    def state(self) -> State:
        """The state now."""
        with self._lock:
            return self._now()

    def _now(self) -> State:
        if self._state is State.OPEN and self._now_s() >= self._opens_at_s:
            self._enter(State.PROBING, 1)
        return self._state

    # -- as a gate

    def limit(self) -> int | None:
        """How many calls may be under way; None: any number."""
        with self._lock:
            return None if self._now() is State.CLOSED else self._width

    def opens_in_s(self) -> float:
        """Seconds until it probes; 0 when it is not open."""
        return max(self._opens_at_s - self._now_s(), 0.0) if self.state is State.OPEN else 0.0

    # -- for each call

    def begin(self) -> Permit | None:
        """Before a call; None: not now."""
        with self._lock:
            limit = self.limit()
            if limit is not None and self._under_way >= limit:
                return None
            self._under_way += 1
            return Permit(self._era, tries=limit is not None)

    def succeeded(self, permit: Permit) -> None:
        """There was an answer: what is behind the breaker works."""
        with self._lock:
            self._succeeded(permit)

    def _succeeded(self, permit: Permit) -> None:
        if not self._ended(permit):
            return
        if self._state is State.CLOSED:
            self._in_a_row = 0
            return
        self._successes += 1
        if self._successes < self._width:
            return
        if self._width * 2 > self._policy.wide:
            self._in_a_row = 0
            self._enter(State.CLOSED, 0)
        else:
            self._width, self._successes = self._width * 2, 0
            self._be(State.RELEASING)

    def failed(self, permit: Permit, *, wait_ms: int = 0) -> bool:
        """What is behind the breaker does not work. `wait_ms`: how long it wants to be left alone.

        Whether that is an outage, of which the task knows nothing; else the failure is the task's own: while the breaker is
        closed, and when it fails where others have just succeeded."""
        with self._lock:
            return self._failed(permit, wait_ms)

    def _failed(self, permit: Permit, wait_ms: int) -> bool:
        if not self._ended(permit):
            return self._now() is not State.CLOSED
        outage = self._state is not State.RELEASING
        self._in_a_row += 1
        pauses = self._in_a_row
        if self._state is State.CLOSED:
            if self._in_a_row < self._policy.failures:
                return False
            pauses = self._in_a_row = 1
        self._opens_at_s = self._now_s() + max(self._policy.pause.wait_ms(pauses), wait_ms) / 1000
        self._enter(State.OPEN, 0)
        return outage

    def parked(self, permit: Permit, why: str) -> Parked:
        """For a task that is not to blame. One that was tried while the breaker was not closed rests for longer than the
        pause: another one is tried next."""
        rest_ms = round(self.opens_in_s() * 2_000) if permit.tries else 0
        return Parked(why, rest_ms=rest_ms)

    def dropped(self, permit: Permit) -> None:
        """Nobody knows: the call was cancelled."""
        with self._lock:
            self._ended(permit)

    @contextmanager
    def guard(self, *outages: type[BaseException]) -> Iterator[None]:
        """Around a call: `outages` are the exceptions that say that what is called does not work. They, and calls that are
        not allowed now, park the task where `failed` says so. Another exception is an answer, too."""
        permit = self.begin()
        if permit is None:
            raise Parked(f"the breaker is {self.state}")
        try:
            yield
        except outages as error:
            if not self.failed(permit):
                raise
            raise self.parked(permit, f"the breaker is {self.state}: {error}") from error
        except Exception:
            self.succeeded(permit)
            raise
        except BaseException:
            self.dropped(permit)
            raise
        self.succeeded(permit)

    def _ended(self, permit: Permit) -> bool:
        """Whether it tells of the present."""
        if permit.era != self._era:
            return False
        self._under_way -= 1
        return True

    def _enter(self, state: State, width: int) -> None:
        self._width, self._under_way, self._successes = width, 0, 0
        self._era += 1
        self._be(state)

    def _be(self, state: State) -> None:
        if self._state is not state:
            self._state = state
            if self._changed is not None:
                self._changed(state)
