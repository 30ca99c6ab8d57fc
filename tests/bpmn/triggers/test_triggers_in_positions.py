"""Every trigger in every position where BPMN 2.0.2 table 10.93 and Camunda 7 allow it, in the smallest model that shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bpmn.scenario import Scenario, flow_elements, model
from penstock.base.errors import ParseFailed
from penstock.bpmn.triggers import TABLE
from penstock.engine import commands as c
from penstock.model.graph import TriggerKind

K = TriggerKind
FORMAL = 'xsi:type="tFormalExpression"'
ROOTS = (
    '<message id="m" name="M"/><signal id="s" name="S"/><error id="e" name="E" errorCode="E"/>'
    '<escalation id="u" name="U" escalationCode="U"/>'
)
DEFINITIONS = {
    K.MESSAGE: '<messageEventDefinition messageRef="m"/>',
    K.TIMER: f"<timerEventDefinition><timeDuration {FORMAL}>PT5S</timeDuration></timerEventDefinition>",
    K.SIGNAL: '<signalEventDefinition signalRef="s"/>',
    K.ERROR: '<errorEventDefinition errorRef="e"/>',
    K.ESCALATION: '<escalationEventDefinition escalationRef="u"/>',
    K.CONDITIONAL: f"<conditionalEventDefinition><condition {FORMAL}>${{x == 1}}</condition></conditionalEventDefinition>",
    K.COMPENSATION: "<compensateEventDefinition/>",
    K.CANCEL: "<cancelEventDefinition/>",
    K.TERMINATE: "<terminateEventDefinition/>",
    K.LINK: '<linkEventDefinition name="L"/>',
}


def _started(body: str, flows: str, **variables: Any) -> Scenario:
    return Scenario(model(body, flows=flows, roots=ROOTS)).start(**variables)


def _task(s: Scenario) -> str:
    return next(iter(s.state.tasks))


OUTSIDE: dict[TriggerKind, Callable[[Scenario], Any]] = {
    K.MESSAGE: lambda s: s.message("M"),
    K.TIMER: lambda s: s.timer("event"),
    K.SIGNAL: lambda s: s.signal("S"),
    K.CONDITIONAL: lambda s: s.set(x=1),
    K.ERROR: lambda s: s.do(c.ThrowTaskError(instance=s.id, task=_task(s), error_code="E")),
    K.ESCALATION: lambda s: s.do(c.ThrowTaskEscalation(instance=s.id, task=_task(s), escalation_code="U")),
}
"""How each trigger happens while the user task `work` waits."""


@pytest.mark.parametrize("kind", [K.MESSAGE, K.TIMER, K.SIGNAL, K.CONDITIONAL])
def test_start_of_a_process(kind: TriggerKind) -> None:
    body = f'<startEvent id="event">{DEFINITIONS[kind]}</startEvent><userTask id="after"/>'
    s = Scenario(model(body, flows="event after", roots=ROOTS))
    s.id = s.do(c.StartInstance(definition=s.engine.latest("p").id, start_event="event"))
    assert s.waits() == ["after"]
    assert s.type("event") == TABLE[kind].start
    assert s.states("event") == ["completed"]


def test_a_signal_starts_instances_too() -> None:
    body = f'<startEvent id="event">{DEFINITIONS[K.SIGNAL]}</startEvent><userTask id="after"/>'
    s = Scenario(model(body, flows="event after", roots=ROOTS))
    s.do(c.BroadcastSignal(name="S", starts=((s.engine.latest("p").id, "event"),)))
    (s.id,) = s.engine.instances
    assert s.waits() == ["after"]


@pytest.mark.parametrize(
    ("kind", "interrupting"),
    [
        *((kind, True) for kind in OUTSIDE),
        *((kind, False) for kind in OUTSIDE if kind is not K.ERROR),
    ],
)
def test_start_of_an_event_sub_process(kind: TriggerKind, interrupting: bool) -> None:
    body = (
        '<startEvent id="start"/><userTask id="work"/><subProcess id="sub" triggeredByEvent="true">'
        f'<startEvent id="event" isInterrupting="{str(interrupting).lower()}">{DEFINITIONS[kind]}</startEvent>'
        f'<userTask id="after"/>{flow_elements("event after")}</subProcess>'
    )
    s = _started(body, "start work")
    OUTSIDE[kind](s)
    assert s.waits() == (["after"] if interrupting else ["after", "work"])
    assert s.states("work") == ["canceled" if interrupting else "open"]
    assert s.type("event") == TABLE[kind].start
    assert (s.parent("event"), s.parent("sub")) == ("sub", "")
    assert bool(s.subscriptions() or s.jobs()) is (not interrupting and kind not in (K.ESCALATION, K.TIMER))


def test_start_of_a_compensation_event_sub_process() -> None:
    inner = (
        f'<startEvent id="inner"/><manualTask id="work"/>{flow_elements("inner work")}'
        '<subProcess id="undo" triggeredByEvent="true">'
        f'<startEvent id="event">{DEFINITIONS[K.COMPENSATION]}</startEvent><userTask id="handler"/>'
        f"{flow_elements('event handler')}</subProcess>"
    )
    body = (
        f'<startEvent id="start"/><subProcess id="sub">{inner}</subProcess>'
        f'<intermediateThrowEvent id="throw">{DEFINITIONS[K.COMPENSATION]}</intermediateThrowEvent><userTask id="after"/>'
    )
    s = _started(body, "start sub, sub throw, throw after")
    assert s.waits() == ["handler"]
    assert s.type("event") == TABLE[K.COMPENSATION].start
    s.complete("handler")
    assert s.waits() == ["after"]


@pytest.mark.parametrize("kind", [K.MESSAGE, K.TIMER, K.SIGNAL, K.CONDITIONAL])
def test_intermediate_catch(kind: TriggerKind) -> None:
    body = (
        f'<startEvent id="start"/><intermediateCatchEvent id="event">{DEFINITIONS[kind]}</intermediateCatchEvent>'
        '<userTask id="after"/>'
    )
    s = _started(body, "start event, event after")
    assert s.waits() == ["event"]
    OUTSIDE[kind](s)
    assert s.waits() == ["after"]
    assert s.type("event") == TABLE[kind].catch
    assert s.states("event") == ["completed"]
    assert s.subscriptions() == []
    assert s.jobs() == []


@pytest.mark.parametrize("kind", [K.MESSAGE, K.TIMER, K.SIGNAL, K.CONDITIONAL])
def test_behind_an_event_based_gateway(kind: TriggerKind) -> None:
    other = K.SIGNAL if kind is not K.SIGNAL else K.MESSAGE
    body = (
        f'<startEvent id="start"/><eventBasedGateway id="gate"/><userTask id="after"/><userTask id="other_after"/>'
        f'<intermediateCatchEvent id="event">{DEFINITIONS[kind]}</intermediateCatchEvent>'
        f'<intermediateCatchEvent id="other">{DEFINITIONS[other]}</intermediateCatchEvent>'
    )
    s = _started(body, "start gate, gate event, gate other, event after, other other_after")
    assert s.waits() == ["gate"]
    OUTSIDE[kind](s)
    assert s.waits() == ["after"]
    assert s.states("gate") == ["canceled"]
    assert s.subscriptions() == []


def test_links() -> None:
    body = (
        f'<startEvent id="start"/><intermediateThrowEvent id="throw">{DEFINITIONS[K.LINK]}</intermediateThrowEvent>'
        f'<intermediateCatchEvent id="event">{DEFINITIONS[K.LINK]}</intermediateCatchEvent><userTask id="after"/>'
    )
    s = _started(body, "start throw, event after")
    assert s.path() == ["start", "event", "after"]
    assert s.type("event") == TABLE[K.LINK].catch


# What is thrown is caught by the boundary event of the sub-process around, where there is one that can.
WORKER = '<messageEventDefinition camunda:type="external" camunda:topic="t"/>'


@pytest.mark.parametrize("kind", [None, K.MESSAGE, K.SIGNAL, K.ESCALATION, K.COMPENSATION])
def test_throw(kind: TriggerKind | None) -> None:
    definition = WORKER if kind is K.MESSAGE else DEFINITIONS[kind] if kind is not None else ""
    body = (
        f'<startEvent id="start"/><intermediateThrowEvent id="event">{definition}</intermediateThrowEvent>'
        '<userTask id="after"/>'
    )
    s = _started(body, "start event, event after")
    if kind is K.MESSAGE:
        assert s.waits() == ["event"]
        s.work("event")
    assert s.waits() == ["after"]
    assert s.type("event") == (TABLE[kind].throw_name if kind is not None else "intermediateNoneThrowEvent")
    assert s.states("event") == ["completed"]


@pytest.mark.parametrize("kind", [None, K.MESSAGE, K.SIGNAL, K.ESCALATION, K.ERROR, K.COMPENSATION, K.TERMINATE])
def test_end(kind: TriggerKind | None) -> None:
    definition = WORKER if kind is K.MESSAGE else DEFINITIONS[kind] if kind is not None else ""
    body = f'<startEvent id="start"/><endEvent id="event">{definition}</endEvent>'
    s = _started(body, "start event")
    if kind is K.MESSAGE:
        s.work("event")
    assert s.ended == "COMPLETED"
    assert s.type("event") == (TABLE[kind].end if kind is not None else "noneEndEvent")
    assert s.states("event") == ["completes scope"]


@pytest.mark.parametrize("kind", [K.ESCALATION, K.ERROR])
def test_end_of_a_sub_process_caught_at_its_boundary(kind: TriggerKind) -> None:
    inner = f'<startEvent id="inner"/><endEvent id="end">{DEFINITIONS[kind]}</endEvent>{flow_elements("inner end")}'
    body = (
        f'<startEvent id="start"/><subProcess id="sub">{inner}</subProcess><userTask id="after"/><userTask id="caught"/>'
        f'<boundaryEvent id="event" attachedToRef="sub">{DEFINITIONS[kind]}</boundaryEvent>'
    )
    s = _started(body, "start sub, sub after, event caught")
    assert s.waits() == ["caught"]
    assert s.states("sub") == ["canceled"]
    assert s.states("end") == ["canceled"]
    assert s.type("event") == TABLE[kind].boundary


def test_cancel_end_and_boundary() -> None:
    inner = f'<startEvent id="inner"/><endEvent id="end">{DEFINITIONS[K.CANCEL]}</endEvent>{flow_elements("inner end")}'
    body = (
        f'<startEvent id="start"/><transaction id="sub">{inner}</transaction><userTask id="caught"/>'
        f'<boundaryEvent id="event" attachedToRef="sub">{DEFINITIONS[K.CANCEL]}</boundaryEvent>'
    )
    s = _started(body, "start sub, event caught")
    assert s.waits() == ["caught"]
    assert (s.type("end"), s.type("event")) == (TABLE[K.CANCEL].end, TABLE[K.CANCEL].boundary)
    assert s.states("sub") == ["canceled"]


@pytest.mark.parametrize(
    ("kind", "interrupting"),
    [
        *((kind, True) for kind in OUTSIDE),
        *((kind, False) for kind in OUTSIDE if kind is not K.ERROR),
    ],
)
def test_boundary(kind: TriggerKind, interrupting: bool) -> None:
    body = (
        '<startEvent id="start"/><userTask id="work"/><userTask id="after"/>'
        f'<boundaryEvent id="event" attachedToRef="work" cancelActivity="{str(interrupting).lower()}">'
        f"{DEFINITIONS[kind]}</boundaryEvent>"
    )
    s = _started(body, "start work, event after")
    OUTSIDE[kind](s)
    assert s.waits() == (["after"] if interrupting else ["after", "work"])
    assert s.states("work") == ["canceled" if interrupting else "open"]
    assert s.states("event") == ["completed"]
    assert s.type("event") == TABLE[kind].boundary
    assert s.parent("event") == ""


def test_boundary_compensation() -> None:
    body = (
        '<startEvent id="start"/><manualTask id="work"/><userTask id="handler" isForCompensation="true"/>'
        f'<boundaryEvent id="event" attachedToRef="work">{DEFINITIONS[K.COMPENSATION]}</boundaryEvent>'
        f'<endEvent id="end">{DEFINITIONS[K.COMPENSATION]}</endEvent>'
    )
    link = '<association id="link" associationDirection="One" sourceRef="event" targetRef="handler"/>'
    s = Scenario(model(body, flows="start work, work end", roots=ROOTS).replace("</process>", f"{link}</process>"))
    s.start()
    assert s.waits() == ["handler"]
    # The boundary event itself never happens: its handler is started by the throwing event.
    assert "event" not in s.path()
    s.complete("handler")
    assert s.ended == "COMPLETED"
    assert s.type("end") == TABLE[K.COMPENSATION].end


@pytest.mark.parametrize(
    ("position", "kind"),
    [
        *(("catch", kind) for kind in (K.ERROR, K.ESCALATION, K.CANCEL, K.TERMINATE, K.COMPENSATION)),
        *(("boundary", kind) for kind in (K.LINK, K.TERMINATE, K.CANCEL)),
    ],
)
def test_other_positions_are_refused(position: str, kind: TriggerKind) -> None:
    event = {
        "catch": f'<intermediateCatchEvent id="event">{DEFINITIONS[kind]}</intermediateCatchEvent>',
        "boundary": f'<boundaryEvent id="event" attachedToRef="work">{DEFINITIONS[kind]}</boundaryEvent>',
    }[position]
    body = f'<startEvent id="start"/><userTask id="work"/>{event}<userTask id="after"/>'
    with pytest.raises(ParseFailed):
        Scenario(model(body, flows="start work, event after", roots=ROOTS))


@pytest.mark.parametrize(
    ("position", "kind"),
    [
        *(("intermediateThrowEvent", kind) for kind in (K.ERROR, K.TIMER, K.CONDITIONAL, K.CANCEL, K.TERMINATE)),
        *(("endEvent", kind) for kind in (K.TIMER, K.CONDITIONAL, K.LINK)),
    ],
)
def test_a_throwing_event_that_cannot_throw_does_nothing(position: str, kind: TriggerKind) -> None:
    # Camunda 7 reads such definitions over (`BpmnParse.parseIntermediateThrowEvent`, `parseEndEvents`).
    end = position == "endEvent"
    body = f'<startEvent id="start"/><{position} id="event">{DEFINITIONS[kind]}</{position}><userTask id="after"/>'
    s = _started(body, "start event" if end else "start event, event after")
    assert s.path() == (["start", "event"] if end else ["start", "event", "after"])
    assert s.type("event") == ("noneEndEvent" if end else "intermediateNoneThrowEvent")


def test_every_kind_is_in_the_table_and_here() -> None:
    assert set(TABLE) == set(DEFINITIONS) == set(TriggerKind)


def test_a_message_end_event_that_nothing_carries_out_is_a_plain_one_in_history() -> None:
    body = '<startEvent id="start"/><userTask id="go"/><endEvent id="end"><messageEventDefinition/></endEvent>'
    s = _started(body, "start go, go end").complete("go")
    assert s.type("end") == "endEvent"
    assert s.ended == "COMPLETED"


@pytest.mark.parametrize("kind", [K.MESSAGE, K.SIGNAL, K.TIMER, K.CONDITIONAL])
def test_an_event_behind_an_event_based_gateway_has_its_mappings(kind: TriggerKind) -> None:
    mapping = (
        '<extensionElements><camunda:inputOutput><camunda:inputParameter name="in">1</camunda:inputParameter>'
        '<camunda:outputParameter name="out">${in}</camunda:outputParameter></camunda:inputOutput></extensionElements>'
    )
    body = (
        '<startEvent id="start"/><eventBasedGateway id="gateway"/>'
        f'<intermediateCatchEvent id="event">{mapping}{DEFINITIONS[kind]}</intermediateCatchEvent><userTask id="after"/>'
    )
    s = _started(body, "start gateway, gateway event, event after", x=0)
    OUTSIDE[kind](s)
    assert s.waits() == ["after"]
    assert s.variables()["out"] == "1"
    assert "in" not in s.variables()


def test_a_timer_that_comes_again_keeps_its_retries() -> None:
    body = (
        '<startEvent id="start"/><userTask id="work"/><boundaryEvent id="event" attachedToRef="work" cancelActivity="false">'
        "<extensionElements><camunda:failedJobRetryTimeCycle>R2/PT1S</camunda:failedJobRetryTimeCycle></extensionElements>"
        f"<timerEventDefinition><timeCycle {FORMAL}>R3/PT1H</timeCycle></timerEventDefinition></boundaryEvent>"
        '<userTask id="after"/>'
    )
    s = _started(body, "start work, event after")
    assert [job.retries for job in s.state.jobs.values()] == [2]
    s.timer("event")
    assert [job.retries for job in s.state.jobs.values()] == [2]
