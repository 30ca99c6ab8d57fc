"""Event-based gateways: the first event wins and the gateway is canceled, as in Camunda 7."""

import pytest

from bpmn.scenario import Scenario, scenario
from penstock.base.errors import Refused


def _happens(s: Scenario, event: str) -> None:
    if event == "came":
        s.message("Came")
    elif event == "late":
        s.timer("late")
    else:
        s.signal("Called")


def test_waits_for_all_of_its_events() -> None:
    s = scenario(__file__, "choice").start()
    assert s.waits() == ["gate"]
    assert s.subscriptions() == [("message", "Came", "came"), ("signal", "Called", "called")]
    assert s.jobs() == [("late", "timer-intermediate-transition")]


@pytest.mark.parametrize("event", ["came", "late", "called"])
def test_the_first_event_goes_on_and_cancels_the_gateway(event: str) -> None:
    s = scenario(__file__, "choice").start()
    _happens(s, event)
    assert s.waits() == [f"after_{event}"]
    assert s.states("gate") == ["canceled"]
    assert s.states(event) == ["completed"]
    assert s.parent(event) == ""
    assert s.subscriptions() == []
    assert s.jobs() == []
    assert s.path() == ["start", "gate", event, f"after_{event}"]


def test_the_others_come_too_late() -> None:
    s = scenario(__file__, "choice").start().message("Came")
    with pytest.raises(AssertionError, match="nobody waits"):
        s.message("Came")
    s.complete("after_came")
    assert s.ended == "COMPLETED"


def test_deleting_the_instance_cancels_the_gateway() -> None:
    s = scenario(__file__, "choice").start().delete()
    assert s.states("gate") == ["canceled"]
    assert s.ended == "EXTERNALLY_TERMINATED"


def test_the_message_must_be_the_one_waited_for() -> None:
    from penstock.engine.commands import TriggerMessage

    s = scenario(__file__, "choice").start()
    execution = next(row.execution for row in s.rows() if row.activity == "gate")
    with pytest.raises(Refused):
        s.do(TriggerMessage(instance=s.id, execution=execution, name="Other"))
    assert s.waits() == ["gate"]
