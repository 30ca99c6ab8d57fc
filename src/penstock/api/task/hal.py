"""Tasks as HAL (`application/hal+json`; Camunda 7 `HalTask`, `HalTaskList`): with links, and with what they link to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from penstock.api import values
from penstock.api.http import Request
from penstock.api.shared_query import LIVE
from penstock.api.task.dto import task
from penstock.store.protocol import Row
from penstock.store.query import Query, eq, one_of

HAL = "application/hal+json"
EMPTY: dict[str, Any] = {"_links": {}, "_embedded": {}}
_NOT_IN_HAL = ("lastUpdated", "taskState")
_LINKS: Mapping[str, tuple[str, str]] = {
    "self": ("id", "/task/{}"),
    "assignee": ("assignee", "/user/{}"),
    "owner": ("owner", "/user/{}"),
    "execution": ("executionId", "/execution/{}"),
    "parentTask": ("parentTaskId", "/task/{}"),
    "processDefinition": ("processDefinitionId", "/process-definition/{}"),
    "processInstance": ("processInstanceId", "/process-instance/{}"),
    "caseInstance": ("caseInstanceId", "/case-instance/{}"),
    "identityLink": ("id", "/task/{}/identity-links"),
}
"""Relation → (property of the task, path)."""


async def one_task(request: Request, row: Row, variables: Sequence[str] = ()) -> dict[str, Any]:
    """A task with its definition, its identity links and whom they name; `variables`: names of those to show."""
    found = _task(row)
    embedded: dict[str, Any] = {"processDefinition": await _definitions(request, [row])}
    links = await request.engine.rows(Query("identity_link", (eq("task_id", row["id"]),)))
    links += [
        {"task_id": row["id"], "type": who, "user_id": row[who], "group_id": None} for who in _PERSONS if row[who]
    ]
    embedded["identityLink"] = [_identity_link(link) for link in links]
    embedded["user"] = await _users(request, (link["user_id"] for link in links))
    embedded["group"] = await _groups(request, (link["group_id"] for link in links))
    found["_embedded"] = {name: items for name, items in embedded.items() if items} or None
    return await _with_variables(request, found, [(row, found)], variables)


async def tasks(request: Request, rows: Sequence[Row], count: int, variables: Sequence[str] = ()) -> dict[str, Any]:
    """A list of tasks with their definitions, assignees and owners. `count`: how many there are in all."""
    pairs = [(row, _task(row)) for row in rows]
    embedded = {
        "assignee": await _users(request, (row["assignee"] for row in rows)),
        "owner": await _users(request, (row["owner"] for row in rows)),
        "processDefinition": await _definitions(request, rows),
    }
    found: dict[str, Any] = {
        "_links": {"self": {"href": "/task"}},
        "_embedded": {
            "task": [written for _, written in pairs],
            **{name: items for name, items in embedded.items() if items},
        },
        "count": count,
    }
    return await _with_variables(request, found, pairs, variables)


_PERSONS = ("assignee", "owner")


def _task(row: Row) -> dict[str, Any]:
    written = {name: value for name, value in task(row).items() if name not in _NOT_IN_HAL}
    links = {
        relation: {"href": path.format(quote(str(written[name]), safe=":"))}
        for relation, (name, path) in _LINKS.items()
        if written[name] is not None
    }
    return {"_links": links, "_embedded": None, **written}


async def _found(
    request: Request, table: str, ids: Iterable[str | None], write: Callable[[Row], dict[str, Any]]
) -> list[Any]:
    wanted = sorted({id for id in ids if id is not None})
    if not wanted:
        return []
    return [write(row) for row in await request.engine.rows(Query(table, (one_of("id", wanted),)))]


async def _definitions(request: Request, rows: Sequence[Row]) -> list[Any]:
    return await _found(request, "process_definition", (row["definition_id"] for row in rows), _definition)


async def _users(request: Request, ids: Iterable[str | None]) -> list[Any]:
    return await _found(request, "identity_user", ids, _user)


async def _groups(request: Request, ids: Iterable[str | None]) -> list[Any]:
    return await _found(request, "identity_group", ids, _group)


def _linked(links: Mapping[str, str | None], **properties: Any) -> dict[str, Any]:
    hrefs = {relation: {"href": path} for relation, path in links.items() if path is not None}
    return {"_links": hrefs, "_embedded": None, **properties}


def _definition(row: Row) -> dict[str, Any]:
    deployment = f"/deployment/{row['deployment_id']}"
    resource = f"{deployment}/resources/{quote(row['resource_name'] or '', safe='')}"
    return _linked(
        {"self": f"/process-definition/{row['id']}", "deployment": deployment, "resource": resource},
        id=row["id"],
        key=row["key"],
        category=row["category"],
        description=row["description"],
        name=row["name"],
        versionTag=row["version_tag"],
        version=row["version"],
        resource=row["resource_name"],
        deploymentId=row["deployment_id"],
        diagram=row["diagram_name"],
        suspended=row["suspended"],
        contextPath=None,
    )


def _identity_link(row: Mapping[str, Any]) -> dict[str, Any]:
    user, group = row["user_id"], row["group_id"]
    links = {
        "task": f"/task/{row['task_id']}",
        "user": None if user is None else f"/user/{quote(user, safe='')}",
        "group": None if group is None else f"/group/{quote(group, safe='')}",
    }
    return _linked(links, type=row["type"], userId=user, groupId=group, taskId=row["task_id"])


def _user(row: Row) -> dict[str, Any]:
    return _linked(
        {"self": f"/user/{row['id']}"},
        id=row["id"],
        firstName=row["first_name"],
        lastName=row["last_name"],
        email=row["email"],
    )


def _group(row: Row) -> dict[str, Any]:
    return _linked({"self": f"/group/{row['id']}"}, id=row["id"], name=row["name"], type=row["type"])


# ------------------------------------------------------------------------------------------ variables


async def _with_variables(
    request: Request, found: dict[str, Any], pairs: Sequence[tuple[Row, dict[str, Any]]], names: Sequence[str]
) -> dict[str, Any]:
    """Each task gets those of the named variables that it sees: its own hide those of its execution and its instance."""
    if names and pairs:
        scopes = sorted({id for row, _ in pairs for id in _scopes(row)})
        query = Query("variable", (*LIVE, one_of("name", names), one_of("instance_id", _instances(pairs))))
        rows = [row for row in await request.engine.rows(query) if _scope(row) in scopes]
        for row, written in pairs:
            shown = _visible(row, rows)
            written["_embedded"] = {**(written["_embedded"] or {}), "variable": shown}
    return found


def _instances(pairs: Sequence[tuple[Row, dict[str, Any]]]) -> list[str]:
    return sorted({row["instance_id"] for row, _ in pairs})


def _scopes(row: Row) -> list[str]:
    return [id for id in (row["id"], row["execution_id"], row["instance_id"]) if id is not None]


def _scope(variable: Row) -> str | None:
    scope: str | None = variable["task_id"] or variable["execution_id"]
    return scope


def _visible(row: Row, variables: Sequence[Row]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for scope in _scopes(row):
        for variable in variables:
            if _scope(variable) == scope and variable["name"] not in found:
                found[variable["name"]] = _variable(row, scope, variable)
    return list(found.values())


def _variable(row: Row, scope: str, variable: Row) -> dict[str, Any]:
    if scope == row["id"]:
        path = f"/task/{scope}/localVariables"
    elif scope == row["instance_id"]:
        path = f"/process-instance/{scope}/variables"
    else:
        path = f"/execution/{scope}/localVariables"
    written = values.write(values.from_row(variable), deserialize=False)
    return _linked({"self": f"{path}/{quote(variable['name'], safe='')}"}, name=variable["name"], **written)
