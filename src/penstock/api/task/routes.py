"""`/task`: work for people."""

from collections.abc import Mapping
from typing import Any

from penstock.api import dates, live, problems, values
from penstock.api.dto import Body
from penstock.api.http import Request, Response, Route, json
from penstock.api.querying import by_id
from penstock.api.shared_query import one
from penstock.api.shared_variables import task_scope, task_variables, variable_routes
from penstock.api.task import forms
from penstock.api.task.dto import form, link, task
from penstock.api.task.query import CANDIDATE, OF_TASK, TASKS, delegation_state, posted
from penstock.base.errors import BadUserRequest, NotFound, NullValue
from penstock.engine.commands import (
    ChangeIdentityLink,
    ChangeTask,
    CompleteTask,
    CreateTask,
    DeleteTask,
    InstanceCommand,
    ThrowTaskError,
    ThrowTaskEscalation,
)
from penstock.engine.state import Instance, Task
from penstock.expr.values import TypedValue
from penstock.store.protocol import Row
from penstock.store.query import Exists, Group, Not, Query, eq, is_null

PATH = "/task"
ITEM = PATH + "/{id}"
CSV = ("application/csv", "text/csv")


class User(Body):
    """`UserIdDto`."""

    user_id: str | None = None


class Completion(Body):
    """`CompleteTaskDto`."""

    variables: dict[str, Any] | None = None
    with_variables_in_return: bool = False


class Attributes(Body):
    """`TaskDto` as clients send it."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    assignee: str | None = None
    owner: str | None = None
    delegation_state: str | None = None
    due: str | int | None = None
    follow_up: str | int | None = None
    priority: int = 0
    parent_task_id: str | None = None
    case_instance_id: str | None = None
    tenant_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """The attributes under the names of `events.TaskCreated`. Raises 400."""
        state = self.delegation_state
        return {
            "name": self.name,
            "description": self.description,
            "assignee": self.assignee,
            "owner": self.owner,
            "delegation_state": None if state is None else delegation_state(state),
            "due_ms": _moment(self.due),
            "follow_up_ms": _moment(self.follow_up),
            "priority": self.priority,
            "parent_task": self.parent_task_id,
            "case_instance": self.case_instance_id,
        }


class Link(Body):
    """`IdentityLinkDto`."""

    user_id: str | None = None
    group_id: str | None = None
    type: str | None = None


class BpmnError(Body):
    """`TaskBpmnErrorDto`."""

    error_code: str | None = None
    error_message: str | None = None
    variables: dict[str, Any] | None = None


class Escalation(Body):
    """`TaskEscalationDto`."""

    escalation_code: str | None = None
    variables: dict[str, Any] | None = None


def _moment(value: str | int | None) -> int | None:
    if value is None or value == "":
        return None
    found = value if isinstance(value, int) else dates.parse(value)
    if found is None:
        raise problems.unreadable()
    return found


# ------------------------------------------------------------------------------------------ finding


async def _live(request: Request, id: str) -> tuple[Instance, Task] | None:
    owner = await request.engine.instance_of("user_task", id)
    instance = None if owner is None else await request.engine.instance(owner)
    if instance is None or id not in instance.tasks:
        return None
    return instance, instance.tasks[id]


async def _must(request: Request, id: str) -> tuple[Instance, Task]:
    """The task; 500 `NullValueException` when it does not exist, as most of Camunda's commands."""
    found = await _live(request, id)
    if found is None:
        raise problems.null(_unknown(id))
    return found


def _unknown(id: str) -> str:
    return f"Cannot find task with id {id}: task is null"


async def _row(request: Request, id: str) -> Row:
    row = await one(request, Query("task", (*TASKS.always, *by_id(id))))
    if row is None:
        raise problems.invalid(404, f"No matching task with id {id}")
    return row


async def _execute(request: Request, command: InstanceCommand) -> None:
    await request.engine.execute(command, idempotency_key=request.idempotency_key)


# ------------------------------------------------------------------------------------------ lists


async def _tasks(request: Request, query: Query, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = await request.engine.rows(query)
    with_variables = bool(options.get("withTaskVariablesInReturn"))
    with_local = bool(options.get("withTaskLocalVariablesInReturn"))
    with_info = bool(options.get("withCommentAttachmentInfo"))
    found = []
    for row in rows:
        written = task(row)
        if with_variables or with_local:
            seen: dict[str, TypedValue] = {}
            instance = await request.engine.instance(row["instance_id"])
            if instance is not None:
                seen = task_variables(instance, row["id"], local=not with_variables)
            written["variables"] = values.write_all(seen)
        if with_info:
            written["attachment"] = written["comment"] = False
        found.append(written)
    return found


async def get_all(request: Request) -> Any:
    """`GET /task`."""
    options = {
        name: request.flag(name)
        for name in ("withTaskVariablesInReturn", "withTaskLocalVariablesInReturn", "withCommentAttachmentInfo")
    }
    return await _tasks(request, TASKS.get(request), options)


async def query(request: Request) -> Any:
    """`POST /task`."""
    body = request.object()
    return await _tasks(request, posted(request, body), body)


async def count(request: Request) -> Any:
    """`GET /task/count`."""
    return {"count": await request.engine.count(TASKS.get(request))}


async def query_count(request: Request) -> Any:
    """`POST /task/count`."""
    return {"count": await request.engine.count(posted(request, request.object()))}


async def candidate_group_count(request: Request) -> Any:
    """`GET /task/report/candidate-group-count`: of the tasks that nobody has; without a group under null."""
    links = Group(
        "identity_link",
        ("group_id",),
        (CANDIDATE, Exists("task", (("shard", "shard"), ("id", "task_id")), (*TASKS.always, is_null("assignee")))),
    )
    counts: dict[str | None, int] = {row["group_id"]: row["count"] for row in await request.engine.groups(links)}
    alone = (*TASKS.always, is_null("assignee"), Not(Exists("identity_link", OF_TASK, (CANDIDATE,))))
    without = await request.engine.count(Query("task", alone))
    if without:
        counts[None] = counts.get(None, 0) + without
    ordered = sorted(counts.items(), key=lambda item: (item[0] is not None, item[0] or ""))
    if request.accepted in CSV:
        lines = ["CANDIDATE_GROUP_NAME,TASK_COUNT", *(f"{_csv(group)},{number}" for group, number in ordered)]
        return Response(200, "\n".join(lines).encode(), request.accepted)
    return [{"groupName": group, "taskCount": number} for group, number in ordered]


def _csv(group: str | None) -> str:
    if group is None:
        return "null"
    return '"' + group.replace('"', '""') + '"' if any(c in group for c in ',"\n\r') else group


async def get(request: Request, id: str) -> Any:
    """`GET /task/{id}`."""
    (written,) = await _tasks(
        request,
        Query("task", eq_id(await _row(request, id))),
        {
            "withTaskVariablesInReturn": request.flag("withTaskVariablesInReturn"),
            "withTaskLocalVariablesInReturn": request.flag("withTaskLocalVariablesInReturn"),
            "withCommentAttachmentInfo": request.flag("withCommentAttachmentInfo"),
        },
    )
    return written
