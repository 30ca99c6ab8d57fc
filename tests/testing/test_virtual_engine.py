"""The engine that users test their processes with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.base.errors import DelegateMissing, Failure, NotFound, ParseFailed
from penstock.runtime.delegates import DelegateScope
from penstock.testing import VirtualEngine, assert_that
from penstock.worker import BpmnError, ExternalTask, TaskFailure

MODEL = Path(__file__).with_name("claim.bpmn")
BEGIN = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def engine() -> Iterator[VirtualEngine]:
    with VirtualEngine(now=BEGIN) as made:
        made.deploy(MODEL)
        yield made


def test_from_start_to_end(engine: VirtualEngine) -> None:
    claim = engine.start("claim", {"amount": 100}, business_key="c-1")
    assert_that(claim).is_active().waits_only_at("check").has_variable("amount", 100)
    assert (claim.key, claim.business_key, claim.state, claim.topics) == ("claim", "c-1", "ACTIVE", ("check-claim",))
    claim.complete_external_task("check-claim", {"valid": True})
    assert_that(claim).has_task("approve", candidate_group="clerks").has_variable("valid", True)
    claim.task().claim("mary")
    assert_that(claim).has_task("approve", assignee="mary")
    claim.complete_task("approve", {"approved": True}, user="mary")
    # The asynchronous continuation has run by itself.
    assert_that(claim).waits_only_at("wait").has_variable("paid", 200)
    claim.message("Letter", {"text": "thanks"})
    assert_that(claim).is_completed().has_passed_in_order("received", "check", "approve", "pay", "wait", "done")
    assert claim.variables == {"amount": 100, "valid": True, "approved": True, "paid": 200, "text": "thanks"}
    assert claim.waits_at == ()


def test_timers_fire_at_their_moment(engine: VirtualEngine) -> None:
    reminded: list[datetime] = []
    engine.delegate("reminder", lambda scope: reminded.append(engine.now))
    claim = engine.start("claim", {"amount": 1})
    claim.complete_external_task("check")
    engine.advance(hours=1, minutes=59)
    assert not reminded
    engine.advance(timedelta(days=3))
    assert reminded == [BEGIN + timedelta(hours=2)]
    assert engine.now == BEGIN + timedelta(days=3, hours=1, minutes=59)
    assert_that(claim).has_passed("late", "remind").waits_only_at("approve")


def test_start_timers_fire_too(engine: VirtualEngine) -> None:
    engine.advance(days=2)
    assert [instance.state for instance in engine.instances("daily")] == ["COMPLETED"] * 2
    # The last repetition comes once, although the clock stands still at its moment.
    engine.advance(days=10)
    assert len(engine.instances("daily")) == 3


def test_time_does_not_go_back(engine: VirtualEngine) -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        engine.advance_to(BEGIN - timedelta(seconds=1))


@dataclass
class Claim:
    amount: int


def test_workers_are_the_functions_that_run_in_production(engine: VirtualEngine) -> None:
    @engine_worker(engine, "check-claim")
    def check(task: ExternalTask, claim: Claim) -> dict[str, object]:
        assert task.activity_id == "check"
        return {"checked_by": task.worker_id, "double": claim.amount * 2}

    claim = engine.start("claim", {"amount": 21})
    assert_that(claim).waits_only_at("approve").has_variable("double", 42)


def engine_worker(engine: VirtualEngine, topic: str):  # type: ignore[no-untyped-def]
    return lambda handler: engine.worker(topic, handler)


def test_coroutine_functions_are_workers_as_well(engine: VirtualEngine) -> None:
    async def check(task: ExternalTask) -> dict[str, object]:
        return {"seen": task.variables["amount"]}

    engine.worker("check-claim", check)
    assert_that(engine.start("claim", {"amount": 5})).has_variable("seen", 5)


def test_a_worker_may_raise_a_bpmn_error(engine: VirtualEngine) -> None:
    def check(task: ExternalTask) -> None:
        raise BpmnError("FRAUD", "no such client")

    engine.worker("check-claim", check)
    assert_that(engine.start("claim")).is_completed().has_passed("fraudulent", "rejected").has_not_passed("approve")


def test_a_worker_that_fails_is_tried_again_then_there_is_an_incident(engine: VirtualEngine) -> None:
    tries: list[int | None] = []

    def check(task: ExternalTask) -> None:
        tries.append(task.retries)
        raise RuntimeError("the register is down")

    engine.worker("check-claim", check)
    claim = engine.start("claim")
    assert tries == [None, 2, 1]
    assert_that(claim).waits_at("check").has_incident("check", message="register is down")


def test_a_worker_decides_when_it_is_tried_again(engine: VirtualEngine) -> None:
    down = True

    def check(task: ExternalTask) -> None:
        if down:
            raise TaskFailure("later", retries=5, retry_timeout_ms=60_000)

    engine.worker("check-claim", check)
    claim = engine.start("claim")
    assert_that(claim).waits_only_at("check").has_no_incident()
    down = False
    engine.advance(seconds=59)
    assert_that(claim).waits_only_at("check")
    engine.advance(seconds=2)
    assert_that(claim).waits_only_at("approve")


def test_a_check_inside_a_worker_fails_the_test(engine: VirtualEngine) -> None:
    def check(task: ExternalTask) -> None:
        assert task.topic == "something else"

    engine.worker("check-claim", check)
    with pytest.raises(AssertionError, match="something else"):
        engine.start("claim")


def test_failures_and_errors_by_hand(engine: VirtualEngine) -> None:
    claim = engine.start("claim")
    claim.fail_external_task("check-claim", "no answer", retries=1)
    assert_that(claim).has_no_incident()
    claim.fail_external_task("check-claim", "no answer")
    assert_that(claim).has_incident("check", message="no answer")
    claim.throw_external_task_error("check", "FRAUD")
    assert_that(claim).is_ended().has_passed("rejected")


def test_messages_find_their_instance_or_start_one(engine: VirtualEngine) -> None:
    claim = engine.message("ClaimFiled", {"amount": 7}, business_key="c-7")
    assert_that(claim).waits_only_at("check").has_variable("amount", 7)
    other = engine.message("ClaimFiled", {"amount": 8}, business_key="c-8")
    for instance in (claim, other):
        instance.complete_external_task("check")
        instance.complete_task()
    with pytest.raises(AssertionError, match=r"2 wait for the message 'Letter'"):
        engine.message("Letter")
    assert engine.message("Letter", business_key="c-8") == other
    assert engine.message("Letter", correlation={"amount": 7}) == claim
    with pytest.raises(
        AssertionError, match=r"nobody who fits waits for the message 'Letter'; waited for: 'ClaimFiled'"
    ):
        engine.message("Letter")


def test_signals_reach_everybody(engine: VirtualEngine) -> None:
    waiting = [engine.start("flooded") for _ in range(3)]
    engine.signal("Flood", {"level": 3})
    for instance in waiting:
        assert_that(instance).is_completed().has_variable("level", 3)


def test_jobs_and_workers_by_hand() -> None:
    with VirtualEngine(auto=False) as engine:
        engine.deploy(MODEL)
        claim = engine.start("claim", {"amount": 1})
        claim.complete_external_task("check")
        claim.complete_task()
        assert_that(claim).waits_only_at("pay").has_no_variable("paid")
        assert engine.run_jobs() == 1
        assert_that(claim).waits_only_at("wait")


def test_a_job_that_fails_is_an_incident_and_can_be_run_again(engine: VirtualEngine) -> None:
    claim = engine.start("claim", {"amount": "much"})
    claim.complete_external_task("check")
    claim.complete_task()
    assert_that(claim).waits_at("pay").has_incident("pay")
    with pytest.raises(Failure):
        claim.run_job("pay")
    claim.set_variables({"amount": 3})
    claim.run_job("pay")
    assert_that(claim).waits_only_at("wait").has_no_incident().has_variable("paid", 6)


def test_a_timer_can_be_run_before_it_is_due(engine: VirtualEngine) -> None:
    def remind(scope: DelegateScope) -> None:
        scope["reminded"] = True

    engine.delegate("reminder", remind)
    claim = engine.start("claim")
    claim.complete_external_task("check")
    claim.run_job("late")
    assert_that(claim).has_passed("remind").has_variable("reminded", True)


def test_start_in_the_middle_and_cancel(engine: VirtualEngine) -> None:
    claim = engine.start("claim", {"amount": 1}, before="approve")
    assert_that(claim).waits_only_at("approve").has_not_passed("check")
    claim.cancel("not needed")
    assert_that(claim).is_ended()
    assert (claim.state, claim.canceled) == ("EXTERNALLY_TERMINATED", ("approve",))


def test_what_cannot_be_says_what_there_is(engine: VirtualEngine) -> None:
    with pytest.raises(NotFound, match=r"no process with key 'clam' is deployed; deployed: claim, daily, flooded"):
        engine.start("clam")
    claim = engine.start("claim")
    with pytest.raises(AssertionError, match=r"no external task 'pay'; open are: 'check-claim' \(at check\)"):
        claim.complete_external_task("pay")
    with pytest.raises(AssertionError, match=r"does not have exactly one user task; open are: none"):
        claim.complete_task()
    with pytest.raises(AssertionError, match=r"has no job at 'check'; there are: none"):
        claim.run_job("check")
    claim.complete_external_task("check")
    with pytest.raises(DelegateMissing, match="reminder"):
        claim.run_job("late")


def test_a_model_that_cannot_be_read_is_refused(engine: VirtualEngine) -> None:
    with pytest.raises(ParseFailed):
        engine.deploy('<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="x"')


def test_values_go_in_and_out_as_a_worker_sees_them(engine: VirtualEngine) -> None:
    values = {"text": "é", "list": [1, {"a": None}], "flag": False, "when": BEGIN, "number": 1.5, "big": 2**40}
    claim = engine.start("claim", values)
    assert claim.variables == values
    claim.cancel()
    assert claim.variables == values


async def test_it_works_inside_an_asynchronous_test() -> None:
    with VirtualEngine() as engine:
        engine.deploy(MODEL)
        claim = engine.start("claim", {"amount": 1})
        claim.complete_external_task("check")
        assert_that(claim).waits_only_at("approve")


def test_two_engines_know_nothing_of_each_other(engine: VirtualEngine) -> None:
    engine.start("claim")
    with VirtualEngine() as other:
        assert other.instances() == []


def test_scripts_run() -> None:
    model = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t">
      <process id="p" isExecutable="true"><startEvent id="s" /><sequenceFlow id="a" sourceRef="s" targetRef="calc" />
      <scriptTask id="calc" scriptFormat="javascript">
        <script>execution.setVariable('y', execution.getVariable('x') * 2)</script>
      </scriptTask><sequenceFlow id="b" sourceRef="calc" targetRef="e" /><endEvent id="e" /></process></definitions>"""
    with VirtualEngine() as engine:
        engine.deploy(model)
        assert_that(engine.start("p", {"x": 21})).is_completed().has_variable("y", 42)


def test_a_failed_expectation_tells_where_the_instance_is(engine: VirtualEngine) -> None:
    claim = engine.start("claim", {"amount": 3}, business_key="c-1")
    with pytest.raises(AssertionError) as failed:
        assert_that(claim).waits_at("approve")
    assert str(failed.value) == (
        "expected to wait at approve\n"
        "  instance of 'claim' (ACTIVE, business key 'c-1')\n"
        "  waits at:   check\n"
        "  has passed: received\n"
        "  variables:  amount = 3"
    )
    claim.fail_external_task("check", "no answer")
    with pytest.raises(AssertionError, match="incident:   failedExternalTask at check: no answer"):
        assert_that(claim).has_no_incident()


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        (lambda that: that.waits_only_at("approve"), "to wait at approve and nowhere else"),
        (lambda that: that.does_not_wait_at("check"), "not to wait at check"),
        (lambda that: that.waits_at("check", "check"), "to wait at check"),
        (lambda that: that.has_passed("approve"), "to have passed approve"),
        (lambda that: that.has_passed_in_order("check", "received"), "to have passed check, received in this order"),
        (lambda that: that.has_not_passed("received"), "not to have passed received"),
        (lambda that: that.is_ended(), "to have ended"),
        (lambda that: that.is_completed(), "to have completed"),
        (lambda that: that.has_variable("other"), "to have a variable 'other'"),
        (lambda that: that.has_variable("amount", 4), "variable 'amount' to be 4, it is 3"),
        (lambda that: that.has_no_variable("amount"), "to have no variable 'amount'"),
        (lambda that: that.has_incident("check", message="x"), "to have an incident at 'check' with 'x'"),
        (lambda that: that.has_task("approve", assignee="mary"), "to have a user task 'approve' for 'mary'"),
    ],
)
def test_every_expectation_can_fail(engine: VirtualEngine, expect, message: str) -> None:  # type: ignore[no-untyped-def]
    claim = engine.start("claim", {"amount": 3})
    with pytest.raises(AssertionError, match=f"^expected {message}\n"):
        expect(assert_that(claim))


def test_an_instance_that_has_ended_is_not_active(engine: VirtualEngine) -> None:
    claim = engine.start("claim")
    claim.cancel()
    with pytest.raises(AssertionError, match="expected to be active"):
        assert_that(claim).is_active()


def test_coverage_says_what_was_visited(engine: VirtualEngine) -> None:
    claim = engine.start("claim", {"amount": 3})
    assert engine.coverage().visited("claim") == ["received", "check"]
    claim.throw_external_task_error("check", "FRAUD")
    coverage = engine.coverage()
    assert coverage.visited("claim") == ["received", "check", "fraudulent", "rejected"]
    assert "approve" in coverage.missed("claim")
    assert coverage.percent("flooded") == 0
    assert 0 < coverage.percent() < 100
    (line,) = [line for line in coverage.report() if line.startswith("claim")]
    assert line.split()[1] == f"{coverage.percent('claim'):.1f}"
    assert "not visited: filed_by_message, approve, late, remind" in line
