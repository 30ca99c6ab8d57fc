"""What operators do: suspension, jobs, incidents, deletion, variables; and signals to many instances in one unit."""

import pytest

from bpmn.scenario import Scenario, model, typed
from penstock.base.errors import BadUserRequest, EntitySuspended, NullValue
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.questions import FindSignalReceivers

MODEL = model(
    '<startEvent id="start"/><userTask id="task"/><endEvent id="end"/>'
    '<boundaryEvent id="late" attachedToRef="task" cancelActivity="false"><timerEventDefinition>'
    '<timeDuration xsi:type="tFormalExpression">${wait}</timeDuration></timerEventDefinition></boundaryEvent>'
    '<boundaryEvent id="told" attachedToRef="task" cancelActivity="false">'
    '<messageEventDefinition messageRef="m"/></boundaryEvent><userTask id="after"/>'
    '<boundaryEvent id="rung" attachedToRef="task" cancelActivity="false">'
    '<signalEventDefinition signalRef="s"/></boundaryEvent>',
    flows="start task, task end, late after, told after, rung after",
    roots='<message id="m" name="M"/><signal id="s" name="S"/>',
)


def _started(**variables: object) -> Scenario:
    return Scenario(MODEL).start(wait="PT1H", **variables)


class TestSuspension:
    def test_refuses_what_would_move_the_instance(self) -> None:
        s = _started()
        s.do(c.SetSuspension(instance=s.id, suspended=True))
        assert s.state.suspended
        assert all(job.suspended for job in s.engine.jobs(s.id))
        with pytest.raises(EntitySuspended):
            s.complete("task")
        with pytest.raises(EntitySuspended):
            s.message("M")
        assert s.waits() == ["task"]

    def test_a_broadcast_passes_a_suspended_instance_by(self) -> None:
        s = _started()
        s.do(c.SetSuspension(instance=s.id, suspended=True))
        s.signal("S")
        assert s.waits() == ["task"]

    def test_variables_may_be_set(self) -> None:
        s = _started()
        s.do(c.SetSuspension(instance=s.id, suspended=True))
        assert s.set(x=1).variables()["x"] == 1

    def test_activation_lets_it_go_on(self) -> None:
        s = _started()
        s.do(c.SetSuspension(instance=s.id, suspended=True))
        s.do(c.SetSuspension(instance=s.id, suspended=False))
        assert not any(job.suspended for job in s.engine.jobs(s.id))
        s.complete("task")
        assert s.ended == "COMPLETED"
        assert [e.suspended for e in s.events(ev.SuspensionSet)] == [True, False]


class TestJobs:
    def test_a_due_date_is_evaluated_again(self) -> None:
        s = _started()
        (job,) = s.engine.jobs(s.id)
        created = s.engine.clock.now_ms()
        s.engine.clock.advance_ms(1_000)
        s.set(wait="PT2H")
        s.do(c.RecalculateJob(instance=s.id, job=job.id, creation_date_based=True))
        assert s.engine.jobs(s.id)[0].due_ms == created + 7_200_000
        s.do(c.RecalculateJob(instance=s.id, job=job.id, creation_date_based=False))
        assert s.engine.jobs(s.id)[0].due_ms == created + 7_201_000

    def test_retries_zero_opens_an_incident_and_more_resolve_it(self) -> None:
        s = _started()
        (job,) = s.engine.jobs(s.id)
        s.do(c.ChangeJob(instance=s.id, job=job.id, changes={"retries": 0}))
        assert s.incidents() == [("failedJob", "late")]
        s.do(c.ChangeJob(instance=s.id, job=job.id, changes={"retries": 0}))
        assert len(s.events(ev.IncidentOpened)) == 1
        s.do(c.ChangeJob(instance=s.id, job=job.id, changes={"retries": 1}))
        assert s.incidents() == []

    def test_a_deleted_job_takes_its_incident_along(self) -> None:
        s = _started()
        (job,) = s.engine.jobs(s.id)
        s.do(c.ChangeJob(instance=s.id, job=job.id, changes={"retries": 0}))
        s.do(c.DeleteJob(instance=s.id, job=job.id))
        assert s.jobs() == []
        assert s.incidents() == []
        s.complete("task")
        assert s.ended == "COMPLETED"


class TestIncidents:
    def test_a_person_opens_notes_and_resolves_one(self) -> None:
        s = _started()
        execution = next(row.execution for row in s.rows() if row.activity == "task")
        incident = s.do(
            c.CreateIncident(instance=s.id, execution=execution, type="manual", configuration="k", message="look")
        )
        assert s.incidents() == [("manual", "task")]
        s.do(c.AnnotateIncident(instance=s.id, incident=incident, annotation="seen"))
        s.do(c.ResolveIncident(instance=s.id, incident=incident))
        assert s.incidents() == []
        with pytest.raises(BadUserRequest):
            s.do(c.AnnotateIncident(instance=s.id, incident=incident, annotation="late"))

    def test_one_of_a_job_is_not_resolved_by_hand(self) -> None:
        s = _started()
        (job,) = s.engine.jobs(s.id)
        s.do(c.ChangeJob(instance=s.id, job=job.id, changes={"retries": 0}))
        (incident,) = s.state.incidents
        with pytest.raises(BadUserRequest, match="failedJob"):
            s.do(c.ResolveIncident(instance=s.id, incident=incident))
        assert s.incidents() == [("failedJob", "late")]


class TestVariables:
    def test_propagation(self) -> None:
        s = _started(x=1)
        execution = next(row.execution for row in s.rows() if row.activity == "task")
        scope = c.SetVariables(instance=s.id, execution=execution, modifications=typed({"x": 2, "y": 3}))
        s.do(scope)
        assert s.variables() == {"wait": "PT1H", "x": 2, "y": 3}
        s.do(c.SetVariables(instance=s.id, execution=execution, modifications=typed({"x": 9}), local=True))
        s.do(scope)
        assert s.local("task") == {"x": 2}
        s.do(c.SetVariables(instance=s.id, execution=execution, deletions=("x",)))
        assert s.local("task") == {}
        assert s.variables()["x"] == 2
        s.do(c.SetVariables(instance=s.id, execution=execution, deletions=("x", "unknown")))
        assert "x" not in s.variables()

    def test_a_variable_keeps_its_id_and_counts_revisions(self) -> None:
        s = _started(x=1).set(x=2).set(x="three")
        found = [(e.revision, e.value.type, e.initial) for e in s.events(ev.VariableSet) if e.name == "x"]
        assert found == [(0, "Long", True), (1, "Long", False), (2, "String", False)]
        assert len({e.variable for e in s.events(ev.VariableSet) if e.name == "x"}) == 1

    def test_an_execution_that_is_not_there(self) -> None:
        s = _started()
        with pytest.raises(NullValue, match="doesn't exist"):
            s.do(c.SetVariables(instance=s.id, execution="nowhere", modifications=typed({"x": 1})))


def test_deletion_says_who_canceled_what_and_why() -> None:
    s = _started().message("M").delete("no longer needed")
    assert s.ended == "EXTERNALLY_TERMINATED"
    (ended,) = s.events(ev.InstanceEnded)
    assert ended.reason == "no longer needed"
    assert s.states("task") == s.states("after") == ["canceled"]
    assert s.states("told") == ["completed"]
    assert len(s.events(ev.JobDeleted)) == 1


def test_a_broadcast_reaches_every_receiver_in_one_unit_or_none() -> None:
    s = _started()
    ids = [s.id, *(s.engine.start("p", wait="PT1H") for _ in range(2))]
    receivers = s.engine._answer(None, FindSignalReceivers(name="S"))[0]  # type: ignore[arg-type]
    assert [instance for instance, _ in receivers] == ids
    s.do(c.BroadcastSignal(name="S", receivers=receivers, variables=typed({"heard": 1})))
    assert [s.waits(id) for id in ids] == [["after", "task"]] * 3


def test_a_receiver_that_is_gone_is_passed_by() -> None:
    s = _started()
    s.do(c.BroadcastSignal(name="S", receivers=(("nowhere", "x"), (s.id, "y"))))
    assert s.waits() == ["task"]
