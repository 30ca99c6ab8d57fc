"""Rows of an instance that has moved to another definition, and removal times that are set later."""

from typing import Any

import msgspec
from view_rows import DEFINITION, T0, log_row, shown, uid

from penstock.engine import events as ev
from penstock.expr.values import TypedValue

I = uid(1)  # noqa: E741 the instance, in every test
NEW = "ship:1:00000000-0000-7000-8000-0000000000d2"
SCOPE = f"s:{uid(2)}"
TASK = f"a:{uid(3)}"
BEFORE = [
    ev.InstanceStarted(None, "start", None, None, None, "Order"),
    ev.ExecutionCreated(uid(10), I, ev.ExecutionKind.SCOPE, "s"),
    ev.ActivityStarted(uid(10), "s", SCOPE, I, "subProcess", scope=True),
    ev.ActivityStarted(uid(10), "a", TASK, SCOPE, "userTask"),
    ev.TaskCreated(uid(4), uid(10), TASK, "a"),
    ev.VariableSet(uid(5), uid(10), "v", TypedValue("Integer", 1), 0, SCOPE),
    ev.IncidentOpened(uid(6), "foo", uid(10), "a", "a"),
]


def moved(*events: Any) -> Any:
    """The rows after a unit whose instance has the new definition."""
    row = log_row(BEFORE, [ev.InstanceMigrated(NEW, "Shipment"), *events])
    row.units[1] = msgspec.structs.replace(row.units[1], definition=NEW)
    return shown(row)


def test_the_instance_and_its_executions_have_the_new_definition() -> None:
    rows = moved()
    row = rows.only("process_instance")
    assert (row["definition_id"], row["definition_key"], row["definition_name"], row["definition_version"]) == (
        NEW,
        "ship",
        "Shipment",
        1,
    )
    assert {row["definition_id"] for row in rows["execution"].values()} == {NEW}
    assert len(rows["execution"]) == 2


def test_what_does_not_move_keeps_the_old_one() -> None:
    rows = moved()
    for table in ("activity_instance", "task", "variable", "incident"):
        assert {row["definition_id"] for row in rows[table].values()} == {DEFINITION}


def test_an_activity_instance_keeps_its_id() -> None:
    row = moved(ev.ActivityMigrated(uid(10), "b", TASK, I, "receiveTask", "B"))["activity_instance"][TASK]
    assert (row["activity_id"], row["name"], row["type"], row["parent_id"], row["definition_key"]) == (
        "b",
        "B",
        "receiveTask",
        I,
        "ship",
    )
    assert row["started_ms"] == T0


def test_tasks_incidents_and_variables() -> None:
    rows = moved(
        ev.TaskMigrated(uid(4), "b", I, "form"),
        ev.IncidentMigrated(uid(6), "b"),
        ev.VariablesMigrated(I, [uid(5)]),
    )
    task = rows.only("task")
    assert (task["task_key"], task["execution_id"], task["form_key"], task["definition_id"]) == ("b", I, "form", NEW)
    incident = rows.only("incident")
    assert (incident["activity_id"], incident["failed_activity_id"], incident["definition_id"]) == ("b", "a", NEW)
    variable = rows.only("variable")
    assert (variable["execution_id"], variable["activity_instance_id"], variable["definition_id"]) == (I, SCOPE, NEW)


def test_what_is_detached_stands_nowhere_until_it_is_attached() -> None:
    loose = uid(11)
    detached = ev.PathDetached(uid(10), loose, "a", [], [uid(5)], [uid(4)], [uid(6)])
    rows = moved(detached)
    assert rows["execution"][loose]["activity_id"] == "a"
    assert rows["execution"][uid(10)]["activity_id"] is None
    rows = moved(detached, ev.PathAttached(loose, I, "a", [], [uid(5)], [uid(4)], [uid(6)]), ev.ExecutionEnded(uid(10)))
    assert rows["execution"].keys() == {I}
    assert rows["execution"][I]["activity_id"] == "a"
    for table in ("task", "variable", "incident"):
        assert rows.only(table)["execution_id"] == I


def test_a_removal_time_that_is_set_later() -> None:
    rows = shown(log_row(BEFORE, [ev.RemovalTimeSet(T0 + 5)]))
    assert rows.only("process_instance")["removal_ms"] == T0 + 5
    rows = shown(log_row(BEFORE, [ev.RemovalTimeSet(T0 + 5)], [ev.RemovalTimeSet(None)]))
    assert rows.only("process_instance")["removal_ms"] is None
