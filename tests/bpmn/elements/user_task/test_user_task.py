"""User tasks: attributes from expressions, people, listeners, errors and escalations of a person."""

from datetime import UTC, datetime

import pytest

from bpmn.scenario import scenario
from penstock.base.errors import Failure, NullValue, TaskAlreadyClaimed
from penstock.engine import commands as c
from penstock.engine import events as ev
from penstock.expr.values import TypedValue

DUE = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
VALUES = {"what": "order", "who": "ben", "more": "carl,dora", "groups": ["hr", "it"], "due": DUE}


def test_attributes_may_be_expressions() -> None:
    s = scenario(__file__, "attributes").start(**VALUES)
    (task,) = s.engine.tasks(s.id)
    assert task.key == "task"
    assert task.fields == {
        "name": "Check order",
        "description": "About order",
        "assignee": "ben",
        "priority": 15,
        "due_ms": round(DUE.timestamp() * 1000),
        "follow_up_ms": round(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp() * 1000),
        "form_key": "form-order",
    }
    assert [link[:3] for link in task.links] == [
        ("candidate", "anna", None),
        ("candidate", "carl", None),
        ("candidate", "dora", None),
        ("candidate", None, "sales"),
        ("candidate", None, "hr"),
        ("candidate", None, "it"),
    ]
    (created,) = s.events(ev.TaskCreated)
    assert created.activity_instance == s.instance_of("task")


@pytest.mark.parametrize(("name", "value"), [("due", 5), ("what", None)])
def test_an_attribute_that_cannot_be_is_a_failure_or_null(name: str, value: object) -> None:
    s = scenario(__file__, "attributes")
    values = {**VALUES, name: value}
    if name == "due":
        with pytest.raises(Failure, match="Due date expression"):
            s.start(**values)
    else:
        assert s.start(**values).engine.tasks(s.id)[0].fields["name"] == "Check "


def test_plain_defaults() -> None:
    s = scenario(__file__, "plain").start()
    (task,) = s.engine.tasks(s.id)
    assert task.fields == {"priority": 50}
    s.complete("task", done=True)
    assert s.ended == "COMPLETED"
    assert s.variables() == {"done": True}
    assert s.path() == ["start", "task", "end"]


def test_variables_of_the_task_itself_end_with_it() -> None:
    s = scenario(__file__, "plain").start(x=1)
    (task,) = s.engine.tasks(s.id)
    s.do(c.SetVariables(instance=s.id, task=task.id, modifications={"x": TypedValue("Long", 2)}, local=True))
    s.complete("task", x=3, y=4)
    assert s.variables() == {"x": 1, "y": 4}
    (ended,) = s.events(ev.TaskEnded)
    assert len(ended.variables) == 1


def test_completing_what_is_not_there() -> None:
    s = scenario(__file__, "plain").start()
    with pytest.raises(NullValue):
        s.do(c.CompleteTask(instance=s.id, task="unknown"))


def test_an_error_of_the_person_is_caught() -> None:
    s = scenario(__file__, "plain").start()
    (task,) = s.engine.tasks(s.id)
    s.do(c.ThrowTaskError(instance=s.id, task=task.id, error_code="Bad", error_message="why"))
    assert s.waits() == ["repair"]
    assert s.states("task") == ["canceled"]
    assert s.variables() == {"code": "Bad", "text": "why"}


def test_an_escalation_of_the_person_leaves_the_task_open() -> None:
    s = scenario(__file__, "plain").start()
    (task,) = s.engine.tasks(s.id)
    s.do(c.ThrowTaskEscalation(instance=s.id, task=task.id, escalation_code="Up"))
    assert s.waits() == ["informed", "task"]


def test_claim() -> None:
    s = scenario(__file__, "plain").start()
    (task,) = s.engine.tasks(s.id)

    def claim(user: str) -> None:
        s.do(c.ChangeTask(instance=s.id, task=task.id, operation="claim", changes={"assignee": user}))

    claim("anna")
    claim("anna")
    with pytest.raises(TaskAlreadyClaimed):
        claim("ben")
    assert s.engine.tasks(s.id)[0].fields["assignee"] == "anna"
    assert len(s.events(ev.TaskChanged)) == 1


def test_links_are_added_and_removed() -> None:
    s = scenario(__file__, "plain").start()
    (task,) = s.engine.tasks(s.id)
    link = c.ChangeIdentityLink(instance=s.id, task=task.id, type="candidate", add=True, link_group="hr")
    s.do(link)
    assert [found[:3] for found in s.engine.tasks(s.id)[0].links] == [("candidate", None, "hr")]
    s.do(c.ChangeIdentityLink(instance=s.id, task=task.id, type="candidate", add=False, link_group="hr"))
    assert s.engine.tasks(s.id)[0].links == []


class TestListeners:
    def test_from_creation_to_completion(self) -> None:
        s = scenario(__file__, "listeners").start()
        assert s.variables()["log"] == "create,assignment"
        (task,) = s.engine.tasks(s.id)
        s.do(c.ChangeTask(instance=s.id, task=task.id, operation="assign", changes={"assignee": "ben"}))
        assert s.variables()["log"] == "create,assignment,update,assignment"
        s.complete("task")
        assert s.variables()["log"] == "create,assignment,update,assignment,complete"
        assert s.waits() == ["after"]

    def test_delete(self) -> None:
        s = scenario(__file__, "listeners").start().delete()
        assert s.variables()["log"] == "create,assignment,delete"

    def test_delete_without_listeners(self) -> None:
        s = scenario(__file__, "listeners").start()
        s.do(c.DeleteInstance(instance=s.id, skip_custom_listeners=True))
        assert s.variables()["log"] == "create,assignment"

    def test_timeout(self) -> None:
        s = scenario(__file__, "listeners").start()
        assert s.jobs() == [("task", "timer-task-listener")]
        s.timer("task")
        assert s.variables()["log"] == "create,assignment,timeout"
        assert s.waits() == ["task"]
        assert s.jobs() == []

    def test_the_timeout_goes_with_the_task(self) -> None:
        s = scenario(__file__, "listeners").start().complete("task")
        assert s.jobs() == []
        assert len(s.events(ev.JobDeleted)) == 1
