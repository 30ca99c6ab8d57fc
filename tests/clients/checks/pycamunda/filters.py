"""pycamunda 0.6.1: stored filters of tasks."""

from typing import Any

import pycamunda
from pycamunda import filter as filters
from runner import Rig, raises


def _with_properties(rig: Rig, **query: Any) -> tuple[str, str]:
    """A filter that the package can read: (id, name)."""
    name = rig.unique("filter")
    body = {"resourceType": "Task", "name": name, "owner": "alice", "query": query, "properties": {"color": "#fff"}}
    return rig.post("/filter/create", body)["id"], name


def check_create_with_criteria(rig: Rig) -> None:
    """The package cannot read a filter without properties, and has no way to set any."""
    name = rig.unique("filter")
    create = filters.Create(rig.url, name, owner="alice")
    create.add_task_criteria(definition_key="Approve", min_priority=5)
    create.add_other_criteria(active=True)
    raises(TypeError, create)
    (made,) = rig.get("/filter", name=name)
    assert (made["name"], made["owner"], made["resourceType"]) == (name, "alice", "Task")
    assert made["query"]["taskDefinitionKey"] == "Approve" and made["query"]["minPriority"] == 5


def check_list_count_and_get(rig: Rig) -> None:
    definition = rig.deploy("approve")
    rig.start(definition["key"])
    id_, name = _with_properties(rig, processDefinitionKey=definition["key"])
    got = filters.Get(rig.url, id_, item_count=True)()
    assert (got.id_, got.name, got.owner, got.resource_type, got.item_count) == (id_, name, "alice", "Task", 1)
    assert got.query.processDefinitionKey == definition["key"] and got.properties.color == "#fff"
    criteria = {"id_": id_, "name": name, "name_like": f"{name}%", "owner": "alice"}
    (listed,) = filters.GetList(rig.url, **criteria, sort_by="id_", max_results=2)()
    assert (listed.id_, listed.item_count) == (id_, None)
    assert filters.GetList(rig.url, **criteria, item_count=True)()[0].item_count == 1
    assert filters.Count(rig.url, **criteria)() == 1
    raises(pycamunda.NotFound, filters.Get(rig.url, "nope"))


def check_update_and_delete(rig: Rig) -> None:
    id_, _ = _with_properties(rig, name="x")
    name = rig.unique("filter")
    update = filters.Update(rig.url, id_, name, owner="bob")
    update.add_user_criteria(assignee="carol")
    update()
    seen = rig.get(f"/filter/{id_}")
    assert (seen["name"], seen["owner"], seen["query"]["assignee"]) == (name, "bob", "carol")
    filters.Delete(rig.url, id_)()
    assert filters.Count(rig.url, id_=id_)() == 0


def check_execute(rig: Rig) -> None:
    definition = rig.deploy("approve")
    instances = [rig.start(definition["key"], business_key) for business_key in ("one", "two")]
    id_, _ = _with_properties(rig, processDefinitionKey=definition["key"])
    assert {task.process_instance_id for task in filters.Execute(rig.url, id_)()} == set(instances)
    assert filters.ExecuteCount(rig.url, id_)() == 2
    narrower = filters.Execute(rig.url, id_)
    narrower.add_process_instance_criteria(business_key="one")
    (task,) = narrower()
    assert task.process_instance_id == instances[0]
    single = filters.Execute(rig.url, id_, single_result=True)
    single.add_process_instance_criteria(business_key="two")
    assert single().process_instance_id == instances[1]
    raises(pycamunda.NoSuccess, filters.Execute(rig.url, id_, single_result=True))


def check_options(rig: Rig) -> None:
    id_, _ = _with_properties(rig)
    links = {(link.method, link.rel) for link in filters.Options(rig.url)()}
    assert {("GET", "list"), ("GET", "count"), ("POST", "create")} <= links
    links = {(link.method, link.rel) for link in filters.Options(rig.url, id_)()}
    assert {("GET", "self"), ("GET", "list"), ("GET", "count"), ("PUT", "update"), ("DELETE", "delete")} <= links
