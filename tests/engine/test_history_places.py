"""Oddities of Camunda 7's history that clients see: where variables are said to live, and what has called an instance."""

from bpmn.scenario import Scenario, flow_elements, model
from engine.migrating import PARALLEL, SEQUENTIAL, boundary, linear, sub, task
from penstock.engine import events as ev

INPUT = (
    '<extensionElements><camunda:inputOutput><camunda:inputParameter name="in">1</camunda:inputParameter>'
    "</camunda:inputOutput></extensionElements>"
)
ERROR = '<errorEventDefinition errorRef="err"/>'


def places(s: Scenario, name: str) -> list[str]:
    """The activities in whose instances the variables of this name are said to live."""
    activities = {row.id: row.activity for row in s.rows()}
    found = [e.scope_activity_instance for e in s.events(ev.VariableSet) if e.name == name and not e.revision]
    return [activities.get(place, "") for place in found]


def test_inputs_of_a_task_live_in_it_and_those_of_a_scope_around_it() -> None:
    s = Scenario(linear(sub("s", task("a", INPUT), inside=INPUT))).start()
    assert places(s, "in") == ["", "a"]
    s = Scenario(linear(sub("s", sub("t", task("a"), inside=INPUT), inside=INPUT))).start()
    assert places(s, "in") == ["", "s"]


def test_all_loop_counters_are_there_before_the_first_instance_begins() -> None:
    throws = '<endEvent id="thrown"><errorEventDefinition errorRef="err"/></endEvent>'
    inner = f'<startEvent id="in"/>{throws}{flow_elements("in thrown")}'
    body = f'<subProcess id="s">{PARALLEL}{inner}</subProcess>{boundary("caught", "s", ERROR)}'
    s = Scenario(
        model(
            f'<startEvent id="start"/>{body}<endEvent id="end"/>',
            flows="start s, s end",
            roots='<error id="err" errorCode="E"/>',
        )
    ).start()
    counters = [e.value.value for e in s.events(ev.VariableSet) if e.name == "loopCounter"]
    assert counters == [1, 0]
    assert s.path().count("s") == 1
    assert s.ended == "COMPLETED"


def test_a_sequential_body_that_is_cancelled_names_what_its_instance_had_called() -> None:
    called = model(f'<startEvent id="c"/>{task("x")}<endEvent id="d"/>', flows="c x, x d", key="q")

    def names(loop: str) -> list[str]:
        s = Scenario(linear(f'<callActivity id="call" calledElement="q">{loop}</callActivity>'), called).start()
        s.delete()
        activities = {row.id: row.activity for row in s.rows()}
        return [activities[e.activity_instance] for e in s.events(ev.ActivityUpdated) if e.called_instance is not None]

    assert names("") == ["call"]
    assert names(SEQUENTIAL) == ["call", "call#multiInstanceBody"]
    assert names(PARALLEL) == ["call", "call"]
