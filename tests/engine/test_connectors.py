"""Connectors in the core: where their jobs belong, what ends them, what their parameters see. Replay is checked throughout."""

from typing import Any

import pytest

from bpmn.scenario import Scenario, model
from penstock.base.errors import ConnectorFailed, ConnectorRefused, Failure
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.migration_behavior import is_supported

BODY = (
    "<extensionElements><camunda:connector><camunda:connectorId>shop</camunda:connectorId><camunda:inputOutput>"
    '<camunda:inputParameter name="n">${order}</camunda:inputParameter>'
    '<camunda:inputParameter name="list"><camunda:list><camunda:value>${n}</camunda:value>'
    "<camunda:value>b</camunda:value></camunda:list></camunda:inputParameter>"
    '<camunda:outputParameter name="order">${n}</camunda:outputParameter>'
    '<camunda:outputParameter name="made">${connector.getVariable("n")}, ${execution.id != null}</camunda:outputParameter>'
    "</camunda:inputOutput></camunda:connector>{more}</extensionElements>"
)
CALL = f'<serviceTask id="call">{BODY.replace("{more}", "")}</serviceTask>'


def made(
    element: str = CALL, more: str = "", flows: str = "", roots: str = ""
) -> tuple[Scenario, list[dict[str, Any]]]:
    """start → call → after, and the inputs of every call; the answer is n + 1."""
    body = f'<startEvent id="start"/>{element}<userTask id="after"/>{more}'
    s = Scenario(model(body, flows=f"start call, call after{', ' if flows else ''}{flows}", roots=roots))
    calls: list[dict[str, Any]] = []

    def shop(inputs: dict[str, Any]) -> dict[str, Any]:
        calls.append(inputs)
        return {"n": inputs["n"] + 1}

    s.engine.connectors["shop"] = shop
    return s, calls


def test_inputs_see_each_other_and_outputs_see_the_answer_before_variables() -> None:
    s, calls = made()
    s.start(order=1, n="hidden")
    assert s.waits() == ["call"]
    assert s.jobs() == [("call", "connector")]
    s.job("call")
    assert calls == [{"n": 1, "list": [1, "b"]}]
    assert s.variables() == {"order": 2, "n": "hidden", "made": "2, true"}
    assert s.waits() == ["after"]


def test_inputs_are_evaluated_when_the_job_runs_and_anew_each_time() -> None:
    s, calls = made()
    s.start(order=1)

    def down(inputs: dict[str, Any]) -> dict[str, Any]:
        calls.append(inputs)
        raise ConnectorFailed("down")

    up, s.engine.connectors["shop"] = s.engine.connectors["shop"], down
    s.set(order=5)
    s.job_fails("call")
    s.engine.connectors["shop"] = up
    s.set(order=7)
    s.job("call")
    assert [found["n"] for found in calls] == [5, 7]


def test_retries_pauses_and_the_incident() -> None:
    s, _ = made()
    s.start(order=1)

    def down(inputs: dict[str, Any]) -> dict[str, Any]:
        raise ConnectorFailed("down")

    s.engine.connectors["shop"] = down
    begin_ms = s.engine.clock.now_ms()
    for _ in range(3):
        assert s.incidents() == []
        s.job_fails("call")
    failed = s.events(ev.JobFailed)
    assert [(e.retries, (e.due_ms or 0) - begin_ms) for e in failed] == [(2, 10_000), (1, 20_000), (0, 40_000)]
    assert s.incidents() == [("failedJob", "call")]


def test_what_no_retry_can_help_is_an_incident_at_once() -> None:
    s, _ = made()
    s.start(order=1)
    del s.engine.connectors["shop"]
    with pytest.raises(ConnectorRefused):
        s.job("call")
    assert s.incidents() == [("failedJob", "call")]


def test_an_input_that_cannot_be_evaluated_fails_the_job() -> None:
    s, calls = made()
    s.start()
    assert isinstance(s.job_fails("call"), Failure)
    assert calls == []
    assert s.waits() == ["call"]


@pytest.mark.parametrize("sequential", ["true", "false"])
def test_multi_instance(sequential: str) -> None:
    loop = (
        f'<multiInstanceLoopCharacteristics isSequential="{sequential}"><loopCardinality>3</loopCardinality>'
        "</multiInstanceLoopCharacteristics>"
    )
    s, calls = made(CALL.replace("</serviceTask>", f"{loop}</serviceTask>"))
    s.start(order=1)
    for _ in range(3):
        s.job("call")
    assert [found["n"] for found in calls] == [1, 2, 3]
    assert s.waits() == ["after"]


def test_beside_another_path_its_job_moves_with_it() -> None:
    s, _ = made(more='<userTask id="beside"/>', flows="start beside")
    s.start(order=1)
    s.complete("beside")
    assert s.jobs() == [("call", "connector")]
    s.job("call")
    assert s.waits() == ["after"]


def test_an_interrupting_event_drops_the_job() -> None:
    more = '<boundaryEvent id="b" attachedToRef="call"><messageEventDefinition messageRef="m"/></boundaryEvent><userTask id="x"/>'
    s, calls = made(more=more, flows="b x", roots='<message id="m" name="M"/>')
    s.start(order=1).message("M")
    assert (s.waits(), s.jobs(), calls) == (["x"], [], [])
    assert len(s.events(ev.JobDeleted)) == 1


def test_canceling_drops_the_job() -> None:
    s, _ = made()
    s.start(order=1)
    s.modify(
        c.StartInstruction(type="startBeforeActivity", activity="after"),
        c.StartInstruction(type="cancel", activity="call"),
    )
    assert (s.waits(), s.jobs()) == (["after"], [])


def test_asynchronous_continuations_are_jobs_of_their_own() -> None:
    s, _ = made(CALL.replace('id="call"', 'id="call" camunda:asyncBefore="true" camunda:asyncAfter="true"'))
    s.start(order=1)
    kinds = []
    for _ in range(3):
        kinds += [kind for _, kind in s.jobs()]
        s.job("call")
    assert kinds == ["async-continuation", "connector", "async-continuation"]
    assert s.waits() == ["after"]


def test_its_job_definition_has_the_id_that_its_jobs_have() -> None:
    s, _ = made()
    s.start(order=1)
    (found,) = s.state.jobs.values()
    assert s.engine.latest("p").job_definitions() == [("call", "connector", "shop")]
    assert found.job_definition is not None and not found.exclusive


def test_instances_that_wait_for_one_are_not_migrated() -> None:
    s, _ = made()
    assert not is_supported(s.engine.latest("p").activities["call"])
