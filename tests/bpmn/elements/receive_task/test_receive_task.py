"""Receive tasks: with a message they are scopes that wait for it; without one they wait for a signal of their execution."""

import pytest

from bpmn.scenario import scenario
from penstock.base.errors import BadUserRequest
from penstock.engine import commands as c


def test_waits_for_its_message() -> None:
    s = scenario(__file__, "message").start(x=7)
    assert s.subscriptions() == [("message", "Go-7", "wait")]
    s.message("Go-7", {"secret": 1}, seen=2)
    assert s.waits() == ["after"]
    assert s.states("wait") == ["completed"]
    assert s.variables() == {"x": 7, "seen": 2}
    # Local variables of the message live in the receive task's scope.
    assert s.variables("wait") == {"secret": 1}


def test_another_message_is_refused() -> None:
    s = scenario(__file__, "message").start(x=7)
    execution = next(row.execution for row in s.rows() if row.activity == "wait")
    with pytest.raises(BadUserRequest):
        s.do(c.TriggerMessage(instance=s.id, execution=execution, name="Go-8"))


def test_without_a_message_it_waits_for_a_signal_of_its_execution() -> None:
    s = scenario(__file__, "plain").start()
    assert s.waits() == ["wait"]
    assert s.subscriptions() == []
    s.do(c.SignalExecution(instance=s.id, execution=s.id, variables={}))
    assert s.waits() == ["after"]
    assert s.states("wait") == ["completed"]
