"""What happens where several elements meet."""

from __future__ import annotations

from typing import Any

import pytest

from bpmn.scenario import Scenario, flow_elements, model
from penstock.base.errors import EntitySuspended
from penstock.engine import commands as c
from penstock.engine.questions import FindDefinition

FORMAL = 'xsi:type="tFormalExpression"'
ERROR = '<error id="e" name="E" errorCode="E"/>'
SIGNAL = '<signal id="s" name="S"/>'
CALLED = model('<startEvent id="start"/><userTask id="x"/>', flows="start x", key="called")


def _timer(kind: str, text: str) -> str:
    return f"<timerEventDefinition><{kind} {FORMAL}>{text}</{kind}></timerEventDefinition>"


def _handled(definition: str, *, interrupting: bool = True, roots: str = "") -> Scenario:
    """A user task `work` with a boundary event `event`, after which `after` waits."""
    body = (
        '<startEvent id="start"/><userTask id="work"/><userTask id="after"/>'
        f'<boundaryEvent id="event" attachedToRef="work" cancelActivity="{str(interrupting).lower()}">{definition}'
        "</boundaryEvent>"
    )
    return Scenario(model(body, flows="start work, event after", roots=roots))


@pytest.mark.parametrize(("cycle", "step_ms"), [("R/PT10S", 10_000), ("0 0 * * * ?", 3_600_000)])
def test_a_cycle_without_end_repeats(cycle: str, step_ms: int) -> None:
    s = _handled(_timer("timeCycle", cycle), interrupting=False).start()
    for number in range(1, 5):
        s.timer("event")
        assert s.waits().count("after") == number
    (job,) = s.engine.jobs(s.id)
    assert 0 < (job.due_ms or 0) - s.engine.clock.now_ms() <= step_ms


def test_an_interrupting_cycle_happens_once() -> None:
    s = _handled(_timer("timeCycle", "R3/PT5S")).start().timer("event")
    assert s.waits() == ["after"]
    assert s.jobs() == []


def test_a_condition_listens_to_the_variable_and_change_that_it_names() -> None:
    condition = (
        '<conditionalEventDefinition camunda:variableName="x" camunda:variableEvents="update">'
        f"<condition {FORMAL}>${{ready == true}}</condition></conditionalEventDefinition>"
    )
    s = _handled(condition, interrupting=False).start(ready=False)
    s.set(ready=True)
    s.set(x=1)
    s.set(y=1)
    assert s.waits() == ["work"]
    s.set(x=2)
    assert s.waits() == ["after", "work"]


def test_each_instance_of_a_multi_instance_activity_is_compensated() -> None:
    body = (
        '<startEvent id="start"/><userTask id="work"><multiInstanceLoopCharacteristics>'
        f"<loopCardinality {FORMAL}>2</loopCardinality></multiInstanceLoopCharacteristics></userTask>"
        '<boundaryEvent id="event" attachedToRef="work"><compensateEventDefinition/></boundaryEvent>'
        '<userTask id="undo" isForCompensation="true"/><userTask id="after"/>'
        '<intermediateThrowEvent id="throw"><compensateEventDefinition/></intermediateThrowEvent>'
    )
    link = '<association id="link" associationDirection="One" sourceRef="event" targetRef="undo"/>'
    s = Scenario(model(body, flows="start work, work throw, throw after").replace("</process>", f"{link}</process>"))
    s.start().complete("work").complete("work")
    assert s.waits() == ["undo", "undo"]
    s.complete("undo").complete("undo")
    assert s.waits() == ["after"]


def test_a_failing_compensation_handler_is_tried_again_with_its_job() -> None:
    body = (
        '<startEvent id="start"/><manualTask id="work"/><userTask id="after"/>'
        '<boundaryEvent id="event" attachedToRef="work"><compensateEventDefinition/></boundaryEvent>'
        '<serviceTask id="undo" isForCompensation="true" camunda:expression="${missing}"/>'
        '<intermediateThrowEvent id="throw" camunda:asyncBefore="true"><compensateEventDefinition/></intermediateThrowEvent>'
    )
    link = '<association id="link" associationDirection="One" sourceRef="event" targetRef="undo"/>'
    s = Scenario(model(body, flows="start work, work throw, throw after").replace("</process>", f"{link}</process>"))
    s.start()
    assert s.job_fails("throw").element_id == "undo"
    assert s.subscriptions() == [("compensate", None, "undo")]
    s.set(missing=1).job("throw")
    assert s.waits() == ["after"]


def test_terminate_cancels_called_instances() -> None:
    body = (
        '<startEvent id="start"/><parallelGateway id="fork"/><callActivity id="call" calledElement="called"/>'
        '<userTask id="a"/><endEvent id="end"><terminateEventDefinition/></endEvent>'
    )
    s = Scenario(model(body, flows="start fork, fork call, fork a, a end"), CALLED).start()
    (called,) = s.called()
    s.complete("a")
    assert s.ended == "COMPLETED"
    assert s.ended_of(called) == "INTERNALLY_TERMINATED"
    assert s.states("call") == ["canceled"]


def test_an_error_that_nobody_catches_in_a_called_instance_ends_it_and_the_caller_goes_on() -> None:
    called = CALLED.replace('<userTask id="x"/>', '<endEvent id="x"><errorEventDefinition errorRef="e"/></endEvent>')
    called = called.replace("<process", f"{ERROR}<process")
    body = '<startEvent id="start"/><callActivity id="call" calledElement="called"/><userTask id="after"/>'
    s = Scenario(model(body, flows="start call, call after"), called).start()
    assert s.waits() == ["after"]
    assert s.ended_of(s.called()[0]) == "COMPLETED"


def test_the_deployment_binding_names_the_caller() -> None:
    body = '<startEvent id="start"/><callActivity id="c" calledElement="called" camunda:calledElementBinding="deployment"/>'
    s = Scenario(model(body, flows="start c"), CALLED)
    asked: list[FindDefinition] = []
    find = s.engine._find

    def record(question: FindDefinition) -> Any:
        asked.append(question)
        return find(question)

    s.engine._find = record  # type: ignore[method-assign]
    s.start()
    (question,) = asked
    assert (question.key, question.binding, question.deployment_of) == ("called", "deployment", s.engine.latest("p").id)


def test_an_event_sub_process_may_throw_on_what_it_has_caught() -> None:
    definition = '<errorEventDefinition errorRef="e"/>'
    inner = (
        f'<startEvent id="inner"/><userTask id="work"/>{flow_elements("inner work")}'
        f'<subProcess id="handler" triggeredByEvent="true"><startEvent id="caught">{definition}</startEvent>'
        f'<endEvent id="again">{definition}</endEvent>{flow_elements("caught again")}</subProcess>'
    )
    body = (
        f'<startEvent id="start"/><subProcess id="sub">{inner}</subProcess><userTask id="after"/>'
        f'<boundaryEvent id="event" attachedToRef="sub">{definition}</boundaryEvent>'
    )
    s = Scenario(model(body, flows="start sub, event after", roots=ERROR)).start()
    s.do(c.ThrowTaskError(instance=s.id, task=next(iter(s.state.tasks)), error_code="E"))
    assert s.path() == ["start", "sub", "inner", "work", "handler", "caught", "again", "event", "after"]
    assert s.waits() == ["after"]


def test_continuations_everywhere() -> None:
    both = 'camunda:asyncBefore="true" camunda:asyncAfter="true"'
    body = (
        f'<startEvent id="start" {both}/><parallelGateway id="fork" camunda:asyncAfter="true"/><manualTask id="a"/>'
        f'<manualTask id="b"/><parallelGateway id="join" camunda:asyncBefore="true"/><endEvent id="end" {both}/>'
    )
    s = Scenario(model(body, flows="start fork, fork a, fork b, a join, b join, join end")).start()
    order = []
    while s.ended is None:
        activity, _ = s.jobs()[0]
        order.append(activity)
        s.job(activity)
    assert order == ["start", "start", "fork", "fork", "join", "join", "end", "end"]
    assert s.ended == "COMPLETED"
    assert s.states("join") == ["completed", "completed"]


def test_a_job_of_a_suspended_instance_fails_whoever_executes_it() -> None:
    # Camunda 7 `ExecutionEntity.ensureNotSuspended`.
    s = Scenario(
        model('<startEvent id="start"/><userTask id="a" camunda:asyncBefore="true"/>', flows="start a")
    ).start()
    s.do(c.SetSuspension(instance=s.id, suspended=True))
    with pytest.raises(EntitySuspended):
        s.job("a")


@pytest.mark.parametrize("what", ["complete", "fail", "error"])
def test_a_suspended_external_task_is_refused(what: str) -> None:
    body = '<startEvent id="start"/><serviceTask id="work" camunda:type="external" camunda:topic="t"/>'
    s = Scenario(model(body, flows="start work")).start()
    s.do(c.SetSuspension(instance=s.id, suspended=True))
    with pytest.raises(EntitySuspended):
        {"complete": s.work, "fail": lambda a: s.fail_work(a, 0), "error": lambda a: s.error(a, "E")}[what]("work")


def test_an_asynchronous_signal_is_a_job_of_its_receiver() -> None:
    body = (
        '<startEvent id="start"/><userTask id="go"/><intermediateThrowEvent id="throw">'
        '<signalEventDefinition signalRef="s" camunda:async="true"/></intermediateThrowEvent><userTask id="after"/>'
    )
    hears = _handled('<signalEventDefinition signalRef="s"/>', roots=SIGNAL)
    hears.start()
    hears.engine.deploy(model(body, flows="start go, go throw, throw after", roots=SIGNAL, key="throws"))
    receiver = hears.id
    hears.start("throws").complete("go")
    assert hears.waits() == ["after"]
    assert hears.waits(receiver) == ["work"]
    assert hears.jobs(receiver) == [("event", "event")]
