"""`/history/external-task-log`: what happened to external tasks."""

from typing import Any

from penstock.api import problems
from penstock.api.history_external_task_log.dto import external_task_log
from penstock.api.http import Request, Response, Route
from penstock.api.querying import Filter, Kind, Selection, by_id, identifier, integer, tenants, text
from penstock.api.shared_query import any_of, flagged, list_routes, one, without_tenant
from penstock.store.protocol import Row
from penstock.store.query import Op, Order, Query, Term, eq

PATH = "/history/external-task-log"


def _state(state: str) -> Filter:
    terms: tuple[Term, ...] = (eq("state", state),)
    return flagged(lambda: terms)


FILTERS: dict[str, Filter] = {
    "logId": identifier(),
    "externalTaskId": identifier("external_task_id"),
    "topicName": text("topic"),
    "workerId": text("worker_id"),
    "errorMessage": text("error_message"),
    "activityIdIn": any_of("activity_id"),
    "activityInstanceIdIn": any_of("activity_instance_id"),
    "executionIdIn": any_of("execution_id"),
    "processInstanceId": identifier("instance_id"),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
    "priorityLowerThanOrEquals": integer("priority", Op.LE, Kind.LONG),
    "priorityHigherThanOrEquals": integer("priority", Op.GE, Kind.LONG),
    "creationLog": _state("created"),
    "failureLog": _state("failed"),
    "successLog": _state("successful"),
    "deletionLog": _state("deleted"),
}

EXTERNAL_TASK_LOGS = Selection(
    "external_task_log",
    FILTERS,
    {
        "timestamp": Order("occurred_ms"),
        "externalTaskId": Order("external_task_id"),
        "topicName": Order("topic"),
        "workerId": Order("worker_id"),
        "retries": Order("retries"),
        "priority": Order("priority"),
        "activityId": Order("activity_id"),
        "activityInstanceId": Order("activity_instance_id"),
        "executionId": Order("execution_id"),
        "processInstanceId": Order("instance_id"),
        "processDefinitionId": Order("definition_id"),
        "processDefinitionKey": Order("definition_key"),
        "tenantId": Order("tenant_id"),
    },
)


async def _row(request: Request, id: str) -> Row | None:
    return await one(request, Query("external_task_log", by_id(id)))


async def get(request: Request, id: str) -> Any:
    """`GET /history/external-task-log/{id}`."""
    row = await _row(request, id)
    if row is None:
        raise problems.invalid(404, f"Historic external task log with id {id} does not exist")
    return external_task_log(row)


async def error_details(request: Request, id: str) -> Any:
    """`GET /history/external-task-log/{id}/error-details`."""
    row = await _row(request, id)
    if row is None:
        raise problems.invalid(
            404, f"No historic external task log found with id {id}: historicExternalTaskLog is null"
        )
    return Response(200, (row["error_details"] or "").encode(), "text/plain")


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, EXTERNAL_TASK_LOGS, external_task_log),
    Route("GET", PATH + "/{id}", get),
    Route("GET", PATH + "/{id}/error-details", error_details, produces=("text/plain",)),
)
