"""Business rule tasks: a decision, or carried out like a service task."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bpmn.scenario import Scenario, scenario
from penstock.base.errors import BadUserRequest, DecisionFailed, Failure, JavaFailed
from penstock.engine.events import DecisionEvaluated
from penstock.expr.script import ScriptResult

HERE = Path(__file__).parent
DISH = (HERE / "dish.dmn").read_text()
MODEL = (HERE / "decision").with_suffix(".bpmn").read_text()


def decided(*, model: str = MODEL, dmn: str = DISH, **variables: Any) -> Scenario:
    """The process with its decision, started."""
    s = Scenario(model)
    s.engine.deploy_decisions(dmn)
    return s.start(**variables)


def mapped(how: str) -> str:
    return MODEL.replace('camunda:mapDecisionResult="singleEntry"', f'camunda:mapDecisionResult="{how}"')


def evaluated(s: Scenario) -> list[DecisionEvaluated]:
    events: Iterable[Any] = (event for unit in s.engine.history[s.id] for event in unit.events)
    return [event for event in events if isinstance(event, DecisionEvaluated)]


def test_as_an_external_task() -> None:
    s = scenario(__file__, "external").start()
    assert s.type("decide") == "businessRuleTask"
    assert s.work("decide", rate=5).waits() == ["after"]
    assert s.variables() == {"rate": 5}


def test_its_single_entry_becomes_the_result_variable() -> None:
    s = decided(season="winter", guests=4)
    assert s.waits() == ["after"]
    assert s.variables() == {"season": "winter", "guests": 4, "dish": "Stew"}


@pytest.mark.parametrize(
    ("how", "value"),
    [
        ("singleResult", {"dish": "Stew"}),
        ("collectEntries", ["Stew"]),
        ("resultList", [{"dish": "Stew"}]),
    ],
)
def test_results_are_mapped(how: str, value: Any) -> None:
    assert decided(model=mapped(how), season="winter", guests=4).variables()["dish"] == value


@pytest.mark.parametrize(
    ("how", "season", "java"),
    [
        ("singleResult", "winter", "java.util.HashMap"),
        ("collectEntries", "winter", "java.util.ArrayList"),
        ("collectEntries", "none", "java.util.Collections$EmptyList"),
        ("resultList", "winter", "java.util.ArrayList"),
        ("resultList", "none", "java.util.ArrayList"),
    ],
)
def test_results_are_of_the_classes_of_camunda(how: str, season: str, java: str) -> None:
    s = decided(model=mapped(how), season=season, guests=4)
    info = s.state.executions[s.id].variables["dish"].value.info or {}
    assert info["objectTypeName"] == java


def test_no_rule_matches() -> None:
    assert decided(season="autumn", guests=4).variables()["dish"] is None
    assert decided(model=mapped("collectEntries"), season="autumn", guests=4).variables()["dish"] == []


def test_history_has_inputs_and_outputs() -> None:
    s = decided(season="winter", guests=4)
    (event,) = evaluated(s)
    assert event.definition.startswith("dish:1:")
    assert (event.name, event.activity, event.root) == ("Dish", "decide", None)
    assert [(clause, name, value.type, value.value) for clause, name, value in event.inputs] == [
        ("in1", "Season", "String", "winter"),
        ("in2", None, "Integer", 4),
    ]
    assert [(*rest, value.value) for *rest, value in event.outputs] == [("out1", "A dish", "r1", 1, "dish", "Stew")]


def test_required_decisions_come_first_and_name_their_root() -> None:
    dmn = (HERE / "menu.dmn").read_text()
    s = decided(dmn=dmn, temperature=30, guests=4)
    required, asked = evaluated(s)
    assert required.definition.startswith("season:1:")
    assert asked.definition.startswith("dish:1:")
    assert (required.root, asked.root) == (asked.decision_instance, None)
    assert required.requirements == asked.requirements
    assert str(asked.requirements).startswith("menu:1:")
    assert s.variables()["dish"] == "Salad"
    assert "season" not in s.variables()


def test_decision_result_is_seen_until_the_unit_ends() -> None:
    outputs = (
        '<extensionElements><camunda:inputOutput><camunda:outputParameter name="first">'
        "${decisionResult.getSingleResult().dish} ${decisionResult.size()}"
        "</camunda:outputParameter></camunda:inputOutput></extensionElements>"
    )
    s = decided(model=MODEL.replace("<!-- outputs -->", outputs), season="winter", guests=4)
    assert s.variables()["first"] == "Stew 1"
    assert s.waits() == ["after"]


def test_an_expression_names_the_decision_and_its_version() -> None:
    model = MODEL.replace(
        'camunda:decisionRef="dish"',
        'camunda:decisionRef="${what}" camunda:decisionRefBinding="version" camunda:decisionRefVersion="${which}"',
    )
    s = Scenario(model)
    s.engine.deploy_decisions(DISH)
    s.engine.deploy_decisions(DISH.replace('"Stew"', '"Soup"'))
    assert s.start(what="dish", which=1, season="winter", guests=4).variables()["dish"] == "Stew"
    assert s.start(what="dish", which=2, season="winter", guests=4).variables()["dish"] == "Soup"
    with pytest.raises(Failure, match="no decision definition deployed with key 'other'"):
        s.start(what="other", which=2)
    with pytest.raises(JavaFailed, match="For input string") as failed:
        s.start(what="dish", which="two")
    assert failed.value.java == "NumberFormatException"


def test_what_fails_drops_the_unit() -> None:
    with pytest.raises(DecisionFailed, match="DMN-01005 Invalid value 'many'") as failed:
        decided(season="winter", guests="many")
    assert failed.value.element_id == "decide"
    with pytest.raises(DecisionFailed, match="DMN-03001") as failed:
        decided(dmn=DISH.replace("<!-- more -->", "<rule id='r9'><inputEntry><text/></inputEntry><inputEntry><text/></inputEntry>"
                                 "<outputEntry><text>1</text></outputEntry></rule>"), season="winter", guests=4)  # fmt: skip
    assert failed.value.java == "DmnHitPolicyException"
    with pytest.raises(DecisionFailed) as failed:
        decided(dmn=DISH.replace("<text>season</text>", "<text>${season}</text>"), season="winter", guests=4)
    assert failed.value.java == "FeelException"


def test_the_name_of_the_result_is_reserved() -> None:
    with pytest.raises(BadUserRequest, match="ENGINE-22003"):
        decided(
            model=MODEL.replace('resultVariable="dish"', 'resultVariable="decisionResult"'), season="winter", guests=4
        )


def test_scripts_are_asked_for() -> None:
    dmn = DISH.replace("<text>season</text>", "<text>season.toLowerCase()</text>").replace(
        'inputExpression id="ie1"', 'inputExpression id="ie1" expressionLanguage="javascript"'
    )
    s = Scenario(MODEL)
    s.engine.deploy_decisions(dmn)
    asked = []

    def answer(question: Any) -> ScriptResult:
        asked.append((question.language, question.source, question.names.lookup("season")))
        return ScriptResult(value="winter")

    s.engine.scripts = answer
    assert s.start(season="WINTER", guests=4).variables()["dish"] == "Stew"
    assert asked == [("javascript", "season.toLowerCase()", "WINTER")]
