"""Rows of what people say: comments, attachments, notes on operations; and what history forgets."""

from view_rows import T0, log_row, shown, uid

from penstock.engine import events as ev
from penstock.expr.values import NULL

I = uid(1)  # noqa: E741 the instance
STARTED = ev.InstanceStarted("order-1", "start", "mary", None, None, "Order")
TASK = uid(5)


def test_a_comment_is_what_its_last_author_said() -> None:
    first = ev.CommentAdded(uid(2), "hello", TASK, user="anna")
    second = ev.CommentAdded(uid(3), "gone", TASK, I)
    rows = shown(
        log_row([STARTED], [first, second], [ev.CommentChanged(uid(2), "bye", TASK, "bert")]),
        log_row([ev.CommentsDeleted([uid(3)], TASK)], first=4),
    )
    row = rows.only("comment")
    assert (row["id"], row["task_id"], row["message"], row["user_id"]) == (uid(2), TASK, "bye", "bert")
    assert (row["instance_id"], row["root_id"], row["process_instance_id"]) == (I, I, None)
    assert row["created_ms"] == T0 + 2000, "of the change"
    assert row["tenant_id"] == "acme"


def test_attachments() -> None:
    kept = ev.AttachmentAdded(uid(2), TASK, "plan", "a plan", "text", None, b"\x00\xff")
    gone = ev.AttachmentAdded(uid(3), TASK, url="http://example.org")
    rows = shown(log_row([STARTED], [kept, gone], [ev.AttachmentDeleted(uid(3), TASK)]))
    row = rows.only("attachment")
    assert (row["id"], row["task_id"], row["name"], row["description"]) == (uid(2), TASK, "plan", "a plan")
    assert (row["type"], row["url"], row["content"], row["created_ms"]) == ("text", None, b"\x00\xff", T0 + 1000)


def test_a_note_is_on_every_row_of_its_operation() -> None:
    properties = [(uid(10), "assignee", None, "anna"), (uid(11), "owner", None, "bert")]
    operation = ev.OperationLogged(uid(2), "Delegate", "Task", "TaskWorker", rows=properties)
    other = ev.OperationLogged(uid(3), "Delete", "Task", "TaskWorker", annotation="of its own")
    noted = ev.OperationAnnotated(uid(2), "note")
    rows = shown(log_row([STARTED], [operation, other], [noted]))
    assert {row["operation_id"]: row["annotation"] for row in rows["operation_log"].values()} == {
        uid(2): "note",
        uid(3): "of its own",
    }
    cleared = shown(log_row([STARTED], [operation], [noted], [ev.OperationAnnotated(uid(2))]))
    assert [row["annotation"] for row in cleared["operation_log"].values()] == [None, None]


def test_an_operation_beyond_instances_belongs_to_none() -> None:
    operation = ev.OperationLogged(uid(2), "Create", "User", "Admin", user="anna")
    row = shown(log_row([operation], instance=uid(2))).only("operation_log")
    assert (row["instance_id"], row["root_id"], row["user_id"]) == (None, None, "anna")


def test_history_forgets_a_variable_with_its_changes() -> None:
    changes = [ev.VariableSet(uid(n), I, name, NULL, 0, I) for n, name in ((2, "x"), (3, "y"))]
    before = shown(log_row([STARTED], changes))
    details = [row["id"] for row in before["detail"].values() if row["variable_id"] == uid(2)]
    assert len(details) == 1
    rows = shown(log_row([STARTED], changes, [ev.VariableHistoryDeleted([uid(2)], details)]))
    assert [row["name"] for row in rows["variable"].values()] == ["y"]
    assert [row["variable_id"] for row in rows["detail"].values()] == [uid(3)]


def test_fields_of_a_submitted_form() -> None:
    submitted = ev.FormSubmitted(I, I, [("name", "Ada"), ("day", "01/02/2024")])
    operation = ev.OperationLogged(uid(9), "Create", "ProcessInstance", "Operator")
    rows = shown(log_row([STARTED, submitted, operation]))["detail"].values()
    assert [(r["type"], r["name"], r["text_value"], r["task_id"], r["operation_id"]) for r in rows] == [
        ("formField", "name", "Ada", None, uid(9)),
        ("formField", "day", "01/02/2024", None, uid(9)),
    ]
