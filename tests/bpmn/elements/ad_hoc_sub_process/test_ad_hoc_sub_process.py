"""Ad-hoc sub-processes: what is activated, what it waits for, and when it is over."""

from typing import Any

import pytest

from bpmn.scenario import Scenario, model, scenario
from penstock.base.errors import BadUserRequest, EntitySuspended, Failure, NotFound, ParseFailed
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.migration_behavior import is_supported
from penstock.model.reader import read_bpmn

DONE = "completes scope"
"""The end of what leads nowhere, inside any scope."""


def activate(s: Scenario, *activities: str, of: str = "work") -> Scenario:
    s.do(c.ActivateAdHoc(instance=s.id, activity_instance=s.instance_of(of), activities=activities))
    return s


def before(activity: str, **more: Any) -> c.StartInstruction:
    return c.StartInstruction(type="startBeforeActivity", activity=activity, **more)


def ad_hoc(inner: str, *, attributes: str = "", condition: str = "", collection: str = "", flows: str = "") -> str:
    first = f'<camunda:property name="activeElementsCollection" value="{collection}"/>'
    properties = f"<camunda:properties>{first}</camunda:properties>"
    extension = f"<extensionElements>{properties}</extensionElements>" if collection else ""
    text = f"<completionCondition>{condition}</completionCondition>" if condition else ""
    return f'<adHocSubProcess id="work" {attributes}>{extension}{inner}{flows}{text}</adHocSubProcess>'


A, B, C = (f'<userTask id="{id}"/>' for id in "abc")
ABC = A + B + C


def made(work: str, more: str = "", flows: str = "", roots: str = "") -> Scenario:
    """start → work → after → end."""
    body = f'<startEvent id="start"/>{work}<userTask id="after"/><endEvent id="end"/>{more}'
    return Scenario(model(body, flows=f"start work, work after, after end{', ' if flows else ''}{flows}", roots=roots))


class TestActivation:
    def test_by_the_collection_on_entering(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=["a", "c"])
        assert s.waits() == ["a", "c"]
        assert s.parent("a") == "work"
        assert s.type("work") == "adHocSubProcess"
        s.complete("c")
        assert s.waits() == ["a", "d"], "a flow goes on inside"
        s.complete("a").complete("d")
        assert s.waits() == ["after"]
        assert s.states("work") == ["completed"]
        assert s.states("b") == []
        s.complete("after")
        assert s.ended == "COMPLETED"

    @pytest.mark.parametrize("todo", [["a", "b"], "a, b", ("a", "b")])
    def test_of_a_list_or_a_text(self, todo: Any) -> None:
        assert scenario(__file__, "ad_hoc").start(todo=todo).waits() == ["a", "b"]

    def test_of_a_variables_name(self) -> None:
        assert made(ad_hoc(ABC, collection="todo")).start(todo=["b"]).waits() == ["b"]

    @pytest.mark.parametrize("todo", [[], None, ""])
    def test_nothing_to_begin_with_waits_for_somebody(self, todo: Any) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=todo)
        assert s.waits() == ["work"]
        assert s.state.executions[s.id].children, "it has a scope of its own"
        activate(s, "b").complete("b")
        assert s.waits() == ["after"]

    def test_the_same_one_several_times(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=["a", "a"])
        activate(s, "a")
        assert s.waits() == ["a", "a", "a"]
        s.complete("a").complete("a").complete("a")
        assert s.states("a") == [DONE] * 3
        assert s.waits() == ["after"]

    def test_by_command_while_others_run(self) -> None:
        s = activate(scenario(__file__, "ad_hoc").start(todo=["a"]), "b", "c")
        assert s.waits() == ["a", "b", "c"]
        s.complete("a").complete("b").complete("c").complete("d")
        assert s.waits() == ["after"]

    def test_by_modification(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=[])
        s.modify(before("a")).modify(before("b"))
        assert s.waits() == ["a", "b"]
        assert s.states("work") == ["open"]
        s.complete("a").complete("b")
        assert s.waits() == ["after"]

    def test_by_modification_from_outside_opens_it_without_its_collection(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=["a"])
        s.complete("a").modify(before("c"))
        assert s.waits() == ["after", "c"]
        s.complete("c").complete("d")
        assert s.waits() == ["after", "after"]

    def test_of_many_at_once_each_begins(self) -> None:
        s = made(ad_hoc('<task id="t"/>' + A, collection="${todo}")).start(todo=["t"] * 50 + ["a"])
        assert s.states("t") == [DONE] * 50
        assert s.waits() == ["a"]

    def test_what_waits_asynchronously_is_a_job(self) -> None:
        s = made(ad_hoc('<task id="t" camunda:asyncBefore="true" camunda:asyncAfter="true"/>', collection="t")).start(
            t="t"
        )
        assert s.jobs() == [("t", "async-continuation")]
        s.job("t")
        assert s.jobs() == [("t", "async-continuation")]
        s.job("t")
        assert s.waits() == ["after"]

    @pytest.mark.parametrize("id", ["d", "after", "work", "nothing", "b_timer", "h", "ev"])
    def test_only_what_nothing_leads_to_can_be_activated(self, id: str) -> None:
        inner = (
            A + C + '<userTask id="d"/><sequenceFlow id="f" sourceRef="c" targetRef="d"/>'
            '<boundaryEvent id="b_timer" attachedToRef="a"><timerEventDefinition><timeDuration>P1D</timeDuration>'
            '</timerEventDefinition></boundaryEvent><userTask id="h" isForCompensation="true"/>'
            '<subProcess id="ev" triggeredByEvent="true"><startEvent id="es"><messageEventDefinition messageRef="m"/>'
            "</startEvent></subProcess>"
        )
        s = made(ad_hoc(inner), roots='<message id="m" name="M"/>').start()
        with pytest.raises(
            BadUserRequest, match=f"'{id}' cannot be activated in the ad-hoc sub-process 'work': .* 'a', 'c'$"
        ):
            activate(s, id)
        with pytest.raises(BadUserRequest):
            activate(s, "a", id)
        assert s.waits() == ["work"], "all of them, or none"

    def test_refused_commands(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=["a"])
        with pytest.raises(BadUserRequest, match="name one or more of 'a', 'b', 'c'"):
            activate(s)
        with pytest.raises(NotFound):
            s.do(c.ActivateAdHoc(instance=s.id, activity_instance="work:other", activities=("a",)))
        with pytest.raises(NotFound):
            activate(s, "a", of="a")
        s.do(c.SetSuspension(instance=s.id, suspended=True))
        with pytest.raises(EntitySuspended):
            activate(s, "b")

    def test_another_scope_is_no_ad_hoc_sub_process(self) -> None:
        s = made(
            f'<subProcess id="work"><startEvent id="s"/>{A}<sequenceFlow id="f" sourceRef="s" targetRef="a"/></subProcess>'
        )
        with pytest.raises(BadUserRequest, match="'work' is no ad-hoc sub-process"):
            activate(s.start(), "a")

    @pytest.mark.parametrize(
        ("todo", "message"),
        [
            (["d"], "'d' cannot be activated"),
            (5, "must give a list of ids, but gives 5"),
            ([1], "must give a list of ids"),
        ],
    )
    def test_a_collection_that_makes_no_sense(self, todo: Any, message: str) -> None:
        with pytest.raises(Failure, match=message) as failure:
            scenario(__file__, "ad_hoc").start(todo=todo)
        assert failure.value.element_id == "work"


class TestCompletion:
    def test_a_condition_cancels_what_still_runs(self) -> None:
        s = made(ad_hoc(ABC, condition="${enough}", collection="todo")).start(todo=["a", "b", "c"], enough=False)
        s.complete("a")
        assert s.waits() == ["b", "c"]
        s.complete("b", enough=True)
        assert s.waits() == ["after"]
        assert (s.states("c"), s.states("work")) == (["canceled"], ["completed"])

    def test_a_condition_that_does_not_hold_keeps_it_open(self) -> None:
        s = made(ad_hoc(ABC, condition="${enough}", collection="todo")).start(todo=["a"], enough=False)
        s.complete("a")
        assert s.waits() == ["work"]
        assert s.states("work") == ["open"]
        activate(s, "b").complete("b", enough=True)
        assert s.waits() == ["after"]

    def test_a_condition_may_count(self) -> None:
        s = made(ad_hoc(ABC, condition="${nrOfCompletedInstances >= 2}", collection="todo")).start(todo=["a", "b", "c"])
        s.complete("c")
        assert s.local("work")["nrOfCompletedInstances"] == 1
        s.complete("a")
        assert s.waits() == ["after"]
        assert s.variables() == {"todo": ["a", "b", "c"]}

    def test_what_remains_may_be_waited_for(self) -> None:
        work = ad_hoc(ABC, attributes='cancelRemainingInstances="false"', condition="${enough}", collection="todo")
        s = made(work).start(todo=["a", "b"], enough=False)
        s.complete("a", enough=True)
        assert s.waits() == ["b"]
        s.complete("b")
        assert s.waits() == ["after"]
        assert s.states("b") == [DONE]

    def test_then_the_condition_counts_at_the_last_end(self) -> None:
        work = ad_hoc(ABC, attributes='cancelRemainingInstances="false"', condition="${enough}", collection="todo")
        s = made(work).start(todo=["a", "b"], enough=False)
        s.complete("a", enough=True).complete("b", enough=False)
        assert s.waits() == ["work"]

    def test_a_condition_that_cannot_be_evaluated_names_the_element(self) -> None:
        s = made(ad_hoc(ABC, condition="${nobody.knows}", collection="todo")).start(todo=["a", "b"])
        with pytest.raises(Failure) as failure:
            s.complete("a")
        assert failure.value.element_id == "work"
        assert s.waits() == ["a", "b"]

    def test_the_first_of_many_that_end_at_once_may_end_all(self) -> None:
        inner = '<task id="t"/><task id="u"/>'
        s = made(ad_hoc(inner, condition="${true}", collection="todo")).start(todo=["t", "u", "t"])
        assert s.waits() == ["after"]
        assert (s.states("t"), s.states("u")) == ([DONE], [])

    def test_a_joined_path_inside_is_one(self) -> None:
        flows = "".join(
            f'<sequenceFlow id="{s}_{t}" sourceRef="{s}" targetRef="{t}"/>'
            for s, t in (("a", "fork"), ("fork", "b"), ("fork", "c"), ("b", "join"), ("c", "join"), ("join", "d"))
        )
        inner = f'{ABC}<userTask id="d"/><parallelGateway id="fork"/><parallelGateway id="join"/>{flows}'
        s = made(ad_hoc(inner, collection="todo")).start(todo=["a"])
        s.complete("a").complete("b").complete("c")
        assert s.waits() == ["d"]
        activate(s, "a")
        assert s.waits() == ["a", "d"]
        s.complete("d")
        assert s.waits() == ["a"]


class TestSequential:
    SEQUENTIAL = 'ordering="Sequential"'

    def test_one_after_another(self) -> None:
        s = made(ad_hoc(ABC, attributes=self.SEQUENTIAL, collection="todo")).start(todo=["b", "a", "c"])
        for id in ("b", "a", "c"):
            assert s.waits() == [id]
            s.complete(id)
        assert s.waits() == ["after"]

    def test_what_is_activated_meanwhile_has_its_turn_later(self) -> None:
        s = made(ad_hoc(ABC, attributes=self.SEQUENTIAL, collection="todo")).start(todo=["a"])
        activate(s, "c", "b")
        assert s.waits() == ["a"]
        assert s.local("work")["adHocPending"] == ["c", "b"]
        s.complete("a").complete("c")
        assert s.waits() == ["b"]
        s.complete("b")
        assert s.waits() == ["after"]

    def test_a_condition_ends_it_before_the_rest(self) -> None:
        work = ad_hoc(ABC, attributes=self.SEQUENTIAL, condition="${nrOfCompletedInstances == 2}", collection="todo")
        s = made(work).start(todo=["a", "b", "c"])
        s.complete("a").complete("b")
        assert s.waits() == ["after"]
        assert s.states("c") == []

    def test_after_a_cancellation_the_next_one_begins(self) -> None:
        s = made(ad_hoc(ABC, attributes=self.SEQUENTIAL, collection="todo")).start(todo=["a", "b"])
        s.modify(c.StartInstruction(type="cancel", activity="a"))
        assert s.waits() == ["b"]

    def test_many_without_a_wait(self) -> None:
        work = ad_hoc('<task id="t"/>', attributes=self.SEQUENTIAL, collection="todo")
        s = made(work).start(todo=["t"] * 100)
        assert s.states("t") == [DONE] * 100
        assert s.waits() == ["after"]


class TestEvents:
    BOUNDARY = (
        '<boundaryEvent id="stop" attachedToRef="work"><messageEventDefinition messageRef="m"/></boundaryEvent>'
        '<boundaryEvent id="hint" attachedToRef="work" cancelActivity="false"><signalEventDefinition signalRef="sg"/>'
        '</boundaryEvent><userTask id="stopped"/><userTask id="hinted"/>'
    )
    ROOTS = '<message id="m" name="M"/><signal id="sg" name="S"/><error id="er" errorCode="E"/>'

    @pytest.mark.parametrize("todo", [[], ["a", "b"]])
    def test_boundary_events(self, todo: list[str]) -> None:
        work = ad_hoc(ABC, collection="todo")
        s = made(work, self.BOUNDARY, "stop stopped, hint hinted", self.ROOTS).start(todo=todo)
        s.signal("S")
        assert s.waits() == sorted(["hinted", *(todo or ["work"])])
        s.message("M")
        assert s.waits() == ["hinted", "stopped"]
        assert s.states("work") == ["canceled"]
        assert s.subscriptions() == []

    def test_an_error_inside_leaves_by_the_boundary_event(self) -> None:
        inner = '<serviceTask id="w" camunda:type="external" camunda:topic="t"/>' + A
        more = '<boundaryEvent id="bad" attachedToRef="work"><errorEventDefinition errorRef="er"/></boundaryEvent>'
        more += '<userTask id="repair"/>'
        s = made(ad_hoc(inner, collection="todo"), more, "bad repair", self.ROOTS).start(todo=["w", "a"])
        s.error("w", "E")
        assert s.waits() == ["repair"]
        assert s.states("a") == ["canceled"]

    def test_events_at_what_is_inside(self) -> None:
        inner = ABC + (
            '<boundaryEvent id="inner" attachedToRef="a"><messageEventDefinition messageRef="m"/></boundaryEvent>'
            '<userTask id="x"/><sequenceFlow id="f" sourceRef="inner" targetRef="x"/>'
        )
        s = made(ad_hoc(inner, collection="todo"), roots=self.ROOTS).start(todo=["a"])
        s.message("M")
        assert s.waits() == ["x"]
        s.complete("x")
        assert s.waits() == ["after"]

    @staticmethod
    def handler(interrupting: str) -> str:
        return (
            f'<subProcess id="ev" triggeredByEvent="true"><startEvent id="es" isInterrupting="{interrupting}">'
            '<messageEventDefinition messageRef="m"/></startEvent><userTask id="x"/>'
            '<sequenceFlow id="f" sourceRef="es" targetRef="x"/></subProcess>'
        )

    @pytest.mark.parametrize("todo", [[], ["a"]])
    def test_an_interrupting_event_sub_process_ends_it(self, todo: list[str]) -> None:
        s = made(ad_hoc(ABC + self.handler("true"), collection="todo"), roots=self.ROOTS).start(todo=todo)
        s.message("M")
        assert s.waits() == ["x"]
        with pytest.raises(BadUserRequest, match="is being left"):
            activate(s, "a")
        s.complete("x")
        assert s.waits() == ["after"]
        assert s.states("a") == ["canceled"] * len(todo)

    def test_one_that_does_not_interrupt_is_no_activation(self) -> None:
        s = made(ad_hoc(ABC + self.handler("false")), roots=self.ROOTS).start()
        s.message("M").complete("x")
        assert s.waits() == ["work"]
        activate(s, "a").message("M").complete("a")
        assert s.waits() == ["x"], "it is over when nothing runs"
        s.complete("x")
        assert s.waits() == ["after"]

    def test_inside_an_event_sub_process(self) -> None:
        event = (
            '<subProcess id="ev" triggeredByEvent="true"><startEvent id="es"><messageEventDefinition messageRef="m"/>'
            f'</startEvent>{ad_hoc(ABC, collection="todo")}<sequenceFlow id="f" sourceRef="es" targetRef="work"/></subProcess>'
        )
        body = f'<startEvent id="start"/><userTask id="after"/>{event}'
        s = Scenario(model(body, flows="start after", roots=self.ROOTS)).start(todo=["a"])
        s.message("M")
        assert s.waits() == ["a"]
        s.complete("a")
        assert s.ended == "COMPLETED"


class TestNesting:
    def test_one_in_another(self) -> None:
        inner = ad_hoc(A + B, collection="inner").replace('"work"', '"nested"')
        s = made(ad_hoc(inner + C, collection="outer")).start(inner=["a"], outer=["nested", "c"])
        assert s.waits() == ["a", "c"]
        activate(s, "b", of="nested")
        s.complete("a").complete("b")
        assert s.states("nested") == [DONE]
        s.complete("c")
        assert s.waits() == ["after"]

    @pytest.mark.parametrize("sequential", ["true", "false"])
    def test_multi_instance(self, sequential: str) -> None:
        loop = (
            f'<multiInstanceLoopCharacteristics isSequential="{sequential}" camunda:collection="lists"'
            ' camunda:elementVariable="todo"/>'
        )
        work = ad_hoc(ABC, collection="todo").replace("</adHocSubProcess>", f"{loop}</adHocSubProcess>")
        # The schema wants the loop before what is inside.
        work = work.replace(loop, "").replace(A, loop + A, 1)
        s = made(work).start(lists=[["a"], ["b", "c"]])
        if sequential == "true":
            s.complete("a").complete("b").complete("c")
        else:
            assert s.waits() == ["a", "b", "c"]
            s.complete("b").complete("a").complete("c")
        assert s.waits() == ["after"]
        assert s.states("work") == [DONE, DONE]

    def test_multi_instance_inside(self) -> None:
        loop = (
            "<multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics>"
        )
        s = made(ad_hoc(f'<userTask id="a">{loop}</userTask>' + B, collection="todo")).start(todo=["a"])
        assert s.waits() == ["a", "a"]
        s.complete("a").complete("a")
        assert s.waits() == ["after"]

    def test_what_was_done_inside_is_compensated_in_reverse_order(self) -> None:
        pairs = "".join(
            f'<task id="{id}"/><boundaryEvent id="{id}_b" attachedToRef="{id}"><compensateEventDefinition/></boundaryEvent>'
            f'<userTask id="undo_{id}" isForCompensation="true"/>'
            for id in ("y", "z")
        ) + "".join(f'<association id="{id}_s" sourceRef="{id}_b" targetRef="undo_{id}"/>' for id in ("y", "z"))
        more = '<intermediateThrowEvent id="undo"><compensateEventDefinition/></intermediateThrowEvent>'
        body = f'<startEvent id="start"/>{ad_hoc(A + pairs, collection="todo")}{more}<userTask id="after"/>'
        s = Scenario(model(body, flows="start work, work undo, undo after")).start(todo=["y", "z", "a"])
        s.complete("a")
        assert s.path()[-2:] == ["undo_z", "undo_y"]
        s.complete("undo_y").complete("undo_z")
        assert s.waits() == ["after"]

    def test_mappings_and_listeners_are_those_of_any_scope(self) -> None:
        mapping = (
            '<camunda:inputOutput><camunda:inputParameter name="todo">${["a"]}</camunda:inputParameter>'
            '<camunda:outputParameter name="done">${nrOfCompletedInstances}</camunda:outputParameter></camunda:inputOutput>'
        ).replace('${["a"]}', "a")
        work = ad_hoc(ABC, collection="todo").replace("<extensionElements>", f"<extensionElements>{mapping}")
        s = made(work).start()
        assert s.waits() == ["a"]
        s.complete("a")
        assert s.variables()["done"] == 1


class TestOperations:
    def test_canceling_what_is_inside_leaves_it_open(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=["a"])
        s.modify(c.StartInstruction(type="cancel", activity="a"))
        assert s.waits() == ["work"]
        activate(s, "b").complete("b")
        assert s.waits() == ["after"]

    def test_canceling_it_cancels_all_inside(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=["a", "b"])
        s.modify(before("after"), c.StartInstruction(type="cancel", activity="work"))
        assert s.waits() == ["after"]
        assert s.states("a") + s.states("b") + s.states("work") == ["canceled"] * 3

    def test_deleting_the_instance(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=["a", "b"])
        s.delete()
        assert s.ended == "EXTERNALLY_TERMINATED"
        assert s.states("work") == ["canceled"]

    def test_it_does_not_accept_signals(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=[])
        scope = next(x.id for x in s.state.executions.values() if x.scope_activity == "work")
        with pytest.raises(Failure, match="does not accept signals"):
            s.do(c.SignalExecution(instance=s.id, execution=scope))

    def test_instances_in_it_are_not_migrated(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=["a"])
        assert not is_supported(s.engine.latest("ad_hoc").activities["work"])

    def test_each_activity_instance_ends_once(self) -> None:
        s = scenario(__file__, "ad_hoc").start(todo=["a", "b", "c"])
        s.complete("a").complete("c").complete("b").complete("d").complete("after")
        started = [e.activity_instance for e in s.events(ev.ActivityStarted)]
        assert sorted(started) == sorted(e.activity_instance for e in s.events(ev.ActivityEnded))


REFUSED = [
    ("a start event", '<startEvent id="s"/><task id="t"/>', "", "must not contain a startEvent", "s"),
    ("an end event", '<task id="t"/><endEvent id="e"/>', "", "must not contain a endEvent", "e"),
    ("nothing", "", "", "must contain an activity", "work"),
    ("a handler only", '<task id="t" isForCompensation="true"/>', "", "must contain an activity", "work"),
    ("a circle", '<task id="t"/><sequenceFlow id="f" sourceRef="t" targetRef="t"/>', "", "nothing could begin", "work"),
    ("an event sub-process", '<task id="t"/>', 'triggeredByEvent="true"', "cannot be an event sub-process", "work"),
    ("an empty condition", '<task id="t"/><completionCondition/>', "", "must hold an expression", "work"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("inner", "attributes", "message", "element"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refused_models(inner: str, attributes: str, message: str, element: str) -> None:
    work = f'\n<adHocSubProcess id="work" {attributes}>\n{inner}</adHocSubProcess>'
    body = f'<startEvent id="start"/>{work}'
    with pytest.raises(ParseFailed) as refused:
        read_bpmn(model(body, flows="start work").encode(), "a.bpmn")
    found = [f for f in refused.value.findings["a.bpmn"] if message in f.message]
    assert found and found[0].main_element_id == element
    assert found[0].line == (
        2 if element == "work" and "condition" not in message and "expression" not in message else 3
    )
