"""Ready rows from events: what a store must hold after a unit."""

from typing import Any

from penstock.engine import events as e
from penstock.engine.apply import apply
from penstock.engine.state import Instance
from penstock.runtime.ready import announced, ready_rows
from penstock.store.protocol import AnyChange, Change, RowChange, UpdateWhere

ID = "00000000-0000-7000-8000-000000000abc"
AT = 1_000


def unit(instance: Instance, *happened: e.AnyEvent) -> list[AnyChange]:
    """Applies the events and gives their rows."""
    for event in happened:
        apply(instance, event, AT)
    instance.revision += 1
    header = e.InstanceEvents(ID, ID, instance.revision, AT, "p:1:x", list(happened))
    return ready_rows(header, instance, None)


def begun() -> Instance:
    instance = Instance(id=ID, root=ID, definition="p:1:x")
    apply(instance, e.InstanceStarted("b", "start"), AT)
    return instance


def external(id: str, execution: str = ID) -> e.ExternalTaskCreated:
    return e.ExternalTaskCreated(id, execution, "work", "work:1", "topic", 7, "log")


def job(id: str, execution: str = ID, **values: Any) -> e.JobCreated:
    return e.JobCreated(id, e.JobKind.ASYNC, execution, "work", 3, **values)


def told(instance: Instance, *happened: e.AnyEvent) -> list[str]:
    return list(announced(unit(instance, *happened), instance))


def test_who_is_told_of_new_work() -> None:
    assert told(begun(), external("a"), job("j")) == ["external:topic", "jobs"]


def test_who_is_told_of_work_that_may_be_tried_again() -> None:
    instance = begun()
    unit(instance, external("a"), job("j"))
    assert told(instance, e.ExternalTaskRetriesSet("a", 2)) == ["external:topic"]
    assert told(instance, e.ExternalTaskRetriesSet("a", 0)) == []
    assert told(instance, e.JobChanged("j", {"retries": 2})) == ["jobs"]
    assert told(instance, e.JobChanged("j", {"retries": 0})) == []
    assert told(instance, e.ExternalTaskPrioritySet("a", 9), e.JobChanged("j", {"priority": 9})) == []


def test_nobody_is_told_of_what_waits_or_is_over() -> None:
    instance = begun()
    unit(instance, external("a"), job("j"))
    failed = e.ExternalTaskFailed("a", "w", "m", "d", 2, AT + 5_000, "log")
    assert told(instance, failed) == []
    assert told(instance, e.ExternalTaskCompleted("a", "w"), e.JobDeleted("j")) == []


def test_what_is_made_and_ended_in_one_unit_never_appears() -> None:
    assert unit(begun(), external("a"), e.ExternalTaskCompleted("a", "w"), job("j"), e.JobDeleted("j")) == []


def test_a_new_task_has_a_whole_row() -> None:
    (change,) = unit(begun(), external("a"))
    assert isinstance(change, RowChange)
    assert change.change is Change.INSERT
    assert change.values["shard"] == 0xABC & 1023
    assert (change.values["topic"], change.values["priority"], change.values["business_key"]) == ("topic", 7, "b")
    assert "worker_id" not in change.values


def test_a_failure_gives_back_the_lock_at_the_retry_and_leaves_the_worker() -> None:
    instance = begun()
    unit(instance, external("a"))
    (change,) = unit(instance, e.ExternalTaskFailed("a", "w", "m", "d", 2, 5_000))
    assert isinstance(change, RowChange)
    assert change.change is Change.UPDATE
    assert change.values == {
        "shard": 0xABC & 1023,
        "id": "a",
        "retries": 2,
        "error_message": "m",
        "error_details": "d",
        "lock_expires_ms": 5_000,
    }


def test_a_failed_job_loses_its_lease() -> None:
    instance = begun()
    unit(instance, job("j", due_ms=10))
    (change,) = unit(instance, e.JobFailed("j", "m", "s", 2, log="l"))
    assert isinstance(change, RowChange)
    assert change.values["lease_owner"] is None
    assert change.values["lease_expires_ms"] is None
    assert change.values["failure_log_id"] == "l"
    assert "due_ms" not in change.values
    (change,) = unit(instance, e.JobFailed("j", "m", "s", 1, due_ms=77))
    assert isinstance(change, RowChange)
    assert change.values["due_ms"] == 77


def test_what_waits_moves_with_its_execution() -> None:
    instance = begun()
    unit(instance, e.ExecutionCreated("path", ID, e.ExecutionKind.PATH), external("a", "path"), job("j", "path"))
    changes = unit(instance, e.ExecutionFolded("path", ID, "work"))
    moved = {change.values["id"]: change.values["execution_id"] for change in changes if isinstance(change, RowChange)}
    assert moved == {"a": ID, "j": ID}


def test_moves_in_the_unit_that_made_it_show_only_the_end() -> None:
    instance = begun()
    changes = unit(
        instance,
        e.ExecutionCreated("path", ID, e.ExecutionKind.PATH),
        external("a", "path"),
        e.ExecutionFolded("path", ID, "work"),
    )
    (change,) = changes
    assert isinstance(change, RowChange)
    assert (change.change, change.values["execution_id"]) == (Change.INSERT, ID)


def test_suspension_is_set_based_and_holds_for_what_comes_in_the_same_unit() -> None:
    instance = begun()
    unit(instance, external("a"))
    changes = unit(instance, e.SuspensionSet(True), external("b"))
    assert [change.values["suspended"] for change in changes if isinstance(change, RowChange)] == [True]
    assert {change.table for change in changes if isinstance(change, UpdateWhere)} == {"external_task", "job"}


def test_operators_changes_reach_the_rows() -> None:
    instance = begun()
    unit(instance, external("a"), job("j"))
    changes = unit(
        instance,
        e.ExternalTaskRetriesSet("a", 5),
        e.ExternalTaskPrioritySet("a", 9),
        e.JobChanged("j", {"retries": 1, "due_ms": 4}),
        e.BusinessKeySet("c"),
    )
    found = {change.values["id"]: change.values for change in changes if isinstance(change, RowChange)}
    assert (found["a"]["retries"], found["a"]["priority"]) == (5, 9)
    assert (found["j"]["retries"], found["j"]["due_ms"]) == (1, 4)
    assert UpdateWhere("external_task", "instance_id", (ID,), {"business_key": "c"}) in changes
