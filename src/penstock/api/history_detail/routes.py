"""`/history/detail`: every change of every variable, and the fields of submitted forms."""

from typing import Any

from penstock.api import problems, values
from penstock.api.dates import write
from penstock.api.http import Request, Route
from penstock.api.querying import (
    Filter,
    Kind,
    Selection,
    by_id,
    counted,
    custom,
    flag,
    identifier,
    like,
    moment,
    tenants,
    text,
)
from penstock.api.shared_query import any_of, flagged, listed_rows, nothing, one, without_tenant
from penstock.api.shared_variables import binary
from penstock.store.protocol import Row
from penstock.store.query import Op, Order, Query, Term, Where, eq, is_null
from penstock.views.detail import FORM_FIELD, VARIABLE_UPDATE

PATH = "/history/detail"

FILTERS: dict[str, Filter] = {
    "processInstanceId": identifier("instance_id"),
    "processInstanceIdIn": any_of("instance_id"),
    "executionId": identifier("execution_id"),
    "taskId": identifier("task_id"),
    "activityInstanceId": identifier("activity_instance_id"),
    "caseInstanceId": nothing(),
    "caseExecutionId": nothing(),
    "variableInstanceId": identifier("variable_id"),
    "variableTypeIn": custom(
        Kind.LIST,
        lambda value, _: (Where("variable_type", Op.IN, tuple(item.lower() for item in value), True),) if value else (),
    ),
    "variableNameLike": like("name"),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
    "userOperationId": text("operation_id"),
    "formFields": flagged(lambda: (eq("type", FORM_FIELD),)),
    "variableUpdates": flagged(lambda: (eq("type", VARIABLE_UPDATE),)),
    "excludeTaskDetails": flagged(lambda: (is_null("task_id"),)),
    "initial": flag("initial"),
    "occurredBefore": moment("occurred_ms", Op.LE),
    "occurredAfter": moment("occurred_ms", Op.GE),
}

DETAILS = Selection(
    "detail",
    FILTERS,
    {
        "processInstanceId": Order("instance_id"),
        "variableName": Order("name"),
        "variableType": Order("variable_type"),
        "variableRevision": Order("revision"),
        "formPropertyId": Order("name"),
        "time": Order("occurred_ms"),
        "occurrence": Order("sequence"),
        "tenantId": Order("tenant_id"),
    },
)


def detail(row: Row, *, deserialize: bool) -> dict[str, Any]:
    """`HistoricVariableUpdateDto` or `HistoricFormFieldDto` of a row of the view `detail`."""
    if row["type"] == FORM_FIELD:
        return {**_common(row), "fieldId": row["name"], "fieldValue": row["text_value"]}
    value = values.write(values.stored(row["variable_type"], row), deserialize=deserialize)
    if value["type"] == "Bytes":
        value["value"] = None
    return {
        **_common(row),
        "variableName": row["name"],
        "variableInstanceId": row["variable_id"],
        "variableType": value["type"],
        "value": value["value"],
        "valueInfo": value["valueInfo"],
        "initial": row["initial"],
        "revision": row["revision"],
        "errorMessage": None,
    }


def _common(row: Row) -> dict[str, Any]:
    in_process = row["definition_id"] is not None
    return {
        "type": row["type"],
        "id": row["id"],
        "processDefinitionKey": row["definition_key"],
        "processDefinitionId": row["definition_id"],
        "processInstanceId": row["instance_id"] if in_process else None,
        "activityInstanceId": row["activity_instance_id"],
        "executionId": row["execution_id"],
        "caseDefinitionKey": None,
        "caseDefinitionId": None,
        "caseInstanceId": None,
        "caseExecutionId": None,
        "taskId": row["task_id"],
        "tenantId": row["tenant_id"],
        "userOperationId": row["operation_id"],
        "time": write(row["occurred_ms"]),
        "removalTime": write(row["removal_ms"]),
        "rootProcessInstanceId": row["root_id"] if in_process else None,
    }


def _selected(request: Request) -> Query:
    return DETAILS.get(request) if request.method == "GET" else DETAILS.post(request)


async def listed(request: Request) -> Any:
    """`GET` and `POST /history/detail`."""
    deserialize = request.flag("deserializeValues", True)
    return [detail(row, deserialize=deserialize) for row in await listed_rows(request, _selected(request))]


async def count(request: Request) -> Any:
    """`GET` and `POST /history/detail/count`."""
    return await counted(request, _selected(request))


async def _row(request: Request, id: str, *more: Term) -> Row:
    row = await one(request, Query("detail", (*by_id(id), *more)))
    if row is None:
        raise problems.invalid(404, f"Historic detail with Id '{id}' does not exist.")
    return row


async def get(request: Request, id: str) -> Any:
    """`GET /history/detail/{id}`."""
    return detail(await _row(request, id), deserialize=request.flag("deserializeValue", True))


async def data(request: Request, id: str) -> Any:
    """`GET /history/detail/{id}/data`."""
    row = await _row(request, id, eq("type", VARIABLE_UPDATE))
    return binary(values.stored(row["variable_type"], row), id)


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, listed),
    Route("POST", PATH, listed),
    Route("GET", PATH + "/count", count),
    Route("POST", PATH + "/count", count),
    Route("GET", PATH + "/{id}", get),
    Route("GET", PATH + "/{id}/data", data, produces=None),
)
