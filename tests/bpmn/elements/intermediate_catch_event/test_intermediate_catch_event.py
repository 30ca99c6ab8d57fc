"""Intermediate catch events: each waits for its own trigger."""

from datetime import UTC, datetime

import pytest

from bpmn.scenario import scenario
from penstock.base.errors import Failure

DUE = datetime(2026, 3, 1, tzinfo=UTC)


def test_each_waits_for_its_trigger() -> None:
    s = scenario(__file__, "catch").start(x=5, due=DUE, ready=False)
    assert s.waits() == ["con", "msg", "sig", "tim"]
    assert s.subscriptions() == [("conditional", None, "con"), ("message", "M-5", "msg"), ("signal", "S", "sig")]
    (job,) = s.engine.jobs(s.id)
    assert (job.activity, job.due_ms) == ("tim", round(DUE.timestamp() * 1000))
    s.message("M-5")
    assert s.waits() == ["con", "join", "sig", "tim"]
    s.signal("S").timer("tim")
    assert s.waits() == ["con", "join", "join", "join"]
    s.set(other=1)
    assert s.states("con") == ["open"]
    s.set(ready=True)
    assert s.waits() == ["after"]
    assert [s.states(name) for name in ("msg", "sig", "tim", "con")] == [["completed"]] * 4
    assert s.type("con") == "intermediateConditional"
    assert s.subscriptions() == []
    assert s.jobs() == []


def test_a_condition_that_holds_already_goes_on_at_once() -> None:
    s = scenario(__file__, "catch").start(x=5, due=DUE, ready=True)
    assert s.waits() == ["join", "msg", "sig", "tim"]
    assert s.states("con") == ["completed"]


@pytest.mark.parametrize("due", [None, 5, "tomorrow"])
def test_a_due_date_that_is_none_fails(due: object) -> None:
    s = scenario(__file__, "catch")
    with pytest.raises(Failure):
        s.start(x=5, due=due, ready=False)
    assert not s.engine.instances


def test_local_variables_of_the_message_reach_its_output_mapping() -> None:
    s = scenario(__file__, "mapped").start()
    s.message("M", {"payload": 7})
    assert s.waits() == ["after"]
    assert s.variables() == {"got": 7}
    assert s.variables("msg") == {"key": "K", "payload": 7}
