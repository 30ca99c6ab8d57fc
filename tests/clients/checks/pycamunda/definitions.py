"""pycamunda 0.6.1: deployments and process definitions."""

import datetime as dt
import io
from typing import Any

import pycamunda
from pycamunda import batch, deployment, processdef, processinst
from pycamunda.variable import Variable
from runner import Rig, raises


def _deployed(rig: Rig, model: str = "approve", key: str | None = None) -> tuple[str, Any]:
    key = key or rig.unique(model)
    create = deployment.Create(rig.url, f"deployment {key}", source="pycamunda", enable_duplicate_filtering=True)
    file = io.BytesIO(rig.model(model, key).encode())
    file.name = f"{key}.bpmn"
    create.add_resource(file)
    return key, create()


# -- deployments


def check_create_deployment(rig: Rig) -> None:
    key, made = _deployed(rig)
    assert (made.name, made.source, made.tenant_id) == (f"deployment {key}", "pycamunda", None)
    assert made.deployment_time.utcoffset() == dt.timedelta(0)
    (link,) = made.links
    assert (link.method, link.rel, link.href) == ("GET", "self", f"{rig.url}/deployment/{made.id_}")
    (definition,) = made.deployed_process_definitions.values()
    assert (definition.key, definition.version, definition.resource) == (key, 1, f"{key}.bpmn")
    assert (definition.version_tag, definition.history_time_to_live) == (f"1.2-{key}", 1)
    others = (
        made.deployed_case_definitions,
        made.deployed_decision_definitions,
        made.deployed_decision_requirements_definitions,
    )
    assert others == (None, None, None)
    _, again = _deployed(rig, key=key)
    assert (again.id_, again.deployed_process_definitions) == (made.id_, None)


def check_create_deployment_of_a_tenant(rig: Rig) -> None:
    key, tenant = rig.unique("approve"), rig.unique("tenant")
    create = deployment.Create(rig.url, key, tenant_id=tenant, deploy_changed_only=True)
    create.add_resource((f"{key}.bpmn", rig.model("approve", key), "text/xml"))
    made = create()
    assert made.tenant_id == tenant
    assert [found.id_ for found in deployment.GetList(rig.url, tenant_id_in=[tenant])()] == [made.id_]


def check_broken_deployment(rig: Rig) -> None:
    create = deployment.Create(rig.url, "broken")
    broken = rig.model("approve", rig.unique()).replace('targetRef="Done"', 'targetRef="nowhere"')
    create.add_resource(("broken.bpmn", broken, "text/xml"))
    error = raises(pycamunda.BadRequest, create)
    assert str(error).startswith("ENGINE-09005 Could not parse BPMN process."), error
    unreadable = deployment.Create(rig.url, "unreadable")
    unreadable.add_resource(("unreadable.bpmn", "<definitions", "text/xml"))
    assert "ENGINE-09003" in str(raises(pycamunda.NoSuccess, unreadable))


def check_list_and_get_deployments(rig: Rig) -> None:
    key, made = _deployed(rig)
    before, after = (made.deployment_time + dt.timedelta(seconds=sign) for sign in (1, -1))
    criteria: dict[str, Any] = {
        "id_": made.id_,
        "name": made.name,
        "name_like": f"%{key}",
        "source": "pycamunda",
        "without_tenant_id": True,
        "before": before,
        "after": after,
    }
    for sort_by in ("id_", "name", "tenant_id"):  # it has a wrong name for the time
        (found,) = deployment.GetList(rig.url, **criteria, sort_by=sort_by, ascending=False)()
        assert found.id_ == made.id_
    assert deployment.GetList(rig.url, id_=made.id_, without_source=True)() == ()
    got = deployment.Get(rig.url, made.id_)()
    assert (got.name, got.deployment_time) == (made.name, made.deployment_time)
    raises(pycamunda.NotFound, deployment.Get(rig.url, "nope"))


def check_resources_of_a_deployment(rig: Rig) -> None:
    key, made = _deployed(rig)
    (resource,) = deployment.GetResources(rig.url, made.id_)()
    assert (resource.name, resource.deployment_id) == (f"{key}.bpmn", made.id_)
    assert deployment.GetResource(rig.url, made.id_, resource.id_)() == resource
    content = deployment.GetResource(rig.url, made.id_, resource.id_, binary=True)()
    assert content.decode() == rig.model("approve", key)


def check_delete_deployment(rig: Rig) -> None:
    key, made = _deployed(rig)
    instance = rig.start(key)
    deployment.Delete(rig.url, made.id_, cascade=True, skip_custom_listeners=True, skip_io_mappings=True)()
    raises(pycamunda.NotFound, deployment.Get(rig.url, made.id_))
    assert rig.status("GET", f"/history/process-instance/{instance}") == 404


# -- process definitions


def check_list_count_and_get_definitions(rig: Rig) -> None:
    key, made = _deployed(rig)
    (definition,) = made.deployed_process_definitions.values()
    criteria: dict[str, Any] = {
        "id_": definition.id_,
        "id_in": [definition.id_],
        "name": f"Approval {key}",
        "name_like": f"%{key}",
        "deployment_id": made.id_,
        "key": key,
        "key_in": [key],
        "key_like": f"{key}%",
        "version": 1,
        "latest_version": True,
        "resource_name": f"{key}.bpmn",
        "resource_name_like": "%.bpmn",
        "active": True,
        "without_tenant_id": True,
        "version_tag": f"1.2-{key}",
        "version_tag_like": "1.2-%",
        "startable_in_tasklist": True,
    }
    assert processdef.Count(rig.url, **criteria)() == 1
    for sort_by in ("category", "key", "id_", "name", "version", "deployment_id", "tenant_id"):
        (found,) = processdef.GetList(rig.url, **criteria, sort_by=sort_by, max_results=2)()
        assert found == definition
    for wrong in (
        {"suspended": True},
        {"tenant_id_in": ["nobody"]},
        {"without_version_tag": True},
        {"incident_id": "x"},
    ):
        assert processdef.Count(rig.url, key=key, **wrong)() == 0, wrong
    assert processdef.Get(rig.url, id_=definition.id_)() == processdef.Get(rig.url, key=key)() == definition
    raises(pycamunda.NotFound, processdef.Get(rig.url, key="nope"))
    raises(pycamunda.NotFound, processdef.Get(rig.url, key=key, tenant_id="nobody"))


def check_xml_and_diagram(rig: Rig) -> None:
    key, made = _deployed(rig)
    assert processdef.GetXML(rig.url, key=key)() == rig.model("approve", key)
    (definition,) = made.deployed_process_definitions.values()
    assert processdef.GetProcessDiagram(rig.url, id_=definition.id_)() == b""


def check_start_instance(rig: Rig) -> None:
    key, _ = _deployed(rig)
    start = processdef.StartInstance(rig.url, key=key, business_key="bk", with_variables_in_return=True)
    start.add_variable("amount", 5)
    start.add_variable("when", "2024-02-29T12:00:00.000+0000", "Date")
    started = start()
    assert (started.business_key, started.suspended, started.tenant_id) == ("bk", False, None)
    assert {name: value.value for name, value in started.variables.items()} == {
        "amount": 5,
        "when": "2024-02-29T12:00:00.000+0000",
    }
    assert started.links[0].href == f"{rig.url}/process-instance/{started.id_}"
    raises(pycamunda.NotFound, processdef.StartInstance(rig.url, key="nope"))


def check_start_instance_at_an_activity(rig: Rig) -> None:
    _, made = _deployed(rig)
    (definition,) = made.deployed_process_definitions.values()
    start = processdef.StartInstance(rig.url, id_=definition.id_, skip_custom_listeners=True, skip_io_mappings=True)
    start.add_start_before_activity_instruction("Done")
    started = start()
    assert rig.ended(started.id_) == "Done"
    after = processdef.StartInstance(rig.url, id_=definition.id_)
    after.add_start_after_activity_instruction("Begin")
    assert len(rig.get("/task", processInstanceId=after().id_)) == 1
    onto = processdef.StartInstance(rig.url, id_=definition.id_)
    onto.add_start_transition_instruction("ToEnd")
    assert rig.ended(onto().id_) == "Done"


def check_start_instance_with_a_typed_local_variable(rig: Rig) -> None:
    key, _ = _deployed(rig)
    start = processdef.StartInstance(rig.url, key=key)
    # The package sends `type_` and `value_info`, which no Camunda knows: the type is that of the value.
    start.add_start_before_activity_instruction("Approve", {"amount": Variable(7, "Integer", {}, local=False)})
    (variable,) = rig.get("/variable-instance", processInstanceIdIn=start().id_)
    assert (variable["name"], variable["type"], variable["value"]) == ("amount", "Integer", 7)


def check_suspend_and_activate(rig: Rig) -> None:
    key, _ = _deployed(rig)
    instance = rig.start(key)
    processdef.Suspend(rig.url, key=key, include_process_instances=True)()
    assert processdef.Get(rig.url, key=key)().suspended is True
    assert processinst.Get(rig.url, instance)().suspended is True
    error = raises(pycamunda.NoSuccess, processdef.StartInstance(rig.url, key=key))
    assert "is suspended" in str(error)
    processdef.Activate(rig.url, key=key, include_process_instances=True)()
    assert processinst.Get(rig.url, instance)().suspended is False


def check_suspend_later(rig: Rig) -> None:
    key, made = _deployed(rig)
    (definition,) = made.deployed_process_definitions.values()
    at = made.deployment_time + dt.timedelta(days=1)
    processdef.Suspend(rig.url, id_=definition.id_, execution_datetime=at)()
    assert processdef.Get(rig.url, key=key)().suspended is False
    due = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}+0000"
    assert due in [job["dueDate"] for job in rig.get("/job", timers="true")]


def check_history_time_to_live(rig: Rig) -> None:
    key, _ = _deployed(rig)
    processdef.UpdateHistoryTimeToLive(rig.url, 9, key=key)()
    assert processdef.Get(rig.url, key=key)().history_time_to_live == 9


def check_statistics(rig: Rig) -> None:
    key, made = _deployed(rig, "failing")
    (definition,) = made.deployed_process_definitions.values()
    instance = rig.start(key)
    rig.wait(lambda: rig.get("/incident", processInstanceId=instance), "an incident")
    (stats,) = [
        found
        for found in processdef.GetProcessInstanceStats(rig.url, failed_jobs=True, incidents=True)()
        if found.id_ == definition.id_
    ]
    assert (stats.instances, stats.failed_jobs, stats.definition.key) == (1, 1, key)
    assert [(kind.incident_type.value, kind.incident_count) for kind in stats.incidents] == [("failedJob", 1)]
    (activity,) = processdef.GetActivityInstanceStats(
        rig.url, key=key, failed_jobs=True, incidents_for_type="failedJob"
    )()
    assert (activity.id_, activity.instances, activity.failed_jobs) == ("Divide", 1, 1)
    assert [kind.incident_count for kind in activity.incidents] == [1]
    root = processdef.GetProcessInstanceStats(rig.url, root_incidents=True)()
    assert [found.incidents[0].incident_count for found in root if found.id_ == definition.id_] == [1]


def check_delete_definition(rig: Rig) -> None:
    key, made = _deployed(rig)
    (definition,) = made.deployed_process_definitions.values()
    instance = rig.start(key)
    raises(pycamunda.NoSuccess, processdef.Delete(rig.url, id_=definition.id_))
    processdef.Delete(rig.url, id_=definition.id_, cascade=True, skip_custom_listeners=True, skip_io_mappings=True)()
    raises(pycamunda.NotFound, processdef.Get(rig.url, id_=definition.id_))
    assert rig.status("GET", f"/process-instance/{instance}") == 404


def check_delete_definition_by_key(rig: Rig) -> None:
    key, _ = _deployed(rig)
    processdef.Delete(rig.url, key=key)()
    assert processdef.Count(rig.url, key=key)() == 0


def _completed(rig: Rig, key: str) -> str:
    instance = rig.start(key, "bk", amount=5)
    rig.post(f"/task/{rig.get('/task', processInstanceId=instance)[0]['id']}/complete", {})
    return instance


def check_restart(rig: Rig) -> None:
    """The package always sends an empty query beside the ids, which stands for every instance that there ever was."""
    key, made = _deployed(rig)
    (definition,) = made.deployed_process_definitions.values()
    instance = _completed(rig, key)
    _completed(rig, rig.deploy("approve")["key"])
    restart = processdef.RestartProcessInstance(rig.url, definition.id_, [instance], skip_io_mappings=True)
    restart.add_before_activity_instruction("Approve")
    raises(pycamunda.BadRequest, restart)
    assert rig.get("/process-instance", processDefinitionKey=key) == []


def check_restart_as_a_batch(rig: Rig) -> None:
    key, made = _deployed(rig)
    (definition,) = made.deployed_process_definitions.values()
    instance = _completed(rig, key)
    restart = processdef.RestartProcessInstance(
        rig.url, definition.id_, [instance], async_=True, initial_variables=True, without_business_key=True
    )
    restart.add_after_activity_instruction("Begin")
    made_batch = restart()
    assert made_batch.type_ == "instance-restart" and made_batch.total_jobs >= 1
    (again,) = rig.wait(lambda: rig.get("/process-instance", processDefinitionKey=key), "the batch")
    assert again["businessKey"] is None
    assert rig.get(f"/process-instance/{again['id']}/variables/amount")["value"] == 5
    batch.Delete(rig.url, made_batch.id_, cascade=True)()
