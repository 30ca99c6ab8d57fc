"""Boundary events of every trigger, interrupting and not; which of several handlers catches."""

import pytest

from bpmn.scenario import Scenario, model, scenario
from penstock.engine import commands as c

TYPES = {
    "msg": "boundaryMessage",
    "sig": "boundarySignal",
    "tim": "boundaryTimer",
    "err": "boundaryError",
    "esc": "boundaryEscalation",
    "con": "boundaryConditional",
}


def _happens(s: Scenario, event: str) -> None:
    task = next(task for task in s.state.tasks.values() if task.key == "work").id
    match event:
        case "msg":
            s.message("M")
        case "sig":
            s.signal("S")
        case "tim":
            s.timer("tim")
        case "err":
            s.do(c.ThrowTaskError(instance=s.id, task=task, error_code="E"))
        case "esc":
            s.do(c.ThrowTaskEscalation(instance=s.id, task=task, escalation_code="U"))
        case "con":
            s.set(x=2)


@pytest.mark.parametrize("event", TYPES)
def test_interrupting(event: str) -> None:
    s = scenario(__file__, "all").start(x=1)
    _happens(s, event)
    assert s.waits() == [f"on_{event}"]
    assert s.states("work") == ["canceled"]
    assert s.states(event) == ["completed"]
    assert s.type(event) == TYPES[event]
    assert s.parent(event) == ""
    assert s.subscriptions() == []
    assert s.jobs() == []
    s.complete(f"on_{event}")
    assert s.ended == "COMPLETED"


@pytest.mark.parametrize("event", [event for event in TYPES if event != "err"])
def test_non_interrupting(event: str) -> None:
    s = scenario(__file__, "non_interrupting").start(x=1)
    _happens(s, event)
    assert s.waits() == sorted([f"on_{event}", "work"])
    assert s.states("work") == ["open"]
    # It still listens.
    _happens(s, event)
    assert s.waits() == sorted([f"on_{event}", f"on_{event}", "work"])
    s.complete("work")
    assert s.subscriptions() == []
    assert s.jobs() == []
    s.complete(f"on_{event}").complete(f"on_{event}")
    assert s.ended == "COMPLETED"


def test_nothing_listens_after_the_activity_has_ended() -> None:
    s = scenario(__file__, "all").start(x=1)
    assert len(s.subscriptions()) == 3
    s.complete("work")
    assert s.subscriptions() == []
    assert s.jobs() == []
    assert s.states("work") == ["completed"]


def test_a_condition_that_holds_already_fires_at_once() -> None:
    s = scenario(__file__, "all").start(x=2)
    assert s.waits() == ["on_con"]
    assert s.states("work") == ["canceled"]


def test_a_condition_over_a_missing_variable_is_false() -> None:
    assert scenario(__file__, "all").start().waits() == ["work"]


def test_a_cycle_repeats_as_often_as_it_says() -> None:
    s = scenario(__file__, "non_interrupting").start(x=1)
    for number in range(1, 4):
        s.timer("tim")
        assert s.waits().count("on_tim") == number
    assert s.jobs() == []


class TestPrecedence:
    def test_the_named_code_goes_before_the_one_that_catches_all(self) -> None:
        s = scenario(__file__, "precedence").start()
        s.error("work", "A", "text of A")
        assert s.waits() == ["on_named"]
        assert s.variables() == {"code": "A", "text": "text of A"}

    def test_what_nobody_names_goes_to_the_one_that_catches_all(self) -> None:
        s = scenario(__file__, "precedence").start()
        s.error("work", "B", "text of B", detail=1)
        assert s.waits() == ["on_any"]
        assert s.variables() == {"code": "B", "detail": 1}

    def test_without_a_message_the_variable_is_null(self) -> None:
        s = scenario(__file__, "precedence").start()
        s.error("work", "A")
        assert s.variables() == {"code": "A", "text": None}

    def test_an_escalation_that_nobody_catches_is_refused(self) -> None:
        from penstock.base.errors import NullValue

        s = scenario(__file__, "all").start(x=1)
        task = next(iter(s.state.tasks))
        with pytest.raises(NullValue):
            s.do(c.ThrowTaskEscalation(instance=s.id, task=task, escalation_code="Unknown"))
        assert s.waits() == ["work"]

    def test_an_error_that_nobody_catches_ends_the_path(self) -> None:
        s = scenario(__file__, "non_interrupting").start(x=1)
        task = next(iter(s.state.tasks))
        s.do(c.ThrowTaskError(instance=s.id, task=task, error_code="Unknown"))
        assert s.ended == "COMPLETED"


def test_a_cycle_that_is_run_without_retries_comes_again_with_some() -> None:
    """Nobody would know of a job without retries that has no incident."""
    cycle = "<timerEventDefinition><timeCycle>R3/PT1H</timeCycle></timerEventDefinition>"
    s = Scenario(
        model(
            '<startEvent id="start"/><userTask id="a"/><boundaryEvent id="tick" attachedToRef="a" cancelActivity="false">'
            f"{cycle}</boundaryEvent>",
            flows="start a",
        )
    ).start()
    (job,) = s.state.jobs
    s.do(c.ChangeJob(instance=s.id, job=job, changes={"retries": 0}))
    assert s.incidents() == [("failedJob", "tick")]
    s.timer("tick")
    assert [job.retries for job in s.state.jobs.values()] == [3]
    assert s.incidents() == []
