"""Modification: starting before, after and along a flow; cancelling; what becomes of scopes and of the instance."""

import pytest

from bpmn.scenario import Scenario, flow_elements, model, typed
from penstock.base.errors import EntitySuspended, Failure, NotValid
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
    with pytest.raises(Failure, match="ambiguous"):
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


def test_what_has_called_an_emptied_instance_goes_with_it() -> None:
    """Camunda 7 `ExecutionEntity.deletePropagate`: as far as nothing else is left there."""
    caller = model('<startEvent id="start"/><callActivity id="call" calledElement="p"/>', flows="start call", key="q")
    s = Scenario(caller, MODEL).start()
    (called,) = s.called("call")
    s.do(c.ModifyInstance(instance=called, instructions=(cancel("a"),)))
    assert s.ended_of(called) == "EXTERNALLY_TERMINATED"
    assert s.ended == "EXTERNALLY_TERMINATED"
    assert s.states("call") == ["canceled"]


LOOP = (
    '<multiInstanceLoopCharacteristics isSequential="{}"><loopCardinality xsi:type="tFormalExpression">2</loopCardinality>'
    "</multiInstanceLoopCharacteristics>"
)


def _loop(sequential: str) -> Scenario:
    body = f'<startEvent id="start"/><userTask id="a"/><userTask id="x">{LOOP.format(sequential)}</userTask>'
    return Scenario(model(body, flows="start a, a x")).start()


@pytest.mark.parametrize("sequential", ["false", "true"])
def test_a_multi_instance_activity_is_started_once_its_body_as_a_whole(sequential: str) -> None:
    s = _loop(sequential)
    s.modify(before("x"))
    assert s.waits() == ["a", "x"]
    assert s.local("x#multiInstanceBody")["nrOfInstances"] == 1
    s = _loop(sequential)
    s.modify(before("x#multiInstanceBody"))
    assert s.local("x#multiInstanceBody")["nrOfInstances"] == 2


def test_a_parallel_body_that_is_open_gets_one_more_instance() -> None:
    s = _loop("false").complete("a")
    s.modify(before("x"))
    assert s.waits() == ["x", "x", "x"]
    assert s.local("x#multiInstanceBody") == {"nrOfInstances": 3, "nrOfCompletedInstances": 0, "nrOfActiveInstances": 3}
    s.complete("x").complete("x")
    assert s.ended is None
    assert s.complete("x").ended == "COMPLETED"


def test_a_sequential_body_that_is_open_takes_none() -> None:
    s = _loop("true").complete("a")
    with pytest.raises(Failure, match="Concurrent instantiation not possible"):
        s.modify(before("x"))


def test_what_lies_between_the_ancestor_and_the_target_is_made_anew() -> None:
    s = Scenario(MODEL).start().complete("a")
    s.modify(before("y", ancestor_activity_instance=s.id))
    assert s.states("sub") == ["open", "open"]
    with pytest.raises(NotValid, match="cannot be found in parent hierarchy"):
        s.modify(before("b", ancestor_activity_instance=s.instance_of("x")))
    with pytest.raises(NotValid, match="does not exist"):
        s.modify(before("b", ancestor_activity_instance="nobody"))


def test_nothing_starts_in_a_suspended_instance_but_it_can_be_canceled() -> None:
    s = Scenario(MODEL).start()
    s.do(c.SetSuspension(instance=s.id, suspended=True))
    with pytest.raises(EntitySuspended):
        s.modify(before("b"))
    s.modify(cancel("a"))
    assert s.ended == "EXTERNALLY_TERMINATED"


def test_a_scope_that_waits_after_its_end_is_entered_no_more() -> None:
    loop = '<multiInstanceLoopCharacteristics camunda:asyncAfter="true"><loopCardinality>1</loopCardinality>'
    sub = f'<subProcess id="sub">{loop}</multiInstanceLoopCharacteristics>{INNER}</subProcess>'
    s = Scenario(model(f'<startEvent id="start"/>{sub}', flows="start sub")).start()
    s.complete("x").complete("y")
    s.modify(before("x"))
    assert s.states("sub") == ["completes scope", "open"]


def test_variables_of_a_task_follow_it_into_the_scope() -> None:
    s = Scenario(MODEL).start()
    s.modify(before("b"))
    task = next(task for task in s.state.tasks.values() if task.key == "a")
    s.do(c.SetVariables(instance=s.id, task=task.id, modifications=typed({"t": 1}), local=True))
    s.complete("b")
    (variable,) = s.state.tasks[task.id].variables.values()
    assert variable.id in s.events(ev.ExecutionFolded)[-1].variables
