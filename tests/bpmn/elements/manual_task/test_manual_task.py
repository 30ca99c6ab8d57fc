"""Manual tasks: nothing for the engine to do."""

from bpmn.scenario import scenario


def test_goes_on_at_once_even_after_a_continuation() -> None:
    s = scenario(__file__, "manual").start()
    assert s.waits() == ["something"]
    s.job("something")
    assert s.ended == "COMPLETED"
    assert s.type("something") == "manualTask"
    assert s.states("something") == ["completed"]
