"""`/variable-instance`: the variables of running instances and open tasks."""

from typing import Any

from penstock.api import problems, values
from penstock.api.http import Request, Route
from penstock.api.querying import by_id, counted, listed
from penstock.api.shared_query import one
from penstock.api.shared_variables import binary
from penstock.api.variable_instance.dto import variable_instance
from penstock.api.variable_instance.query import VARIABLE_INSTANCES
from penstock.store.protocol import Row
from penstock.store.query import Query


async def _listed(request: Request, query: Query) -> list[Any]:
    deserialize = request.flag("deserializeValues", True)
    return await listed(request, query, lambda row: variable_instance(dict(row), deserialize=deserialize))


async def get_all(request: Request) -> Any:
    """`GET /variable-instance`."""
    return await _listed(request, VARIABLE_INSTANCES.get(request))


async def query(request: Request) -> Any:
    """`POST /variable-instance`."""
    return await _listed(request, VARIABLE_INSTANCES.post(request))


async def count(request: Request) -> Any:
    """`GET /variable-instance/count`."""
    return await counted(request, Query("variable", VARIABLE_INSTANCES.where_of_text(request)))


async def query_count(request: Request) -> Any:
    """`POST /variable-instance/count`."""
    where = VARIABLE_INSTANCES.where_of_json(request.object(), request.engine.clock.now_ms())
    return await counted(request, Query("variable", where))


async def _row(request: Request, id: str) -> Row:
    row = await one(request, Query("variable", (*VARIABLE_INSTANCES.always, *by_id(id))))
    if row is None:
        raise problems.invalid(404, f"Variable instance with Id '{id}' does not exist.")
    return row


async def get(request: Request, id: str) -> Any:
    """`GET /variable-instance/{id}`."""
    return variable_instance(await _row(request, id), deserialize=request.flag("deserializeValue", True))


async def data(request: Request, id: str) -> Any:
    """`GET /variable-instance/{id}/data`."""
    return binary(values.from_row(await _row(request, id)), id)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/variable-instance", get_all),
    Route("POST", "/variable-instance", query),
    Route("GET", "/variable-instance/count", count),
    Route("POST", "/variable-instance/count", query_count),
    Route("GET", "/variable-instance/{id}", get),
    Route("GET", "/variable-instance/{id}/data", data, produces=None),
)
