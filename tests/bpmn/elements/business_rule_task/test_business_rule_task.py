"""Business rule tasks: a decision, or carried out like a service task."""

from typing import Any

from bpmn.scenario import scenario
from penstock.engine.questions import EvaluateDecision
from penstock.engine.unit import Unit


def test_as_an_external_task() -> None:
    s = scenario(__file__, "external").start()
    assert s.type("decide") == "businessRuleTask"
    assert s.work("decide", rate=5).waits() == ["after"]
    assert s.variables() == {"rate": 5}


def test_a_decision_is_asked_for_and_its_result_stored() -> None:
    s = scenario(__file__, "decision")
    asked: list[Any] = []
    answer = s.engine._answer

    def decide(unit: Unit, question: Any) -> Any:
        if isinstance(question, EvaluateDecision):
            asked.append(question)
            return "stew"
        return answer(unit, question)

    s.engine._answer = decide  # type: ignore[method-assign]
    s.start(season="winter")
    assert s.waits() == ["after"]
    assert s.variables() == {"season": "winter", "dish": "stew"}
    (question,) = asked
    assert (question.key, question.binding, question.element) == ("dish", "latest", "decide")
    assert question.names.lookup("season") == "winter"
