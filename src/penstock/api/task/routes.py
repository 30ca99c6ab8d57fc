"""`/task`: work for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api import dates, forms, live, problems, values
from penstock.api.deployed_forms import deployed
from penstock.api.dto import Body, as_text
from penstock.api.http import JSON, Request, Route, attachment, json
from penstock.api.querying import by_id, shard_or_none
from penstock.api.rendered_form import rendered as rendered_form_of
from penstock.api.shared_query import OF_TASK, one
from penstock.api.shared_variables import task_scope, task_variables, variable_routes
from penstock.api.task import hal
from penstock.api.task.dto import form, link, task
from penstock.api.task.query import CANDIDATE, TASKS, delegation_state, posted
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
from penstock.model.graph import FormSpec
from penstock.store.protocol import Row
from penstock.store.query import Exists, Group, Not, Query, eq, is_null, one_of

PATH = "/task"
ITEM = PATH + "/{id}"
CSV = ("application/csv", "text/csv")
PERSONS = ("assignee", "owner")
UUID_LENGTH = 36


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


_OPTIONS = ("withTaskVariablesInReturn", "withTaskLocalVariablesInReturn", "withCommentAttachmentInfo")


async def _tasks(request: Request, rows: Sequence[Row], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    all_variables, local_variables, info = (bool(options.get(name)) for name in _OPTIONS)
    found = []
    for row in rows:
        written = task(row)
        if all_variables or local_variables:
            seen: dict[str, TypedValue] = {}
            instance = await request.engine.instance(row["instance_id"])
            if instance is not None:
                seen = task_variables(instance, row["id"], local=not all_variables)
            if seen:
                written["variables"] = values.write_all(seen)
        found.append(written)
    if info:
        await _add_info(request, found)
    return found


async def _add_info(request: Request, tasks: Sequence[dict[str, Any]]) -> None:
    """Whether there are comments and attachments."""
    ids = [each["id"] for each in tasks]
    for table in ("comment", "attachment"):
        groups = await request.engine.groups(Group(table, ("task_id",), (one_of("task_id", ids),)))
        known = {row["task_id"] for row in groups}
        for each in tasks:
            each[table] = each["id"] in known


async def get_all(request: Request) -> Any:
    """`GET /task`."""
    query = TASKS.get(request)
    rows = await request.engine.rows(query)
    if request.accepted == hal.HAL:
        count = await request.engine.count(query)
        return json(await hal.tasks(request, rows, count), type=hal.HAL)
    return await _tasks(request, rows, {name: request.flag(name) for name in _OPTIONS})


async def query(request: Request) -> Any:
    """`POST /task`."""
    body = request.object()
    return await _tasks(request, await request.engine.rows(posted(request, body)), body)


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
        return attachment("\n".join(lines).encode(), request.accepted, "task-count-by-candidate-group.csv")
    return [{"groupName": group, "taskCount": number} for group, number in ordered]


def _csv(group: str | None) -> str:
    if group is None:
        return "null"
    return '"' + group.replace('"', '""') + '"' if any(c in group for c in ',"\n\r') else group


async def get(request: Request, id: str) -> Any:
    """`GET /task/{id}`."""
    row = await _row(request, id)
    if request.accepted == hal.HAL:
        return json(await hal.one_task(request, row), type=hal.HAL)
    return (await _tasks(request, [row], {name: request.flag(name) for name in _OPTIONS}))[0]


# ------------------------------------------------------------------------------------------ who does it


async def _change(
    request: Request,
    instance: Instance,
    id: str,
    operation: str,
    changes: dict[str, Any],
    variables: dict[str, TypedValue] | None = None,
    form_texts: tuple[tuple[str, str], ...] = (),
) -> None:
    command = ChangeTask(
        instance=instance.id,
        task=id,
        operation=operation,
        changes=changes,
        variables=variables or {},
        submitted=form_texts,
        user=request.user,
    )
    await _execute(request, command)


async def claim(request: Request, id: str) -> Any:
    """`POST /task/{id}/claim`."""
    body = request.body(User)
    instance, _ = await _must(request, id)
    # Without a user Camunda just takes the assignee away, whoever it is.
    await _change(request, instance, id, "claim", {"assignee": body.user_id})


async def _assign(request: Request, id: str, user: str | None, operation: str) -> None:
    found = await _live(request, id)
    if found is None:
        raise problems.Problem(400, "NotFoundException", _unknown(id), 0)
    await _change(request, found[0], id, operation, {"assignee": user})


async def unclaim(request: Request, id: str) -> Any:
    """`POST /task/{id}/unclaim`."""
    await _assign(request, id, None, "unclaim")


async def assign(request: Request, id: str) -> Any:
    """`POST /task/{id}/assignee`."""
    await _assign(request, id, request.body(User).user_id, "assign")


async def delegate(request: Request, id: str) -> Any:
    """`POST /task/{id}/delegate`: the present assignee becomes the owner, unless there is one."""
    body = request.body(User)
    instance, found = await _must(request, id)
    changes: dict[str, Any] = {"delegation_state": "PENDING"}
    if found.fields.get("owner") is None:
        changes["owner"] = found.fields.get("assignee")
    changes["assignee"] = body.user_id
    await _change(request, instance, id, "delegate", changes)


async def resolve(request: Request, id: str) -> Any:
    """`POST /task/{id}/resolve`: the task goes back to its owner."""
    body = _completion(request)
    variables = values.read_all(body.variables)
    instance, found = await _must(request, id)
    changes = {"delegation_state": "RESOLVED", "assignee": found.fields.get("owner")}
    await _change(request, instance, id, "resolve", changes, variables)


def _completion(request: Request) -> Completion:
    if not request.content:
        raise problems.Problem(500, "NullPointerException", "The request has no body.")
    return request.body(Completion)


# ------------------------------------------------------------------------------------------ ending


async def complete(request: Request, id: str) -> Any:
    """`POST /task/{id}/complete`."""
    body = _completion(request)
    prefix = f"Cannot complete task {id}: "
    with problems.reported(prefix):
        variables = values.read_all(body.variables)
    return await _complete(request, id, prefix, body, variables)


async def _complete(
    request: Request,
    id: str,
    prefix: str,
    body: Completion,
    variables: dict[str, TypedValue],
    form_texts: tuple[tuple[str, str], ...] | None = None,
) -> Any:
    """Completes the task. `form_texts`: what history notes of the form by which it is done; then a delegated task is only
    given back."""
    with problems.reported(prefix, refused=lambda message, _: problems.rest(500, message)):
        instance, found = await _must(request, id)
        if form_texts is not None and found.fields.get("delegation_state") == "PENDING":
            changes = {"delegation_state": "RESOLVED", "assignee": found.fields.get("owner")}
            await _change(request, instance, id, "resolve", changes, variables, form_texts)
        else:
            command = CompleteTask(
                instance=instance.id, task=id, variables=variables, submitted=form_texts or (), user=request.user
            )
            await _execute(request, command)
    if body.with_variables_in_return:
        return json(values.write_all(await _last_variables(request, instance), deserialize=False))
    return None


async def _last_variables(request: Request, instance: Instance) -> dict[str, TypedValue]:
    """The process instance's variables as they are now, or were at its end."""
    now = await request.engine.instance(instance.id)
    if now is not None:
        return live.top(now)
    where = (*by_id(instance.id, "instance_id"), eq("state", "CREATED"), eq("execution_id", instance.id))
    rows = await request.engine.rows(Query("variable", (*where, is_null("task_id"))))
    return {row["name"]: values.from_row(row) for row in rows}


async def submit_form(request: Request, id: str) -> Any:
    """`POST /task/{id}/submit-form`: completes the task, or gives a delegated one back."""
    body = _completion(request)
    prefix = f"Cannot submit task form {id}: "
    with problems.reported(prefix):
        variables = values.read_all(body.variables)
    texts = forms.texts(variables)
    found = await _live(request, id)
    if found is not None:
        spec = FormSpec(fields=tuple(await forms.of_task(request.engine, *found)))
        scope = forms.Scope(task_variables(found[0], id), request.engine.clock.now_ms())
        with problems.reported(prefix):
            variables = forms.submitted(spec, variables, scope)
    return await _complete(request, id, prefix, body, variables, texts)


async def _throw(request: Request, id: str, command: ThrowTaskError | ThrowTaskEscalation) -> None:
    try:
        await _execute(request, command)
    except NotFound as error:
        raise problems.rest(404, error.message) from error
    except BadUserRequest as error:
        raise problems.rest(400, error.message) from error
    except NullValue as error:
        raise problems.engine(error.message) from error


async def _thrower(request: Request, id: str, code: str | None, what: str) -> tuple[Instance, str]:
    if code is None or code == "":
        raise problems.rest(400, f"{what} is {'null' if code is None else 'empty'}")
    found = await _live(request, id)
    if found is None:
        raise problems.rest(404, _unknown(id))
    return found[0], code


async def bpmn_error(request: Request, id: str) -> Any:
    """`POST /task/{id}/bpmnError`."""
    body = request.body(BpmnError)
    variables = values.read_all(body.variables)
    instance, code = await _thrower(request, id, body.error_code, "errorCode")
    command = ThrowTaskError(
        instance=instance.id,
        task=id,
        error_code=code,
        error_message=body.error_message,
        variables=variables,
        user=request.user,
    )
    await _throw(request, id, command)


async def bpmn_escalation(request: Request, id: str) -> Any:
    """`POST /task/{id}/bpmnEscalation`."""
    body = request.body(Escalation)
    variables = values.read_all(body.variables)
    instance, code = await _thrower(request, id, body.escalation_code, "escalationCode")
    command = ThrowTaskEscalation(
        instance=instance.id, task=id, escalation_code=code, variables=variables, user=request.user
    )
    await _throw(request, id, command)


# ------------------------------------------------------------------------------------------ attributes


async def create(request: Request) -> Any:
    """`POST /task/create`: a task of no process. Its id, if given, must be a UUID."""
    body = request.body(Attributes)
    fields = {name: value for name, value in body.fields().items() if value is not None}
    case = fields.pop("case_instance", None)
    if body.id is not None:
        if shard_or_none(body.id) is None or len(body.id) != UUID_LENGTH:
            raise problems.invalid(400, f"Could not save task: the id '{body.id}' is no UUID in lower case.")
        if await request.engine.instance_of("user_task", body.id) is not None:
            raise problems.Problem(
                500, "ProcessEnginePersistenceException", f"A task with the id '{body.id}' exists already.", 0
            )
        fields["id"] = body.id
    if body.parent_task_id is not None and await _live(request, body.parent_task_id) is None:
        raise problems.invalid(
            400,
            f"Could not save task: Parent task with id '{body.parent_task_id}' does not exist: parentTask is null",
            0,
        )
    created = await request.engine.execute(
        CreateTask(fields=fields, tenant=body.tenant_id, user=request.user), idempotency_key=request.idempotency_key
    )
    if case is not None:
        command = ChangeTask(instance=created, task=created, operation="update", changes={"case_instance": case})
        await request.engine.execute(command)


async def update(request: Request, id: str) -> Any:
    """`PUT /task/{id}`: replaces every attribute; what is not sent becomes null."""
    body = request.body(Attributes)
    fields = body.fields()
    found = await _live(request, id)
    if found is None:
        raise problems.invalid(404, f"No matching task with id {id}")
    instance, before = found
    if body.tenant_id != instance.tenant:
        raise problems.engine(
            f"ENGINE-03072 Cannot change tenantId of Task '{id}'. Current tenant id '{instance.tenant or 'null'}', "
            f"Tenant id to set '{body.tenant_id or 'null'}'"
        )
    changes = {name: value for name, value in fields.items() if before.fields.get(name) != value}
    await _change(request, instance, id, "update", changes)


async def delete(request: Request, id: str) -> Any:
    """`DELETE /task/{id}`: only tasks of no process. One that does not exist is passed over, as in Camunda."""
    found = await _live(request, id)
    if found is None:
        return
    instance, item = found
    if item.execution is not None:
        raise problems.engine("The task cannot be deleted because is part of a running process")
    await _execute(request, DeleteTask(instance=instance.id, task=id, user=request.user))


async def identity_links(request: Request, id: str) -> Any:
    """`GET /task/{id}/identity-links`: candidates and others, with assignee and owner."""
    _, found = await _must(request, id)
    links = [link(type, user, group) for type, user, group, _ in found.links]
    links += [link(type, found.fields[type], None) for type in PERSONS if found.fields.get(type) is not None]
    wanted = request.text("type")
    return [item for item in links if wanted is None or item["type"] == wanted]


async def _link(request: Request, id: str, *, add: bool) -> None:
    body = request.body(Link)
    if (body.user_id is None) == (body.group_id is None):
        both = ", but not both" if body.user_id is not None else ""
        raise problems.invalid(400, f"Identity Link requires userId or groupId{both}.")
    _check_link(body, add)
    found = await _live(request, id)
    if found is None:
        raise problems.Problem(400, "NotFoundException", _unknown(id), 0) if add else problems.null(_unknown(id))
    command = ChangeIdentityLink(
        instance=found[0].id,
        task=id,
        type=body.type,
        add=add,
        link_user=body.user_id,
        link_group=body.group_id,
        user=request.user,
    )
    await _execute(request, command)


def _check_link(body: Link, add: bool) -> None:
    """What Camunda 7 refuses differs between `AddUserIdentityLinkCmd` and `DeleteIdentityLinkCmd`."""
    if add and body.type == "assignee" and body.user_id is None:
        raise problems.bad_user_request("Incompatible usage: cannot use ASSIGNEE together with a groupId")
    if not add and body.type is None:
        raise problems.null("type is required when adding a new task identity link: type is null")
    if not add and body.type in PERSONS and body.user_id is None:
        raise problems.engine(f"Incompatible usage: cannot use type '{body.type}' together with a groupId")


async def add_link(request: Request, id: str) -> Any:
    """`POST /task/{id}/identity-links`."""
    await _link(request, id, add=True)


async def delete_link(request: Request, id: str) -> Any:
    """`POST /task/{id}/identity-links/delete`."""
    await _link(request, id, add=False)


# ------------------------------------------------------------------------------------------ forms


async def get_form(request: Request, id: str) -> Any:
    """`GET /task/{id}/form`."""
    found = await _live(request, id)
    if found is None:
        raise problems.rest(400, f"Cannot get form for task {id}")
    key, ref = found[1].fields.get("form_key"), found[1].fields.get("form_ref")
    if not key and not ref and await forms.of_task(request.engine, *found):
        key = f"embedded:engine://engine/:engine/task/{id}/rendered-form"
    return form(key, ref)


async def form_variables(request: Request, id: str) -> Any:
    """`GET /task/{id}/form-variables`."""
    found = await _live(request, id)
    if found is None:
        raise problems.bad_user_request(f"Cannot find task with id '{id}'.: task is null")
    text = request.text("variableNames")
    names = None if text is None else text.split(",")
    seen = task_variables(found[0], id)
    fields = [f for f in await forms.of_task(request.engine, *found) if names is None or f.id in names]
    shown = forms.shown(fields, forms.Scope(seen, request.engine.clock.now_ms()))
    shown |= {n: value for n, value in seen.items() if n not in shown and (names is None or n in names)}
    return values.write_all(shown, deserialize=request.flag("deserializeValues", True))


async def deployed_form(request: Request, id: str) -> Any:
    """`GET /task/{id}/deployed-form`."""
    instance, found = await _must(request, id)
    definition = None if instance.definition is None else await request.engine.definition(instance.definition)
    return await deployed(request.engine, definition, found.fields.get("form_key"), found.fields.get("form_ref"))


async def rendered_form(request: Request, id: str) -> Any:
    """`GET /task/{id}/rendered-form`."""
    found = await _live(request, id)
    if found is None:
        raise problems.null(f"Task '{id}' not found: task is null")
    fields = await forms.of_task(request.engine, *found)
    if not fields or found[1].fields.get("form_key") or found[1].fields.get("form_ref"):
        raise problems.invalid(404, f"No matching rendered form for task with the id {id} found.")
    ids = {field.id for field in fields}
    seen = {name: value for name, value in task_variables(found[0], id).items() if name not in ids}
    shown = forms.shown(fields, forms.Scope(seen, request.engine.clock.now_ms()))
    texts = {name: None if value.value is None else as_text(value.value) for name, value in shown.items()}
    return rendered_form_of(fields, texts)


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, get_all, produces=(JSON, hal.HAL)),
    Route("POST", PATH, query),
    Route("GET", PATH + "/count", count),
    Route("POST", PATH + "/count", query_count),
    Route("POST", PATH + "/create", create),
    Route("GET", PATH + "/report/candidate-group-count", candidate_group_count, produces=(JSON, *CSV)),
    Route("GET", ITEM, get, produces=(JSON, hal.HAL)),
    Route("PUT", ITEM, update),
    Route("DELETE", ITEM, delete, consumes=None),
    Route("POST", ITEM + "/claim", claim),
    Route("POST", ITEM + "/unclaim", unclaim, consumes=None),
    Route("POST", ITEM + "/assignee", assign),
    Route("POST", ITEM + "/delegate", delegate),
    Route("POST", ITEM + "/resolve", resolve),
    Route("POST", ITEM + "/complete", complete),
    Route("POST", ITEM + "/bpmnError", bpmn_error),
    Route("POST", ITEM + "/bpmnEscalation", bpmn_escalation),
    Route("GET", ITEM + "/identity-links", identity_links),
    Route("POST", ITEM + "/identity-links", add_link),
    Route("POST", ITEM + "/identity-links/delete", delete_link),
    Route("GET", ITEM + "/form", get_form),
    Route("GET", ITEM + "/form-variables", form_variables),
    Route("GET", ITEM + "/deployed-form", deployed_form, produces=None),
    Route("GET", ITEM + "/rendered-form", rendered_form, produces=None),
    Route("POST", ITEM + "/submit-form", submit_form),
    *variable_routes(ITEM + "/variables", "task", task_scope, local=False),
    *variable_routes(ITEM + "/localVariables", "task", task_scope, local=True),
)
