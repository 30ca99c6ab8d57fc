"""Parallel gateways: every way out at once; the join counts tokens."""

from bpmn.scenario import scenario


def test_takes_every_way_and_joins() -> None:
    s = scenario(__file__, "fork_join").start()
    assert s.waits() == ["a", "b"]
    s.complete("a")
    assert s.waits() == ["b", "join"]
    assert s.states("join") == ["open"]
    s.complete("b")
    assert s.ended == "COMPLETED"
    # One row per token that arrives (Camunda 7).
    assert s.states("join") == ["completed", "completed"]
    assert s.states("end") == ["completes scope"]
    assert s.path() == ["start", "fork", "a", "b", "join", "join", "end"]


def test_paths_are_executions_below_the_instance_and_fold_when_one_is_left() -> None:
    s = scenario(__file__, "fork_join").start()
    a, b = (next(row.execution for row in s.rows() if row.activity == name) for name in ("a", "b"))
    assert a != b
    assert s.state.executions[s.id].children.keys() == {a, b}
    s.complete("b").complete("a")
    assert s.ended == "COMPLETED"


def test_counts_tokens_not_flows() -> None:
    # Two tokens come along the same flow; Camunda 7 takes them for both, and the third one waits for ever.
    s = scenario(__file__, "same_flow_twice").start()
    assert s.waits() == ["after", "c"]
    s.complete("c")
    assert s.waits() == ["after", "join"]
    s.complete("after")
    assert s.ended is None
    assert s.waits() == ["join"]
