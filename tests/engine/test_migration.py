"""Migrating an instance: what stays the same, what moves, and what of scopes is added and removed."""

import pytest

from bpmn.scenario import model, typed
from engine.migrating import MESSAGE, TIMER, Migration, boundary, handler, linear, sub, task
from penstock.base.errors import Failure
from penstock.engine import commands as c
from penstock.engine.questions import RunScript
from penstock.expr.script import ScriptResult

OUTPUT = (
    '<extensionElements><camunda:inputOutput><camunda:inputParameter name="in">1</camunda:inputParameter>'
    '<camunda:outputParameter name="out">2</camunda:outputParameter></camunda:inputOutput></extensionElements>'
)
EXTERNAL = '<serviceTask id="w" camunda:type="external" camunda:topic="t"/>'


def test_activity_instances_stay_the_same() -> None:
    m = Migration(linear(sub("s", task("a"))), linear(sub("s", task("a")), task("z"))).start()
    before = m.ids()
    m.migrate()
    assert m.state.definition == m.target.id
    assert m.ids() == before
    assert m.tree() == "p(s(a))"
    m.complete("a")
    assert m.waits() == ["z"]
    m.complete("z")
    assert m.ended == "COMPLETED"


def test_an_activity_gets_another_id() -> None:
    m = Migration(linear(sub("s", task("a"))), linear(sub("t", task("b")))).start()
    before = m.ids()
    task_id = next(iter(m.state.tasks))
    m.migrate("s t, a b")
    assert (m.ids()["t"], m.ids()["b"]) == (before["s"], before["a"])
    assert m.state.tasks[task_id].key == "b"
    m.complete("b")
    assert m.ended == "COMPLETED"


def test_only_instances_of_the_source_migrate() -> None:
    m = Migration(linear(task("a")), linear(task("a"))).start()
    m.migrate("a")
    with pytest.raises(Failure, match=f"ENGINE-23002 Process instance '{m.id}' cannot be migrated"):
        m.migrate("a")
    m.complete("a")
    with pytest.raises(
        Failure, match=f"ENGINE-23003 Process instance '{m.id}' cannot be migrated. The process instance"
    ):
        m.migrate("a")


def test_a_suspended_instance_migrates() -> None:
    m = Migration(linear(task("a")), linear(task("a"))).start()
    m.do(c.SetSuspension(instance=m.id, suspended=True))
    m.migrate()
    assert m.state.suspended
    assert m.state.definition == m.target.id


def listens(*events: str) -> str:
    """Scripts that listen; their source is their event."""
    listener = '<camunda:executionListener event="{0}"><camunda:script scriptFormat="js">{0}</camunda:script>'
    inside = "".join(listener.format(event) + "</camunda:executionListener>" for event in events)
    return f"<extensionElements>{inside}</extensionElements>"


def record(m: Migration) -> list[str]:
    """What scripts are run from now on."""
    ran: list[str] = []

    def run(question: RunScript) -> ScriptResult:
        ran.append(question.source)
        return ScriptResult()

    m.engine.scripts = run
    return ran


# ------------------------------------------------------------------------------------------ scopes come and go


def test_a_scope_is_added() -> None:
    m = Migration(linear(task("a")), linear(sub("s", task("a")))).start(v=1)
    before = m.ids()["a"]
    m.migrate("a")
    assert m.tree() == "p(s(a))"
    assert m.ids()["a"] == before
    assert m.parent("s") == ""
    assert m.variables() == {"v": 1}
    m.complete("a")
    assert m.states("s") == ["completed"]
    assert m.ended == "COMPLETED"


def test_scopes_are_added_once_for_all_that_lies_in_them() -> None:
    two = "start fork, fork a, fork b, a end, b end"
    inner = f"{task('a')}{task('b')}"
    before = model(f'<startEvent id="start"/><parallelGateway id="fork"/>{inner}<endEvent id="end"/>', flows=two)
    after = linear(sub("outer", sub("inner", task("a"), task("b"))))
    m = Migration(before, after).start()
    m.migrate("a, b")
    assert m.tree() == "p(outer(inner(a b)))"
    m.complete("a").complete("b")
    assert m.waits() == ["b"]
    m.complete("b")
    assert m.ended == "COMPLETED"


def test_what_is_added_listens() -> None:
    after = linear(sub("s", task("a"), handlers=handler("h", MESSAGE, task("x"))), boundary("timer", "s", TIMER))
    m = Migration(linear(task("a")), after).start()
    m.migrate("a")
    assert m.subscriptions() == [("message", "M", "h_on")]
    assert m.jobs() == [("timer", "timer-transition")]
    m.message("M")
    assert m.tree() == "p(s(h(x)))"


def test_what_is_added_maps_inputs_unless_that_is_skipped() -> None:
    after = linear(sub("s", task("a"), inside=OUTPUT))
    m = Migration(linear(task("a")), after).start()
    m.migrate("a")
    assert m.local("s") == {"in": "1"}
    m = Migration(linear(task("a")), after).start()
    m.migrate("a", skip_io_mappings=True)
    assert m.local("s") == {}


def test_a_scope_is_removed() -> None:
    m = Migration(linear(sub("s", task("a"))), linear(task("a"))).start()
    before = m.ids()["a"]
    m.migrate("a")
    assert m.tree() == "p(a)"
    assert m.ids()["a"] == before
    assert m.states("s") == ["canceled"]
    m.complete("a")
    assert m.ended == "COMPLETED"


def test_what_waits_at_a_removed_scope_goes_with_it() -> None:
    before = linear(
        sub("s", task("a"), handlers=handler("h", MESSAGE, task("x"))), boundary("timer", "s", TIMER), EXTERNAL
    )
    m = Migration(before, linear(task("a"))).start()
    m.migrate("a")
    assert m.subscriptions() == []
    assert m.jobs() == []


def test_a_removed_scope_maps_its_outputs_unless_that_is_skipped() -> None:
    before = linear(sub("s", task("a"), inside=OUTPUT))
    m = Migration(before, linear(task("a"))).start()
    m.migrate("a")
    assert m.state.executions[m.id].variables.keys() == {"out"}
    m = Migration(before, linear(task("a"))).start()
    m.migrate("a", skip_io_mappings=True)
    assert not m.state.executions[m.id].variables


def test_variables_of_a_removed_scope_go() -> None:
    m = Migration(linear(sub("s", task("a"))), linear(task("a"))).start()
    scope = next(x for x in m.state.executions.values() if x.scope_activity == "s")
    m.do(c.SetVariables(instance=m.id, execution=scope.id, local=True, modifications=typed({"v": 1})))
    m.migrate("a")
    assert m.state.executions[m.id].variables == {}
    m.complete("a")
    assert m.ended == "COMPLETED"


def test_one_scope_for_another() -> None:
    m = Migration(linear(sub("s", sub("t", task("a")))), linear(sub("t", sub("u", task("a"))))).start()
    before = m.ids()
    m.migrate("t, a")
    assert m.tree() == "p(t(u(a)))"
    assert m.ids()["t"] == before["t"]
    m.complete("a")
    assert m.ended == "COMPLETED"


def test_parallel_parts_of_a_removed_scope() -> None:
    inner = (
        '<subProcess id="s"><startEvent id="s_in"/><parallelGateway id="fork"/><userTask id="a"/><userTask id="b"/>'
        '<sequenceFlow id="f1" sourceRef="s_in" targetRef="fork"/><sequenceFlow id="f2" sourceRef="fork" targetRef="a"/>'
        '<sequenceFlow id="f3" sourceRef="fork" targetRef="b"/></subProcess>'
    )
    m = Migration(linear(inner), linear(task("a"), task("b"))).start()
    m.migrate("a, b")
    assert m.tree() == "p(a b)"
    m.complete("a").complete("b").complete("b")
    assert m.ended == "COMPLETED"


def test_listeners_of_scopes_that_come_and_go() -> None:
    after = linear(sub("t", task("a"), inside=listens("start", "end")))
    m = Migration(linear(sub("s", task("a"), inside=listens("start", "end"))), after).start()
    ran = record(m)
    m.migrate("a")
    assert ran == ["end", "start"]
    m = Migration(linear(sub("s", task("a"), inside=listens("start", "end"))), after).start()
    ran = record(m)
    m.migrate("a", skip_custom_listeners=True)
    assert ran == []


def test_a_scope_that_waits_after_its_own_end_stays_where_it_is() -> None:
    loop = (
        '<multiInstanceLoopCharacteristics isSequential="true" camunda:asyncAfter="true"><loopCardinality>2'
        "</loopCardinality></multiInstanceLoopCharacteristics>"
    )
    file = linear(sub("s", task("a"), inside=loop))
    m = Migration(file, file).start()
    m.complete("a")
    m.migrate()
    m.job("s").complete("a").job("s")
    assert m.ended == "COMPLETED"
