"""Exclusive gateways: one way out, by condition or default; none at all drops the unit."""

import pytest

from bpmn.scenario import Scenario, scenario
from penstock.base.errors import ExpressionFailed, NoFlowTaken
from penstock.expr.script import ScriptResult


@pytest.mark.parametrize(("x", "taken"), [(5, "small"), (50, "middle"), (500, "other")])
def test_takes_the_first_flow_that_holds_else_the_default(x: int, taken: str) -> None:
    s = scenario(__file__, "exclusive").start(x=x)
    assert s.waits() == [taken]
    assert s.states("choice") == ["completed"]
    assert s.parent(taken) == ""


def test_a_condition_over_a_missing_variable_fails_and_nothing_has_started() -> None:
    s = scenario(__file__, "exclusive")
    with pytest.raises(ExpressionFailed) as failure:
        s.start()
    assert failure.value.element_id == "choice"
    assert not s.engine.instances
    assert not s.engine.history


def test_a_condition_that_is_no_boolean_fails() -> None:
    s = Scenario(_no_way_out_with("${x}"))
    with pytest.raises(ExpressionFailed):
        s.start(x="text")


def _no_way_out_with(condition: str) -> str:
    from pathlib import Path

    text = (Path(__file__).parent / "exclusive.bpmn").read_text()
    return text.replace("${x &lt; 10}", condition)


def test_without_a_way_out_the_whole_unit_is_dropped() -> None:
    s = scenario(__file__, "no_way_out").start(x=3)
    before = s.events()
    with pytest.raises(NoFlowTaken) as failure:
        s.complete("before")
    assert failure.value.element_id == "choice"
    assert "ENGINE-02004" in failure.value.message
    assert s.events() == before
    assert s.waits() == ["before"]
    assert "noted" not in s.variables()
    # What was dropped can be done again, and differently.
    assert s.complete("before", x=1).waits() == ["after"]
    assert s.variables()["noted"] is True


@pytest.mark.parametrize(("value", "taken"), [(True, "yes"), (False, "other")])
def test_a_condition_may_be_a_script(value: bool, taken: str) -> None:
    s = scenario(__file__, "script_condition")
    asked = []
    s.engine.scripts = lambda question: asked.append(question.source) or ScriptResult(value=value)
    assert s.start(x=1).waits() == [taken]
    assert asked == ["x == 1"]


def test_a_script_condition_that_is_no_boolean_fails() -> None:
    s = scenario(__file__, "script_condition")
    s.engine.scripts = lambda question: ScriptResult(value="yes")
    with pytest.raises(NoFlowTaken):
        s.start(x=1)
