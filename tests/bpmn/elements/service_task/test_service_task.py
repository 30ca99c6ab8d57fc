"""Service tasks: external, expression, delegate; mappings; continuations and retries."""

import pytest

from bpmn.scenario import scenario
from penstock.base.errors import DelegateMissing, ExpressionFailed, NotFound
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.delegates import DelegateResult
from penstock.expr.values import TypedValue


class TestExternal:
    def test_is_created_with_topic_and_priority(self) -> None:
        s = scenario(__file__, "external").start(topic="paint", x=2)
        (task,) = s.state.external_tasks.values()
        assert (task.topic, task.priority, task.activity, task.retries) == ("paint", 7, "work", None)
        assert task.activity_instance == s.instance_of("work")
        assert s.local("work") == {"given": 4}

    def test_completion_sets_variables_and_local_ones(self) -> None:
        s = scenario(__file__, "external").start(topic="t", x=2)
        s.work("work", {"worked": "local"}, seen=1)
        assert s.waits() == ["after"]
        assert s.variables() == {"topic": "t", "x": 2, "seen": 1, "taken": "local"}
        assert s.variables("work") == {"given": 4, "worked": "local"}
        assert s.states("work") == ["completed"]
        (done,) = s.events(ev.ExternalTaskCompleted)
        assert (done.worker, done.topic, done.activity) == ("worker", "t", "work")

    def test_failures_count_down_to_an_incident_and_retries_resolve_it(self) -> None:
        s = scenario(__file__, "external").start(topic="t", x=2)
        s.fail_work("work", 1, retry_timeout_ms=500, error_details="stack")
        (failed,) = s.events(ev.ExternalTaskFailed)
        assert failed.retry_at_ms == s.engine.clock.now_ms() + 500
        assert (failed.retries_before, failed.retries) == (None, 1)
        assert s.incidents() == []
        s.fail_work("work", 0)
        assert s.incidents() == [("failedExternalTask", "work")]
        (task,) = s.state.external_tasks.values()
        s.do(c.SetExternalTaskRetries(instance=s.id, external_task=task.id, retries=3))
        assert s.incidents() == []
        assert [e.resolved for e in s.events(ev.IncidentClosed)] == [True]
        s.work("work", {"worked": 1})
        assert s.waits() == ["after"]

    def test_a_bpmn_error_is_caught(self) -> None:
        s = scenario(__file__, "external").start(topic="t", x=2)
        s.error("work", "Bad", "why", worked="partly")
        assert s.waits() == ["repair"]
        assert s.states("work") == ["canceled"]
        assert {k: v for k, v in s.variables().items() if k in ("code", "text")} == {"code": "Bad", "text": "why"}
        assert len(s.events(ev.ExternalTaskDeleted)) == 1

    def test_an_error_that_nobody_catches_ends_the_path(self) -> None:
        s = scenario(__file__, "external").start(topic="t", x=2)
        s.error("work", "Other", worked=1)
        assert s.ended == "COMPLETED"
        assert "repair" not in s.path()

    def test_deleting_the_instance_deletes_task_and_incident(self) -> None:
        s = scenario(__file__, "external").start(topic="t", x=2, worked=1)
        s.fail_work("work", 0).delete()
        assert [e.resolved for e in s.events(ev.IncidentClosed)] == [False]
        assert len(s.events(ev.ExternalTaskDeleted)) == 1

    def test_what_is_not_there_cannot_be_completed(self) -> None:
        s = scenario(__file__, "external").start(topic="t", x=2)
        with pytest.raises(NotFound):
            s.do(c.CompleteExternalTask(instance=s.id, external_task="unknown", worker="w"))

    def test_error_definitions_turn_failures_and_completions_into_errors(self) -> None:
        s = scenario(__file__, "error_definitions").start(late=False)
        s.fail_work("work", 2, "slow")
        assert s.waits() == ["work"]
        s.fail_work("work", 1, "bad")
        assert s.waits() == ["on_bad"]
        s = scenario(__file__, "error_definitions").start(late=False)
        s.work("work", late=True)
        assert s.waits() == ["on_late"]
        assert s.events(ev.ExternalTaskCompleted) == []
        s = scenario(__file__, "error_definitions").start(late=False)
        assert s.work("work").waits() == ["after"]

    def test_priority_can_be_set(self) -> None:
        s = scenario(__file__, "external").start(topic="t", x=2)
        (task,) = s.state.external_tasks.values()
        s.do(c.SetExternalTaskPriority(instance=s.id, external_task=task.id, priority=99))
        assert next(iter(s.state.external_tasks.values())).priority == 99


class TestExpression:
    def test_its_value_becomes_the_result_variable(self) -> None:
        s = scenario(__file__, "expression").start(a=1, b=2)
        assert s.waits() == ["after"]
        assert s.variables() == {"a": 1, "b": 2, "sum": 3}

    def test_a_failure_names_the_element(self) -> None:
        with pytest.raises(ExpressionFailed) as failure:
            scenario(__file__, "expression").start(a=1)
        assert failure.value.element_id == "work"


class TestDelegate:
    def test_sets_variables(self) -> None:
        s = scenario(__file__, "delegate")
        s.engine.delegates["${bean}"] = lambda q: DelegateResult(variables={"seen": q.element})
        assert s.start().waits() == ["after"]
        assert s.variables() == {"seen": "work"}

    def test_throws_a_bpmn_error(self) -> None:
        s = scenario(__file__, "delegate")
        s.engine.delegates["${bean}"] = lambda q: DelegateResult(error=("Bad", None))
        assert s.start().waits() == ["repair"]

    def test_nobody_has_registered_it(self) -> None:
        with pytest.raises((DelegateMissing, NotFound)):
            scenario(__file__, "delegate").start()


class TestMappings:
    def test_texts_lists_and_maps_in_order(self) -> None:
        s = scenario(__file__, "mappings").start(x=2, inside="outer")
        # Each sees those before it: `x` is hidden only after all that use the outer one.
        assert s.local("task") == {"text": "plain", "sum": 3, "list": ["a", 2], "map": {"k": 2}, "x": 20}
        s.complete("task", x=5)
        assert s.waits() == ["after"]
        assert s.variables() == {"x": 2, "inside": "outer", "out": "outer", "outer_x": 5}

    def test_lists_and_maps_are_of_the_classes_of_camunda(self) -> None:
        s = scenario(__file__, "mappings").start(x=2, inside="outer")
        (at,) = (x for x in s.state.executions.values() if "map" in x.variables)
        infos = [at.variables[name].value.info or {} for name in ("list", "map")]
        assert [info["objectTypeName"] for info in infos] == ["java.util.ArrayList", "java.util.TreeMap"]
        assert {info["serializationDataFormat"] for info in infos} == {"application/x-java-serialized-object"}

    def test_output_mappings_run_also_when_it_is_canceled(self) -> None:
        s = scenario(__file__, "mappings").start(x=2, inside=1)
        s.message("Stop")
        assert s.waits() == ["stopped"]
        assert s.variables()["outer_x"] == 20

    def test_without_mappings_on_request(self) -> None:
        s = scenario(__file__, "mappings").start(x=2, inside=1)
        s.do(c.DeleteInstance(instance=s.id, skip_io_mappings=True))
        assert "outer_x" not in s.variables()

    def test_an_input_that_cannot_be_evaluated_drops_the_unit(self) -> None:
        s = scenario(__file__, "mappings")
        with pytest.raises(ExpressionFailed):
            s.start(inside=1)
        assert not s.engine.instances


def test_transient_variables_are_seen_and_leave_no_trace() -> None:
    s = scenario(__file__, "transient").start(secret=TypedValue("String", "s3", transient=True))
    assert s.waits() == ["wait"]
    assert s.variables() == {"seen": "s3"}
    assert {e.name for e in s.events(ev.VariableSet)} == {"seen"}
    assert set(s.state.executions[s.id].variables) == {"seen"}


class TestContinuations:
    def test_before_and_after(self) -> None:
        s = scenario(__file__, "async").start()
        assert s.waits() == ["before"]
        assert s.path() == ["start"]
        assert s.jobs() == [("before", "async-continuation")]
        s.job("before")
        assert s.waits() == ["after"]
        assert s.variables() == {"n": 2}
        assert s.path() == ["start", "before", "after"]
        assert s.states("after") == ["completed"]
        s.job("after")
        assert s.waits() == ["done"]
        assert [e.configuration for e in s.events(ev.JobExecuted)] == ["async-before", "async-after"]

    def test_deleting_the_instance_deletes_the_job(self) -> None:
        s = scenario(__file__, "async").start().delete()
        assert len(s.events(ev.JobDeleted)) == 1
        assert s.path() == ["start"]

    def test_a_retry_cycle_says_how_often_and_when(self) -> None:
        s = scenario(__file__, "retries").start()
        (job,) = s.engine.jobs(s.id)
        assert job.retries == 2
        s.job_fails("work")
        (job,) = s.engine.jobs(s.id)
        assert (job.retries, job.due_ms) == (1, s.engine.clock.now_ms() + 10_000)
        assert s.incidents() == []
        s.job_fails("work")
        assert s.engine.jobs(s.id)[0].retries == 0
        assert s.incidents() == [("failedJob", "work")]
        first, second = s.events(ev.JobFailed)
        assert (first.retries_before, first.retries, second.retries) == (2, 1, 0)
        assert second.failed_activity == "work"

    def test_a_job_without_retries_may_fail_again_and_keeps_its_incident(self) -> None:
        s = scenario(__file__, "retries").start()
        for _ in range(3):
            s.job_fails("work")
        assert s.incidents() == [("failedJob", "work")]
        assert len(s.events(ev.IncidentOpened)) == 1

    def test_new_retries_resolve_the_incident(self) -> None:
        s = scenario(__file__, "retries").start()
        s.job_fails("work")
        s.job_fails("work")
        (job,) = s.engine.jobs(s.id)
        s.do(c.ChangeJob(instance=s.id, job=job.id, changes={"retries": 2}))
        assert s.incidents() == []
        s.set(missing=1).job("work")
        assert s.ended == "COMPLETED"

    def test_executing_the_job_resolves_the_incident(self) -> None:
        s = scenario(__file__, "retries").start()
        s.job_fails("work")
        s.job_fails("work")
        s.set(missing=1).job("work")
        assert s.ended == "COMPLETED"
        assert [e.resolved for e in s.events(ev.IncidentClosed)] == [True]


def test_a_job_that_is_not_there() -> None:
    s = scenario(__file__, "async").start()
    with pytest.raises(NotFound):
        s.do(c.ExecuteJob(instance=s.id, job="unknown"))
