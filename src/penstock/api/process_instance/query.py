"""What `/process-instance` can be asked (Camunda 7 `ProcessInstanceQueryDto`)."""

from penstock.api.querying import Filter, Kind, Selection, custom, identifier, like, modifier, tenants, text
from penstock.api.querying import by_id as of_id
from penstock.api.shared_query import (
    OF_INSTANCE,
    any_of,
    checked_variables,
    exists,
    flagged,
    incident_filters,
    nothing,
    without_tenant,
)
from penstock.store.query import Exists, Not, Op, Order, Where, eq, is_null

OF_DEFINITION = (("id", "definition_id"),)
CALLED = (("shard", "shard"), ("super_instance_id", "id"))

FILTERS: dict[str, Filter] = {
    "processInstanceIds": any_of("id"),
    "businessKey": text("business_key"),
    "businessKeyLike": like("business_key"),
    "caseInstanceId": text("case_instance_id"),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "processDefinitionKeyIn": any_of("definition_key"),
    "processDefinitionKeyNotIn": any_of("definition_key", Op.NOT_IN),
    "deploymentId": exists("process_definition", OF_DEFINITION, lambda value: (eq("deployment_id", value),)),
    "superProcessInstance": identifier("super_instance_id"),
    "subProcessInstance": exists("process_instance", CALLED, of_id),
    "superCaseInstance": nothing(),
    "subCaseInstance": nothing(),
    "active": flagged(lambda: (eq("suspended", False),)),
    "suspended": flagged(lambda: (eq("suspended", True),)),
    "withIncident": flagged(lambda: (Exists("incident", OF_INSTANCE, (eq("state", "open"),)),)),
    **incident_filters(OF_INSTANCE),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
    "processDefinitionWithoutTenantId": flagged(
        lambda: (Exists("process_definition", OF_DEFINITION, (is_null("tenant_id"),)),)
    ),
    "activityIdIn": custom(
        Kind.LIST,
        lambda value, _: (
            (Exists("execution", OF_INSTANCE, (Where("activity_id", Op.IN, tuple(value)),)),) if value else ()
        ),
    ),
    "rootProcessInstances": flagged(lambda: (is_null("super_instance_id"),)),
    "rootProcessInstanceId": identifier("root_id"),
    "leafProcessInstances": flagged(lambda: (Not(Exists("process_instance", CALLED, (is_null("ended_ms"),))),)),
    "variables": checked_variables((("shard", "shard"), ("execution_id", "id"))),
    "variableNamesIgnoreCase": modifier(),
    "variableValuesIgnoreCase": modifier(),
}

PROCESS_INSTANCES = Selection(
    "process_instance",
    FILTERS,
    {
        "instanceId": Order("id"),
        "definitionKey": Order("definition_key"),
        "definitionId": Order("definition_id"),
        "tenantId": Order("tenant_id"),
        "businessKey": Order("business_key"),
    },
    always=(is_null("ended_ms"),),
)
