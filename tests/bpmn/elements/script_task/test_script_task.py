"""Script tasks: what a script reads, writes, gives back, and how it fails. The scripts' answers are canned."""

import pytest

from bpmn.scenario import scenario, writes
from penstock.base.errors import ScriptFailed
from penstock.expr.script import ScriptResult, ScriptWrite


def test_its_value_becomes_the_result_variable() -> None:
    s = scenario(__file__, "scripted")
    asked = []

    def answer(question):
        asked.append((question.language, question.source, question.element, question.names.lookup("a")))
        return ScriptResult(value=3)

    s.engine.scripts = answer
    s.start(a=1, b=2)
    assert asked == [("javascript", "a + b", "script", 1)]
    assert s.waits() == ["after"]
    assert s.variables() == {"a": 1, "b": 2, "sum": 3}


def test_what_it_sets_is_set_in_order() -> None:
    s = scenario(__file__, "scripted")
    s.engine.scripts = lambda question: writes(a=10, new="x")
    s.start(a=1, b=2)
    assert s.variables() == {"a": 10, "b": 2, "new": "x", "sum": None}


def test_a_bpmn_error_is_caught_and_earlier_writes_count() -> None:
    s = scenario(__file__, "scripted")
    write = ScriptWrite("execution", "setVariable", ("a", 5))
    s.engine.scripts = lambda question: ScriptResult(writes=(write,), bpmn_error=("Bad", "why"))
    s.start(a=1, b=2)
    assert s.waits() == ["repair"]
    assert s.variables() == {"a": 5, "b": 2, "code": "Bad"}
    assert s.states("script") == ["canceled"]


def test_a_failure_drops_the_unit() -> None:
    s = scenario(__file__, "scripted")

    def fail(question):
        raise ScriptFailed("a is not defined", element_id=question.element)

    s.engine.scripts = fail
    with pytest.raises(ScriptFailed):
        s.start(b=2)
    assert not s.engine.instances
    assert not s.engine.history
