"""What lists of evaluated decisions understand."""

from penstock.api.querying import (
    Filter,
    Kind,
    Selection,
    by_id,
    custom,
    identifier,
    identifiers,
    like,
    modifier,
    moment,
    tenants,
    text,
)
from penstock.api.shared_query import any_of, flagged, nothing, without_tenant
from penstock.store.query import AnyOf, Op, Order, eq, is_null, not_null

FILTERS: dict[str, Filter] = {
    "decisionInstanceId": identifier(),
    "decisionInstanceIdIn": identifiers(),
    "decisionDefinitionId": text("decision_id"),
    "decisionDefinitionIdIn": any_of("decision_id"),
    "decisionDefinitionKey": text("decision_key"),
    "decisionDefinitionKeyIn": any_of("decision_key"),
    "decisionDefinitionName": text("decision_name"),
    "decisionDefinitionNameLike": like("decision_name"),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    # The rows of a decision that no process asked for have an `instance_id` too: their own.
    "processInstanceId": custom(Kind.TEXT, lambda value, _: (*by_id(value, "instance_id"), not_null("definition_id"))),
    "caseDefinitionId": nothing(),
    "caseDefinitionKey": nothing(),
    "caseInstanceId": nothing(),
    "activityIdIn": any_of("activity_id"),
    "activityInstanceIdIn": any_of("activity_instance_id"),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
    "evaluatedBefore": moment("evaluated_ms", Op.LE),
    "evaluatedAfter": moment("evaluated_ms", Op.GE),
    "userId": text("user_id"),
    # A decision instance is its own root when nobody required it.
    "rootDecisionInstanceId": custom(
        Kind.TEXT, lambda value, _: (AnyOf((eq("root_decision_instance_id", value), eq("id", value))),)
    ),
    "rootDecisionInstancesOnly": flagged(lambda: (is_null("root_decision_instance_id"),)),
    "decisionRequirementsDefinitionId": text("requirements_id"),
    "decisionRequirementsDefinitionKey": text("requirements_key"),
    **dict.fromkeys(
        ("includeInputs", "includeOutputs", "disableBinaryFetching", "disableCustomObjectDeserialization"), modifier()
    ),
}

DECISION_INSTANCES = Selection(
    "decision_instance", FILTERS, {"evaluationTime": Order("evaluated_ms"), "tenantId": Order("tenant_id")}
)
