"""Intermediate throw events: nothing, links, signals, escalations, messages, compensation."""

import pytest

from bpmn.scenario import scenario
from penstock.engine import events as ev


@pytest.mark.parametrize(("x", "way"), [(1, []), (2, ["b"])])
def test_links_jump(x: int, way: list[str]) -> None:
    # Camunda 7 joins the ends of a link when it reads the model: the throwing end has no row in history.
    s = scenario(__file__, "none_and_links").start(x=x)
    assert s.path() == ["start", "none", "choice", *way, "at_a", "after"]
    assert s.type("none") == "intermediateNoneThrowEvent"
    assert s.waits() == ["after"]


class TestCompensation:
    def _completed(self, *, only: bool):
        s = scenario(__file__, "compensation").start(only=only)
        s.complete("a").complete("b")
        assert s.waits() == ["decide"]
        return s

    def test_all_in_reverse_order_then_goes_on(self) -> None:
        s = self._completed(only=False)
        s.complete("decide")
        assert s.waits() == ["cancel_a", "cancel_b"]
        order = [activity for activity in s.path() if activity.startswith("cancel")]
        assert order == ["cancel_b", "cancel_a"]
        s.complete("cancel_b")
        assert s.states("all") == ["open"]
        s.complete("cancel_a")
        assert s.waits() == ["after"]
        assert s.states("all") == ["completed"]
        assert s.subscriptions() == []
        s.complete("after")
        assert s.ended == "COMPLETED"

    def test_only_the_activity_that_is_named(self) -> None:
        s = self._completed(only=True)
        s.complete("decide")
        assert s.waits() == ["cancel_b"]
        s.complete("cancel_b")
        assert s.waits() == ["after"]
        # What was not compensated is forgotten with the instance.
        assert [kind for kind, _, _ in s.subscriptions()] == ["compensate", "compensate"]
        s.complete("after")
        assert s.ended == "COMPLETED"

    def test_what_did_not_complete_is_not_compensated(self) -> None:
        s = scenario(__file__, "compensation").start(only=False)
        s.complete("a")
        s.delete()
        assert not [activity for activity in s.path() if activity.startswith("cancel")]

    def test_a_canceled_throw_cancels_its_handlers(self) -> None:
        s = self._completed(only=False)
        s.complete("decide").delete()
        assert s.states("cancel_a") == s.states("cancel_b") == ["canceled"]
        assert s.states("all") == ["canceled"]

    def test_handlers_see_the_variables_of_then(self) -> None:
        s = scenario(__file__, "snapshot").start(n=1)
        s.complete("change", n=2)
        assert s.waits() == ["after"]
        assert s.states("cancel_a") == ["completed"]
        assert s.variables()["undone"] == 1
        (kept,) = s.events(ev.ExecutionKept)
        assert [(name, value.value) for _, name, value in kept.variables] == [("room", 1)]

    def test_nothing_to_compensate_goes_on(self) -> None:
        s = scenario(__file__, "nothing_to_compensate").start()
        assert s.waits() == ["after"]
        assert s.states("undo") == ["completed"]


class TestSignal:
    def test_reaches_those_who_wait_in_the_same_unit(self) -> None:
        s = scenario(__file__, "signal").start(x=5)
        assert s.waits() == ["after_hears", "after_rings"]
        assert s.states("hears") == ["completed"]
        assert s.variables() == {"x": 5, "heard": 5}
        assert len(s.engine.history[s.id]) == 1

    def test_reaches_other_instances(self) -> None:
        s = scenario(__file__, "signal", "waiting")
        waiting = [s.engine.start("waiting") for _ in range(2)]
        s.start("signal", x=1)
        for instance in waiting:
            assert s.waits(instance) == ["heard"]
            assert [e.name for e in s.events(ev.VariableSet, instance=instance)] == ["heard"]


class TestEscalation:
    def test_a_non_interrupting_handler_lets_it_go_on(self) -> None:
        s = scenario(__file__, "escalation").start()
        assert s.waits() == ["goes_on", "informed"]
        assert s.states("raise") == ["completed"]
        assert s.variables() == {"code": "Up"}

    def test_an_interrupting_handler_cancels_it(self) -> None:
        s = scenario(__file__, "escalation_interrupts").start()
        assert s.waits() == ["informed"]
        assert s.states("raise") == ["canceled"]
        assert s.states("sub") == ["canceled"]
        assert "goes_on" not in s.path()


def test_a_message_is_work() -> None:
    s = scenario(__file__, "external_message").start()
    assert s.type("tell") == "intermediateMessageThrowEvent"
    s.work("tell")
    assert s.waits() == ["after"]
