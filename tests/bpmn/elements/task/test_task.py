"""Tasks without a type: nothing to do."""

from bpmn.scenario import scenario


def test_goes_on_at_once() -> None:
    s = scenario(__file__, "undefined").start()
    assert s.ended == "COMPLETED"
    assert s.path() == ["start", "something", "end"]
    assert s.type("something") == "task"
    assert s.states("something") == ["completed"]
