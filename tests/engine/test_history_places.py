"""Oddities of Camunda 7's history that clients see: where variables are said to live, and what has called an instance."""

from bpmn.scenario import Scenario, flow_elements, model
from engine.migrating import PARALLEL, SEQUENTIAL, boundary, linear, sub, task
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.questions import RunScript
from penstock.expr.script import ScriptResult
from penstock.expr.values import from_native

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


def test_local_variables_of_paths_that_join_stay_in_history() -> None:
    nodes = f'<startEvent id="start"/><parallelGateway id="fork"/>{task("a")}{task("b")}<parallelGateway id="join"/>'
    s = Scenario(model(f"{nodes}{task('z')}", flows="start fork, fork a, fork b, a join, b join, join z")).start()
    s.complete("a")
    s.modify(
        c.StartInstruction(type="cancel", activity="b"),
        c.StartInstruction(type="startBeforeActivity", activity="b", variables={"v": (from_native(1), True)}),
    )
    s.complete("b")
    assert s.waits() == ["z"]
    (removed,) = s.events(ev.VariableRemoved)
    assert (removed.name, removed.silent) == ("v", True)


def test_a_continuation_that_is_cancelled_alone_tells_the_end_listeners_of_its_activity() -> None:
    listener = (
        '<extensionElements><camunda:executionListener event="end"><camunda:script scriptFormat="js">x</camunda:script>'
        "</camunda:executionListener></extensionElements>"
    )
    s = Scenario(linear(f'<userTask id="a" camunda:asyncBefore="true">{listener}</userTask>'))
    ran: list[str] = []

    def run(question: RunScript) -> ScriptResult:
        ran.append(question.source)
        return ScriptResult()

    s.engine.scripts = run
    s.start().delete()
    assert ran == []
    s.start().modify(c.StartInstruction(type="cancel", activity="a"))
    assert ran == ["x"]
