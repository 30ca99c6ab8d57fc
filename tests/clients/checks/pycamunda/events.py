"""pycamunda 0.6.1: messages, signals, conditions, and what the server says of itself."""

import pycamunda
from pycamunda import condition, message, signal, telemetry, version
from runner import Rig, raises


def check_correlate_single(rig: Rig) -> None:
    key = rig.deploy("events")["key"]
    begin = message.CorrelateSingle(rig.url, f"begin-{key}", business_key="bk", result_enabled=True)
    begin.add_process_variable("amount", 5)
    (result,) = begin()
    assert (result.result_type.value, result.process_instance.business_key) == ("ProcessDefinition", "bk")
    assert result.variables is None
    instance = result.process_instance.id_
    onwards = message.CorrelateSingle(rig.url, f"continue-{key}", business_key="bk", result_enabled=True)
    onwards.add_correlation_key("amount", 5, "Integer")
    onwards.add_local_process_variable("mine", 1)
    (continued,) = onwards()
    assert continued.execution.process_instance_id == instance
    error = raises(pycamunda.BadRequest, onwards)
    assert "Cannot correlate message" in str(error)


def check_correlate_by_instance_and_local_key(rig: Rig) -> None:
    key = rig.deploy("events")["key"]
    instance = rig.start(key)
    (subscription,) = rig.get("/event-subscription", processInstanceId=instance, eventType="message")
    execution = subscription["executionId"]
    rig.post(f"/execution/{execution}/localVariables", {"modifications": {"round": {"value": 1}}})
    wrong = message.CorrelateSingle(rig.url, f"continue-{key}", process_instance_id=instance, result_enabled=True)
    wrong.add_local_correlation_key("round", 2)
    raises(pycamunda.BadRequest, wrong)
    right = message.CorrelateSingle(rig.url, f"continue-{key}", process_instance_id=instance, result_enabled=True)
    right.add_local_correlation_key("round", 1)
    assert len(right()) == 1


def check_correlate_all(rig: Rig) -> None:
    key = rig.deploy("events")["key"]
    instances = {rig.start(key) for _ in range(2)}
    results = message.CorrelateAll(rig.url, f"continue-{key}", without_tenant_id=True, result_enabled=True)()
    assert {result.execution.process_instance_id for result in results} == instances
    ambiguous = message.CorrelateSingle(rig.url, f"begin-{key}", result_enabled=True, tenant_id="nobody")
    raises(pycamunda.BadRequest, ambiguous)


def _at_signal(rig: Rig, key: str) -> str:
    instance = rig.start(key)
    rig.post("/message", {"messageName": f"continue-{key}", "processInstanceId": instance})
    return instance


def check_signal_all(rig: Rig) -> None:
    key = rig.deploy("events")["key"]
    instances = [_at_signal(rig, key) for _ in range(2)]
    signal.EventAll(rig.url, f"go-{key}", without_tenant_id=True).add_variable("why", "now")()
    assert [rig.ended(instance) for instance in instances] == ["Done", "Done"]
    assert rig.variable(instances[0], "why") == "now"


def check_signal_single(rig: Rig) -> None:
    key = rig.deploy("events")["key"]
    first, second = _at_signal(rig, key), _at_signal(rig, key)
    (subscription,) = rig.get("/event-subscription", processInstanceId=first, eventType="signal")
    signal.EventSingle(rig.url, f"go-{key}", subscription["executionId"])()
    assert [rig.ended(instance) for instance in (first, second)] == ["Done", None]
    raises(pycamunda.NoSuccess, signal.EventSingle(rig.url, f"go-{key}", "nope"))


def check_condition(rig: Rig) -> None:
    definition = rig.deploy("condition")
    evaluate = condition.Evaluate(rig.url, business_key="bk", process_definition_id=definition["id"])
    evaluate.add_variable("amount", 101)
    (started,) = evaluate()
    assert (started.definition_id, started.business_key) == (definition["id"], "bk")
    below = condition.Evaluate(rig.url, without_tenant_id=True, process_definition_id=definition["id"])
    below.add_variable("amount", 100)
    assert below() == ()


def check_version_and_telemetry(rig: Rig) -> None:
    assert version.Get(rig.url)() == "7.24.0"
    telemetry.Configure(rig.url, True)()
    # Accepted, and nothing is ever sent.
    assert telemetry.Fetch(rig.url)() is False


def check_cases_are_refused(rig: Rig) -> None:
    from pycamunda import casedef, caseinst

    assert casedef.GetList(rig.url, latest_version=True)() == ()
    assert casedef.Count(rig.url)() == 0
    assert caseinst.GetList(rig.url, active=True)() == ()
    assert caseinst.Count(rig.url)() == 0
    calls = (
        casedef.Get(rig.url, id_="x"),
        casedef.Get(rig.url, key="x", tenant_id="t"),
        casedef.GetXML(rig.url, key="x"),
        casedef.GetDiagram(rig.url, key="x"),
        casedef.UpdateHistoryTimeToLive(rig.url, 5, key="x"),
        casedef.CreateInstance(rig.url, key="x"),
        caseinst.Get(rig.url, "x"),
        caseinst.Complete(rig.url, "x"),
        caseinst.Close(rig.url, "x"),
        caseinst.Terminate(rig.url, "x"),
    )
    for call in calls:
        error = raises(pycamunda.NoSuccess, call)
        assert "An operation on cases (CMMN) is not supported by Penstock" in str(error), (call, error)
