"""Hand-written histories and the rows they leave."""

import pkgutil
from typing import Any

import pytest
from view_rows import DEFINITION, T0, log_row, shown, uid

import penstock.views
from penstock.base.errors import PenstockError
from penstock.base.ids import shard_of
from penstock.engine import events as ev
from penstock.expr.values import NULL, TypedValue
from penstock.store.tables import VIEWS as VIEW_TABLES
from penstock.views import VIEWS
from penstock.views.projection import DISPATCH, project
from penstock.views.unit import derived_id

I = uid(1)  # noqa: E741 the instance, in every test
STARTED = ev.InstanceStarted("order-1", "start", "mary", None, None, "Order")


def started(activity: str, number: int, execution: str = I, **more: Any) -> ev.ActivityStarted:
    return ev.ActivityStarted(execution, activity, f"{activity}:{uid(number)}", I, "userTask", **more)


def ended(activity: str, number: int, started_ms: int, execution: str = I, **more: Any) -> ev.ActivityEnded:
    return ev.ActivityEnded(execution, activity, f"{activity}:{uid(number)}", started_ms, **more)


def set_variable(
    number: int, name: str, value: TypedValue, revision: int = 0, scope: str = I, **more: Any
) -> ev.VariableSet:
    return ev.VariableSet(uid(number), scope, name, value, revision, I, **more)


def test_every_view_table_has_one_module_and_every_module_is_in_the_table() -> None:
    helpers = {"unit", "columns", "projection"}
    modules = {module.name for module in pkgutil.iter_modules(penstock.views.__path__)} - helpers
    assert modules == {view.table for view in VIEWS} == {table.name for table in VIEW_TABLES}
    for view in VIEWS:
        columns = next(table.columns for table in VIEW_TABLES if table.name == view.table)
        assert columns.keys() >= set(view.owners)


def test_events_without_a_view_are_known() -> None:
    unseen = {kind.__name__ for kind, handlers in DISPATCH.items() if not handlers}
    assert unseen == {
        "ExecutionDetached",
        "ExternalTaskMigrated",
        "ExternalTaskRetriesSet",
        "ExternalTaskPrioritySet",
        "JobChanged",
        "JobMigrated",
        "SubscriptionCreated",
        "SubscriptionDeleted",
        "SubscriptionMigrated",
        "TraceCarried",
    }


def test_instance_from_start_to_end() -> None:
    parent = uid(77)
    first = log_row([ev.InstanceStarted("order-1", "start", "mary", parent, uid(78), "Order")], root=parent)
    rows = shown(first)
    assert rows.only("process_instance") == {
        "shard": shard_of(parent),
        "id": I,
        "root_id": parent,
        "definition_id": DEFINITION,
        "definition_key": "order",
        "definition_name": "Order",
        "definition_version": 3,
        "business_key": "order-1",
        "tenant_id": "acme",
        "started_ms": T0,
        "ended_ms": None,
        "duration_ms": None,
        "removal_ms": None,
        "start_user_id": "mary",
        "start_activity_id": "start",
        "end_activity_id": None,
        "delete_reason": None,
        "super_instance_id": parent,
        "super_execution_id": uid(78),
        "case_instance_id": None,
        "state": "ACTIVE",
        "suspended": False,
    }
    assert rows.only("execution")["id"] == I
    last = log_row([ev.InstanceEnded(ev.InstanceState.COMPLETED, None, "end", T0, T0 + 9000)], root=parent, first=3)
    rows = shown(first, last)
    row = rows.only("process_instance")
    assert (row["state"], row["ended_ms"], row["duration_ms"], row["end_activity_id"], row["removal_ms"]) == (
        "COMPLETED",
        T0 + 2000,
        2000,
        "end",
        T0 + 9000,
    )
    assert not rows["execution"]


def test_suspension_reaches_instance_tasks_and_executions() -> None:
    task = ev.TaskCreated(uid(5), I, f"a:{uid(4)}", "a")
    on = [STARTED, started("a", 4), task], [ev.SuspensionSet(True)]
    rows = shown(log_row(*on))
    assert rows.only("process_instance")["state"] == "SUSPENDED"
    assert [rows.only(name)["suspended"] for name in ("process_instance", "task", "execution")] == [True] * 3
    rows = shown(log_row(*on, [ev.SuspensionSet(False)]))
    assert rows.only("process_instance")["state"] == "ACTIVE"
    assert [rows.only(name)["suspended"] for name in ("process_instance", "task", "execution")] == [False] * 3


def test_what_a_suspended_instance_makes_is_suspended() -> None:
    task = ev.TaskCreated(uid(5), I, f"a:{uid(4)}", "a")
    path = ev.ExecutionCreated(uid(6), I, ev.ExecutionKind.PATH)
    unit = ev.InstanceEvents(I, I, 3, T0, DEFINITION, [path, started("a", 4), task], suspended=True)
    rows = shown(log_row([STARTED], [ev.SuspensionSet(True)]), ev.LogRow([unit]))
    assert [row["suspended"] for name in ("task", "execution") for row in rows[name].values()] == [True] * 3


def test_activity_instances_are_ordered_within_a_millisecond_and_silent_ones_are_not_shown() -> None:
    unit = [STARTED, started("start", 2), ended("start", 2, T0), started("a", 3), started("quiet", 4, silent=True)]
    rows = shown(log_row(unit, [ended("quiet", 4, T0), ended("a", 3, T0, canceled=True)]))["activity_instance"]
    ordered = sorted(rows.values(), key=lambda row: row["sequence"])
    assert [row["activity_id"] for row in ordered] == ["start", "a"]
    start, a = ordered
    assert (start["duration_ms"], start["canceled"], start["parent_id"]) == (0, False, I)
    assert (a["duration_ms"], a["ended_ms"], a["canceled"], a["type"]) == (1000, T0 + 1000, True, "userTask")


def test_call_activity_learns_what_it_called() -> None:
    unit = [STARTED, started("call", 2), ev.ActivityUpdated(f"call:{uid(2)}", called_instance=uid(9))]
    assert shown(log_row(unit)).only("activity_instance")["called_instance_id"] == uid(9)


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        (TypedValue("String", "x" * 5000), {"text_value": "x" * 5000}),
        (TypedValue("Json", "{}"), {"text_value": "{}"}),
        (TypedValue("Object", "[]", {"objectTypeName": "L"}), {"text_value": "[]", "info": {"objectTypeName": "L"}}),
        (TypedValue("Integer", 5), {"long_value": 5, "double_value": 5.0}),
        (TypedValue("Long", 2**53 + 1), {"long_value": 2**53 + 1, "double_value": float(2**53)}),
        (TypedValue("Double", 1.5), {"double_value": 1.5}),
        (TypedValue("Double", 2), {"double_value": 2.0}),
        (TypedValue("Boolean", True), {"long_value": 1}),
        (TypedValue("Date", T0), {"long_value": T0}),
        (TypedValue("Bytes", b"ab"), {"bytes_value": b"ab"}),
        (TypedValue("File", b"ab", {"filename": "f"}), {"bytes_value": b"ab", "info": {"filename": "f"}}),
        (NULL, {}),
    ],
)
def test_values_in_columns(value: TypedValue, columns: dict[str, Any]) -> None:
    rows = shown(log_row([STARTED, set_variable(2, "v", value, initial=True)]))
    names = ("text_value", "long_value", "double_value", "bytes_value", "info")
    for row in (rows.only("variable"), rows.only("detail")):
        assert {name: row[name] for name in names if row[name] is not None} == columns
    assert rows.only("variable")["type"] == rows.only("detail")["variable_type"] == value.type


def test_variable_updates_removal_and_details() -> None:
    rows = shown(
        log_row(
            [STARTED, set_variable(2, "v", TypedValue("Integer", 1), initial=True)],
            [set_variable(2, "v", TypedValue("String", "a"), 1, source_activity_instance="a:1")],
            [ev.VariableRemoved(uid(2), I, "v", scope_activity_instance=I, revision=2, type="String")],
        )
    )
    row = rows.only("variable")
    assert (row["state"], row["live"], row["type"], row["text_value"], row["long_value"]) == (
        "DELETED",
        False,
        "String",
        "a",
        None,
    )
    assert (row["created_ms"], row["execution_id"], row["activity_instance_id"]) == (T0, I, I)
    details = sorted(rows["detail"].values(), key=lambda row: row["id"])
    assert [(d["variable_type"], d["text_value"], d["initial"], d["revision"]) for d in details] == [
        ("Integer", None, True, 0),
        ("String", "a", False, 1),
        ("String", None, False, 2),
    ]
    assert [d["activity_instance_id"] for d in details] == [I, "a:1", I]
    assert {d["type"] for d in details} == {"variableUpdate"}


def test_transient_values_leave_nothing() -> None:
    rows = shown(log_row([STARTED, set_variable(2, "v", TypedValue("String", "a", None, True))]))
    assert not rows["variable"]
    assert not rows["detail"]


def test_variables_end_with_their_scope_and_kept_copies_live_on() -> None:
    scope, kept = uid(10), uid(11)
    body = f"body:{uid(12)}"
    unit = [
        STARTED,
        set_variable(2, "outer", TypedValue("Integer", 1)),
        ev.ExecutionCreated(scope, I, ev.ExecutionKind.SCOPE, "body"),
        ev.VariableSet(uid(3), scope, "inner", TypedValue("Integer", 5), 0, body),
        ev.ExecutionKept(kept, I, "body", body, [(uid(4), "inner", TypedValue("Integer", 5))]),
        ev.ExecutionEnded(scope, [uid(3)]),
    ]
    rows = shown(log_row(unit))
    found = {row["id"]: row for row in rows["variable"].values()}
    assert {id: row["live"] for id, row in found.items()} == {uid(2): True, uid(3): False, uid(4): True}
    assert [found[uid(n)]["activity_instance_id"] for n in (3, 4)] == [body, body]
    assert found[uid(4)]["execution_id"] == kept
    assert {row["state"] for row in found.values()} == {"CREATED"}
    assert len(rows["detail"]) == 3
    assert set(rows["execution"]) == {I}
    # The end of the instance leaves them as they are: whoever asks for what lives looks at the instance.
    rows = shown(log_row(unit, [ev.InstanceEnded(ev.InstanceState.COMPLETED)]))
    assert {row["live"] for row in rows["variable"].values()} == {True, False}


def test_fork_and_fold_move_what_lives_and_nothing_else() -> None:
    left, right = uid(10), uid(11)
    fork = [
        STARTED,
        started("a", 2),
        ev.TaskCreated(uid(3), I, f"a:{uid(2)}", "a"),
        set_variable(4, "scope", TypedValue("Integer", 1)),
        set_variable(5, "local", TypedValue("Integer", 1)),
        ev.IncidentOpened(uid(6), "custom", I, "a"),
        ev.ExecutionExpanded(I, left, "a", [], [uid(5)], [uid(3)], [uid(6)]),
        ev.ExecutionCreated(right, I, ev.ExecutionKind.PATH),
        started("b", 7, right),
    ]
    rows = shown(log_row(fork))
    places = {row["id"]: (row["parent_id"], row["activity_id"]) for row in rows["execution"].values()}
    assert places == {I: (None, None), left: (I, "a"), right: (I, "b")}
    assert rows.only("task")["execution_id"] == rows.only("incident")["execution_id"] == left
    assert {row["name"]: row["execution_id"] for row in rows["variable"].values()} == {"scope": I, "local": left}
    join = [
        ended("b", 7, T0, right),
        ev.ExecutionEnded(right),
        ev.ExecutionFolded(left, I, "a", [], [uid(5)], [uid(3)], [uid(6)]),
    ]
    rows = shown(log_row(fork, join))
    assert {row["id"]: row["activity_id"] for row in rows["execution"].values()} == {I: "a"}
    assert rows.only("task")["execution_id"] == rows.only("incident")["execution_id"] == I
    assert {row["execution_id"] for row in rows["variable"].values()} == {I}
    assert rows["activity_instance"][f"b:{uid(7)}"]["execution_id"] == right


def test_a_kept_execution_is_shown_only_when_it_acts_again() -> None:
    kept = uid(10)
    first = [STARTED, ev.ExecutionKept(kept, I, "sub", f"sub:{uid(2)}", [])]
    assert set(shown(log_row(first))["execution"]) == {I}
    rows = shown(log_row(first, [ev.ExecutionMoved(kept, I), ev.ExecutionRevived(kept, I, "sub")]))["execution"]
    assert (rows[kept]["parent_id"], rows[kept]["activity_id"], rows[kept]["kind"]) == (I, "sub", "s")
    rows = shown(log_row(first, [ev.ExecutionRevived(kept, I, "sub")], [ev.ExecutionEnded(kept)]))["execution"]
    assert set(rows) == {I}


def test_children_follow_a_fold() -> None:
    path, scope = uid(10), uid(11)
    rows = shown(
        log_row(
            [
                STARTED,
                ev.ExecutionCreated(path, I, ev.ExecutionKind.PATH),
                ev.ExecutionCreated(scope, path, ev.ExecutionKind.SCOPE, "sub"),
            ],
            [ev.ExecutionFolded(path, I, None, [scope])],
        )
    )
    assert {row["id"]: row["parent_id"] for row in rows["execution"].values()} == {I: None, scope: I}


def test_waiting_for_a_continuation_is_a_place() -> None:
    rows = shown(log_row([STARTED, ev.PathPlaced(I, "later", None, "b")]))
    assert rows.only("execution")["activity_id"] == "later"


def test_user_task_from_creation_to_completion() -> None:
    created = ev.TaskCreated(uid(3), I, f"a:{uid(2)}", "a", "Name", assignee="john", due_ms=T0, form_ref={"key": "f"})
    own = ev.VariableSet(uid(4), uid(3), "mine", TypedValue("Integer", 1), 0, f"a:{uid(2)}", task=uid(3), execution=I)
    link = ev.IdentityLinkAdded(uid(3), "candidate", group="sales", link=uid(8))
    first = [STARTED, started("a", 2), created, link, own]
    rows = shown(log_row(first))
    task = rows.only("task")
    assert (task["task_state"], task["live"], task["last_updated_ms"], task["priority"]) == ("Created", True, None, 50)
    assert (task["assignee"], task["form_ref"], task["execution_id"]) == ("john", {"key": "f"}, I)
    assert (rows.only("activity_instance")["task_id"], rows.only("activity_instance")["assignee"]) == (uid(3), "john")
    variable = rows.only("variable")
    assert (variable["task_id"], variable["execution_id"]) == (uid(3), I)
    assert rows.only("identity_link")["group_id"] == "sales"

    changes = {"assignee": "mary", "priority": 70, "delegation_state": "PENDING", "parent_task": None}
    changed = ev.TaskChanged(uid(3), changes, {"assignee": "john"}, f"a:{uid(2)}", "boss")
    rows = shown(log_row(first, [changed]))
    task = rows.only("task")
    assert (task["task_state"], task["last_updated_ms"], task["assignee"], task["priority"]) == (
        "Updated",
        T0 + 1000,
        "mary",
        70,
    )
    assert rows.only("activity_instance")["assignee"] == "mary"
    log = sorted(
        rows["identity_link_log"].values(), key=lambda row: (row["occurred_ms"], row["operation"], row["type"])
    )
    assert [(r["type"], r["operation"], r["user_id"], r["group_id"], r["assigner_id"]) for r in log] == [
        ("assignee", "add", "john", None, None),
        ("candidate", "add", None, "sales", None),
        ("assignee", "add", "mary", None, "boss"),
        ("assignee", "delete", "john", None, "boss"),
    ]

    rows = shown(log_row(first, [changed], [ev.TaskEnded(uid(3), "completed", T0, [uid(4)])]))
    task = rows.only("task")
    assert (task["task_state"], task["delete_reason"], task["duration_ms"], task["live"]) == (
        "Completed",
        "completed",
        2000,
        False,
    )
    assert not rows["identity_link"]
    assert len(rows["identity_link_log"]) == 4
    assert rows.only("variable")["live"] is False


def test_a_canceled_task_is_deleted() -> None:
    rows = shown(log_row([STARTED, ev.TaskCreated(uid(3), I, None, "a"), ev.TaskEnded(uid(3), "deleted")]))
    assert (rows.only("task")["task_state"], rows.only("task")["duration_ms"]) == ("Deleted", 0)


def test_links_without_an_id_are_found_again_and_touch_the_task() -> None:
    first = [STARTED, ev.TaskCreated(uid(3), I, None, "a"), ev.IdentityLinkAdded(uid(3), "candidate", "u")]
    rows = shown(log_row(first))
    assert rows.only("task")["task_state"] == "Created"
    assert rows.only("identity_link")["user_id"] == "u"
    rows = shown(log_row(first, [ev.IdentityLinkRemoved(uid(3), "candidate", "u", by_user="boss")]))
    assert not rows["identity_link"]
    assert (rows.only("task")["task_state"], rows.only("task")["last_updated_ms"]) == ("Updated", T0 + 1000)
    assert {(r["operation"], r["assigner_id"]) for r in rows["identity_link_log"].values()} == {
        ("add", None),
        ("delete", "boss"),
    }


def test_standalone_task() -> None:
    task = uid(3)
    unit = ev.InstanceEvents(task, task, 1, T0, None, [ev.TaskCreated(task, None, None, None, "Call")])
    row = shown(ev.LogRow([unit])).only("task")
    assert (row["instance_id"], row["definition_id"], row["definition_key"]) == (task, None, None)
    assert shown(ev.LogRow([unit], [task])).all() == {}


def test_incidents() -> None:
    opened = ev.IncidentOpened(uid(4), "failedJob", I, "a", "a", uid(5), "boom", history_configuration=uid(6))
    other = ev.IncidentOpened(uid(7), "failedJob", I, "call", cause=uid(4), root=uid(4))
    first = [STARTED, opened, other]
    rows = shown(log_row(first))["incident"]
    assert (rows[uid(4)]["state"], rows[uid(4)]["cause_incident_id"], rows[uid(4)]["root_cause_incident_id"]) == (
        "open",
        uid(4),
        uid(4),
    )
    assert rows[uid(7)]["root_cause_incident_id"] == uid(4)
    last = [ev.IncidentAnnotated(uid(4), "note"), ev.IncidentClosed(uid(4), True), ev.IncidentClosed(uid(7), False)]
    rows = shown(log_row(first, last))["incident"]
    assert (rows[uid(4)]["state"], rows[uid(4)]["annotation"], rows[uid(4)]["ended_ms"]) == (
        "resolved",
        "note",
        T0 + 1000,
    )
    assert rows[uid(7)]["state"] == "deleted"


def test_external_task_log_shows_retries_from_before_the_failure() -> None:
    """As recorded from Camunda: creation None, failure None (retries 0 left), success 1."""
    task = uid(4)
    of: dict[str, Any] = {"activity": "a", "execution": I, "activity_instance": "a:1", "topic": "t", "priority": 7}
    rows = shown(
        log_row(
            [STARTED, ev.ExternalTaskCreated(task, I, "a", "a:1", "t", 7, uid(20))],
            [ev.ExternalTaskFailed(task, "w", "boom", "stack", 0, None, uid(21), **of)],
            [ev.ExternalTaskCompleted(task, "w", uid(22), **of, retries=1)],
        )
    )
    log = sorted(rows["external_task_log"].values(), key=lambda row: row["sequence"])
    assert [(r["id"], r["state"], r["retries"], r["worker_id"], r["error_message"]) for r in log] == [
        (uid(20), "created", None, None, None),
        (uid(21), "failed", None, "w", "boom"),
        (uid(22), "successful", 1, "w", None),
    ]
    assert {(r["activity_id"], r["topic"], r["priority"], r["activity_instance_id"]) for r in log} == {
        ("a", "t", 7, "a:1")
    }
    deleted = log_row([STARTED, ev.ExternalTaskDeleted(task, None, "", **of)])
    assert shown(deleted).only("external_task_log")["state"] == "deleted"


def test_job_log() -> None:
    job = uid(4)
    of: dict[str, Any] = {"kind": ev.JobKind.ASYNC, "execution": I, "activity": "a", "configuration": "async-before"}
    rows = shown(
        log_row(
            [STARTED, ev.JobCreated(job, ev.JobKind.ASYNC, I, "a", 3, configuration="async-before")],
            [ev.JobFailed(job, "boom", "stack", 2, "a", **of, retries_before=3)],
            [ev.JobExecuted(job, **of, retries=2), ev.JobDeleted(uid(5), **of, retries=3)],
        )
    )
    log = sorted(rows["job_log"].values(), key=lambda row: row["sequence"])
    assert [(r["state"], r["retries"], r["failed_activity_id"], r["message"]) for r in log] == [
        ("created", 3, None, None),
        ("failed", 3, "a", "boom"),
        ("successful", 2, None, None),
        ("deleted", 3, None, None),
    ]
    assert {(r["job_type"], r["job_configuration"], r["activity_id"]) for r in log} == {
        ("async-continuation", "async-before", "a")
    }


def test_operation_log_and_the_details_it_caused() -> None:
    operation = ev.OperationLogged(
        uid(30),
        "Update",
        "Task",
        "TaskWorker",
        "mary",
        [(uid(31), "name", "a", "b"), (uid(32), "owner", None, "c")],
        uid(3),
    )
    rows = shown(log_row([STARTED], [set_variable(2, "v", NULL), operation]))
    assert [(r["property"], r["old_value"], r["new_value"]) for r in rows["operation_log"].values()] == [
        ("name", "a", "b"),
        ("owner", None, "c"),
    ]
    assert {(r["operation_id"], r["user_id"], r["definition_key"]) for r in rows["operation_log"].values()} == {
        (uid(30), "mary", "order")
    }
    assert rows.only("detail")["operation_id"] == uid(30)
    rows = shown(log_row([STARTED, ev.OperationLogged(uid(30), "Delete", "Task", "TaskWorker")]))
    assert rows.only("operation_log")["property"] is None


def test_deleted_instances_leave_nothing() -> None:
    unit = [
        STARTED,
        started("a", 2),
        ev.TaskCreated(uid(3), I, f"a:{uid(2)}", "a", assignee="x"),
        ev.IdentityLinkAdded(uid(3), "candidate", "u"),
        set_variable(4, "v", NULL),
        ev.IncidentOpened(uid(5), "custom", I, "a"),
        ev.ExternalTaskCreated(uid(6), I, "a", "a:1", "t"),
        ev.JobCreated(uid(7), ev.JobKind.ASYNC, I, "a", 3),
        ev.OperationLogged(uid(8), "Create", "Task", "TaskWorker"),
    ]
    other = log_row([STARTED], instance=uid(99, "0b2"))
    rows = shown(log_row(unit), other, ev.LogRow([], [I]))
    assert {row.get("instance_id", row["id"]) for table in rows.all().values() for row in table.values()} == {
        uid(99, "0b2")
    }


def test_what_belongs_to_no_instance_is_deleted_by_its_own_id() -> None:
    timer, deployment = uid(7), uid(8)
    of: dict[str, Any] = {"kind": ev.JobKind.TIMER_START, "execution": None, "activity": "start"}
    rows = [
        log_row([ev.JobCreated(timer, **of, retries=3)], [ev.JobDeleted(timer, **of, retries=3)], instance=timer),
        log_row(
            [ev.OperationLogged(uid(9), "Create", "Deployment", "Operator", deployment=deployment)], instance=deployment
        ),
        log_row([STARTED, ev.OperationLogged(uid(10), "Delete", "Task", "TaskWorker")]),
    ]
    found = shown(*rows)
    assert {row["instance_id"] for row in found["job_log"].values()} == {None}
    assert {row["deployment_id"]: row["instance_id"] for row in found["operation_log"].values()} == {
        deployment: None,
        None: I,
    }
    assert len(found["job_log"]) == 2
    left = shown(*rows, ev.LogRow([], [timer, deployment]))
    assert left["job_log"] == {}
    assert left.only("operation_log")["instance_id"] == I


def test_an_event_that_cannot_be_applied_is_named() -> None:
    with pytest.raises(
        PenstockError, match=r"cannot apply TaskChanged \(event 1 of revision 1 of instance 0000"
    ) as caught:
        project(log_row([STARTED, ev.TaskChanged(uid(3), {"colour": "red"})]))
    assert caught.value.ids == {"instance": I, "revision": 1, "index": 1}


def test_derived_ids() -> None:
    root = uid(1, "f3c")
    ids = [derived_id(T0, root, I, 7, index, part) for index in range(5000) for part in (0, 1)]
    assert len(set(ids)) == len(ids)
    assert {shard_of(id) for id in ids} == {shard_of(root)}
    assert ids[:8000:2] == sorted(ids[:8000:2])
    assert all(len(id) == 36 and id[14] == "7" for id in ids)
    assert derived_id(T0, root, I, 7, 3) != derived_id(T0, root, I, 8, 3) != derived_id(T0, root, uid(2), 8, 3)


def test_stored_events_of_before_the_added_fields_still_project() -> None:
    old = ev.pack(log_row([STARTED], [ev.ExternalTaskCompleted(uid(4), "w", uid(5))]))
    assert shown(ev.unpack(old)).only("external_task_log")["topic"] is None
