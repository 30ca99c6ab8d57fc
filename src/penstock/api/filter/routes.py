"""`/filter`: saved queries of tasks."""

from collections.abc import Mapping
from typing import Any

from penstock.api import options, problems
from penstock.api.administration import administer
from penstock.api.filter import stored
from penstock.api.http import JSON, Request, Route, json
from penstock.api.querying import Selection, like, text
from penstock.api.shared_query import list_routes, must
from penstock.api.task import hal
from penstock.api.task.dto import task
from penstock.identity import filters
from penstock.identity.filters import Filter
from penstock.store.protocol import Row
from penstock.store.query import Order, Query, eq

PATH = "/filter"
ITEM = PATH + "/{id}"
RESOURCE_TYPE = "Task"
ITEM_LINKS = (
    ("GET", "", "self"),
    *((method, f"/{way}", way) for way in ("singleResult", "list", "count") for method in ("GET", "POST")),
    ("DELETE", "", "delete"),
    ("PUT", "", "update"),
)
BOTH = (JSON, hal.HAL)

SELECTION = Selection(
    "saved_filter",
    filters={
        "filterId": text("id"),
        "resourceType": text("resource_type"),
        "name": text("name"),
        "nameLike": like("name"),
        "owner": text("owner"),
    },
    sortings={
        "filterId": Order("id"),
        "resourceType": Order("resource_type"),
        "name": Order("name"),
        "owner": Order("owner"),
    },
)


def written(row: Row) -> dict[str, Any]:
    """`FilterDto` of a row of `saved_filter`."""
    return {
        "id": row["id"],
        "resourceType": row["resource_type"],
        "name": row["name"],
        "owner": row["owner"],
        "query": row["query"],
        "properties": row["properties"] if row["properties"] is not None else {},
    }


async def _row(request: Request, id: str, code: int | None = None) -> Row:
    return await must(
        request, Query(filters.TABLE, (eq("id", id),)), f"Filter with id '{id}' does not exist.", code=code
    )


async def get_all(request: Request) -> Any:
    """`GET /filter`."""
    rows = await request.engine.rows(SELECTION.get(request))
    return [await _counted(request, row) for row in rows]


async def get(request: Request, id: str) -> Any:
    """`GET /filter/{id}`."""
    return await _counted(request, await _row(request, id))


async def _counted(request: Request, row: Row) -> dict[str, Any]:
    found = written(row)
    if request.flag("itemCount"):
        found["itemCount"] = await request.engine.count(await stored.prepared(request, row["query"], {}))
    return found


# ------------------------------------------------------------------------------------------ changing


def _wanted(request: Request, body: Mapping[str, Any], refusal: str) -> Filter:
    name, owner, properties = body.get("name"), body.get("owner"), body.get("properties")
    if not name:
        raise problems.invalid(400, refusal, 0)
    query = body.get("query")
    for value, kind in ((name, str), (owner, str), (properties, dict)):
        if value is not None and not isinstance(value, kind):
            raise problems.unreadable()
    if query is None:
        raise problems.Problem(500, "NullPointerException", "A filter needs the property 'query'.")
    return Filter(
        resource_type=RESOURCE_TYPE,
        name=name,
        owner=owner,
        query=stored.checked(request, query),
        properties=properties,
    )


def _body(request: Request) -> dict[str, Any]:
    """The body; as in Camunda the type of the resource and the query come together."""
    body = request.object()
    query = body.get("query")
    if query is not None and not isinstance(query, Mapping):
        raise problems.unreadable()
    if body.get("resourceType") is not None and "query" not in body:
        raise problems.unreadable()
    return body


async def create(request: Request) -> Any:
    """`POST /filter/create`."""
    body = _body(request)
    kind = body.get("resourceType")
    if kind != RESOURCE_TYPE:
        shown = "null" if kind is None else kind
        raise problems.invalid(400, f"Unable to create filter with invalid resource type '{shown}'")
    wanted = _wanted(request, body, "Unable to create filter with invalid content")
    row = await request.engine.administer(filters.create(wanted), user=request.user)
    return {**written(row), "properties": row["properties"]}


async def put(request: Request, id: str) -> None:
    """`PUT /filter/{id}`."""
    body = _body(request)
    row = await _row(request, id)
    kind = body.get("resourceType")
    if kind is not None and kind != row["resource_type"]:
        raise problems.invalid(400, f"Unable to update filter from resource type '{row['resource_type']}' to '{kind}'")
    wanted = _wanted(request, body, "Unable to update filter with invalid content")
    await administer(request, filters.change(id, wanted))


async def delete(request: Request, id: str) -> None:
    """`DELETE /filter/{id}`."""
    await administer(request, filters.delete(id), code=0)


# ------------------------------------------------------------------------------------------ executing


async def _query(request: Request, id: str) -> tuple[Row, Query]:
    row = await _row(request, id, 0)
    return row, await stored.prepared(request, row["query"], request.object())


async def single_result(request: Request, id: str) -> Any:
    """`GET` and `POST /filter/{id}/singleResult`: the only task, 204 without one."""
    row, query = await _query(request, id)
    found = await request.engine.rows(Query(query.table, query.where, query.order, limit=2))
    if len(found) > 1:
        raise problems.invalid(400, "Filter does not returns a valid single result", 0)
    if request.accepted == hal.HAL:
        names = stored.variable_names(row["properties"])
        return json(await hal.one_task(request, found[0], names) if found else hal.EMPTY, type=hal.HAL)
    return task(found[0]) if found else None


async def listed(request: Request, id: str) -> Any:
    """`GET` and `POST /filter/{id}/list`."""
    row, query = await _query(request, id)
    found = await request.engine.rows(query)
    if request.accepted == hal.HAL:
        count = await request.engine.count(query)
        names = stored.variable_names(row["properties"])
        answer = await hal.tasks(request, found, count, names) if found else {**hal.EMPTY, "count": count}
        return json(answer, type=hal.HAL)
    return [task(each) for each in found]


async def counted(request: Request, id: str) -> Any:
    """`GET` and `POST /filter/{id}/count`."""
    return {"count": await request.engine.count((await _query(request, id))[1])}


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, get_all),
    *(route for route in list_routes(PATH, SELECTION, written, post=False) if route.path.endswith("/count")),
    Route("OPTIONS", PATH, options.links(PATH, options.COLLECTION)),
    Route("POST", PATH + "/create", create),
    Route("GET", ITEM, get),
    Route("PUT", ITEM, put),
    Route("DELETE", ITEM, delete),
    Route("OPTIONS", ITEM, options.links(ITEM, ITEM_LINKS)),
    *(Route(method, ITEM + "/singleResult", single_result, produces=BOTH) for method in ("GET", "POST")),
    *(Route(method, ITEM + "/list", listed, produces=BOTH) for method in ("GET", "POST")),
    *(Route(method, ITEM + "/count", counted) for method in ("GET", "POST")),
)
