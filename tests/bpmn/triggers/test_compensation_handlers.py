"""Compensation handlers that are scopes, that fail, and whose compensation a signal or an error crosses. What is expected was
seen on a Camunda 7.24, or follows from its source (timers, multi-instance handlers)."""

from __future__ import annotations

import pytest

from bpmn.scenario import Scenario, flow_elements, model
from penstock.api.process_instance.tree import activity_instances
from penstock.engine import commands as c

ROOTS = '<message id="m" name="M"/><signal id="s" name="S"/>'
COMPENSATE = "<compensateEventDefinition/>"


def _compensated(task: str, handler: str) -> str:
    return f'<userTask id="{task}"/><boundaryEvent id="on_{task}" attachedToRef="{task}">{COMPENSATE}</boundaryEvent>{handler}'


def _undoes(task: str) -> str:
    """Artifacts come last in their scope."""
    return f'<association id="to_{task}" sourceRef="on_{task}" targetRef="undo_{task}" associationDirection="One"/>'


def _user_handler(task: str) -> str:
    return f'<userTask id="undo_{task}" isForCompensation="true"/>'


def _thrown(body: str, flows: str, last: str = "") -> Scenario:
    text = f'<startEvent id="start"/>{body}<intermediateThrowEvent id="throw">{COMPENSATE}</intermediateThrowEvent>'
    flow = flow_elements(f"{flows}, throw next")
    return Scenario(model(f'{text}<userTask id="next"/>{flow}{last}', roots=ROOTS)).start()


def _tree(s: Scenario) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    todo = [activity_instances(s.state, s.engine.definitions[s.state.definition or ""])]
    while todo:
        node = todo.pop()
        found[node["activityId"]] = sorted(child["activityId"] for child in node["childActivityInstances"])
        todo += node["childActivityInstances"]
    return found


def test_messages_do_not_reach_a_handler_timers_do() -> None:
    listening = "".join(
        f'<subProcess id="{id}" triggeredByEvent="true"><startEvent id="{id}_start" isInterrupting="false">{definition}'
        f'</startEvent><userTask id="{id}_task"/>{flow_elements(f"{id}_start {id}_task")}</subProcess>'
        for id, definition in (
            ("told", '<messageEventDefinition messageRef="m"/>'),
            (
                "late",
                '<timerEventDefinition><timeDuration xsi:type="tFormalExpression">PT1H</timeDuration></timerEventDefinition>',
            ),
        )
    )
    handler = (
        '<subProcess id="undo_a" isForCompensation="true"><startEvent id="hs"/><userTask id="ht"/>'
        f"{flow_elements('hs ht')}{listening}</subProcess>"
    )
    s = _thrown(_compensated("a", handler), "start a, a throw", _undoes("a")).complete("a")
    assert s.waits() == ["ht"]
    assert not [found for found in s.subscriptions() if found[0] == "message"]
    s.timer("late_start")
    assert s.waits() == ["ht", "late_task"]


@pytest.mark.parametrize("nested", [False, True])
def test_an_error_that_nobody_catches_ends_the_handler_and_the_compensation_goes_on(nested: bool) -> None:
    part = _compensated("a", _user_handler("a"))
    if nested:
        inner = f'<startEvent id="is"/>{part}<endEvent id="ie"/>{flow_elements("is a, a ie")}{_undoes("a")}'
        s = _thrown(f'<subProcess id="sub">{inner}</subProcess>', "start sub, sub throw")
    else:
        s = _thrown(part, "start a, a throw", _undoes("a"))
    s.complete("a")
    assert s.waits() == ["undo_a"]
    task = next(iter(s.state.tasks))
    s.do(c.ThrowTaskError(instance=s.id, task=task, error_code="nobody"))
    assert s.waits() == ["next"]
    s.complete("next")
    assert s.ended == "COMPLETED"


def test_what_is_compensated_is_shown_in_the_scope_to_which_it_belongs() -> None:
    part = _compensated("a", _user_handler("a"))
    inner = f'<startEvent id="is"/>{part}<endEvent id="ie"/>{flow_elements("is a, a ie")}{_undoes("a")}'
    s = _thrown(f'<subProcess id="sub">{inner}</subProcess>', "start sub, sub throw").complete("a")
    tree = _tree(s)
    assert tree[s.state.definition or ""] == ["sub", "throw"]
    assert tree["sub"] == ["undo_a"]


def test_a_multi_instance_handler_is_done_when_all_its_instances_are() -> None:
    loop = (
        '<multiInstanceLoopCharacteristics><loopCardinality xsi:type="tFormalExpression">2</loopCardinality>'
        "</multiInstanceLoopCharacteristics>"
    )
    handler = f'<userTask id="undo_a" isForCompensation="true">{loop}</userTask>'
    s = _thrown(_compensated("a", handler), "start a, a throw", _undoes("a")).complete("a")
    assert s.waits() == ["undo_a", "undo_a"]
    assert s.complete("undo_a").waits() == ["undo_a"]
    assert s.complete("undo_a").waits() == ["next"]


@pytest.mark.parametrize("interrupting", [True, False])
@pytest.mark.parametrize("position", ["intermediateThrowEvent", "endEvent"])
def test_a_signal_that_the_only_path_of_a_scope_throws_starts_an_event_subprocess_there(
    interrupting: bool, position: str
) -> None:
    flag = str(interrupting).lower()
    body = (
        f'<startEvent id="start"/><userTask id="go"/><{position} id="throw"><signalEventDefinition signalRef="s"/></{position}>'
        f'<subProcess id="es" triggeredByEvent="true"><startEvent id="event" isInterrupting="{flag}">'
        f'<signalEventDefinition signalRef="s"/></startEvent><userTask id="after"/>{flow_elements("event after")}</subProcess>'
    )
    thrown = "start go, go throw"
    if position == "intermediateThrowEvent":
        body, thrown = body + '<userTask id="next"/>', thrown + ", throw next"
    s = Scenario(model(body, flows=thrown, roots=ROOTS)).start().complete("go")
    goes_on = position == "intermediateThrowEvent" and not interrupting
    assert s.waits() == (["after", "next"] if goes_on else ["after"])
    assert s.states("throw") == ["canceled" if interrupting else "completed"] or s.states("throw") == [
        "completes scope"
    ]
    s.complete("after")
    if goes_on:
        s.complete("next")
    assert s.ended == "COMPLETED"
