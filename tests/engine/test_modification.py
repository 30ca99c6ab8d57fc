"""Modification: starting before, after and along a flow; cancelling; what becomes of scopes and of the instance."""

import pytest

from bpmn.scenario import Scenario, flow_elements, model, typed
from penstock.base.errors import NotValid
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.expr.values import from_native

INNER = (
    '<startEvent id="inner"/><userTask id="x"/><userTask id="y"/><endEvent id="inner_end"/>'
    f"{flow_elements('inner x, x y, y inner_end')}"
)
MODEL = model(
    f'<startEvent id="start"/><userTask id="a"/><subProcess id="sub">{INNER}</subProcess><userTask id="b"/>'
    '<endEvent id="end"/><boundaryEvent id="hint" attachedToRef="sub" cancelActivity="false">'
    '<messageEventDefinition messageRef="m"/></boundaryEvent><userTask id="hinted"/>',
    flows="start a, a sub, sub b, b end, hint hinted",
    roots='<message id="m" name="Hint"/>',
)


def before(activity: str, **more: object) -> c.StartInstruction:
    return c.StartInstruction(type="startBeforeActivity", activity=activity, **more)  # type: ignore[arg-type]


def cancel(activity: str) -> c.StartInstruction:
    return c.StartInstruction(type="cancel", activity=activity)


def test_start_before_adds_a_path() -> None:
    s = Scenario(MODEL).start()
    s.modify(before("b"))
    assert s.waits() == ["a", "b"]
    assert s.parent("b") == ""
    s.complete("b")
    assert s.ended is None
    s.complete("a").complete("x").complete("y").complete("b")
    assert s.ended == "COMPLETED"


def test_start_after_takes_the_flow() -> None:
    s = Scenario(MODEL).start()
    s.modify(c.StartInstruction(type="startAfterActivity", activity="sub"))
    assert s.waits() == ["a", "b"]
    assert "sub" not in s.path()


def test_start_transition() -> None:
    s = Scenario(MODEL).start()
    s.modify(c.StartInstruction(type="startTransition", transition="x_y"))
    assert s.waits() == ["a", "y"]
    assert s.parent("y") == "sub"


def test_a_scope_that_is_missing_is_opened_with_all_that_listens() -> None:
    s = Scenario(MODEL).start()
    s.modify(before("y"))
    assert s.waits() == ["a", "y"]
    assert s.parent("y") == "sub"
    assert s.subscriptions() == [("message", "Hint", "hint")]
    s.message("Hint")
    assert s.waits() == ["a", "hinted", "y"]


def test_a_scope_that_is_open_is_used() -> None:
    s = Scenario(MODEL).start().complete("a")
    s.modify(before("y"))
    assert s.states("sub") == ["open"]
    assert s.waits() == ["x", "y"]
    s.complete("x")
    assert s.waits() == ["y", "y"]
    s.complete("y").complete("y")
    assert s.waits() == ["b"]


def test_with_two_scopes_the_ancestor_must_be_named() -> None:
    s = Scenario(MODEL).start().complete("a")
    s.modify(before("a"))
    s.complete("a")
    assert s.states("sub") == ["open", "open"]
    with pytest.raises(NotValid, match="ancestor"):
        s.modify(before("y"))
    second = [row.id for row in s.rows() if row.activity == "sub"][1]
    s.modify(before("y", ancestor_activity_instance=second))
    assert next(row.parent for row in s.rows() if row.activity == "y") == second


def test_variables_of_an_instruction() -> None:
    s = Scenario(MODEL).start(v=1)
    s.modify(before("y", variables={"v": (from_native(2), False), "w": (from_native(3), True)}))
    assert s.variables()["v"] == 2
    assert s.local("sub") == {"w": 3}


def test_cancel_and_start_elsewhere_in_one_go() -> None:
    s = Scenario(MODEL).start()
    s.modify(before("b"), cancel("a"))
    assert s.waits() == ["b"]
    assert s.states("a") == ["canceled"]
    s.complete("b")
    assert s.ended == "COMPLETED"


def test_cancel_first_then_start_keeps_the_instance() -> None:
    s = Scenario(MODEL).start()
    s.modify(cancel("a"), before("b"))
    assert s.waits() == ["b"]


def test_canceling_the_last_activity_of_a_scope_cancels_the_scope() -> None:
    s = Scenario(MODEL).start().complete("a")
    s.modify(before("b"), cancel("x"))
    assert s.waits() == ["b"]
    assert s.states("sub") == ["canceled"]
    assert s.subscriptions() == []


def test_canceling_one_activity_instance_of_several() -> None:
    s = Scenario(MODEL).start()
    s.modify(before("a"))
    first, second = (row.id for row in s.rows() if row.activity == "a")
    s.modify(c.StartInstruction(type="cancel", activity_instance=second))
    assert {row.id: row.state for row in s.rows() if row.activity == "a"} == {first: "open", second: "canceled"}


@pytest.mark.parametrize("more", [1, 2])
def test_canceling_an_activity_cancels_all_its_instances(more: int) -> None:
    s = Scenario(MODEL).start()
    s.modify(*[before("a")] * more, before("b"))
    s.modify(cancel("a"))
    assert s.waits() == ["b"]
    s.modify(before("b"))
    s.modify(cancel("b"))
    assert s.ended == "EXTERNALLY_TERMINATED"


def test_canceling_an_activity_cancels_all_that_wait_before_it() -> None:
    waiting = model(
        '<startEvent id="start"/><userTask id="a" camunda:asyncBefore="true"/><userTask id="b"/><endEvent id="end"/>',
        flows="start b, b a, a end",
    )
    s = Scenario(waiting).start()
    s.modify(before("a"), before("a"), cancel("b"))
    s.modify(cancel("a"))
    assert s.ended == "EXTERNALLY_TERMINATED"


def test_canceling_everything_ends_the_instance() -> None:
    s = Scenario(MODEL).start()
    s.modify(cancel("a"))
    assert s.ended == "EXTERNALLY_TERMINATED"
    assert s.states("a") == ["canceled"]
    assert [e.reason for e in s.events(ev.TaskEnded)] == ["Cancellation due to process instance modifcation"]


@pytest.mark.parametrize(
    ("instruction", "text"),
    [
        (before("nowhere"), "Activity 'nowhere' does not exist"),
        (cancel("nowhere"), "Activity 'nowhere' does not exist"),
        (c.StartInstruction(type="cancel", activity_instance="nowhere"), "activityInstance is null"),
        (c.StartInstruction(type="startTransition", transition="nowhere"), "does not exist"),
        (c.StartInstruction(type="startAfterActivity", activity="end"), "has no outgoing sequence flow"),
    ],
)
def test_what_is_not_there_drops_the_unit(instruction: c.StartInstruction, text: str) -> None:
    s = Scenario(MODEL).start()
    with pytest.raises(NotValid, match=text):
        s.modify(before("b"), instruction)
    assert s.waits() == ["a"]


def test_a_start_at_chosen_places() -> None:
    s = Scenario(MODEL)
    definition = s.engine.latest("p").id
    s.id = s.do(
        c.StartInstance(definition=definition, instructions=(before("x"), before("b")), variables=typed({"v": 1}))
    )
    assert s.waits() == ["b", "x"]
    assert "start" not in s.path()
    assert s.variables() == {"v": 1}
