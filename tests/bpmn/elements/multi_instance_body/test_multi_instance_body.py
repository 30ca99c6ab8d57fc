"""Multi-instance activities: parallel and sequential, how many, when it is enough, what is around them."""

from typing import Any

import pytest

from bpmn.scenario import Scenario, model, scenario
from penstock.api.process_instance.tree import activity_instances
from penstock.base.errors import Failure
from penstock.engine import events as ev

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


def test_instances_without_a_scope_end_after_their_continuations() -> None:
    loop = '<multiInstanceLoopCharacteristics camunda:asyncAfter="true"><loopCardinality>2</loopCardinality>'
    task = f'<userTask id="step">{loop}</multiInstanceLoopCharacteristics></userTask>'
    s = Scenario(model(f'<startEvent id="start"/>{task}', flows="start step")).start()
    s.complete("step").complete("step").job("step")
    assert s.ended is None
    s.job("step")
    assert s.ended == "COMPLETED"


class TestScopeWhoseContinuationWaits:
    """The instances of `step` have ended; their scopes are there until the jobs after them are executed."""

    INSIDE = (
        '<multiInstanceLoopCharacteristics camunda:asyncAfter="true"><loopCardinality>2</loopCardinality>'
        '</multiInstanceLoopCharacteristics><startEvent id="in"/><subProcess id="on" triggeredByEvent="true">'
        '<startEvent id="hint"><messageEventDefinition messageRef="m"/></startEvent></subProcess>'
    )
    MODEL = model(
        f'<startEvent id="start"/><subProcess id="step">{INSIDE}</subProcess><boundaryEvent id="stop" attachedToRef="step">'
        '<messageEventDefinition messageRef="n"/></boundaryEvent>',
        flows="start step",
        roots='<message id="m" name="Hint"/><message id="n" name="Stop"/>',
    )

    def test_no_event_comes_to_it(self) -> None:
        s = Scenario(self.MODEL).start()
        assert s.jobs() == [("step", "async-continuation")] * 2
        assert s.subscriptions() == [("message", "Stop", "stop")]

    def test_it_does_not_end_again_when_it_is_canceled(self) -> None:
        s = Scenario(self.MODEL).start().message("Stop")
        ends = [e.activity_instance for e in s.events(ev.ActivityEnded) if e.activity == "step"]
        assert len(ends) == len(set(ends)) == 2
        assert s.states("step") == ["completes scope"] * 2
        assert s.states("step#multiInstanceBody") == ["canceled"]
        assert s.ended == "COMPLETED"


@pytest.mark.parametrize("sequential", ["true", "false"])
def test_an_instance_that_waits_to_be_left_is_shown_as_a_transition_only(sequential: str) -> None:
    loop = (
        f'<multiInstanceLoopCharacteristics isSequential="{sequential}" camunda:asyncAfter="true">'
        '<loopCardinality xsi:type="tFormalExpression">2</loopCardinality></multiInstanceLoopCharacteristics>'
    )
    body = f'<startEvent id="start"/><serviceTask id="x" camunda:type="external" camunda:topic="t">{loop}</serviceTask>'
    s = Scenario(model(body, flows="start x")).start().work("x")
    [node] = activity_instances(s.state, s.engine.latest("p"))["childActivityInstances"]
    assert node["activityId"] == "x#multiInstanceBody"
    assert [found["activityId"] for found in node["childTransitionInstances"]] == ["x"]
    assert len(node["childActivityInstances"]) == (0 if sequential == "true" else 1)
