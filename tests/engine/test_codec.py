"""Packing instances: whole when small, in chunks when large; only what was touched is written again."""

import pytest

from bpmn.scenario import Scenario, model, typed
from penstock.base.clock import VirtualClock
from penstock.base.ids import UuidSource
from penstock.engine import codec
from penstock.engine import commands as c
from penstock.engine.apply import replay

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
