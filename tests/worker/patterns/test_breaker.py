"""The circuit breaker alone, on a clock that stands still until it is moved."""

from penstock.worker import Breaker, BreakerPolicy, Parked
from penstock.worker.backoff import Backoff
from penstock.worker.breaker import State


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def _broken(failures: int = 3) -> tuple[Breaker, Clock, list[State]]:
    clock, seen = Clock(), list[State]()
    policy = BreakerPolicy(failures=failures, pause=Backoff(first_ms=1_000, most_ms=4_000, jitter=0), wide=8)
    return Breaker(policy, now_s=clock, changed=seen.append), clock, seen


def _fail(breaker: Breaker) -> None:
    permit = breaker.begin()
    assert permit is not None
    breaker.failed(permit)


def _succeed(breaker: Breaker) -> None:
    permit = breaker.begin()
    assert permit is not None
    breaker.succeeded(permit)


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker, _, _ = _broken()
    for _ in range(10):
        _fail(breaker)
        _fail(breaker)
        _succeed(breaker)
    assert breaker.state is State.CLOSED and breaker.limit() is None
    for _ in range(3):
        _fail(breaker)
    assert breaker.state is State.OPEN
    assert breaker.limit() == 0 and breaker.begin() is None and breaker.opens_in_s() == 1.0


def test_it_probes_with_one_and_releases_with_more_and_more() -> None:
    breaker, clock, seen = _broken(1)
    _fail(breaker)
    clock.s += 1.0
    probe = breaker.begin()
    assert probe is not None and probe.tries and breaker.begin() is None
    breaker.succeeded(probe)
    widths = []
    while (width := breaker.limit()) is not None:
        widths.append(width)
        permits = [breaker.begin() for _ in range(width)]
        assert breaker.begin() is None
        for permit in permits:
            assert permit is not None
            breaker.succeeded(permit)
    assert widths == [2, 4, 8]
    assert seen == [State.OPEN, State.PROBING, State.RELEASING, State.CLOSED]


def test_pauses_grow_while_it_fails_and_begin_again_when_it_has_closed() -> None:
    breaker, clock, _ = _broken(1)
    _fail(breaker)
    pauses = []
    for _ in range(4):
        pauses.append(breaker.opens_in_s())
        clock.s += pauses[-1]
        _fail(breaker)
    assert pauses == [1.0, 2.0, 4.0, 4.0]
    clock.s += 4.0
    while breaker.limit() is not None:
        _succeed(breaker)
    _fail(breaker)
    assert breaker.opens_in_s() == 1.0


def test_a_failure_while_it_releases_opens_it_at_once() -> None:
    breaker, clock, _ = _broken()
    for _ in range(3):
        _fail(breaker)
    clock.s += 1.0
    _succeed(breaker)
    assert breaker.state is State.RELEASING
    _fail(breaker)
    assert breaker.state is State.OPEN and breaker.opens_in_s() == 2.0


def test_who_is_to_blame() -> None:
    """Not a task that meets an outage; the one that fails where others have just succeeded is."""
    breaker, clock, _ = _broken(2)
    first, second, late = breaker.begin(), breaker.begin(), breaker.begin()
    assert first is not None and second is not None and late is not None
    assert not breaker.failed(first), "nobody knows yet that it is an outage"
    assert breaker.failed(second) and breaker.failed(late)
    clock.s += 1.0
    probe = breaker.begin()
    assert probe is not None and breaker.failed(probe)
    assert breaker.parked(probe, "why").rest_ms == 4_000 and breaker.parked(late, "why").rest_ms == 0
    clock.s += 2.0
    _succeed(breaker)
    other = breaker.begin()
    assert other is not None and not breaker.failed(other)
    assert breaker.state is State.OPEN


def test_what_was_begun_before_it_opened_does_not_count() -> None:
    breaker, clock, _ = _broken(2)
    old = [breaker.begin() for _ in range(5)]
    for permit in old[:2]:
        assert permit is not None
        breaker.failed(permit)
    clock.s += 1.0
    assert breaker.state is State.PROBING
    for permit in old[2:]:
        assert permit is not None
        breaker.failed(permit)
    assert breaker.state is State.PROBING, "late failures would keep it open for ever"
    _succeed(breaker)
    assert breaker.state is State.RELEASING


def test_a_probe_that_nobody_answers_is_made_again() -> None:
    breaker, clock, _ = _broken(1)
    _fail(breaker)
    clock.s += 1.0
    permit = breaker.begin()
    assert permit is not None
    breaker.dropped(permit)
    assert breaker.begin() is not None


def test_it_waits_as_long_as_the_other_side_asks_for() -> None:
    breaker, _, _ = _broken(1)
    permit = breaker.begin()
    assert permit is not None
    breaker.failed(permit, wait_ms=30_000)
    assert breaker.opens_in_s() == 30.0


def test_around_a_block_it_parks_when_it_is_not_closed() -> None:
    breaker, clock, _ = _broken(2)
    raised = []
    for error in (OSError("gone"), ValueError("an answer"), OSError("gone"), OSError("gone"), OSError("not reached")):
        try:
            with breaker.guard(OSError):
                raise error
        except Exception as found:
            raised.append((type(found), getattr(found, "rest_ms", 0)))
    assert raised == [(OSError, 0), (ValueError, 0), (OSError, 0), (Parked, 0), (Parked, 0)]
    clock.s += 1.0
    try:
        with breaker.guard(OSError):
            raise OSError("still")
    except Parked as parked:
        assert parked.rest_ms == 4_000, "the probe rests, so that another task is the next one"
