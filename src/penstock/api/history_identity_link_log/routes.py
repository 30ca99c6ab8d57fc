"""`/history/identity-link-log`: who became or ceased to be somebody for a task."""

from penstock.api.history_identity_link_log.dto import identity_link_log
from penstock.api.http import Route
from penstock.api.querying import Filter, Selection, identifier, moment, tenants, text
from penstock.api.shared_query import list_routes, without_tenant
from penstock.store.query import Op, Order

FILTERS: dict[str, Filter] = {
    "type": text("type"),
    "userId": text("user_id"),
    "groupId": text("group_id"),
    "dateBefore": moment("occurred_ms", Op.LE),
    "dateAfter": moment("occurred_ms", Op.GE),
    "taskId": identifier("task_id"),
    "processDefinitionId": text("definition_id"),
    "processDefinitionKey": text("definition_key"),
    "operationType": text("operation"),
    "assignerId": text("assigner_id"),
    "tenantIdIn": tenants(),
    "withoutTenantId": without_tenant(),
}

IDENTITY_LINK_LOGS = Selection(
    "identity_link_log",
    FILTERS,
    {
        "time": Order("occurred_ms"),
        "type": Order("type"),
        "userId": Order("user_id"),
        "groupId": Order("group_id"),
        "taskId": Order("task_id"),
        "processDefinitionId": Order("definition_id"),
        "processDefinitionKey": Order("definition_key"),
        "operationType": Order("operation"),
        "assignerId": Order("assigner_id"),
        "tenantId": Order("tenant_id"),
    },
)

ROUTES: tuple[Route, ...] = list_routes("/history/identity-link-log", IDENTITY_LINK_LOGS, identity_link_log, post=False)
