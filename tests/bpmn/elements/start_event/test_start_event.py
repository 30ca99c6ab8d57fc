"""Start events: which one starts an instance, and who did."""

import pytest

from bpmn.scenario import scenario
from penstock.base.errors import BadUserRequest, Failure
from penstock.engine import commands as c
from penstock.engine import events as ev


def test_remembers_who_started() -> None:
    s = scenario(__file__, "initiator")
    definition = s.engine.latest("initiator").id
    s.id = s.do(c.StartInstance(definition=definition, user="anna", business_key="B"))
    assert s.variables() == {"starter": "anna"}
    (started,) = s.events(ev.InstanceStarted)
    assert (started.start_activity, started.start_user, started.business_key) == ("start", "anna", "B")
    assert s.states("start") == ["completed"]
    assert s.type("start") == "startEvent"


def test_without_a_user_the_initiator_is_null() -> None:
    assert scenario(__file__, "initiator").start().variables() == {"starter": None}


def test_a_process_with_a_message_start_only_has_no_default_start() -> None:
    s = scenario(__file__, "message_only")
    with pytest.raises(Failure, match="has no default start activity"):
        s.start()
    assert not s.engine.history


def test_a_named_start_event() -> None:
    s = scenario(__file__, "message_only")
    definition = s.engine.latest("message_only").id
    s.id = s.do(c.StartInstance(definition=definition, start_event="start"))
    assert s.waits() == ["task"]
    assert s.type("start") == "messageStartEvent"


def test_a_start_event_that_is_not_there() -> None:
    s = scenario(__file__, "message_only")
    with pytest.raises(BadUserRequest):
        s.do(c.StartInstance(definition=s.engine.latest("message_only").id, start_event="nowhere"))
