"""Inclusive gateways: every way that holds; the join waits as long as a token can still come."""

import pytest

from bpmn.scenario import scenario
from penstock.base.errors import NoFlowTaken


@pytest.mark.parametrize(("x", "taken"), [(0, ["c"]), (1, ["a"]), (2, ["a", "b"])])
def test_takes_every_flow_that_holds_else_the_default(x: int, taken: list[str]) -> None:
    s = scenario(__file__, "inclusive").start(x=x)
    assert s.waits() == taken
    for number, activity in enumerate(taken):
        s.complete(activity)
        last = number == len(taken) - 1
        assert s.waits() == (["after"] if last else sorted([*taken[number + 1 :], "join"]))
    assert s.states("join") == ["completed"] * len(taken)


def test_the_join_waits_for_a_token_that_can_still_come() -> None:
    s = scenario(__file__, "waits_for_reachable").start(x=1)
    s.complete("a")
    assert s.waits() == ["join", "slow"]
    s.complete("slow")
    assert s.waits() == ["after"]


def test_a_token_that_goes_elsewhere_leaves_the_join_waiting() -> None:
    # Camunda 7 looks again only when a token arrives at the join.
    s = scenario(__file__, "waits_for_reachable").start(x=0)
    s.complete("a").complete("slow")
    assert s.waits() == ["away", "join"]


def test_goes_on_when_no_other_token_can_come() -> None:
    s = scenario(__file__, "waits_for_reachable").start(x=0)
    s.complete("slow").complete("a")
    assert s.waits() == ["after", "away"]


def test_without_a_way_out_the_whole_unit_is_dropped() -> None:
    s = scenario(__file__, "no_way_out").start(x=0)
    with pytest.raises(NoFlowTaken) as failure:
        s.complete("before")
    assert failure.value.element_id == "fork"
    assert s.waits() == ["before"]
