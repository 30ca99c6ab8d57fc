"""Multi-instance activities: parallel and sequential, how many, when it is enough, what is around them."""

from typing import Any

import pytest

from bpmn.scenario import scenario
from penstock.base.errors import Failure

BODY = "review#multiInstanceBody"


class TestParallel:
    def test_one_instance_per_element_of_the_collection(self) -> None:
        s = scenario(__file__, "parallel").start(people=["anna", "ben"], enough=9)
        assert s.waits() == ["review", "review"]
        assert s.type(BODY) == "multiInstanceBody"
        assert s.parent("review") == BODY
        assert s.parent(BODY) == ""
        assert s.local(BODY) == {"nrOfInstances": 2, "nrOfCompletedInstances": 0, "nrOfActiveInstances": 2}
        seen = [
            {name: v.value.value for name, v in x.variables.items()}
            for x in s.state.executions.values()
            if x.activity == "review"
        ]
        assert seen == [{"loopCounter": 0, "person": "anna"}, {"loopCounter": 1, "person": "ben"}]
        s.complete("review")
        assert s.local(BODY) == {"nrOfInstances": 2, "nrOfCompletedInstances": 1, "nrOfActiveInstances": 1}
        assert s.states(BODY) == ["open"]
        s.complete("review")
        assert s.waits() == ["after"]
        assert s.states(BODY) == ["completed"]
        assert set(s.state.executions) == {s.id}

    def test_the_completion_condition_cancels_the_rest(self) -> None:
        s = scenario(__file__, "parallel").start(people=["a", "b", "c"], enough=2)
        s.complete("review").complete("review")
        assert s.waits() == ["after"]
        assert s.states("review").count("canceled") == 1
        assert s.states(BODY) == ["completed"]

    def test_an_empty_collection_goes_on_at_once(self) -> None:
        s = scenario(__file__, "parallel").start(people=[], enough=1)
        assert s.waits() == ["after"]
        assert s.states(BODY) == ["completed"]
        assert s.states("review") == []

    @pytest.mark.parametrize("people", [None, 5, "text"])
    def test_what_is_no_collection_fails(self, people: Any) -> None:
        s = scenario(__file__, "parallel")
        with pytest.raises(Failure):
            s.start(people=people, enough=1)
        assert not s.engine.instances


class TestSequential:
    def test_one_after_the_other(self) -> None:
        s = scenario(__file__, "sequential").start(count=3, stop=False)
        body = "step#multiInstanceBody"
        for number in range(3):
            assert s.waits() == ["step"]
            assert s.local(body)["loopCounter"] == number
            assert s.local(body)["nrOfCompletedInstances"] == number
            assert s.local(body)["nrOfActiveInstances"] == 1
            s.complete("step")
        assert s.waits() == ["after"]
        assert s.states("step") == ["completes scope"] * 3

    def test_stops_when_it_is_enough(self) -> None:
        s = scenario(__file__, "sequential").start(count=3, stop=False)
        s.complete("step", stop=True)
        assert s.waits() == ["after"]
        assert s.states("step") == ["completes scope"]

    def test_none_at_all(self) -> None:
        assert scenario(__file__, "sequential").start(count=0, stop=False).waits() == ["after"]

    @pytest.mark.parametrize("count", [-1, "many", True, None])
    def test_a_count_that_is_none_fails(self, count: Any) -> None:
        with pytest.raises(Failure):
            scenario(__file__, "sequential").start(count=count, stop=False)


def test_nested() -> None:
    s = scenario(__file__, "nested").start()
    assert s.waits() == ["task"] * 4
    assert s.states("sub") == ["open"] * 2
    assert s.states("task#multiInstanceBody") == ["open"] * 2
    assert s.parent("task#multiInstanceBody") == "sub"
    assert s.parent("sub") == "sub#multiInstanceBody"
    for left in (3, 2, 1):
        s.complete("task")
        assert s.waits().count("task") == left
    s.complete("task")
    assert s.waits() == ["after"]
    assert s.states("sub") == ["completes scope"] * 2


class TestBoundaryEvents:
    def test_belong_to_the_body(self) -> None:
        s = scenario(__file__, "boundary").start()
        assert len(s.jobs()) == 1
        s.complete("vote").timer("late")
        assert s.waits() == ["expired"]
        assert s.states("vote") == ["completes scope", "canceled", "canceled"]
        assert s.states("vote#multiInstanceBody") == ["canceled"]
        assert s.parent("late") == ""

    def test_that_do_not_interrupt_leave_it_running(self) -> None:
        s = scenario(__file__, "boundary").start()
        s.message("Hint")
        assert s.waits() == ["hinted", "vote", "vote", "vote"]
        assert s.parent("hinted") == ""
        for _ in range(3):
            s.complete("vote")
        assert s.waits() == ["after", "hinted"]
        assert s.jobs() == []


def test_continuations_of_the_body_and_of_each_instance() -> None:
    s = scenario(__file__, "asynchronous").start()
    body = "step#multiInstanceBody"
    assert s.jobs() == [(body, "async-continuation")]
    s.job(body)
    assert s.jobs() == [("step", "async-continuation")] * 2
    s.job("step").job("step")
    assert s.jobs() == [(body, "async-continuation")]
    assert s.states(body) == ["completed"]
    s.job(body)
    assert s.waits() == ["after"]
