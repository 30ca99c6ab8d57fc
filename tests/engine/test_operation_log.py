"""Which commands the operation log knows, and what it says of them."""

from typing import Any

import pytest

from bpmn.scenario import Scenario, model, typed
from penstock.engine import commands as c
from penstock.engine import events as ev

MODEL = model(
    '<startEvent id="start"/><userTask id="task"/><serviceTask id="work" camunda:type="external" camunda:topic="t"/>'
    '<userTask id="later" camunda:asyncBefore="true"/>',
    flows="start task, start work, start later",
)
Entry = tuple[str, str, str, list[tuple[str | None, str | None, str | None]]]


def _logging(**variables: object) -> Scenario:
    s = Scenario(MODEL)
    s.engine.logs_operations = True
    return s.start(**variables)


def _entries(s: Scenario) -> list[Entry]:
    return [
        (e.operation_type, e.entity_type, e.category, [row[1:] for row in e.rows]) for e in s.events(ev.OperationLogged)
    ]


def _last(s: Scenario, command: c.Command) -> Entry:
    before = len(_entries(s))
    s.do(command)
    after = _entries(s)
    assert len(after) == before + 1
    return after[-1]


NOTHING = [(None, None, None)]


def test_a_start_is_logged_only_where_it_is_asked_for() -> None:
    assert _entries(_logging()) == [("Create", "ProcessInstance", "Operator", NOTHING)]
    assert _entries(Scenario(MODEL).start()) == []


def test_task_operations_name_each_changed_property() -> None:
    s = _logging()
    (task,) = (t for t in s.state.tasks.values() if t.key == "task")

    def change(operation: str, **changes: Any) -> c.ChangeTask:
        return c.ChangeTask(instance=s.id, task=task.id, operation=operation, changes=changes)

    worker = "TaskWorker"
    assert _last(s, change("claim", assignee="carl")) == ("Claim", "Task", worker, [("assignee", None, "carl")])
    delegated = change("delegate", delegation_state="PENDING", owner="carl", assignee="dora")
    assert _last(s, delegated) == (
        "Delegate",
        "Task",
        worker,
        [("assignee", "carl", "dora"), ("owner", None, "carl"), ("delegation", None, "PENDING")],
    )
    moved = change("update", priority=99, due_ms=5)
    assert _last(s, moved) == ("Update", "Task", worker, [("priority", "50", "99"), ("dueDate", None, "5")])
    before = _entries(s)
    s.do(change("update", priority=99))
    assert _entries(s) == before, "a task operation that changes nothing has no entry"
    link = c.ChangeIdentityLink(instance=s.id, task=task.id, type="candidate", add=True, link_group="sales")
    assert _last(s, link) == ("AddGroupLink", "IdentityLink", worker, [("candidate", None, "sales")])
    done = c.CompleteTask(instance=s.id, task=task.id)
    assert _last(s, done) == ("Complete", "Task", worker, [("delete", "false", "true")])


def test_operations_on_the_instance_and_its_parts() -> None:
    s = _logging()
    (job,) = s.engine.jobs(s.id)
    (external,) = s.state.external_tasks.values()
    operator = "Operator"
    retries = c.ChangeJob(instance=s.id, job=job.id, changes={"retries": 1})
    assert _last(s, retries) == ("SetJobRetries", "Job", operator, [("retries", "3", "1")])
    stopped = c.ChangeJob(instance=s.id, job=job.id, changes={"suspended": True})
    assert _last(s, stopped) == ("SuspendJob", "Job", operator, [("suspensionState", None, "suspended")])
    priority = c.SetExternalTaskPriority(instance=s.id, external_task=external.id, priority=7)
    assert _last(s, priority) == ("SetPriority", "ExternalTask", operator, [("priority", "0", "7")])
    variables = c.SetVariables(instance=s.id, modifications=typed({"x": 1}))
    assert _last(s, variables) == ("SetVariable", "Variable", operator, NOTHING)
    suspend = c.SetSuspension(instance=s.id, suspended=True)
    assert _last(s, suspend) == ("Suspend", "ProcessInstance", operator, [("suspensionState", None, "suspended")])
    assert _last(s, c.DeleteInstance(instance=s.id)) == ("Delete", "ProcessInstance", operator, NOTHING)


def test_what_belongs_to_a_larger_operation_is_left_out() -> None:
    s = _logging()
    before = _entries(s)
    s.do(c.SetSuspension(instance=s.id, suspended=True, logged=False))
    assert _entries(s) == before


def test_a_dropped_unit_leaves_no_entry() -> None:
    s = _logging()
    (task,) = (t for t in s.state.tasks.values() if t.key == "task")
    s.do(c.ChangeTask(instance=s.id, task=task.id, operation="claim", changes={"assignee": "carl"}))
    before = _entries(s)
    again = c.ChangeTask(instance=s.id, task=task.id, operation="claim", changes={"assignee": "dora"})
    with pytest.raises(Exception, match="already claimed"):
        s.do(again)
    assert _entries(s) == before


def test_the_log_names_the_user() -> None:
    s = _logging()
    s.do(c.SetSuspension(instance=s.id, suspended=True, user="demo"))
    assert [e.user for e in s.events(ev.OperationLogged)] == [None, "demo"]


def test_comments_update_the_task_and_are_events_of_its_instance() -> None:
    s = _logging()
    (task,) = (t for t in s.state.tasks.values() if t.key == "task")
    id = s.do(c.AddComment(instance=s.id, task=task.id, message="hello", user="anna"))
    change = c.ChangeComment(instance=s.id, task=task.id, comment=id, message="bye", before="hello")
    assert _last(s, change) == ("UpdateComment", "Comment", "TaskWorker", [("comment", "hello", "bye")])
    gone = c.DeleteComments(instance=s.id, task=task.id, comments=(id,))
    assert _last(s, gone) == ("DeleteComment", "Comment", "TaskWorker", [("comment", None, None)])
    added = c.AddAttachment(instance=s.id, task=task.id, name="plan", content=b"x")
    assert _last(s, added) == ("AddAttachment", "Attachment", "TaskWorker", [("name", None, "plan")])
    assert [type(e) for e in s.events(ev.CommentAdded)] == [ev.CommentAdded]
    assert s.events(ev.CommentAdded)[0].user == "anna"
