"""Message correlation as JSON (Camunda 7 `CorrelationMessageDto`, `MessageCorrelationResultDto`)."""

from typing import Any

from penstock.api.dto import Body


class Correlation(Body):
    """`CorrelationMessageDto`."""

    message_name: str | None = None
    business_key: str | None = None
    tenant_id: str | None = None
    without_tenant_id: bool | None = None
    process_instance_id: str | None = None
    correlation_keys: dict[str, Any] | None = None
    local_correlation_keys: dict[str, Any] | None = None
    process_variables: dict[str, Any] | None = None
    process_variables_local: dict[str, Any] | None = None
    process_variables_to_triggered_scope: dict[str, Any] | None = None
    all: bool | None = None
    result_enabled: bool | None = None
    variables_in_result_enabled: bool | None = None


def to_execution(execution: str, instance: str, tenant: str | None) -> dict[str, Any]:
    """The result of a message that an execution has received."""
    return {
        "resultType": "Execution",
        "execution": {"id": execution, "processInstanceId": instance, "ended": False, "tenantId": tenant},
        "processInstance": None,
    }


def to_definition(started: dict[str, Any]) -> dict[str, Any]:
    """The result of a message that has started an instance."""
    return {"resultType": "ProcessDefinition", "execution": None, "processInstance": {**started, "links": []}}
