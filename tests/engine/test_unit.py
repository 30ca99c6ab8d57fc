"""Units of work: all or nothing, bounded, with pauses; ids; what an instance's log alone leads to."""

import pytest

from bpmn.scenario import Scenario, model
from penstock.base.clock import VirtualClock
from penstock.base.errors import BoundExceeded, Failure, NotFound
from penstock.base.ids import CountingIds, UuidSource, shard_of
from penstock.engine import codec
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.apply import replay
from penstock.engine.questions import LoadDefinition, Pause
from penstock.engine.step import step
from penstock.engine.unit import PAUSE_EVERY, Unit

LOOP = model(
    '<startEvent id="start"/><exclusiveGateway id="again"/><serviceTask id="work" camunda:expression="${true}"/>',
    flows="start again, again work, work again",
)
ROUNDS = model(
    '<startEvent id="start"/><manualTask id="work"><multiInstanceLoopCharacteristics isSequential="true">'
    '<loopCardinality xsi:type="tFormalExpression">${n}</loopCardinality></multiInstanceLoopCharacteristics></manualTask>',
    flows="start work",
)
FAILS = model(
    '<startEvent id="start"/><userTask id="task"/>'
    '<serviceTask id="first" camunda:expression="${execution.setVariable(\'seen\', true)}"/>'
    '<serviceTask id="then" camunda:expression="${missing}"/><userTask id="after"/>',
    flows="start task, task first, first then, then after",
)


def _questions(s: Scenario, unit: Unit, **variables: int) -> list[object]:
    """Starts an instance in `unit` and answers its questions; returns them."""
    from bpmn.scenario import typed

    steps = step(unit, c.StartInstance(definition=s.engine.latest("p").id, variables=typed(variables)))
    asked: list[object] = []
    answer = None
    try:
        while True:
            question = steps.send(answer)
            asked.append(question)
            answer = s.engine.definitions[question.id] if isinstance(question, LoadDefinition) else None
    except StopIteration:
        return asked


def _unit(**limits: int) -> Unit:
    return Unit(now_ms=0, ids=CountingIds(), **limits)


class TestBounds:
    def test_a_loop_without_a_wait_ends(self) -> None:
        with pytest.raises(BoundExceeded, match="steps_per_unit_max") as failure:
            _questions(Scenario(LOOP), _unit(steps_max=5_000))
        assert "more than 5000 steps" in failure.value.message
        assert failure.value.ids["instance"]

    def test_it_pauses_every_thousand_transitions(self) -> None:
        unit = _unit()
        pauses = [q for q in _questions(Scenario(ROUNDS), unit, n=3_000) if isinstance(q, Pause)]
        assert len(pauses) == unit.steps // PAUSE_EVERY > 3

    def test_a_short_unit_does_not_pause(self) -> None:
        unit = _unit()
        assert not [q for q in _questions(Scenario(ROUNDS), unit, n=3) if isinstance(q, Pause)]
        assert 0 < unit.steps < PAUSE_EVERY


class TestDrop:
    def test_leaves_no_trace(self) -> None:
        s = Scenario(FAILS).start(x=1)
        before, log = codec.encode(s.state), len(s.engine.history[s.id])
        with pytest.raises(Failure):
            s.complete("task", y=2)
        assert codec.encode(s.state) == before
        assert len(s.engine.history[s.id]) == log
        assert s.variables() == {"x": 1}
        s.complete("task", missing=0)
        assert s.waits() == ["after"]

    def test_of_a_start_leaves_no_instance(self) -> None:
        s = Scenario(FAILS.replace('sourceRef="start" targetRef="task"', 'sourceRef="start" targetRef="first"'))
        with pytest.raises(Failure):
            s.start()
        assert not s.engine.instances
        assert not s.engine.history

    def test_of_a_job_writes_the_failure_only(self) -> None:
        s = Scenario(FAILS.replace('id="first"', 'id="first" camunda:asyncBefore="true"')).start()
        s.complete("task")
        s.job_fails("first")
        (failed,) = s.engine.history[s.id][-1].events
        assert isinstance(failed, ev.JobFailed)
        assert (failed.failed_activity, failed.retries) == ("then", 2)
        assert s.variables() == {}

    def test_a_command_to_an_instance_that_is_not_there(self) -> None:
        s = Scenario(FAILS)
        with pytest.raises(NotFound):
            s.do(c.SetSuspension(instance="nowhere", suspended=True))


class TestLog:
    def test_revisions_have_no_gaps_and_the_header_repeats_what_views_need(self) -> None:
        s = Scenario(FAILS).start()
        s.set(missing=1).complete("task").complete("after")
        units = s.engine.history[s.id]
        assert [unit.revision for unit in units] == [1, 2, 3, 4]
        assert {(unit.instance, unit.root) for unit in units} == {(s.id, s.id)}
        assert isinstance(units[0].events[0], ev.InstanceStarted)
        assert isinstance(units[-1].events[-1], ev.InstanceEnded)

    def test_replay_leads_to_the_live_state_after_every_unit(self) -> None:
        s = Scenario(FAILS).start(missing=1)
        states = []
        for act in (lambda: s.set(x=1), lambda: s.complete("task")):
            act()
            states.append(codec.encode(s.state))
        units = s.engine.history[s.id]
        assert [codec.encode(replay(units[:n])) for n in (2, 3)] == states

    def test_a_unit_without_events_writes_nothing(self) -> None:
        s = Scenario(FAILS).start()
        s.do(c.SetSuspension(instance=s.id, suspended=False))
        assert len(s.engine.history[s.id]) == 1


class TestIds:
    def test_every_id_carries_the_suffix_of_the_root(self) -> None:
        called = model('<startEvent id="start"/><userTask id="task"/>', flows="start task", key="called")
        caller = model('<startEvent id="start"/><callActivity id="call" calledElement="called"/>', flows="start call")
        s = Scenario(caller, called)
        s.engine.ids = UuidSource(VirtualClock())
        s.start(x=1)
        (callee,) = s.called()
        suffix = s.id[-3:]
        assert callee[-3:] == suffix
        ids = []
        for instance in (s.id, callee):
            state = s.engine.instances[instance]
            ids += [*state.executions, *state.tasks, *state.jobs, *state.subscriptions]
            ids += [v.id for x in state.executions.values() for v in x.variables.values()]
            ids += [row.id.rpartition(":")[2] for row in s.rows(instance)]
        assert len(ids) > 6
        assert {id[-3:] for id in ids} == {suffix}
        assert {shard_of(id) for id in ids} == {shard_of(s.id)}
        assert all(len(id) == 36 for id in ids)

    def test_a_long_activity_id_is_left_out_of_the_instance_id(self) -> None:
        name = "a" * 28
        s = Scenario(model(f'<startEvent id="start"/><userTask id="{name}"/>', flows=f"start {name}")).start()
        assert s.rows()[1].id.count("-") == 4
        assert ":" not in s.rows()[1].id
        assert s.rows()[0].id.startswith("start:")
