"""`/event-subscription`: what waits for messages, signals, conditions and compensation."""

from penstock.api.event_subscription.dto import event_subscription
from penstock.api.http import Route
from penstock.api.querying import Filter, Selection, identifier, modifier, tenants, text
from penstock.api.shared_query import list_routes, without_tenant
from penstock.store.query import Order

FILTERS: dict[str, Filter] = {
    "eventSubscriptionId": text("id"),
    "eventName": text("name"),
    "eventType": text("type"),
    "executionId": identifier("execution_id"),
    "processInstanceId": identifier("instance_id"),
    "activityId": text("activity_id"),
    "tenantIdIn": tenants(including_without="includeEventSubscriptionsWithoutTenantId"),
    "withoutTenantId": without_tenant(),
    "includeEventSubscriptionsWithoutTenantId": modifier(),
}

EVENT_SUBSCRIPTIONS = Selection(
    "event_subscription", FILTERS, {"created": Order("created_ms"), "tenantId": Order("tenant_id")}
)

ROUTES: tuple[Route, ...] = list_routes("/event-subscription", EVENT_SUBSCRIPTIONS, event_subscription, post=False)
