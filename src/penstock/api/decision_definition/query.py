"""What lists of decision definitions understand."""

from penstock.api.querying import Selection, integer, like, modifier, moment, tenants, text, texts, when
from penstock.store.query import Op, Order, eq, is_null

SELECTION = Selection(
    "decision_definition",
    filters={
        "decisionDefinitionId": text("id"),
        "decisionDefinitionIdIn": texts("id"),
        "name": text("name"),
        "nameLike": like("name"),
        "deploymentId": text("deployment_id"),
        "deployedAfter": moment("deployed_ms", Op.GT),
        "deployedAt": moment("deployed_ms", Op.EQ),
        "key": text("key"),
        "keyLike": like("key"),
        "category": text("category"),
        "categoryLike": like("category"),
        "version": integer("version"),
        "latestVersion": when(eq("latest", True)),
        "resourceName": text("resource_name"),
        "resourceNameLike": like("resource_name"),
        "decisionRequirementsDefinitionId": text("requirements_id"),
        "decisionRequirementsDefinitionKey": text("requirements_key"),
        "withoutDecisionRequirementsDefinition": when(is_null("requirements_id")),
        "tenantIdIn": tenants(including_without="includeDecisionDefinitionsWithoutTenantId"),
        "withoutTenantId": when(is_null("tenant_id")),
        "includeDecisionDefinitionsWithoutTenantId": modifier(),
        "versionTag": text("version_tag"),
        "versionTagLike": like("version_tag"),
    },
    sortings={
        "category": Order("category"),
        "key": Order("key"),
        "id": Order("id"),
        "name": Order("name"),
        "version": Order("version"),
        "deploymentId": Order("deployment_id"),
        "deployTime": Order("deployed_ms"),
        "tenantId": Order("tenant_id"),
        "versionTag": Order("version_tag"),
        "decisionRequirementsDefinitionKey": Order("requirements_key"),
    },
)
