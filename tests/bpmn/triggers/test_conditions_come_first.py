"""What changes a variable is looked at by conditional events before anything else happens (Camunda 7
`PvmExecutionImpl.dispatchDelayedEventsAndPerformOperation`). Each model was also run on a Camunda 7.24."""

from __future__ import annotations

import pytest

from bpmn.scenario import Scenario, flow_elements, model

FORMAL = 'xsi:type="tFormalExpression"'
SCRIPT = '<scriptTask id="set" scriptFormat="juel" camunda:resultVariable="v"><script>${1}</script></scriptTask>'


def _when(condition: str) -> str:
    return f"<conditionalEventDefinition><condition {FORMAL}>${{{condition}}}</condition></conditionalEventDefinition>"


def _boundary(host: str, condition: str, interrupting: bool) -> str:
    return (
        f'<boundaryEvent id="event" attachedToRef="{host}" cancelActivity="{str(interrupting).lower()}">'
        f'{_when(condition)}</boundaryEvent><userTask id="after"/>'
    )


def _event_subprocess(condition: str, interrupting: bool) -> str:
    return (
        f'<subProcess id="es" triggeredByEvent="true"><startEvent id="event" isInterrupting="{str(interrupting).lower()}">'
        f'{_when(condition)}</startEvent><userTask id="after"/>{flow_elements("event after")}</subProcess>'
    )


@pytest.mark.parametrize("task", ['userTask id="x"', 'serviceTask id="x" camunda:type="external" camunda:topic="t"'])
@pytest.mark.parametrize("interrupting", [True, False])
def test_what_a_task_is_completed_with_reaches_its_own_boundary_event(task: str, interrupting: bool) -> None:
    body = f'<startEvent id="start"/><{task}/><userTask id="next"/>{_boundary("x", "done == 1", interrupting)}'
    s = Scenario(model(body, flows="start x, x next, event after")).start(done=0)
    (s.complete if "userTask" in task else s.work)("x", done=1)
    assert s.states("x") == ["canceled" if interrupting else "completed"]
    assert s.waits() == (["after"] if interrupting else ["after", "next"])


@pytest.mark.parametrize("interrupting", [True, False])
def test_the_last_activity_of_a_scope_does_not_end_it_before_the_condition_was_seen(interrupting: bool) -> None:
    inner = f'<startEvent id="is"/>{SCRIPT}<endEvent id="ie"/>{flow_elements("is set, set ie")}'
    body = f'<startEvent id="start"/><subProcess id="sub">{inner}</subProcess><userTask id="next"/>'
    s = Scenario(model(body + _boundary("sub", "v == 1", interrupting), flows="start sub, sub next, event after"))
    s.start(v=0)
    assert s.states("sub") == ["canceled" if interrupting else "completed"]
    assert s.states("set") == ["canceled" if interrupting else "completed"]
    assert s.waits() == (["after"] if interrupting else ["after", "next"])


@pytest.mark.parametrize("interrupting", [True, False])
def test_an_event_subprocess_of_the_process_sees_what_a_script_sets(interrupting: bool) -> None:
    body = f'<startEvent id="start"/>{SCRIPT}<userTask id="next"/>{_event_subprocess("v == 1", interrupting)}'
    s = Scenario(model(body, flows="start set, set next")).start(v=0)
    assert s.states("set") == ["canceled" if interrupting else "completed"]
    assert s.waits() == (["after"] if interrupting else ["after", "next"])


def test_a_condition_that_holds_from_the_start_comes_before_the_start_event() -> None:
    body = f'<startEvent id="start"/><userTask id="next"/>{_event_subprocess("true", True)}'
    s = Scenario(model(body, flows="start next")).start()
    assert s.path() == ["es", "event", "after"]
    s.complete("after")
    assert s.ended == "COMPLETED"


def test_one_that_does_not_interrupt_runs_beside_what_it_was_there_for() -> None:
    inner = f'<startEvent id="is"/><userTask id="it"/>{flow_elements("is it")}{_event_subprocess("true", False)}'
    s = Scenario(model(f'<startEvent id="start"/><subProcess id="sub">{inner}</subProcess>', flows="start sub")).start()
    assert s.waits() == ["after", "it"]
    assert s.parent("it") == s.parent("es") == "sub"


def test_changes_are_looked_at_in_their_order() -> None:
    body = (
        '<startEvent id="start"/><userTask id="go"/><userTask id="next"/>'
        f"{_event_subprocess('a == 1', True)}"
        f'<subProcess id="other" triggeredByEvent="true"><startEvent id="second">{_when("b == 1")}</startEvent>'
        f'<userTask id="late"/>{flow_elements("second late")}</subProcess>'
    )
    s = Scenario(model(body, flows="start go, go next")).start(a=0, b=0)
    s.complete("go", a=1, b=1)
    assert s.waits() == ["after"]
