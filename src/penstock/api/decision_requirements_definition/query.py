"""What lists of decision requirements definitions understand."""

from penstock.api.querying import Selection, integer, like, modifier, tenants, text, texts, when
from penstock.store.query import Order, eq, is_null

SELECTION = Selection(
    "decision_requirements_definition",
    filters={
        "decisionRequirementsDefinitionId": text("id"),
        "decisionRequirementsDefinitionIdIn": texts("id"),
        "name": text("name"),
        "nameLike": like("name"),
        "deploymentId": text("deployment_id"),
        "key": text("key"),
        "keyLike": like("key"),
        "category": text("category"),
        "categoryLike": like("category"),
        "version": integer("version"),
        "latestVersion": when(eq("latest", True)),
        "resourceName": text("resource_name"),
        "resourceNameLike": like("resource_name"),
        "tenantIdIn": tenants(including_without="includeDecisionRequirementsDefinitionsWithoutTenantId"),
        "withoutTenantId": when(is_null("tenant_id")),
        "includeDecisionRequirementsDefinitionsWithoutTenantId": modifier(),
    },
    sortings={
        "category": Order("category"),
        "key": Order("key"),
        "id": Order("id"),
        "name": Order("name"),
        "version": Order("version"),
        "deploymentId": Order("deployment_id"),
        "tenantId": Order("tenant_id"),
    },
)
