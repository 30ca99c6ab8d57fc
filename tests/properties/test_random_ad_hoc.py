"""Random schedules in an ad-hoc sub-process, with the invariants of every process after each step."""

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ledger import Ledger

from bpmn.scenario import Scenario, model
from penstock.base.errors import Failure, Refused
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.expr.values import to_native

LOOP = "<multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics>"
INNER = (
    '<userTask id="a"/><userTask id="b"/><userTask id="b2"/><sequenceFlow id="f1" sourceRef="b" targetRef="b2"/>'
    f'<userTask id="many">{LOOP}</userTask><task id="now"/>'
    '<subProcess id="sub"><startEvent id="ss"/><userTask id="s"/><sequenceFlow id="f2" sourceRef="ss" targetRef="s"/>'
    "</subProcess>"
    '<boundaryEvent id="at_a" attachedToRef="a"><messageEventDefinition messageRef="m"/></boundaryEvent>'
    '<userTask id="fork"/><userTask id="g1"/><userTask id="g2"/><parallelGateway id="j"/><userTask id="k"/>'
    '<sequenceFlow id="f3" sourceRef="fork" targetRef="g1"/><sequenceFlow id="f4" sourceRef="fork" targetRef="g2"/>'
    '<sequenceFlow id="f5" sourceRef="g1" targetRef="j"/><sequenceFlow id="f6" sourceRef="g2" targetRef="j"/>'
    '<sequenceFlow id="f7" sourceRef="j" targetRef="k"/>'
    '<subProcess id="more" triggeredByEvent="true"><startEvent id="ms" isInterrupting="false"><messageEventDefinition'
    ' messageRef="n"/></startEvent><userTask id="mt"/><sequenceFlow id="f8" sourceRef="ms" targetRef="mt"/></subProcess>'
    '<subProcess id="stop" triggeredByEvent="true"><startEvent id="st"><messageEventDefinition messageRef="o"/></startEvent>'
    '<userTask id="sx"/><sequenceFlow id="f9" sourceRef="st" targetRef="sx"/></subProcess>'
)
ROOTS = '<message id="m" name="M"/><message id="n" name="N"/><message id="o" name="O"/>'
START = ("a", "b", "many", "now", "sub", "fork")

ids = st.lists(st.sampled_from(START), max_size=3)
steps = st.one_of(
    st.tuples(st.just("activate"), ids),
    st.tuples(st.just("complete"), st.integers(0, 5)),
    st.tuples(st.just("complete"), st.integers(0, 5)),
    st.tuples(st.just("message"), st.sampled_from(("M", "N", "O"))),
    st.tuples(st.just("cancel"), st.sampled_from((*START, "b2", "g1", "work", "more"))),
    st.tuples(st.just("before"), st.sampled_from((*START, "b2", "s", "mt"))),
)


def commands(s: Scenario, kind: str, what: Any) -> list[c.Command]:
    """What the step means where the instance stands; nothing, when it means nothing there."""
    state = s.state
    if kind == "activate":
        scopes = [
            x.scope_instance for x in state.executions.values() if x.scope_activity == "work" and x.scope_instance
        ]
        return [c.ActivateAdHoc(instance=s.id, activity_instance=id, activities=tuple(what)) for id in scopes[:1]]
    if kind == "complete":
        tasks = list(state.tasks)
        return [c.CompleteTask(instance=s.id, task=tasks[what % len(tasks)])] if tasks else []
    if kind == "message":
        waiting = [found for found in state.subscriptions.values() if found.name == what]
        return [c.TriggerMessage(instance=s.id, execution=found.execution, name=what) for found in waiting[:1]]
    type = "cancel" if kind == "cancel" else "startBeforeActivity"
    return [c.ModifyInstance(instance=s.id, instructions=(c.StartInstruction(type=type, activity=what),))]


@settings(max_examples=150, deadline=None)
@given(
    sequential=st.booleans(),
    remaining=st.booleans(),
    condition=st.sampled_from(("", "${nrOfCompletedInstances >= 2}")),
    first=ids,
    schedule=st.lists(steps, max_size=14),
)
def test_invariants(sequential: bool, remaining: bool, condition: str, first: list[str], schedule: list[Any]) -> None:
    attributes = (
        f'ordering="{"Sequential" if sequential else "Parallel"}" cancelRemainingInstances="{str(remaining).lower()}"'
    )
    held = f"<completionCondition>{condition}</completionCondition>" if condition else ""
    work = (
        f'<adHocSubProcess id="work" {attributes}><extensionElements><camunda:properties><camunda:property'
        f' name="activeElementsCollection" value="${{todo}}"/></camunda:properties></extensionElements>'
        f"{INNER}{held}</adHocSubProcess>"
    )
    s = Scenario(
        model(f'<startEvent id="start"/>{work}<userTask id="after"/>', flows="start work, work after", roots=ROOTS)
    )
    s.start(todo=first)
    ledger, seen, given_out = Ledger(s.id), 0, set[str]()
    for kind, what in (("begin", None), *schedule):
        if s.ended is not None:
            break
        for command in [] if kind == "begin" else commands(s, kind, what):
            # Refused is what cannot be, here. Then the unit has left no trace, which the checks below see.
            with suppress(Refused, Failure):
                s.do(command)
        for unit in s.engine.history[s.id][seen:]:
            ledger.read(unit, given_out)
            seen += 1
        if s.ended is not None:
            ledger.check_end()
            break
        ledger.check(s.state)
        _check_open(s, sequential, bool(condition))


def _check_open(s: Scenario, sequential: bool, conditional: bool) -> None:
    """An open ad-hoc sub-process in which something was done has something to do, unless a condition keeps it open."""
    for x in s.state.executions.values():
        if x.kind is ev.ExecutionKind.SCOPE and x.scope_activity == "work":
            done = x.variables.get("nrOfCompletedInstances")
            nothing_left = not x.children and x.activity_instance == x.scope_instance
            canceled = any(isinstance(e, ev.ActivityEnded) and e.canceled for e in s.events(ev.ActivityEnded))
            if done is not None and done.value.value and not conditional and not canceled:
                assert not nothing_left, "over, and still open"
            pending = x.variables.get("adHocPending")
            if sequential and nothing_left and pending is not None:
                assert not to_native(pending.value), "something waits for its turn, and nothing is under way"
