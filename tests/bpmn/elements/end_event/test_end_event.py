"""End events: the end of one path, an error, the end of everything, work for a worker."""

from bpmn.scenario import scenario
from penstock.engine import events as ev


def test_none_ends_one_path() -> None:
    s = scenario(__file__, "ends").start()
    s.complete("a")
    assert s.waits() == ["b", "c"]
    assert s.states("none") == ["completes scope"]
    assert s.type("none") == "noneEndEvent"
    assert s.ended is None


def test_an_error_that_nobody_catches_ends_one_path() -> None:
    s = scenario(__file__, "ends").start()
    s.complete("b")
    assert s.waits() == ["a", "c"]
    assert s.type("error") == "errorEndEvent"


def test_terminate_cancels_everything_else() -> None:
    s = scenario(__file__, "ends").start()
    s.complete("c")
    assert s.ended == "COMPLETED"
    assert s.states("a") == s.states("b") == ["canceled"]
    assert s.states("stop") == ["completes scope"]
    assert s.type("stop") == "terminateEndEvent"
    (ended,) = s.events(ev.InstanceEnded)
    assert ended.end_activity == "stop"


def test_the_last_path_ends_the_instance() -> None:
    s = scenario(__file__, "ends").start()
    s.complete("a").complete("b")
    assert s.waits() == ["c"]
    s.complete("c")
    assert s.ended == "COMPLETED"
    assert s.states("a") == s.states("b") == ["completed"]


def test_a_message_end_event_is_work() -> None:
    s = scenario(__file__, "message").start()
    assert s.waits() == ["tell"]
    assert s.type("tell") == "messageEndEvent"
    s.work("tell")
    assert s.ended == "COMPLETED"
    assert s.states("tell") == ["completes scope"]
