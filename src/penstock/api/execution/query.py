"""What `/execution` can be asked (Camunda 7 `ExecutionQueryDto`)."""

from penstock.api.querying import Filter, Selection, identifier, modifier, tenants, text
from penstock.api.shared_query import (
    EQUALITY,
    OF_EXECUTION,
    OF_SCOPE_OF_INSTANCE,
    checked_variables,
    exists,
    flagged,
    incident_filters,
)
from penstock.store.query import Order, eq

FILTERS: dict[str, Filter] = {
    "businessKey": exists(
        "process_instance", (("shard", "shard"), ("id", "instance_id")), lambda value: (eq("business_key", value),)
    ),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "processInstanceId": identifier("instance_id"),
    "activityId": text("activity_id"),
    "signalEventSubscriptionName": exists(
        "event_subscription", OF_EXECUTION, lambda value: (eq("type", "signal"), eq("name", value))
    ),
    "messageEventSubscriptionName": exists(
        "event_subscription", OF_EXECUTION, lambda value: (eq("type", "message"), eq("name", value))
    ),
    "active": flagged(lambda: (eq("suspended", False),)),
    "suspended": flagged(lambda: (eq("suspended", True),)),
    **incident_filters(OF_EXECUTION),
    "tenantIdIn": tenants(),
    "variables": checked_variables(OF_EXECUTION),
    "processVariables": checked_variables(OF_SCOPE_OF_INSTANCE, operators=EQUALITY, what="process variable"),
    "variableNamesIgnoreCase": modifier(),
    "variableValuesIgnoreCase": modifier(),
}

EXECUTIONS = Selection(
    "execution",
    FILTERS,
    {
        "instanceId": Order("instance_id"),
        "definitionKey": Order("definition_key"),
        "definitionId": Order("definition_id"),
        "tenantId": Order("tenant_id"),
    },
)
