"""Packing instances: whole when small, in chunks when large; only what was touched is written again."""

from typing import get_args

import msgspec
import pytest

from bpmn.scenario import Scenario, model, typed
from penstock.base.clock import VirtualClock
from penstock.base.ids import UuidSource
from penstock.engine import codec
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.engine.apply import APPLIERS, apply, replay
from penstock.engine.touched import READERS, Touched
from penstock.expr.values import from_native

WIDE = 200


def _wide() -> Scenario:
    """An instance with 200 parallel paths, each with variables, an external task, and a timer."""
    loop = (
        '<multiInstanceLoopCharacteristics><loopCardinality xsi:type="tFormalExpression">${n}</loopCardinality>'
        "</multiInstanceLoopCharacteristics>"
    )
    inner = (
        '<startEvent id="inner"/><serviceTask id="work" camunda:type="external" camunda:topic="t"/>'
        '<sequenceFlow id="inner_work" sourceRef="inner" targetRef="work"/>'
        '<boundaryEvent id="late" attachedToRef="work"><timerEventDefinition>'
        '<timeDuration xsi:type="tFormalExpression">PT1H</timeDuration></timerEventDefinition></boundaryEvent>'
    )
    xml = model(
        f'<startEvent id="start"/><subProcess id="sub">{loop}{inner}</subProcess><userTask id="after"/>',
        flows="start sub, sub after",
    )
    s = Scenario(xml)
    # Chunks follow from the form of real ids; those that count from 1 would give every execution its own.
    s.engine.ids = UuidSource(VirtualClock())
    return s.start(n=WIDE)


@pytest.fixture(scope="module")
def wide() -> Scenario:
    return _wide()


def test_a_small_instance_is_its_head() -> None:
    s = Scenario(model('<startEvent id="start"/><userTask id="task"/>', flows="start task")).start(x="y" * 100)
    head, chunks = codec.encode(s.state)
    assert chunks == {}
    assert len(head) <= codec.HEAD_BYTES_MAX
    assert codec.decode(head, chunks) == s.state


def test_one_large_value_makes_chunks_too() -> None:
    s = Scenario(model('<startEvent id="start"/><userTask id="task"/>', flows="start task"))
    s.start(x="y" * codec.HEAD_BYTES_MAX)
    head, chunks = codec.encode(s.state)
    assert chunks
    assert codec.decode(head, chunks) == s.state


def test_a_large_instance_is_a_small_head_and_chunks(wide: Scenario) -> None:
    assert len(wide.state.external_tasks) == len(wide.state.jobs) == WIDE
    head, chunks = codec.encode(wide.state)
    assert len(head) < codec.HEAD_BYTES_MAX
    # Ids of jobs and activity instances are counted too, so chunks hold fewer executions than they could.
    assert len(wide.state.executions) / codec.EXECUTIONS_PER_CHUNK <= len(chunks) <= len(wide.state.executions)
    # Small enough that a touch is cheap: about 50 executions' worth of bytes at most.
    assert len(chunks) > 20
    assert max(map(len, chunks.values())) < 16_384
    assert codec.decode(head, chunks) == wide.state
    assert codec.encode(codec.decode(head, chunks)) == (head, chunks)


def test_chunks_may_come_in_any_order(wide: Scenario) -> None:
    head, chunks = codec.encode(wide.state)
    backwards = dict(reversed(chunks.items()))
    assert codec.decode(head, backwards) == wide.state


def test_only_touched_chunks_change() -> None:
    s = _wide()
    before = codec.encode(s.state)[1]
    task = list(s.state.external_tasks.values())[WIDE // 2]
    s.do(
        c.CompleteExternalTask(
            instance=s.id, external_task=task.id, worker="w", local_variables=typed({"done": True}), variables={}
        )
    )
    after = codec.encode(s.state)[1]
    # The path, its scopes, and the counters of the body: a handful, however wide the instance is.
    changed = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
    assert 1 <= len(changed) <= 6


def test_an_operation_on_one_job_changes_one_chunk() -> None:
    s = _wide()
    before = codec.encode(s.state)[1]
    job = list(s.state.jobs)[7]
    s.do(c.ChangeJob(instance=s.id, job=job, changes={"priority": 5}))
    after = codec.encode(s.state)[1]
    assert before.keys() == after.keys()
    assert len([n for n in before if before[n] != after[n]]) == 1


def test_replay_of_a_large_instance_packs_to_the_same_bytes(wide: Scenario) -> None:
    assert codec.encode(replay(wide.engine.history[wide.id])) == codec.encode(wide.state)


# ------------------------------------------------------------------------------------------ what was touched

HEAD_ONLY = {ev.BusinessKeySet, ev.TraceCarried}
"""Events that change nothing but the head, which is written each time."""


def test_every_event_that_changes_state_says_what_it_touches() -> None:
    assert READERS.keys() == set(get_args(ev.AnyEvent))
    assert {kind for kind, read in READERS.items() if read is None} & APPLIERS.keys() == HEAD_ONLY


def _changed(s: Scenario, *events: ev.AnyEvent) -> dict[int, bytes | None]:
    """The chunks that are written after these events; checked against packing everything."""
    state = s.state
    before = codec.encode_in_chunks(state)[1]
    touched = Touched()
    for event in events:
        touched.note(state, event)
        apply(state, event, 0)
    changed = codec.encode_changed(state, before, touched)
    assert changed is not None
    head, chunks = codec.encode_in_chunks(state)
    merged = {**before, **changed[1]}
    assert {n: chunk for n, chunk in merged.items() if chunk is not None} == chunks
    assert changed[0] == head
    return changed[1]


def test_what_has_no_command_in_other_tests_is_touched_too() -> None:
    s = _wide()
    task = next(iter(s.state.external_tasks))
    x = s.state.external_tasks[task].execution
    assert len(_changed(s, ev.ExternalTaskRetriesSet(task, 7))) == 1
    assert len(_changed(s, ev.ExternalTaskPrioritySet(task, 8))) == 1
    assert len(_changed(s, ev.ExternalTaskMigrated(task, "elsewhere"))) == 1
    assert len(_changed(s, ev.PathPlaced(x, "work", None, "j"))) == 1
    assert len(_changed(s, ev.ActivityUpdated("a", called_instance="c", execution=x))) == 1
    assert len(_changed(s, ev.JobMigrated(next(iter(s.state.jobs)), "elsewhere"))) == 1
    assert not _changed(s, ev.BusinessKeySet("key"))


def _long_variable(s: Scenario, scope: str) -> str:
    id: str = s.engine.ids.new()
    _changed(s, ev.VariableSet(id, scope, "long", from_native("y" * 5_000), 0, None))
    return id


def test_a_kept_scope_with_what_waits_in_it_and_its_revival() -> None:
    s = _wide()
    kept, subscription = s.engine.ids.new(), s.engine.ids.new()
    long = (s.engine.ids.new(), "long", from_native("y" * 5_000))
    # The new chunk, and that of the value.
    assert len(_changed(s, ev.ExecutionKept(kept, s.id, "sub", "sub:1", [long]))) == 2
    assert len(_changed(s, ev.SubscriptionCreated(subscription, "compensate", None, kept, "sub"))) == 1
    assert len(_changed(s, ev.ExecutionRevived(kept, s.id, "sub"))) == 1
    # Another execution's from now on: it leaves one chunk and comes into the other.
    other = next(iter(s.state.external_tasks.values())).execution
    assert codec._chunk_of(other) != codec._chunk_of(kept)
    assert len(_changed(s, ev.SubscriptionMigrated(subscription, "work", other, "name"))) == 2
    assert s.state.executions[other].subscriptions == {subscription: None}
    assert len(_changed(s, ev.SubscriptionDeleted(subscription))) == 1
    assert None in _changed(s, ev.ExecutionEnded(kept, [long[0]])).values()


def test_a_path_is_detached_and_attached_with_its_variables() -> None:
    s = _wide()
    task = next(iter(s.state.external_tasks.values()))
    source = task.execution
    moved, stays = _long_variable(s, source), _long_variable(s, s.id)
    path = s.engine.ids.new()
    written = _changed(s, ev.PathDetached(source, path, "work", variables=[moved], tasks=[task.id]))
    assert codec._chunk_of_value(moved) not in written and codec._chunk_of_value(stays) not in written
    assert task.execution == path
    there = s.state.executions[path].activity_instance or ""
    assert len(_changed(s, ev.ActivityMigrated(path, "elsewhere", there, s.id, "serviceTask"))) == 1
    _changed(s, ev.PathAttached(path, source, "work", variables=[moved], tasks=[task.id]))
    assert path not in s.state.executions and s.state.executions[source].variables["long"].id == moved


def test_what_waits_at_no_execution_has_a_chunk_of_its_own() -> None:
    s = _wide()
    job = next(iter(s.state.jobs.values()))
    assert job.execution is not None
    del s.state.executions[job.execution].jobs[job.id]
    job.execution = None
    assert _changed(s, ev.JobFailed(job.id, "message", "stack", retries=1)).keys() == {codec._LOOSE}
    assert _changed(s, ev.JobDeleted(job.id)) == {codec._LOOSE: None}


def test_a_long_value_is_written_when_it_changes_and_not_with_what_lies_beside_it() -> None:
    s = Scenario(model('<startEvent id="start"/><userTask id="task"/>', flows="start task"))
    s.start(long="y" * 100_000, short=1)
    top = s.state.executions[s.id]
    long, short = top.variables["long"].id, top.variables["short"].id

    def put(id: str, name: str, value: object, revision: int) -> dict[int, bytes | None]:
        return _changed(s, ev.VariableSet(id, s.id, name, from_native(value), revision, None))

    assert sum(len(chunk or b"") for chunk in put(short, "short", 2, 1).values()) < 1_000
    assert sum(len(chunk or b"") for chunk in put(long, "long", "z" * 50_000, 1).values()) > 50_000
    gone = put(long, "long", "short now", 2)
    assert None in gone.values()
    assert None not in put(long, "long", "x" * 2_000, 3).values()
    assert None in _changed(s, ev.VariableRemoved(long, s.id, "long")).values()


def test_the_chunks_of_release_0_1_are_read_and_written_anew(wide: Scenario) -> None:
    state = codec.decode(*codec.encode(wide.state))
    for x in state.executions.values():
        x.place = 0
    state.places = 0
    whole = msgspec.structs.replace(
        state, executions={}, tasks={}, external_tasks={}, jobs={}, subscriptions={}, incidents={}
    )
    parts = (state.executions, state.tasks, state.external_tasks, state.jobs, state.subscriptions, state.incidents)
    old = {1: msgspec.msgpack.encode([list(part.values()) for part in parts])}
    read = codec.decode(msgspec.msgpack.encode(whole), old)
    assert {x.id: list(x.children) for x in read.executions.values()} == {
        x.id: list(x.children) for x in wide.state.executions.values()
    }
    touched = Touched()
    assert codec.encode_changed(read, old, touched) is None, "a new head would say that the places are known"
    touched.executions[next(iter(read.executions))] = None
    assert codec.encode_changed(read, old, touched) is None
    assert codec.encode_changed(read, {codec._chunk_of(id): old[1] for id in touched.executions}, touched) is None
    assert codec.decode(*codec.encode(read)) == read
