"""pycamunda 0.6.1: process instances and their variables, variable instances, incidents."""

import datetime as dt
from typing import Any

import pycamunda
from pycamunda import externaltask, incident, processinst, variable
from runner import Rig, raises


def check_list_and_get(rig: Rig) -> None:
    key = rig.deploy("approve")
    instance = rig.start(key["key"], "bk", country="CH")
    criteria: dict[str, Any] = {
        "process_instance_ids": [instance],
        "business_key": "bk",
        "business_key_like": "b%",
        "process_definition_id": key["id"],
        "process_definition_key": key["key"],
        "process_definition_key_in": [key["key"]],
        "process_definition_key_not_in": ["other"],
        "deployment_id": key["deploymentId"],
        "active": True,
        "without_tenant_id": True,
        "activity_id_in": ["Approve"],
        "root_process_instances": True,
        "leaf_process_instances": True,
        "variables": "country_eq_CH",
    }
    for sort_by in ("instance_id", "definition_key", "definition_id", "tenant_id", "business_key"):
        (found,) = processinst.GetList(rig.url, **criteria, sort_by=sort_by, max_results=2)()
        assert (found.id_, found.definition_id, found.links, found.variables) == (instance, key["id"], (), None)
    wrong: tuple[dict[str, Any], ...] = (
        {"suspended": True},
        {"with_incident": True},
        {"incident_type": "failedJob"},
        {"super_process_instance": "x"},
        {"sub_process_instance": "x"},
        {"tenant_id_in": ["nobody"]},
    )
    for criterion in wrong:
        assert processinst.GetList(rig.url, process_instance_ids=[instance], **criterion)() == (), criterion
    assert processinst.Get(rig.url, instance)().business_key == "bk"
    raises(pycamunda.NotFound, processinst.Get(rig.url, "nope"))


def check_delete(rig: Rig) -> None:
    instance, _ = rig.task()
    processinst.Delete(rig.url, instance, skip_custom_listeners=True, skip_io_mappings=True, skip_subprocesses=True)()
    assert rig.get(f"/history/process-instance/{instance}")["state"] == "EXTERNALLY_TERMINATED"
    raises(pycamunda.NotFound, processinst.Delete(rig.url, instance))
    processinst.Delete(rig.url, instance, fail_if_not_exists=False)()


def check_activity_instances(rig: Rig) -> None:
    instance, task = rig.task()
    tree = processinst.GetActivityInstance(rig.url, instance)()
    assert (tree.id_, tree.parent_activity_instance_id, tree.activity_type) == (instance, None, "processDefinition")
    (child,) = tree.child_activity_instances
    assert (child.activity_id, child.activity_type, child.name[:7]) == ("Approve", "userTask", "Approve")
    assert child.execution_ids == (rig.get(f"/task/{task}")["executionId"],)
    assert (child.incident_ids, child.incidents, tree.child_transition_instances) == ((), (), ())


def _held_back(rig: Rig) -> str:
    """An instance with a job that is not executed. With an incident the package could not read the tree."""
    key = rig.deploy("failing")["key"]
    rig.put("/job-definition/suspended", {"processDefinitionKey": key, "suspended": True, "includeJobs": True})
    return rig.start(key)


def check_transition_instances(rig: Rig) -> None:
    instance = _held_back(rig)
    (waiting,) = processinst.GetActivityInstance(rig.url, instance)().child_transition_instances
    assert (waiting.activity_id, waiting.activity_type, waiting.process_instance_id) == (
        "Divide",
        "serviceTask",
        instance,
    )
    assert (waiting.incident_ids, waiting.incidents) == ((), ())


def check_modify(rig: Rig) -> None:
    instance, task = rig.task()
    modify = processinst.Modify(rig.url, instance, skip_custom_listeners=True, skip_io_mappings=True, annotation="why")
    modify.add_before_activity_instruction("Approve", {"round": {"value": 2, "local": True}})
    modify.add_after_activity_instruction("Begin")
    modify.add_transition_instruction("ToApprove")
    assert modify() is None
    tasks = rig.get("/task", processInstanceId=instance)
    assert len(tasks) == 4
    (first,) = [child for child in _children(rig, instance) if child.execution_ids == (_execution(rig, task),)]
    cancel = processinst.Modify(rig.url, instance)
    cancel.add_cancel_activity_instance_instruction(first.id_)
    cancel()
    assert len(rig.get("/task", processInstanceId=instance)) == 3
    every = processinst.Modify(rig.url, instance)
    every.add_cancel_activity_instruction("Approve")
    every()
    assert rig.get(f"/history/process-instance/{instance}")["state"] == "EXTERNALLY_TERMINATED"


def _children(rig: Rig, instance: str) -> Any:
    return processinst.GetActivityInstance(rig.url, instance)().child_activity_instances


def _execution(rig: Rig, task: str) -> str:
    return str(rig.get(f"/task/{task}")["executionId"])


def check_cancel_transition_instance(rig: Rig) -> None:
    instance = _held_back(rig)
    (waiting,) = processinst.GetActivityInstance(rig.url, instance)().child_transition_instances
    modify = processinst.Modify(rig.url, instance)
    modify.add_cancel_transition_instance_instruction(waiting.id_)
    modify()
    assert rig.get(f"/history/process-instance/{instance}")["state"] == "EXTERNALLY_TERMINATED"


def check_modify_as_a_batch(rig: Rig) -> None:
    instance, _ = rig.task()
    modify = processinst.Modify(rig.url, instance, async_=True)
    modify.add_before_activity_instruction("Approve")
    batch = modify()
    assert (batch.type_, batch.total_jobs) == ("instance-modification", 1)
    rig.wait(lambda: len(rig.get("/task", processInstanceId=instance)) == 2, "the batch")


def check_suspend_and_activate(rig: Rig) -> None:
    instance, _ = rig.task()
    processinst.Suspend(rig.url, instance)()
    assert processinst.Get(rig.url, instance)().suspended is True
    processinst.Activate(rig.url, instance)()
    assert processinst.Get(rig.url, instance)().suspended is False


# -- variables


def check_variables(rig: Rig) -> None:
    instance, _ = rig.task(one=1, tree={"value": '{"a":1}', "type": "Json"})
    seen = processinst.VariablesGetList(rig.url, instance)()
    assert {name: (value.type_, value.value) for name, value in seen.items()} == {
        "one": ("Integer", 1),
        "tree": ("Json", '{"a":1}'),
    }
    processinst.VariablesUpdate(rig.url, instance, "two", "2", "String")()
    processinst.VariablesUpdate(rig.url, instance, "three", 3)()
    processinst.VariablesDelete(rig.url, instance, "one")()
    assert sorted(processinst.VariablesGetList(rig.url, instance)()) == ["three", "tree", "two"]
    assert processinst.VariablesGet(rig.url, instance, "three")().type_ == "Integer"
    deserialized = processinst.VariablesGet(rig.url, instance, "tree", deserialize_value=True)().value
    assert deserialized["nodeType"] == "OBJECT"
    raises(pycamunda.NotFound, processinst.VariablesGet(rig.url, instance, "one"))


def check_modify_variables(rig: Rig) -> None:
    instance, _ = rig.task(one=1, two=2)
    modify = processinst.VariablesModify(rig.url, instance, deletions="two")
    modify.add_variable("one", 11)
    modify.add_variable("file", "aGVsbG8=", "File", {"filename": "a.txt", "mimetype": "text/plain"})
    modify()
    assert sorted(processinst.VariablesGetList(rig.url, instance)()) == ["file", "one"]
    assert processinst.VariablesGet(rig.url, instance, "file", binary=True)() == b"hello"
    assert processinst.VariablesGet(rig.url, instance, "file")().value_info["filename"] == "a.txt"


def check_binary_variables(rig: Rig) -> None:
    instance, _ = rig.task()
    processinst.VariablesUpdate(rig.url, instance, "bytes", b"hello", "Bytes")()
    # The package drops the type from an upload, so that a file comes as Bytes, on any server.
    processinst.VariablesUpdate(rig.url, instance, "file", ("a.txt", b"hello"), "File")()
    for name in ("bytes", "file"):
        assert processinst.VariablesGet(rig.url, instance, name)().type_ == "Bytes"
        assert processinst.VariablesGet(rig.url, instance, name, binary=True)() == b"hello"


def check_variable_instances(rig: Rig) -> None:
    instance, _ = rig.task(one=1, two="2")
    listed = variable.GetList(rig.url, process_instance_id_in=[instance], sort_by="name", ascending=False)()
    assert [(found.name, found.type_, found.value) for found in listed] == [
        ("two", "String", "2"),
        ("one", "Integer", 1),
    ]
    two = listed[0]
    assert (two.process_instance_id, two.execution_id, two.task_id) == (instance, instance, None)
    assert variable.Get(rig.url, two.id_)() == two
    criteria = ("equal", "greater_than_equal", "less_than_equal", "like")
    for criterion in criteria:
        query = variable.GetList(rig.url, name_like="tw%", process_instance_id_in=[instance])
        getattr(query, f"add_{criterion}_value_filter")("two", "2")
        assert [found.name for found in query()] == ["two"], criterion
    for criterion in ("not_equal", "greater_than", "less_than"):
        query = variable.GetList(rig.url, name="two", process_instance_id_in=[instance])
        getattr(query, f"add_{criterion}_value_filter")("two", "2")
        assert query() == (), criterion
    for sort_by in ("type_", "tenant_id"):  # it has a wrong name for the activity instance
        assert len(variable.GetList(rig.url, process_instance_id_in=[instance], sort_by=sort_by, max_results=1)()) == 1
    raises(pycamunda.NotFound, variable.Get(rig.url, "nope"))


# -- incidents


def _failed(rig: Rig) -> tuple[str, Any]:
    instance, topic = rig.work()
    fetch = externaltask.FetchAndLock(rig.url, "pycamunda", max_tasks=1)
    fetch.add_topic(topic, lock_duration=1000)
    (task,) = fetch()
    externaltask.HandleFailure(rig.url, task.id_, "pycamunda", "no luck", "details", retries=0, retry_timeout=0)()
    return instance, task


def check_incidents(rig: Rig) -> None:
    instance, task = _failed(rig)
    criteria: dict[str, Any] = {
        "incident_type": "failedExternalTask",
        "incident_message": "no luck",
        "process_definition_id": task.process_definition_id,
        "process_definition_key_in": [task.process_definition_key],
        "process_instance_id": instance,
        "execution_id": task.execution_id,
        "activity_id": "Work",
        "configuration": task.id_,
    }
    (found,) = incident.GetList(rig.url, **criteria)()
    assert (found.incident_type.value, found.configuration, found.job_definition_id) == (
        "failedExternalTask",
        task.id_,
        None,
    )
    assert found.cause_incident_id == found.root_cause_incident_id == found.id_
    assert found.incident_timestamp.utcoffset() == dt.timedelta(0)
    sorts = ("incident_id", "incident_message", "incident_timestamp", "incident_type", "execution_id", "activity_id")
    for sort_by in (*sorts, "process_instance_id", "process_definition_id", "cause_incident_id", "configuration"):
        assert len(incident.GetList(rig.url, incident_id=found.id_, sort_by=sort_by, ascending=False)()) == 1
    assert incident.GetList(rig.url, incident_id=found.id_, tenant_id_in=["nobody"])() == ()
    assert incident.GetList(rig.url, incident_id=found.id_, job_definition_id_in=["nope"])() == ()
    assert incident.Get(rig.url, found.id_)() == found
    raises(pycamunda.NotFound, incident.Get(rig.url, "nope"))


def check_resolve_incident(rig: Rig) -> None:
    instance, _ = rig.task()
    made = rig.post(
        f"/execution/{instance}/create-incident", {"incidentType": "custom", "configuration": "c", "message": "m"}
    )
    incident.Resolve(rig.url, made["id"])()
    assert rig.status("GET", f"/incident/{made['id']}") == 404


def check_incident_of_a_task_is_not_resolved_by_hand(rig: Rig) -> None:
    instance, _ = _failed(rig)
    (found,) = incident.GetList(rig.url, process_instance_id=instance)()
    error = raises(pycamunda.BadRequest, incident.Resolve(rig.url, found.id_))
    assert "failedExternalTask" in str(error), error
