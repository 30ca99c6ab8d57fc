"""Event subscriptions as JSON (Camunda 7 `EventSubscriptionDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def event_subscription(row: Row) -> dict[str, Any]:
    """`EventSubscriptionDto` of a row of `event_subscription`."""
    return {
        "id": row["id"],
        "eventType": row["type"],
        "eventName": row["name"],
        "executionId": row["execution_id"],
        "processInstanceId": row["instance_id"],
        "activityId": row["activity_id"],
        "createdDate": write(row["created_ms"]),
        "tenantId": row["tenant_id"],
    }
