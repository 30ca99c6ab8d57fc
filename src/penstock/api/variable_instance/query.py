"""What `/variable-instance` can be asked (Camunda 7 `VariableInstanceQueryDto`)."""

from collections.abc import Iterable, Sequence

from penstock.api import problems
from penstock.api.querying import (
    Context,
    Filter,
    Kind,
    Selection,
    VariableCondition,
    custom,
    like,
    modifier,
    tenants,
    text,
    variable_term,
)
from penstock.api.shared_query import COMPARISONS, INSTANCE_OF, LIVE, any_of, nothing
from penstock.store.query import AllOf, AnyOf, Exists, Not, Op, Order, Term, Where, eq, is_null, not_null

SAME: tuple[tuple[str, str], ...] = (("shard", "shard"), ("id", "id"))


def values_of_row(conditions: Sequence[VariableCondition], context: Context) -> Iterable[Term]:
    """`variableValues`: the row itself has this name and value."""
    for condition in conditions:
        if condition.operator not in COMPARISONS:
            raise problems.invalid(400, f"Invalid variable comparator specified: {condition.operator}")
        yield variable_term(
            condition,
            SAME,
            refuse=problems.not_valid,
            ignore_name_case=bool(context.given.get("variableNamesIgnoreCase")),
            ignore_value_case=bool(context.given.get("variableValuesIgnoreCase")),
        )


def _scopes(value: Sequence[str], _: Context) -> Iterable[Term]:
    if value:
        own = AllOf((Where("execution_id", Op.IN, tuple(value)), is_null("task_id")))
        yield AnyOf((own, Where("task_id", Op.IN, tuple(value))))


FILTERS: dict[str, Filter] = {
    "variableName": text("name"),
    "variableNameLike": like("name"),
    "variableValues": Filter(Kind.VARIABLES, values_of_row),
    "processInstanceIdIn": any_of("instance_id"),
    "executionIdIn": any_of("execution_id"),
    "caseInstanceIdIn": nothing(Kind.LIST),
    "caseExecutionIdIn": nothing(Kind.LIST),
    "taskIdIn": any_of("task_id"),
    "batchIdIn": nothing(Kind.LIST),
    "variableScopeIdIn": custom(Kind.LIST, _scopes),
    "activityInstanceIdIn": any_of("activity_instance_id"),
    "tenantIdIn": tenants(),
    "variableNamesIgnoreCase": modifier(),
    "variableValuesIgnoreCase": modifier(),
}

VARIABLE_INSTANCES = Selection(
    "variable",
    FILTERS,
    {
        "variableName": Order("name"),
        "variableType": Order("type"),
        "activityInstanceId": Order("activity_instance_id"),
        "tenantId": Order("tenant_id"),
    },
    # The end of an instance writes nothing to the rows of its variables.
    always=(*LIVE, eq("state", "CREATED"), Not(Exists("process_instance", INSTANCE_OF, (not_null("ended_ms"),)))),
)
