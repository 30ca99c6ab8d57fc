"""`/history/process-instance`: running and ended process instances."""

from typing import Any

from penstock.api import problems
from penstock.api.history_process_instance.dto import historic_process_instance
from penstock.api.history_process_instance.query import HISTORIC_PROCESS_INSTANCES
from penstock.api.http import Request, Route
from penstock.api.querying import by_id
from penstock.api.shared_query import list_routes, one
from penstock.store.query import Query

PATH = "/history/process-instance"


async def get(request: Request, id: str) -> Any:
    """`GET /history/process-instance/{id}`."""
    row = await one(request, Query("process_instance", by_id(id)))
    if row is None:
        raise problems.invalid(404, f"Historic process instance with id {id} does not exist")
    return historic_process_instance(row)


async def delete(request: Request, id: str) -> Any:
    """`DELETE /history/process-instance/{id}`: only of an instance that has ended."""
    row = await one(request, Query("process_instance", by_id(id)))
    if row is None:
        if not request.flag("failIfNotExists", True):
            return
        raise problems.invalid(404, f"No historic process instance found with id: {id}", 0)
    if row["ended_ms"] is None:
        raise problems.invalid(
            404, f"Process instance is still running, cannot delete historic process instance: {id}", 0
        )
    await request.engine.delete_history([id])


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, HISTORIC_PROCESS_INSTANCES, historic_process_instance),
    Route("GET", PATH + "/{id}", get),
    Route("DELETE", PATH + "/{id}", delete, consumes=None),
)
