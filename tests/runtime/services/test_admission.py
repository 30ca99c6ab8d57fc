"""Starts against the limits of their service, on a clock that the test moves."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.base.clock import VirtualClock
from penstock.base.errors import LimitReached
from penstock.engine import commands as c
from penstock.runtime.services.admission import Admission
from penstock.runtime.services.config import Service
from penstock.runtime.telemetry.counters import Counters

DEFINITION = "p:1:x"
START = c.StartInstance(definition=DEFINITION)


class Scene:
    def __init__(self, **limits: float) -> None:
        self.clock = VirtualClock()
        self.counters = Counters()
        self.admission = Admission(self.clock, self.counters)
        self.admission.configure([Service(name="s", definitions=("p",), **limits)])  # type: ignore[arg-type]
        self.account = self.admission.accounts["s"]

    def committed(self, *, started: int = 0, ended: int = 0) -> None:
        """A group commit."""
        self.counters.started[DEFINITION] += started
        self.counters.ended[DEFINITION] += ended
        self.counters.batch_units.observe(started + ended)

    def begin(self) -> bool:
        """Whether one may start; it is committed at once."""
        try:
            place = self.admission.admit(START)
        except LimitReached:
            return False
        assert place is not None
        self.committed(started=1)
        place.release()
        return True

    def begun(self, most: int = 1_000) -> int:
        return next((number for number in range(most) if not self.begin()), most)


def test_a_second_may_be_taken_at_once_and_then_at_the_pace() -> None:
    scene = Scene(starts_per_second=10)
    assert scene.begun() == 10
    scene.clock.advance_ms(99)
    assert scene.begun() == 0
    scene.clock.advance_ms(1)
    assert scene.begun() == 1
    scene.clock.advance_ms(60_000)
    assert scene.begun() == 10, "what was not taken is not kept for longer than a second"


def test_less_than_one_in_a_second() -> None:
    scene = Scene(starts_per_second=0.1)
    assert scene.begun() == 1
    with pytest.raises(LimitReached) as reached:
        scene.admission.admit(START)
    assert (reached.value.limit, reached.value.retry_after_s) == ("starts_per_second", 10)
    scene.clock.advance_ms(10_000)
    assert scene.begun() == 1


@given(
    rate=st.integers(1, 200),
    nodes=st.integers(1, 5),
    steps=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 80)), max_size=30),
)
def test_nobody_ever_starts_more_than_the_limit(rate: int, nodes: int, steps: list[tuple[int, int]]) -> None:
    scenes = [Scene(starts_per_second=rate) for _ in range(nodes)]
    elapsed_ms = begun = 0
    for scene in scenes:
        scene.account.nodes = nodes
    for wait_ms, tries in steps:
        elapsed_ms += wait_ms
        for scene in scenes:
            scene.clock.advance_ms(wait_ms)
            begun += scene.begun(tries)
    # A second's worth, or one for each node, and the pace.
    assert begun <= max(rate, nodes) + rate * elapsed_ms / 1000 + 1e-6


def test_a_place_is_taken_before_the_commit_and_given_back_by_failures() -> None:
    scene = Scene(max_running_instances=2)
    one, other = scene.admission.admit(START), scene.admission.admit(START)
    assert one is not None and other is not None
    assert not scene.begin()
    one.release()
    one.release()
    assert scene.begin()
    assert not scene.begin()


def test_an_end_makes_room() -> None:
    scene = Scene(max_running_instances=3)
    assert scene.begun() == 3
    scene.committed(ended=2)
    assert scene.begun() == 2
    assert scene.account.running_now(scene.counters) == 3


def test_nodes_share_what_is_left() -> None:
    """Each takes half of its part of it until the store is asked again."""
    scene = Scene(max_running_instances=19)
    scene.account.nodes, scene.account.running = 3, 1
    assert scene.begun() == 3
    # The others took theirs as well.
    scene.account.running, scene.account.before = 10, scene.account.balance(scene.counters)
    assert scene.begun() == 2
    scene.account.running, scene.account.before = 19, scene.account.balance(scene.counters)
    assert scene.begun() == 0


@given(
    nodes=st.integers(2, 6),
    limit=st.integers(1, 300),
    steps=st.lists(st.lists(st.integers(0, 300), min_size=6, max_size=6), max_size=15),
)
def test_nodes_that_ask_in_turn_stay_within_the_limit(nodes: int, limit: int, steps: list[list[int]]) -> None:
    """However they flood between two of their questions; but for what is rounded up."""
    scenes = [Scene(max_running_instances=limit) for _ in range(nodes)]
    total = 0
    for scene in scenes:
        scene.account.nodes = nodes
    for turn, tries in enumerate(steps):
        total += sum(scene.begun(most) for scene, most in zip(scenes, tries, strict=False))
        asking = scenes[turn % nodes]
        asking.account.running, asking.account.before = total, asking.account.balance(asking.counters)
    assert total < limit + 2 * nodes


def test_open_tasks_close_the_door() -> None:
    scene = Scene(max_open_tasks=5)
    scene.account.open_tasks = 3
    assert scene.begun() == 2, "each start is taken for a task until they are counted again"
    scene.account.open_tasks, scene.account.admitted_since = 4, 0
    assert scene.begun() == 1


def test_others_are_not_limited() -> None:
    scene = Scene(starts_per_second=1, max_running_instances=1)
    assert scene.begin()
    assert scene.admission.admit(c.StartInstance(definition="q:1:x")) is None
    assert scene.admission.admit(c.StartInstance(definition=DEFINITION, start_job="j")) is None
    assert scene.admission.admit(c.TriggerMessage(instance="i", execution="e", name="m")) is None


def test_what_is_known_stays_when_the_limits_change() -> None:
    scene = Scene(max_running_instances=3)
    assert scene.begun() == 3
    scene.admission.configure([Service(name="s", definitions=("p",), max_running_instances=4)])
    assert scene.begun() == 1
    assert scene.admission.accounts["s"].refused == Counter(max_running_instances=2)


async def test_those_that_wait_start_in_their_order() -> None:
    scene = Scene(max_running_instances=1)
    assert scene.begin()
    order: list[int] = []

    async def wait(number: int) -> None:
        place = await scene.admission.wait(START)
        assert place is not None
        order.append(number)
        scene.committed(started=1)
        place.release()

    waiting = [asyncio.create_task(wait(number)) for number in range(5)]
    await asyncio.sleep(0.1)
    assert (order, scene.account.waiting) == ([], 5)
    waiting[2].cancel()
    scene.committed(ended=5)
    scene.admission.configure([Service(name="s", definitions=("p",), max_running_instances=10)])
    await asyncio.wait(waiting)
    assert (order, scene.account.waiting) == ([0, 1, 3, 4], 0)
    assert not scene.account.refused
