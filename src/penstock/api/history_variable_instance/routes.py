"""`/history/variable-instance`: every variable, with its last value."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from penstock.api import problems, values
from penstock.api.dates import write
from penstock.api.history_variable_instance.forget import forget_variable, forget_variables
from penstock.api.http import Request, Route
from penstock.api.querying import (
    Context,
    Filter,
    Kind,
    Selection,
    VariableCondition,
    by_id,
    counted,
    custom,
    identifier,
    modifier,
    tenants,
    text,
    value_term,
)
from penstock.api.shared_query import any_of, listed_rows, nothing, one, value_of, without_tenant
from penstock.api.shared_variables import binary
from penstock.expr.values import TypedValue
from penstock.store.protocol import Row
from penstock.store.query import Not, Op, Order, Query, Term, Where, eq

PATH = "/history/variable-instance"


def _types(value: list[str], _: Context) -> Iterable[Term]:
    if value:
        yield Where("type", Op.IN, tuple(item.lower() for item in value), True)


def _name(value: str, context: Context) -> Iterable[Term]:
    if context.given.get("variableNamesIgnoreCase"):
        yield Where("name", Op.EQ, value.lower(), True)
    else:
        yield eq("name", value)


def _name_like(value: str, context: Context) -> Iterable[Term]:
    if context.given.get("variableNamesIgnoreCase"):
        yield Where("name", Op.LIKE, value.lower(), True)
    else:
        yield Where("name", Op.LIKE, value)


def _value_terms(value: TypedValue, context: Context) -> Iterable[Term]:
    if context.given.get("variableName") is None:
        raise problems.invalid(
            400,
            "Only a single variable value parameter specified: variable name and value are required to be able to query "
            "after a specific variable value.",
        )
    yield value_term(Op.EQ, value, lower=bool(context.given.get("variableValuesIgnoreCase")))


def _value_of_text(value: str, context: Context) -> Iterable[Term]:
    return _value_terms(TypedValue("String", value), context)


def _value_of_json(value: Sequence[VariableCondition], context: Context) -> Iterable[Term]:
    for condition in value:
        yield from _value_terms(condition.value, context)


FILTERS: dict[str, Filter] = {
    "variableName": custom(Kind.TEXT, _name),
    "variableNameLike": custom(Kind.TEXT, _name_like),
    "variableNameIn": any_of("name"),
    "variableValue": custom(Kind.TEXT, _value_of_text),
    "variableTypeIn": custom(Kind.LIST, _types),
    "processInstanceId": identifier("instance_id"),
    "processInstanceIdIn": any_of("instance_id"),
    "processInstanceIdNotIn": any_of("instance_id", Op.NOT_IN),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "executionIdIn": any_of("execution_id"),
    "caseInstanceId": nothing(),
    "caseExecutionIdIn": nothing(Kind.LIST),
    "caseActivityIdIn": nothing(Kind.LIST),
    "taskIdIn": any_of("task_id"),
    "activityInstanceIdIn": any_of("activity_instance_id"),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
    "includeDeleted": modifier(),
    "variableNamesIgnoreCase": modifier(),
    "variableValuesIgnoreCase": modifier(),
}
HISTORIC_VARIABLES = Selection(
    "variable",
    FILTERS,
    {"instanceId": Order("instance_id"), "variableName": Order("name"), "tenantId": Order("tenant_id")},
)
POSTED_VARIABLES = msgspec.structs.replace(
    HISTORIC_VARIABLES, filters={**FILTERS, "variableValue": Filter(Kind.VARIABLES, _value_of_json)}
)
"""The same in a body, where the value has its JSON type."""
_NOT_DELETED: Term = Not(eq("state", "DELETED"))


def historic_variable(row: Row, *, deserialize: bool) -> dict[str, Any]:
    """`HistoricVariableInstanceDto` of a row of the view `variable`."""
    in_process = row["definition_id"] is not None
    return {
        **value_of(row, deserialize=deserialize),
        "id": row["id"],
        "name": row["name"],
        "processDefinitionKey": row["definition_key"],
        "processDefinitionId": row["definition_id"],
        "processInstanceId": row["instance_id"] if in_process else None,
        "executionId": row["execution_id"],
        "activityInstanceId": row["activity_instance_id"],
        "caseDefinitionKey": None,
        "caseDefinitionId": None,
        "caseInstanceId": None,
        "caseExecutionId": None,
        "taskId": row["task_id"],
        "tenantId": row["tenant_id"],
        "errorMessage": None,
        "state": row["state"],
        "createTime": write(row["created_ms"]),
        "removalTime": write(row["removal_ms"]),
        "rootProcessInstanceId": row["root_id"] if in_process else None,
    }


def _with_value(given: Mapping[str, Any]) -> dict[str, Any]:
    """`variableValue` is a value, not a condition: it becomes one."""
    if given.get("variableValue") is None:
        return dict(given)
    return {**given, "variableValue": [{"name": "", "operator": "eq", "value": given["variableValue"]}]}


def _selected(request: Request) -> Query:
    if request.method == "GET":
        found = HISTORIC_VARIABLES.get(request)
        deleted = request.flag("includeDeleted")
    else:
        body = _with_value(request.object())
        found = POSTED_VARIABLES.post(request, body)
        deleted = body.get("includeDeleted") is True
    where = found.where if deleted else (*found.where, _NOT_DELETED)
    return Query(found.table, where, found.order, found.offset, found.limit)


async def listed(request: Request) -> Any:
    """`GET` and `POST /history/variable-instance`."""
    deserialize = request.flag("deserializeValues", True)
    rows = await listed_rows(request, _selected(request))
    return [historic_variable(row, deserialize=deserialize) for row in rows]


async def count(request: Request) -> Any:
    """`GET` and `POST /history/variable-instance/count`."""
    return await counted(request, _selected(request))


async def _row(request: Request, id: str) -> Row:
    row = await one(request, Query("variable", by_id(id)))
    if row is None:
        raise problems.invalid(404, f"Historic variable instance with Id '{id}' does not exist.")
    return row


async def get(request: Request, id: str) -> Any:
    """`GET /history/variable-instance/{id}`."""
    return historic_variable(await _row(request, id), deserialize=request.flag("deserializeValue", True))


async def data(request: Request, id: str) -> Any:
    """`GET /history/variable-instance/{id}/data`."""
    return binary(values.from_row(await _row(request, id)), id)


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, listed),
    Route("POST", PATH, listed),
    Route("GET", PATH + "/count", count),
    Route("POST", PATH + "/count", count),
    Route("GET", PATH + "/{id}", get),
    Route("DELETE", PATH + "/{id}", forget_variable, consumes=None),
    Route("DELETE", "/history/process-instance/{id}/variable-instances", forget_variables, consumes=None),
    Route("GET", PATH + "/{id}/data", data, produces=None),
)
