"""`/history/process-instance`: running and ended process instances."""

from typing import Any

from penstock.api import batches, problems
from penstock.api.dto import Body
from penstock.api.history_process_instance.dto import historic_process_instance
from penstock.api.history_process_instance.query import HISTORIC_PROCESS_INSTANCES
from penstock.api.history_process_instance.report import report
from penstock.api.http import JSON, Request, Route
from penstock.api.periods import CSV
from penstock.api.querying import by_id, by_ids
from penstock.api.removal_time import RemovalTimeBody, mode_of, template_of
from penstock.api.shared_query import list_routes, one
from penstock.engine.events import JobKind
from penstock.runtime.batches.kinds import HistoryDeletion
from penstock.store.query import Query

PATH = "/history/process-instance"

CHUNK_SIZE_MAX = 500
"""Camunda 7 `ProcessSetRemovalTimeJobHandler.MAX_CHUNK_SIZE`."""


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
    await request.engine.delete_history([id], user=request.user)


class Deletion(Body):
    """`DeleteHistoricProcessInstancesDto`."""

    historic_process_instance_ids: list[str | None] | None = None
    historic_process_instance_query: dict[str, Any] | None = None
    delete_reason: str | None = None


class SetRemovalTime(RemovalTimeBody):
    """`SetRemovalTimeToHistoricProcessInstancesDto`."""

    historic_process_instance_ids: list[str | None] | None = None
    historic_process_instance_query: dict[str, Any] | None = None
    update_in_chunks: bool = False
    update_chunk_size: int | None = None


async def delete_async(request: Request) -> Any:
    """`POST /history/process-instance/delete`: a batch."""
    body = request.body(Deletion)
    ids = await batches.instances(
        request, body.historic_process_instance_ids, None, body.historic_process_instance_query
    )
    if not ids:
        raise problems.invalid(400, "historicProcessInstanceIds is empty")
    operation = batches.logged("DeleteHistory", len(ids), ("deleteReason", body.delete_reason))
    template = HistoryDeletion(user=request.user)
    return await batches.make(request, JobKind.HISTORY_DELETION, ids, template, operation)


async def set_removal_time(request: Request) -> Any:
    """`POST /history/process-instance/set-removal-time`: a batch. The rows of one instance are changed together, so
    `updateInChunks` changes nothing."""
    body = request.body(SetRemovalTime)
    mode = mode_of(body)
    size = body.update_chunk_size
    if size is not None and not 0 < size <= CHUNK_SIZE_MAX:
        raise problems.bad_user_request(f"The value for chunk size should be between 1 and {CHUNK_SIZE_MAX}")
    if body.historic_process_instance_ids is None and body.historic_process_instance_query is None:
        raise problems.bad_user_request("Neither query nor ids provided.")
    template = template_of(body, mode, request.user)
    ids = await _known(request, body)
    if not ids:
        raise problems.bad_user_request("historicProcessInstances is empty")
    operation = batches.logged("SetRemovalTime", len(ids), ("mode", mode), ("hierarchical", _java(body.hierarchical)))
    return await batches.make(request, JobKind.INSTANCE_REMOVAL_TIME, ids, template, operation)


async def _known(request: Request, body: SetRemovalTime) -> list[str]:
    """Instances that history knows."""
    found = await batches.instances(request, None, None, body.historic_process_instance_query)
    if body.historic_process_instance_ids:
        where = by_ids([id for id in body.historic_process_instance_ids if id is not None])
        rows = await request.engine.rows(Query("process_instance", where, columns=("id",)))
        found += [row["id"] for row in rows]
    return list(dict.fromkeys(found))


def _java(value: bool) -> str:
    return "true" if value else "false"


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH + "/report", report, produces=(JSON, *CSV)),
    *list_routes(PATH, HISTORIC_PROCESS_INSTANCES, historic_process_instance),
    Route("POST", PATH + "/delete", delete_async),
    Route("POST", PATH + "/set-removal-time", set_removal_time),
    Route("GET", PATH + "/{id}", get),
    Route("DELETE", PATH + "/{id}", delete, consumes=None),
)
