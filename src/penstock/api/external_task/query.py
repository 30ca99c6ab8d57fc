"""What lists of external tasks understand."""

from typing import Any

from penstock.api import problems
from penstock.api.querying import (
    Context,
    Kind,
    Selection,
    custom,
    identifier,
    identifiers,
    integer,
    moment,
    tenants,
    text,
    texts,
    variables,
    when,
)
from penstock.store.query import AnyOf, Exists, Op, Order, Term, Where, eq, is_null


def _locked(value: Any, context: Context) -> tuple[Term, ...]:
    return (Where("lock_expires_ms", Op.GT, context.now_ms),) if value else ()


def _not_locked(value: Any, context: Context) -> tuple[Term, ...]:
    free = AnyOf((is_null("lock_expires_ms"), Where("lock_expires_ms", Op.LE, context.now_ms)))
    return (free,) if value else ()


def _definition(op: Op) -> Any:
    def make(value: str, _context: Context) -> tuple[Term, ...]:
        return (Exists("process_definition", (("id", "definition_id"),), (Where("name", op, value),)),)

    return custom(Kind.TEXT, make)


RETRIES_LEFT = AnyOf((is_null("retries"), Where("retries", Op.GT, 0)))
"""Retries that were never set count as left."""

SELECTION = Selection(
    "external_task",
    filters={
        "externalTaskId": identifier(),
        "externalTaskIdIn": identifiers(),
        "topicName": text("topic"),
        "workerId": text("worker_id"),
        "locked": custom(Kind.BOOLEAN, _locked),
        "notLocked": custom(Kind.BOOLEAN, _not_locked),
        "withRetriesLeft": when(RETRIES_LEFT),
        "noRetriesLeft": when(eq("retries", 0)),
        "lockExpirationAfter": moment("lock_expires_ms", Op.GT),
        "lockExpirationBefore": moment("lock_expires_ms", Op.LT),
        "activityId": text("activity_id"),
        "activityIdIn": texts("activity_id"),
        "executionId": identifier("execution_id"),
        "processInstanceId": identifier("instance_id"),
        "processInstanceIdIn": identifiers("instance_id"),
        "processDefinitionId": text("definition_id"),
        "processDefinitionKey": text("definition_key"),
        "processDefinitionKeyIn": texts("definition_key"),
        "processDefinitionName": _definition(Op.EQ),
        "processDefinitionNameLike": _definition(Op.LIKE),
        "tenantIdIn": tenants(),
        "active": when(eq("suspended", False)),
        "suspended": when(eq("suspended", True)),
        "priorityHigherThanOrEquals": integer("priority", Op.GE, Kind.LONG),
        "priorityLowerThanOrEquals": integer("priority", Op.LE, Kind.LONG),
        "processVariables": variables(
            (("instance_id", "instance_id"), ("execution_id", "instance_id")), refuse=problems.engine
        ),
        "variableNamesIgnoreCase": when(),
        "variableValuesIgnoreCase": when(),
    },
    sortings={
        "id": Order("id"),
        "lockExpirationTime": Order("lock_expires_ms"),
        "processInstanceId": Order("instance_id"),
        "processDefinitionId": Order("definition_id"),
        "processDefinitionKey": Order("definition_key"),
        "taskPriority": Order("priority"),
        "createTime": Order("created_ms"),
        "tenantId": Order("tenant_id"),
    },
)
