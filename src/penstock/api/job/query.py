"""What `/job` can be asked (Camunda 7 `JobQueryDto`)."""

from collections.abc import Iterable, Sequence

import msgspec

from penstock.api import dates, problems
from penstock.api.querying import (
    Context,
    Filter,
    Kind,
    Selection,
    VariableCondition,
    custom,
    identifier,
    integer,
    modifier,
    tenants,
    text,
)
from penstock.api.shared_query import any_of, flagged, without_tenant
from penstock.engine.events import JobKind
from penstock.runtime.batches.kinds import KINDS as BATCH_KINDS
from penstock.runtime.suspensions import KINDS as SUSPENSIONS
from penstock.store.query import AllOf, AnyOf, Op, Order, Term, Where, eq, is_null, not_null, one_of

TIMERS = (*(kind.value for kind in JobKind if kind.value.startswith("timer")), *sorted(SUSPENSIONS))
MESSAGES = tuple(kind.value for kind in JobKind if not kind.value.startswith("timer"))
_OPERATORS = {"gt": Op.GT, "lt": Op.LT}


def _moment_terms(column: str, name: str, conditions: Iterable[tuple[str, str]]) -> Iterable[Term]:
    for operator, value in conditions:
        op = _OPERATORS.get(operator)
        if op is None:
            raise problems.invalid(400, f"Invalid {name} comparator specified: {operator}")
        moment = dates.parse(value)
        if moment is None:
            raise problems.invalid(400, f"Invalid {name} format: {value}")
        yield Where(column, op, moment)


def _moments_of_text(column: str, name: str) -> Filter:
    """`dueDates=gt_<date>,lt_<date>`."""

    def make(value: Sequence[str], _: Context) -> Iterable[Term]:
        conditions = []
        for item in value:
            operator, separator, moment = item.partition("_")
            if not separator:
                raise problems.invalid(400, f"{name} query parameter has to have format OPERATOR_VALUE.")
            conditions.append((operator, moment))
        return _moment_terms(column, name, conditions)

    return custom(Kind.LIST, make)


def _moments_of_json(column: str, name: str) -> Filter:
    """`"dueDates": [{"operator": "gt", "value": "<date>"}]`."""

    def make(value: Sequence[VariableCondition], _: Context) -> Iterable[Term]:
        return _moment_terms(column, name, [(item.operator, _shown(item)) for item in value])

    return Filter(Kind.VARIABLES, make)


def _shown(condition: VariableCondition) -> str:
    value = condition.value
    return (dates.write(value.value) if value.type == "Date" else None) or str(value.value)


def _executable(value: bool, context: Context) -> Iterable[Term]:
    if value:
        yield Where("retries", Op.GT, 0)
        yield AnyOf((is_null("due_ms"), Where("due_ms", Op.LE, context.now_ms)))


def _acquired(value: bool, context: Context) -> Iterable[Term]:
    if value:
        yield AllOf((not_null("lease_owner"), Where("lease_expires_ms", Op.GT, context.now_ms)))


def _kind(kinds: Sequence[str], other: str) -> Filter:
    def make(value: bool, context: Context) -> Iterable[Term]:
        if value:
            if context.given.get(other):
                raise problems.engine("Cannot combine onlyTimers() with onlyMessages() in the same query")
            yield Where("kind", Op.IN, tuple(kinds))

    return custom(Kind.BOOLEAN, make)


FILTERS: dict[str, Filter] = {
    "jobId": identifier(),
    "jobIds": any_of("id"),
    "jobDefinitionId": text("job_definition_id"),
    "processInstanceId": identifier("instance_id"),
    "processInstanceIds": any_of("instance_id"),
    "executionId": identifier("execution_id"),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "activityId": text("activity_id"),
    "withRetriesLeft": flagged(lambda: (Where("retries", Op.GT, 0),)),
    "noRetriesLeft": flagged(lambda: (eq("retries", 0),)),
    "executable": custom(Kind.BOOLEAN, _executable),
    "acquired": custom(Kind.BOOLEAN, _acquired),
    "timers": _kind(TIMERS, "messages"),
    "messages": _kind(MESSAGES, "timers"),
    "dueDates": _moments_of_text("due_ms", "due date"),
    "createTimes": _moments_of_text("created_ms", "create time"),
    "withException": flagged(lambda: (AnyOf((not_null("message"), not_null("stacktrace"))),)),
    "exceptionMessage": text("message"),
    "failedActivityId": text("failed_activity_id"),
    "active": flagged(lambda: (eq("suspended", False),)),
    "suspended": flagged(lambda: (eq("suspended", True),)),
    "priorityLowerThanOrEquals": integer("priority", Op.LE, Kind.LONG),
    "priorityHigherThanOrEquals": integer("priority", Op.GE, Kind.LONG),
    "tenantIdIn": tenants(including_without="includeJobsWithoutTenantId"),
    "withoutTenantId": without_tenant(),
    "includeJobsWithoutTenantId": modifier(),
    "batchId": custom(Kind.TEXT, lambda value, _: (eq("configuration", value), one_of("kind", sorted(BATCH_KINDS)))),
}

JOBS = Selection(
    "job",
    FILTERS,
    {
        "jobId": Order("id"),
        "executionId": Order("execution_id"),
        "processInstanceId": Order("instance_id"),
        "processDefinitionId": Order("definition_id"),
        "processDefinitionKey": Order("definition_key"),
        "jobPriority": Order("priority"),
        "jobRetries": Order("retries"),
        "jobDueDate": Order("due_ms"),
        "tenantId": Order("tenant_id"),
    },
)

POSTED_JOBS = msgspec.structs.replace(
    JOBS,
    filters={
        **FILTERS,
        "dueDates": _moments_of_json("due_ms", "due date"),
        "createTimes": _moments_of_json("created_ms", "create time"),
    },
)
"""The same in a body, where conditions on dates are records."""
