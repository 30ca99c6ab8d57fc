"""pycamunda 0.6.1: user tasks."""

import datetime as dt
from typing import Any

import pycamunda
from pycamunda import task as tasks
from runner import Rig, raises


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def check_list_and_get(rig: Rig) -> None:
    definition = rig.deploy("approve")
    key = definition["key"]
    instance = rig.start(key, "bk")
    found = tasks.GetList(rig.url, process_instance_id=instance)()[0]
    assert (found.name, found.priority, found.assignee, found.owner) == (f"Approve {key}", 60, None, None)
    assert found.due.year == 2030 and found.created.tzinfo is not None and found.follow_up is None
    assert tasks.Get(rig.url, found.id_)() == found
    criteria: dict[str, Any] = {
        "process_instance_id_in": [instance],
        "process_instance_business_key": "bk",
        "process_instance_business_key_in": ["bk"],
        "process_instance_business_key_like": "b%",
        "process_definition_id": definition["id"],
        "process_definition_key": key,
        "process_definition_key_in": [key],
        "process_definition_name": f"Approval {key}",
        "process_definition_name_like": f"%{key}",
        "execution_id": found.execution_id,
        "without_tenant_id": True,
        "candidate_group": f"group-{key}",
        "candidate_groups": [f"group-{key}"],
        "unassigned": True,
        "task_definition_key": "Approve",
        "task_definition_key_in": ["Approve"],
        "task_definition_key_like": "App%",
        "name": f"approve {key}",
        "name_not_equal": "x",
        "name_like": f"%{key}",
        "name_not_like": "x%",
        "priority": 60,
        "max_priority": 60,
        "min_priority": 60,
        "due_after": _at("2030-01-01"),
        "due_before": _at("2030-01-04"),
        "follow_up_before_or_not_existent": _at("2030-01-01"),
        "created_after": found.created - dt.timedelta(seconds=1),
        "created_before": found.created + dt.timedelta(seconds=1),
        "created_on": found.created,
        "with_candidate_groups": True,
        "without_candidate_users": True,
        "active": True,
    }
    sorts = ("instance_id", "due_date", "execution_id", "assignee", "created", "description", "id", "name", "priority")
    for sort_by in (*sorts, "name_case_insensitive"):
        assert tasks.GetList(rig.url, **criteria, sort_by=sort_by, ascending=False, max_results=2)() == (found,)
    wrong: tuple[dict[str, Any], ...] = (
        {"assigned": True},
        {"assignee": "x"},
        {"assignee_like": "x%"},
        {"assignee_in": ["x"]},
        {"owner": "x"},
        {"candidate_user": "x"},
        {"involved_user": "x"},
        {"description": "x"},
        {"description_like": "x%"},
        {"due_date": _at("2029-01-01")},
        {"follow_up_date": _at("2029-01-01")},
        {"follow_up_after": _at("2029-01-01")},
        {"follow_up_before": _at("2029-01-01")},
        {"delegation_state": "PENDING"},
        {"without_candidate_groups": True},
        {"with_candidate_users": True},
        {"suspended": True},
        {"tenant_id_in": ["nobody"]},
        {"parent_task_id": "x"},
        {"activity_instance_id_in": ["x"]},
    )
    for criterion in wrong:
        assert tasks.GetList(rig.url, process_instance_id=instance, **criterion)() == (), criterion
    raises(pycamunda.NotFound, tasks.Get(rig.url, "nope"))


def check_claim_unclaim_assign(rig: Rig) -> None:
    _, id_ = rig.task()
    tasks.Claim(rig.url, id_, "alice")()
    assert tasks.Get(rig.url, id_)().assignee == "alice"
    error = raises(pycamunda.NoSuccess, tasks.Claim(rig.url, id_, "bob"))
    assert "TaskAlreadyClaimedException" in str(error)
    tasks.Unclaim(rig.url, id_)()
    assert tasks.Get(rig.url, id_)().assignee is None
    tasks.SetAssignee(rig.url, id_, "carol")()
    assert (
        tasks.GetList(rig.url, assignee="carol", involved_user="carol", candidate_user=None)()[-1].assignee == "carol"
    )


def check_delegate_resolve_complete(rig: Rig) -> None:
    instance, id_ = rig.task()
    tasks.SetAssignee(rig.url, id_, "alice")()
    tasks.Delegate(rig.url, id_, "bob")()
    delegated = tasks.Get(rig.url, id_)()
    assert (delegated.assignee, delegated.owner, delegated.delegation_state) == ("bob", "alice", "PENDING")
    resolve = tasks.Resolve(rig.url, id_)
    resolve.add_variable("checked", True)
    resolve()
    assert (tasks.Get(rig.url, id_)().assignee, tasks.Get(rig.url, id_)().delegation_state) == ("alice", "RESOLVED")
    complete = tasks.Complete(rig.url, id_, with_variables_in_return=True)
    complete.add_variable("approved", True, "Boolean")
    returned = complete()
    assert {name: value.value for name, value in returned.items()} == {"checked": True, "approved": True}
    assert rig.ended(instance) == "Done"


def check_complete_without_variables(rig: Rig) -> None:
    instance, id_ = rig.task()
    assert tasks.Complete(rig.url, id_)() is None
    assert rig.ended(instance) == "Done"


def check_create_and_update(rig: Rig) -> None:
    id_ = "0198a000-0000-7000-8000-" + rig.unique("")
    create = tasks.Create(
        rig.url,
        id_,
        name="Stand-alone",
        description="why",
        assignee="alice",
        owner="bob",
        delegation_state="PENDING",
        due=_at("2031-01-01"),
        follow_up=_at("2030-12-01"),
        priority=3,
    )
    create()
    made = tasks.Get(rig.url, id_)()
    assert (made.name, made.description, made.assignee, made.owner) == ("Stand-alone", "why", "alice", "bob")
    assert (made.due, made.follow_up, made.priority) == (_at("2031-01-01"), _at("2030-12-01"), 3)
    assert (made.delegation_state, made.process_instance_id) == ("PENDING", None)
    tasks.Update(
        rig.url, id_, "Another", "because", "carol", "dave", "RESOLVED", _at("2032-01-01"), None, 9, None, None, None
    )()
    seen = tasks.Get(rig.url, id_)()
    assert (seen.name, seen.description, seen.assignee, seen.owner, seen.priority) == (
        "Another",
        "because",
        "carol",
        "dave",
        9,
    )
    assert (seen.due, seen.follow_up, seen.delegation_state) == (_at("2032-01-01"), None, "RESOLVED")
    tasks.Complete(rig.url, id_)()


def check_identity_links(rig: Rig) -> None:
    _, id_ = rig.task()
    tasks.IdentityLinksAdd(rig.url, id_, "candidate", user_id="alice")()
    tasks.IdentityLinksAdd(rig.url, id_, "reviewer", group_id="lawyers")()
    links = tasks.IdentityLinksGetList(rig.url, id_)()
    assert ("alice", None, "candidate") in {(link.user_id, link.group_id, link.type_) for link in links}
    (reviewer,) = tasks.IdentityLinksGetList(rig.url, id_, "reviewer")()
    assert reviewer.group_id == "lawyers"
    tasks.IdentityLinksDelete(rig.url, id_, "candidate", user_id="alice")()
    tasks.IdentityLinksDelete(rig.url, id_, "reviewer", group_id="lawyers")()
    assert len(tasks.IdentityLinksGetList(rig.url, id_)()) == 1


def check_local_variables(rig: Rig) -> None:
    instance, id_ = rig.task(outer=1)
    modify = tasks.LocalVariablesModify(rig.url, id_)
    modify.add_variable("one", 1)
    modify.add_variable("two", "2", "String")
    modify()
    seen = tasks.LocalVariablesGetList(rig.url, id_)()
    assert {name: (value.type_, value.value) for name, value in seen.items()} == {
        "one": ("Integer", 1),
        "two": ("String", "2"),
    }
    tasks.LocalVariablesModify(rig.url, id_, deletions=["one"])()
    tasks.LocalVariablesUpdate(rig.url, id_, "bytes", b"hello", "Bytes")()
    assert tasks.LocalVariablesGet(rig.url, id_, "bytes", binary=True)() == b"hello"
    tasks.LocalVariablesDelete(rig.url, id_, "bytes")()
    assert sorted(tasks.LocalVariablesGetList(rig.url, id_)()) == ["two"]
    assert tasks.LocalVariablesGet(rig.url, id_, "two")().value == "2"
    raises(pycamunda.NotFound, tasks.LocalVariablesGet(rig.url, id_, "outer"))
    assert sorted(rig.get(f"/process-instance/{instance}/variables")) == ["outer"]


def check_update_of_a_plain_local_variable_is_refused(rig: Rig) -> None:
    """The package sends a multipart body where the API wants JSON."""
    _, id_ = rig.task()
    error = raises(pycamunda.NoSuccess, tasks.LocalVariablesUpdate(rig.url, id_, "plain", "x", "String"))
    assert "Unsupported Media Type" in str(error), error


def check_count_by_candidate_group(rig: Rig) -> None:
    definition = rig.deploy("approve")
    for _ in range(2):
        rig.start(definition["key"])
    counts = {count.group_name: count.task_count for count in tasks.GetCountByCandidateGroup(rig.url)()}
    assert counts[f"group-{definition['key']}"] == 2


def check_comments(rig: Rig) -> None:
    instance, id_ = rig.task()
    made = tasks.CommentCreate(rig.url, id_, "Looks good, ünd so")()
    assert (made.message, made.task_id, made.root_process_instance_id) == ("Looks good, ünd so", id_, instance)
    assert made.time.tzinfo is not None and made.removal_time is None
    assert tasks.CommentGet(rig.url, id_, made.id_)() == made
    assert tasks.CommentGetList(rig.url, id_)() == (made,)
    raises(pycamunda.NotFound, tasks.CommentGet(rig.url, id_, "nope"))
