"""What a call activity passes with `local`, and what a suspended caller means for what it has called."""

import pytest

from bpmn.scenario import Scenario, model
from penstock.base.errors import DefinitionMissing, EntitySuspended, ExpressionFailed
from penstock.engine import commands as c

CALLED = model('<startEvent id="cs"/><userTask id="work"/><endEvent id="ce"/>', flows="cs work, work ce", key="called")


def _caller(mappings: str, input_: str = "") -> str:
    extension = f"<extensionElements>{input_}{mappings}</extensionElements>"
    call = f'<callActivity id="call" calledElement="called">{extension}</callActivity>'
    return model(f'<startEvent id="start"/>{call}<userTask id="next"/>', flows="start call, call next")


INPUT = '<camunda:inputOutput><camunda:inputParameter name="mine">1</camunda:inputParameter></camunda:inputOutput>'


def test_local_mappings_see_the_variables_of_the_call_activity_only() -> None:
    mappings = (
        '<camunda:in source="mine" target="a" local="true"/><camunda:in source="theirs" target="b" local="true"/>'
        '<camunda:in sourceExpression="${mine}" target="d" local="true"/><camunda:in source="theirs" target="e"/>'
    )
    s = Scenario(_caller(mappings, INPUT), CALLED).start(theirs=2)
    [called] = s.called()
    values = s.engine.instances[called].executions[called].variables
    assert {name: found.value.value for name, found in values.items()} == {"a": "1", "b": None, "d": "1", "e": 2}


@pytest.mark.parametrize("expression", ["${theirs}", "${execution.id}"])
def test_a_local_expression_fails_at_a_name_from_outside(expression: str) -> None:
    mapping = f'<camunda:in sourceExpression="{expression}" target="x" local="true"/>'
    with pytest.raises(ExpressionFailed):
        Scenario(_caller(mapping), CALLED).start(theirs=2)


def test_a_definition_that_is_not_there_is_named() -> None:
    with pytest.raises(DefinitionMissing, match="'called'"):
        Scenario(_caller("")).start()


def test_what_was_called_does_not_end_into_a_suspended_caller() -> None:
    s = Scenario(_caller(""), CALLED).start()
    s.do(c.SetSuspension(instance=s.id, suspended=True))
    with pytest.raises(EntitySuspended):
        s.complete("work")
    s.do(c.SetSuspension(instance=s.id, suspended=False))
    assert s.complete("work").waits() == ["next"]
