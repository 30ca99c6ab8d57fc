"""Embedded sub-processes, event sub-processes and transactions."""

import pytest

from bpmn.scenario import scenario
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.expr.values import from_native


def test_is_a_scope_around_its_activities() -> None:
    s = scenario(__file__, "sub_process").start()
    assert s.waits() == ["a", "b"]
    assert s.parent("a") == "sub"
    assert s.parent("sub") == ""
    s.complete("a").complete("b")
    assert s.states("sub") == ["completed"]
    assert s.states("inner_end") == ["completes scope"]
    assert s.waits() == ["after"]
    assert s.subscriptions() == []


def test_its_local_variables_end_with_it_and_hide_outer_ones() -> None:
    s = scenario(__file__, "sub_process").start(x=1)
    scope = next(x.id for x in s.state.executions.values() if x.scope_activity == "sub")
    s.do(c.SetVariables(instance=s.id, execution=scope, modifications={"x": from_native(2)}, local=True))
    s.complete("a", x=3)
    assert s.local("sub") == {"x": 3}
    assert s.variables() == {"x": 1}
    assert s.variables("sub") == {"x": 3}
    s.complete("b")
    assert set(s.state.executions[s.id].variables) == {"x"}


def test_an_interrupting_boundary_event_cancels_all_inside() -> None:
    s = scenario(__file__, "sub_process").start()
    s.complete("a").message("Cancel")
    assert s.waits() == ["canceled"]
    assert s.states("sub") == ["canceled"]
    assert s.states("a") == ["completed"]
    assert s.states("b") == ["canceled"]
    assert s.states("join") == ["canceled"]
    assert s.states("cancel") == ["completed"]
    assert s.parent("cancel") == ""
    assert [e.reason for e in s.events(ev.TaskEnded)] == ["completed", "deleted"]


def test_a_non_interrupting_boundary_event_happens_as_often_as_it_likes() -> None:
    s = scenario(__file__, "sub_process").start()
    s.message("Hint").message("Hint")
    assert s.waits() == ["a", "b", "hinted", "hinted"]
    assert s.parent("hinted") == ""
    s.complete("a").complete("b")
    assert s.waits() == ["after", "hinted", "hinted"]
    s.complete("hinted").complete("after").complete("hinted")
    assert s.ended == "COMPLETED"


def test_an_error_leaves_by_the_boundary_event_of_the_outer_scope() -> None:
    s = scenario(__file__, "nested_error").start()
    assert s.waits() == ["repair"]
    assert s.states("inner") == ["canceled"]
    assert s.states("outer") == ["canceled"]
    assert s.states("caught") == ["completed"]


def test_terminate_ends_only_the_sub_process() -> None:
    s = scenario(__file__, "terminate").start()
    s.complete("a")
    assert s.waits() == ["after"]
    assert s.states("b") == ["canceled"]
    assert s.states("stop") == ["completes scope"]
    assert s.states("sub") == ["completed"]


class TestEventSubProcess:
    def test_an_error_interrupts_and_its_code_and_message_are_variables(self) -> None:
        s = scenario(__file__, "event_sub_processes").start()
        s.error("work", "Bad", "it broke")
        assert s.waits() == ["repair"]
        assert s.states("work") == ["canceled"]
        assert s.variables() == {"code": "Bad", "text": "it broke"}
        assert s.parent("repair") == "on_error"
        assert s.parent("on_error") == ""
        assert s.type("error_start") == "errorStartEvent"
        # Interrupted: nothing listens any more.
        assert s.subscriptions() == []
        assert s.jobs() == []
        s.complete("repair")
        assert s.ended == "COMPLETED"
        assert s.states("on_error") == ["completes scope"]

    def test_a_message_does_not_interrupt(self) -> None:
        s = scenario(__file__, "event_sub_processes").start()
        s.message("Note", n=1).message("Note", n=2)
        assert s.waits() == ["note", "note", "work"]
        assert s.states("on_message") == ["open", "open"]
        assert s.variables() == {"n": 2}
        s.work("work")
        assert s.ended is None
        s.complete("note").complete("note")
        assert s.ended == "COMPLETED"

    def test_a_timer_interrupts(self) -> None:
        s = scenario(__file__, "event_sub_processes").start()
        assert s.jobs() == [("timer_start", "timer-start-event-subprocess")]
        s.message("Note").timer("timer_start")
        assert s.waits() == ["escalate"]
        assert s.states("work") == ["canceled"]
        assert s.states("note") == ["canceled"]
        assert s.type("timer_start") == "startTimerEvent"

    def test_an_error_with_another_code_is_not_caught_and_ends_the_path(self) -> None:
        s = scenario(__file__, "event_sub_processes").start()
        s.error("work", "Other")
        assert s.ended == "COMPLETED"
        assert "on_error" not in s.path()

    def test_inside_a_sub_process_it_keeps_the_sub_process_open(self) -> None:
        s = scenario(__file__, "event_sub_process_non_interrupting").start()
        s.signal("Ping")
        assert s.parent("on_signal") == "sub"
        s.complete("work")
        assert s.waits() == ["pinged"]
        assert s.states("sub") == ["open"]
        s.complete("pinged")
        assert s.waits() == ["after"]
        assert s.states("sub") == ["completed"]

    def test_it_listens_only_while_its_scope_is_open(self) -> None:
        s = scenario(__file__, "event_sub_process_non_interrupting").start()
        assert s.subscriptions() == [("signal", "Ping", "signal_start")]
        s.complete("work")
        assert s.waits() == ["after"]
        assert s.subscriptions() == []


class TestTransaction:
    def test_completes_like_a_sub_process(self) -> None:
        s = scenario(__file__, "transaction").start(ok=True)
        s.complete("book").complete("decide")
        assert s.waits() == ["after"]
        assert s.type("tx") == "transaction"
        assert s.states("tx") == ["completed"]
        assert "unbook" not in s.path()

    def test_cancel_compensates_then_leaves_by_the_cancel_boundary_event(self) -> None:
        s = scenario(__file__, "transaction").start(ok=False)
        s.complete("book").complete("decide")
        assert s.waits() == ["unbook"]
        assert s.states("tx") == ["open"]
        s.complete("unbook")
        assert s.waits() == ["sorry"]
        assert s.states("unbook") == ["completed"]
        assert s.states("abort") == ["canceled"]
        assert s.states("tx") == ["canceled"]
        assert s.type("aborted") == "cancelBoundaryCatch"
        s.complete("sorry")
        assert s.ended == "COMPLETED"

    @pytest.mark.parametrize("activity", ["book", "decide"])
    def test_deleting_the_instance_compensates_nothing(self, activity: str) -> None:
        s = scenario(__file__, "transaction").start(ok=False)
        if activity == "decide":
            s.complete("book")
        s.delete()
        assert s.states(activity) == ["canceled"]
        assert "unbook" not in s.path()
