"""`/history/activity-instance`: every entry into every activity."""

from typing import Any

from penstock.api import problems
from penstock.api.history_activity_instance.dto import historic_activity_instance
from penstock.api.http import Request, Route
from penstock.api.querying import Filter, Selection, by_id, identifier, like, moment, tenants, text
from penstock.api.shared_query import flagged, list_routes, one, without_tenant
from penstock.store.query import Op, Order, Query, eq, is_null, not_null

PATH = "/history/activity-instance"

FILTERS: dict[str, Filter] = {
    "activityInstanceId": identifier(),
    "processInstanceId": identifier("instance_id"),
    "processDefinitionId": text("definition_id"),
    "executionId": identifier("execution_id"),
    "activityId": text("activity_id"),
    "activityName": text("name"),
    "activityNameLike": like("name"),
    "activityType": text("type"),
    "taskAssignee": text("assignee"),
    "finished": flagged(lambda: (not_null("ended_ms"),)),
    "unfinished": flagged(lambda: (is_null("ended_ms"),)),
    "canceled": flagged(lambda: (eq("canceled", True),)),
    "completeScope": flagged(lambda: (eq("completes_scope", True),)),
    "startedBefore": moment("started_ms", Op.LT),
    "startedAfter": moment("started_ms", Op.GT),
    "finishedBefore": moment("ended_ms", Op.LT),
    "finishedAfter": moment("ended_ms", Op.GT),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
}

HISTORIC_ACTIVITY_INSTANCES = Selection(
    "activity_instance",
    FILTERS,
    {
        "activityInstanceId": Order("id"),
        "instanceId": Order("instance_id"),
        "executionId": Order("execution_id"),
        "activityId": Order("activity_id"),
        "activityName": Order("name"),
        "activityType": Order("type"),
        "startTime": Order("started_ms"),
        "endTime": Order("ended_ms"),
        "duration": Order("duration_ms"),
        "definitionId": Order("definition_id"),
        "occurrence": Order("sequence"),
        "tenantId": Order("tenant_id"),
    },
)


async def get(request: Request, id: str) -> Any:
    """`GET /history/activity-instance/{id}`."""
    row = await one(request, Query("activity_instance", by_id(id)))
    if row is None:
        raise problems.invalid(404, f"Historic activity instance with id '{id}' does not exist")
    return historic_activity_instance(row)


ROUTES: tuple[Route, ...] = (
    *list_routes(PATH, HISTORIC_ACTIVITY_INSTANCES, historic_activity_instance),
    Route("GET", PATH + "/{id}", get),
)
