"""pycamunda 0.6.1: external tasks."""

import datetime as dt
from typing import Any

import pycamunda
from pycamunda import externaltask
from runner import Rig, raises

WORKER = "pycamunda"


def _fetch(rig: Rig, topic: str, *, variables: list[str] | None = None, priority: bool = False) -> Any:
    fetch = externaltask.FetchAndLock(rig.url, WORKER, max_tasks=5, use_priority=priority)
    fetch.add_topic(topic, lock_duration=60_000, variables=variables, deserialize_values=False)
    return fetch()


def _locked(rig: Rig, **variables: Any) -> tuple[str, Any]:
    instance, topic = rig.work(**variables)
    (task,) = _fetch(rig, topic)
    return instance, task


def check_fetch_and_lock(rig: Rig) -> None:
    instance, task = _locked(rig, amount=12, tree={"value": '{"a":1}', "type": "Json"})
    assert (task.process_instance_id, task.worker_id, task.activity_id, task.priority) == (instance, WORKER, "Work", 7)
    assert (task.retries, task.suspended, task.error_message, task.error_details) == (None, False, None, None)
    assert task.lock_expiration_time.utcoffset() == dt.timedelta(0)
    amount, tree = task.variables["amount"], task.variables["tree"]
    assert (amount.type_, amount.value, amount.value_info) == ("Integer", 12, {})
    assert (tree.type_, tree.value) == ("Json", '{"a":1}')


def check_fetch_of_some_variables_by_priority(rig: Rig) -> None:
    _, topic = rig.work(amount=12, other=1)
    (task,) = _fetch(rig, topic, variables=["amount"], priority=True)
    assert list(task.variables) == ["amount"]
    assert _fetch(rig, topic) == ()


def check_long_poll(rig: Rig) -> None:
    fetch = externaltask.FetchAndLock(rig.url, WORKER, max_tasks=1, async_response_timeout=200)
    fetch.add_topic(rig.unique("topic"), lock_duration=1000)
    assert fetch() == ()


def check_complete(rig: Rig) -> None:
    instance, task = _locked(rig)
    complete = externaltask.Complete(rig.url, task.id_, WORKER)
    complete.add_variable("answer", 42)
    complete.add_variable("file", "aGVsbG8=", "File", {"filename": "a.txt"})
    complete.add_local_variable("given", "local", "String")
    complete()
    assert rig.ended(instance) == "Done"
    assert [rig.variable(instance, name) for name in ("answer", "file", "taken")] == [42, None, "local"]


def check_complete_by_another_worker(rig: Rig) -> None:
    _, task = _locked(rig)
    error = raises(pycamunda.BadRequest, externaltask.Complete(rig.url, task.id_, "other"))
    assert "cannot be completed by worker 'other'" in str(error)
    raises(pycamunda.NotFound, externaltask.Complete(rig.url, "nope", WORKER))


def check_bpmn_error(rig: Rig) -> None:
    instance, task = _locked(rig)
    error = externaltask.HandleBPMNError(rig.url, task.id_, WORKER, "REFUSED", "not today")
    error.add_variable("why", "rain")
    error()
    assert rig.ended(instance) == "Refused"
    assert [rig.variable(instance, name) for name in ("why", "reason")] == ["rain", "not today"]


def check_failure_and_reading_it(rig: Rig) -> None:
    _, task = _locked(rig)
    externaltask.HandleFailure(rig.url, task.id_, WORKER, "no luck", "at line 7", retries=2, retry_timeout=0)()
    failed = externaltask.Get(rig.url, task.id_)()
    assert (failed.error_message, failed.error_details, failed.retries) == ("no luck", "at line 7", 2)
    assert externaltask.Get(rig.url, task.id_, request_error_details=False)().error_details is None
    raises(pycamunda.NotFound, externaltask.Get(rig.url, "nope"))


def check_list_and_count(rig: Rig) -> None:
    instance, task = _locked(rig)
    now = dt.datetime.fromtimestamp(0, dt.UTC) + (task.lock_expiration_time - _epoch()) - dt.timedelta(hours=1)
    criteria: dict[str, Any] = {
        "id_": task.id_,
        "topic_name": task.topic_name,
        "worker_id": WORKER,
        "locked": True,
        "with_retries_left": True,
        "lock_expiration_after": now,
        "activity_id": "Work",
        "activity_id_in": ["Work"],
        "execution_id": task.execution_id,
        "process_instance_id": instance,
        "process_definition_id": task.process_definition_id,
        "active": True,
        "priority_higher_equals": 7,
        "priority_lower_equals": 7,
    }
    (found,) = externaltask.GetList(rig.url, **criteria, sort_by="task_priority", ascending=False, max_results=5)()
    assert (found.id_, found.error_details) == (task.id_, "")
    assert externaltask.Count(rig.url, **criteria)() == 1
    for wrong in ({"not_locked": True}, {"no_retries_left": True}, {"suspended": True}, {"tenant_id_in": ["nobody"]}):
        assert externaltask.Count(rig.url, process_instance_id=instance, **wrong)() == 0, wrong
    for sort_by in ("id_", "lock_expiration_time", "process_instance_id", "process_definition_id", "tenant_id"):
        assert len(externaltask.GetList(rig.url, process_instance_id=instance, sort_by=sort_by)()) == 1


def _epoch() -> dt.datetime:
    return dt.datetime.fromtimestamp(0, dt.UTC)


def check_unlock_and_extend_lock(rig: Rig) -> None:
    _, task = _locked(rig)
    externaltask.ExtendLock(rig.url, task.id_, new_duration=7_200_000, worker_id=WORKER)()
    extended = externaltask.Get(rig.url, task.id_)()
    assert extended.lock_expiration_time - task.lock_expiration_time > dt.timedelta(minutes=100)
    externaltask.Unlock(rig.url, task.id_)()
    unlocked = externaltask.Get(rig.url, task.id_)()
    assert (unlocked.worker_id, unlocked.lock_expiration_time) == (None, None)


def check_priority_and_retries(rig: Rig) -> None:
    instance, task = _locked(rig)
    externaltask.SetPriority(rig.url, task.id_, 99)()
    externaltask.SetRetries(rig.url, task.id_, 0)()
    seen = externaltask.Get(rig.url, task.id_)()
    assert (seen.priority, seen.retries) == (99, 0)
    assert len(rig.get("/incident", processInstanceId=instance)) == 1
    externaltask.SetRetriesSync(rig.url, 3, [task.id_])()
    assert externaltask.Get(rig.url, task.id_)().retries == 3
    assert rig.get("/incident", processInstanceId=instance) == []


def check_retries_of_many_as_a_batch(rig: Rig) -> None:
    _, task = _locked(rig)
    batch = externaltask.SetRetriesAsync(rig.url, 5, [task.id_])()
    assert (batch.type_, batch.total_jobs) == ("set-external-task-retries", 1)
    rig.wait(lambda: externaltask.Get(rig.url, task.id_)().retries == 5, "the batch")


def check_errors_of_a_request(rig: Rig) -> None:
    unreachable = externaltask.Unlock("http://127.0.0.1:9", "x")
    raises(pycamunda.PyCamundaException, unreachable)
