"""Migrating multi-instance activities, compensation, call activities, external tasks, gateways, variables, incidents;
and what is refused, with its report."""

import pytest

from bpmn.scenario import flow_elements, model, typed
from engine.migrating import MESSAGE, PARALLEL, SEQUENTIAL, Migration, boundary, handler, linear, sub, task
from penstock.base.errors import Failure
from penstock.engine import commands as c
from penstock.engine import events as ev

NONE = "There is no migration instruction for this instance's activity"


def external(id: str) -> str:
    return f'<serviceTask id="{id}" camunda:type="external" camunda:topic="t"/>'


# ------------------------------------------------------------------------------------------ multi-instance


def test_a_parallel_multi_instance_task() -> None:
    m = Migration(linear(task("a", PARALLEL)), linear(task("b", PARALLEL))).start()
    m.complete("a")
    m.migrate("a#multiInstanceBody b#multiInstanceBody, a b")
    assert m.waits() == ["b"]
    assert m.local("b#multiInstanceBody") == {
        "nrOfInstances": 2,
        "nrOfCompletedInstances": 1,
        "nrOfActiveInstances": 1,
    }
    m.complete("b")
    assert m.ended == "COMPLETED"


def test_a_sequential_multi_instance_subprocess() -> None:
    def looped(id: str, *nodes: str) -> str:
        return sub(id, *nodes, inside=SEQUENTIAL)

    m = Migration(linear(looped("s", task("a"))), linear(looped("s", task("a"), task("b")))).start()
    m.migrate()
    m.complete("a").complete("b").complete("a").complete("b")
    assert m.ended == "COMPLETED"


def test_a_multi_instance_body_is_removed() -> None:
    m = Migration(linear(task("a", PARALLEL)), linear(task("a"))).start()
    m.migrate("a")
    assert m.tree() == "p(a a)"
    assert m.states("a#multiInstanceBody") == ["canceled"]
    m.complete("a").complete("a")
    assert m.ended == "COMPLETED"


def test_a_sequential_body_is_removed() -> None:
    m = Migration(linear(task("a", SEQUENTIAL)), linear(task("a"))).start()
    m.migrate("a")
    assert m.tree() == "p(a)"
    m.complete("a")
    assert m.ended == "COMPLETED"


def test_a_scope_is_added_inside_of_a_body() -> None:
    inner = sub("s", task("a"), inside=PARALLEL)
    deeper = sub("s", sub("t", task("a")), inside=PARALLEL)
    m = Migration(linear(inner), linear(deeper)).start()
    m.migrate("s#multiInstanceBody, s, a")
    assert m.tree() == "p(s#multiInstanceBody(s(t(a)) s(t(a))))"
    m.complete("a").complete("a")
    assert m.ended == "COMPLETED"


# ------------------------------------------------------------------------------------------ compensation


def compensated(id: str, undo: str, *, in_scope: str | None = None) -> str:
    """A task with a handler, then one that waits, then everything is undone."""
    pair = (
        f'{task(id)}<boundaryEvent id="{id}_e" attachedToRef="{id}"><compensateEventDefinition/></boundaryEvent>'
        f'<userTask id="{undo}" isForCompensation="true"/>'
    )
    link = f'<association id="{id}_u" associationDirection="One" sourceRef="{id}_e" targetRef="{undo}"/>'
    first = id
    if in_scope is not None:
        flows = flow_elements(f"{in_scope}_in {id}, {id} {in_scope}_out")
        ends = f'<startEvent id="{in_scope}_in"/><endEvent id="{in_scope}_out"/>'
        pair, first = f'<subProcess id="{in_scope}">{ends}{pair}{flows}{link}</subProcess>', in_scope
        link = ""
    end = '<endEvent id="end"><compensateEventDefinition/></endEvent>'
    flows = flow_elements(f"start {first}, {first} z, z end")
    return model(f'<startEvent id="start"/>{pair}{task("z")}{end}{flows}{link}')


def test_a_handler_of_the_target_compensates() -> None:
    m = Migration(compensated("a", "undo"), compensated("b", "redo")).start()
    m.complete("a")
    m.migrate("z, a_e b_e")
    m.complete("z")
    assert m.waits() == ["redo"]
    m.complete("redo")
    assert m.ended == "COMPLETED"


def test_a_kept_scope_goes_with_it() -> None:
    m = Migration(compensated("a", "undo", in_scope="s"), compensated("a", "undo", in_scope="t")).start()
    m.complete("a")
    assert m.tree() == "p(z ~s)"
    m.migrate("z, s t, a_e")
    assert m.tree() == "p(z ~t)"
    m.complete("z")
    assert m.waits() == ["undo"]
    m.complete("undo")
    assert m.ended == "COMPLETED"


def test_a_kept_scope_is_added() -> None:
    m = Migration(compensated("a", "undo"), compensated("a", "undo", in_scope="s")).start()
    m.complete("a")
    m.migrate("z, a_e")
    assert m.tree() == "p(z ~s)"
    m.complete("z").complete("undo")
    assert m.ended == "COMPLETED"


def test_a_kept_scope_is_removed() -> None:
    m = Migration(compensated("a", "undo", in_scope="s"), compensated("a", "undo")).start()
    m.complete("a")
    m.migrate("z, a_e")
    assert m.tree() == "p(z)"
    m.complete("z").complete("undo")
    assert m.ended == "COMPLETED"


def test_compensation_needs_an_instruction() -> None:
    m = Migration(compensated("a", "undo"), compensated("a", "undo")).start()
    m.complete("a")
    refused = m.refused("z")
    assert (
        "Cannot migrate subscription for compensation handler 'undo'. "
        "There is no migration instruction for the compensation boundary event"
    ) in refused.message


# ------------------------------------------------------------------------------------------ what waits outside


def test_a_called_instance_goes_on() -> None:
    called = model(f'<startEvent id="c_start"/>{task("x")}<endEvent id="c_end"/>', flows="c_start x, x c_end", key="q")
    call = '<callActivity id="{}" calledElement="q"/>'
    m = Migration(linear(call.format("a")), linear(call.format("b"), task("z")))
    m.engine.deploy(called)
    m.start()
    m.migrate("a b")
    m.complete("x")
    assert m.waits() == ["z"]


def test_an_external_task_goes_on() -> None:
    m = Migration(linear(external("a")), linear(sub("s", external("b")))).start()
    (found,) = m.state.external_tasks
    m.fail_work("a", 0)
    m.migrate("a b")
    assert list(m.state.external_tasks) == [found]
    assert m.incidents() == [("failedExternalTask", "b")]
    m.work("b")
    assert m.ended == "COMPLETED"
    assert m.engine.instances == {}


def test_tokens_that_wait_for_each_other() -> None:
    def fork(join: str) -> str:
        nodes = f'<startEvent id="start"/><parallelGateway id="fork"/>{task("a")}{task("b")}'
        return model(
            f'{nodes}<parallelGateway id="{join}"/><endEvent id="end"/>',
            flows=f"start fork, fork a, fork b, a {join}, b {join}, {join} end",
        )

    m = Migration(fork("join"), fork("meet")).start()
    m.complete("a")
    m.migrate("b, join meet")
    assert m.waits() == ["b", "meet"]
    m.complete("b")
    assert m.ended == "COMPLETED"


def test_an_incident_of_a_task_goes_with_it() -> None:
    m = Migration(linear(task("a")), linear(sub("s", task("b")))).start()
    (x,) = (x.id for x in m.state.executions.values() if x.activity == "a")
    m.do(c.CreateIncident(instance=m.id, execution=x, type="foo", configuration="bar"))
    m.migrate("a b")
    assert m.incidents() == [("foo", "b")]
    m.complete("b")
    assert m.ended == "COMPLETED"


# ------------------------------------------------------------------------------------------ variables


def test_variables_stay() -> None:
    m = Migration(linear(sub("s", task("a"))), linear(sub("s", task("a")))).start(v=1)
    scope = next(x for x in m.state.executions.values() if x.scope_activity == "s")
    m.do(c.SetVariables(instance=m.id, execution=scope.id, local=True, modifications=typed({"w": 2})))
    m.migrate()
    assert m.local("s") == {"w": 2}
    assert m.variables() == {"v": 1}


def test_local_variables_of_a_task_go_with_it() -> None:
    m = Migration(linear(sub("s", task("a", MAPPED))), linear(task("a", MAPPED))).start()
    assert m.local("a") == {"in": "1"}
    m.migrate("a")
    assert m.local("a") == {"in": "1"}


MAPPED = (
    '<extensionElements><camunda:inputOutput><camunda:inputParameter name="in">1</camunda:inputParameter>'
    "</camunda:inputOutput></extensionElements>"
)


def test_variables_are_set() -> None:
    m = Migration(linear(task("a")), linear(task("a"))).start(v=1)
    m.migrate("a", variables=typed({"v": 2, "w": "x"}))
    assert m.variables() == {"v": 2, "w": "x"}


def test_history_is_told() -> None:
    m = Migration(linear(task("a")), linear(task("b"))).start(v=1)
    before = m.ids()["a"]
    m.migrate("a b")
    (moved,) = m.events(ev.InstanceMigrated)
    assert moved.definition == m.target.id
    (activity,) = m.events(ev.ActivityMigrated)
    assert (activity.activity_instance, activity.activity, activity.type) == (before, "b", "userTask")
    assert [e.key for e in m.events(ev.TaskMigrated)] == ["b"]
    assert len(m.events(ev.VariablesMigrated)) == 1


# ------------------------------------------------------------------------------------------ refused


def test_what_has_no_instruction_is_reported() -> None:
    m = Migration(linear(sub("s", task("a"))), linear(sub("s", task("a")))).start()
    before = m.ids()["a"]
    refused = m.refused("s")
    assert refused.message == (
        f"ENGINE-23004 Cannot migrate process instance '{m.id}':\n\tCannot migrate activity instance '{before}':\n"
        f"\t\t{NONE}\n"
    )
    (report,) = refused.activities
    assert (report.id, report.source, report.instruction, report.failures) == (before, "a", None, [NONE])


def test_a_running_activity_of_another_kind_is_reported() -> None:
    broken = '<sendTask id="a" camunda:asyncAfter="true" camunda:expression="${1}"/>'
    m = Migration(linear(broken), linear(broken)).start()
    m.migrate("a")
    m.job("a")
    assert m.ended == "COMPLETED"


def test_variables_that_would_be_lost_are_reported() -> None:
    def fork(inside: str) -> str:
        nodes = (
            f'<startEvent id="start"/><parallelGateway id="fork"/>{task("a", inside)}{task("b")}<endEvent id="end"/>'
        )
        return model(nodes, flows="start fork, fork a, fork b, a end, b end")

    m = Migration(fork(MAPPED), fork("")).start()
    scope = next(x for x in m.state.executions.values() if x.scope_activity == "a")
    assert scope.parent is not None
    m.do(c.SetVariables(instance=m.id, execution=scope.parent, local=True, modifications=typed({"in": 2})))
    refused = m.refused("a, b")
    assert (
        "The variable 'in' exists in both, this scope and concurrent local in the parent scope. "
        "Migrating to a non-scope activity would overwrite one of them."
    ) in refused.message


def test_a_handler_of_an_instance_that_is_gone() -> None:
    m = Migration(linear(task("a"), boundary("e", "a", MESSAGE)), linear(task("a"), handler("h", MESSAGE, task("x"))))
    m.start().migrate("a")
    assert m.subscriptions() == [("message", "M", "h_on")]


def test_an_instance_of_no_tenant_stays_without() -> None:
    m = Migration(linear(task("a")), linear(task("a"))).start()
    m.target.tenant = "one"
    with pytest.raises(
        Failure, match=r"ENGINE-23010 .* without tenant to a process definition with a tenant \('one'\)"
    ):
        m.migrate("a", check=False)
