"""Call activities: what goes in and out, how errors and cancellations cross, which version is called."""

from pathlib import Path
from typing import Any

import pytest

from bpmn.scenario import Scenario, scenario
from penstock.base.errors import Failure
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.expr.values import TypedValue


def _called(**variables: Any) -> tuple[Scenario, str]:
    s = scenario(__file__, "caller", "callee")
    s.id = s.engine.start("caller", "B", target="callee", a=1, **variables)
    (callee,) = s.called()
    return s, callee


def _values(s: Scenario, instance: str) -> dict[str, Any]:
    return {name: v.value.value for name, v in s.engine.instances[instance].executions[instance].variables.items()}


def test_passes_variables_and_business_key() -> None:
    s, callee = _called()
    assert _values(s, callee) == {"b": 1, "c": 2}
    state = s.engine.instances[callee]
    assert (state.business_key, state.super_instance, state.root) == ("B-1", s.id, s.id)
    assert s.waits() == ["call"]
    assert s.waits(callee) == ["work"]
    started = s.events(ev.InstanceStarted, instance=callee)[0]
    assert started.super_execution in s.state.executions


def test_takes_results_over_and_goes_on() -> None:
    s, callee = _called()
    s.complete("work", how="well", result=5)
    assert s.waits() == ["after"]
    assert s.ended_of(callee) == "COMPLETED"
    assert s.states("call") == ["completed"]
    assert {k: v for k, v in s.variables().items() if k in ("got", "more", "b", "result")} == {"got": 5, "more": 6}
    assert s.subscriptions() == []


def test_a_result_that_cannot_be_mapped_drops_the_unit_in_both_instances() -> None:
    s, callee = _called()
    with pytest.raises(Failure):
        s.complete("work", how="well")
    assert s.waits() == ["call"]
    assert s.waits(callee) == ["work"]


def test_an_error_of_the_called_instance_is_caught_by_the_caller() -> None:
    s, callee = _called()
    s.complete("work", how="bad", result=5)
    assert s.waits() == ["repaired"]
    assert s.states("call") == ["canceled"]
    assert s.ended_of(callee) == "INTERNALLY_TERMINATED"
    assert s.variables()["code"] == "Bad"


def test_an_escalation_of_the_called_instance_does_not_interrupt_it() -> None:
    s, callee = _called()
    s.complete("work", how="up", result=5)
    assert s.ended_of(callee) == "COMPLETED"
    assert s.waits() == ["after", "informed"]
    assert s.variables()["up"] == "Up"


def test_canceling_the_call_cancels_what_it_called() -> None:
    s, callee = _called()
    s.message("Stop")
    assert s.waits() == ["stopped"]
    assert s.ended_of(callee) == "INTERNALLY_TERMINATED"
    assert s.states("work", callee) == ["canceled"]
    ended = s.events(ev.InstanceEnded, instance=callee)[0]
    assert ended.reason == "Cancel scope activity Activity(stop) executed."


def test_deleting_the_caller_deletes_what_it_called() -> None:
    s, callee = _called()
    s.delete("enough")
    assert s.ended == "EXTERNALLY_TERMINATED"
    assert s.ended_of(callee) == "EXTERNALLY_TERMINATED"
    assert not s.engine.instances


def test_deleting_what_was_called_cancels_the_call() -> None:
    s, callee = _called()
    s.do(c.DeleteInstance(instance=callee, reason="enough"))
    assert s.ended_of(callee) == "EXTERNALLY_TERMINATED"
    assert s.states("call") == ["canceled"]
    assert s.ended == "EXTERNALLY_TERMINATED"


def test_calling_what_is_not_deployed_drops_the_unit() -> None:
    s = scenario(__file__, "caller")
    with pytest.raises(Failure, match="no processes deployed with key 'nobody'"):
        s.start(target="nobody", a=1)
    assert not s.engine.instances


def test_all_variables_and_local_results() -> None:
    s = scenario(__file__, "all_variables", "local_result").start(x=1, y=2)
    (callee,) = s.called()
    assert _values(s, callee) == {"x": 1, "y": 2, "inner": 1}
    s.complete("work", y=3)
    # `local`: into the scope of the call activity, which is gone.
    assert s.variables() == {"x": 1, "y": 2}
    assert s.variables("call") == {"x": 1, "y": 3, "inner": 1}


def test_bindings() -> None:
    s = scenario(__file__, "versions", "versioned", "versioned")
    text = (Path(__file__).parent / "versioned.bpmn").read_text()
    s.engine.deploy(text.replace('versionTag="stable"', 'versionTag="next"'))
    versions = {id: d.version for id, d in s.engine.definitions.items()}

    def version(activity: str) -> int:
        (instance,) = s.called(activity)
        return versions[s.engine.history[instance][0].definition or ""]

    s.start()
    assert version("first") == 1
    s.complete("work")
    assert version("tagged") == 2
    s.complete("work")
    assert version("latest") == 3
    s.complete("work")
    assert s.ended == "COMPLETED"


def test_a_failed_job_of_the_called_instance_is_an_incident_at_the_call_too() -> None:
    s = scenario(__file__, "failing", "failing_callee").start()
    (callee,) = s.called()
    for _ in range(3):
        assert s.incidents() == []
        s.job_fails("job")
    assert s.incidents(callee) == [("failedJob", "job")]
    assert s.incidents() == [("failedJob", "call")]
    inner, outer = (s.events(ev.IncidentOpened, instance=i)[0] for i in (callee, s.id))
    assert (outer.cause, outer.root) == (inner.incident, inner.incident)
    job = next(iter(s.engine.instances[callee].jobs))
    s.do(c.ChangeJob(instance=callee, job=job, changes={"retries": 1}))
    assert s.incidents(callee) == s.incidents() == []
    assert [e.resolved for i in (s.id, callee) for e in s.events(ev.IncidentClosed, instance=i)] == [True, True]
    s.do(c.SetVariables(instance=callee, modifications={"missing": TypedValue("String", "there")}))
    s.job("job")
    assert s.waits() == ["after"]


def test_an_incident_of_an_external_task_is_resolved_in_the_caller_by_its_completion() -> None:
    s = scenario(__file__, "failing", "stuck_callee")
    xml = (Path(__file__).parent / "failing.bpmn").read_text().replace("failing_callee", "stuck_callee")
    s.engine.deploy(xml)
    s.start()
    (callee,) = s.called()
    s.fail_work("work", 0)
    assert s.incidents() == [("failedExternalTask", "call")]
    assert s.incidents(callee) == [("failedExternalTask", "work")]
    s.work("work")
    assert s.waits() == ["after"]
    assert s.incidents() == []
