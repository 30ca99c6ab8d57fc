"""External tasks as JSON (Camunda 7 `ExternalTaskDto`, `LockedExternalTaskDto`, and the bodies of the operations)."""

from collections.abc import Mapping
from typing import Any

from penstock.api import dates
from penstock.api.dto import Body, Int, Long


class Topic(Body):
    """`FetchExternalTaskTopicDto`."""

    topic_name: str | None = None
    lock_duration: Long | None = None
    variables: list[str] | None = None
    local_variables: bool | None = None
    business_key: str | None = None
    process_definition_id: str | None = None
    process_definition_id_in: list[str] | None = None
    process_definition_key: str | None = None
    process_definition_key_in: list[str] | None = None
    process_definition_version_tag: str | None = None
    process_variables: dict[str, Any] | None = None
    without_tenant_id: bool | None = None
    tenant_id_in: list[str] | None = None
    deserialize_values: bool | None = None
    include_extension_properties: bool | None = None


class Sorting(Body):
    """One criterion of `sorting`."""

    sort_by: str | None = None
    sort_order: str | None = None


class FetchAndLock(Body):
    """`FetchExternalTasksExtendedDto`."""

    worker_id: str | None = None
    max_tasks: Int | None = None
    use_priority: bool | None = None
    async_response_timeout: Long | None = None
    topics: list[Topic] | None = None
    sorting: list[Sorting] | None = None


class Complete(Body):
    """`CompleteExternalTaskDto`."""

    worker_id: str | None = None
    variables: dict[str, Any] | None = None
    local_variables: dict[str, Any] | None = None


class Failure(Body):
    """`ExternalTaskFailureDto`."""

    worker_id: str | None = None
    error_message: str | None = None
    error_details: str | None = None
    retries: Int | None = None
    retry_timeout: Long | None = None
    variables: dict[str, Any] | None = None
    local_variables: dict[str, Any] | None = None


class BpmnError(Body):
    """`ExternalTaskBpmnError`."""

    worker_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    variables: dict[str, Any] | None = None


class ExtendLock(Body):
    """`ExtendLockOnExternalTaskDto`."""

    worker_id: str | None = None
    new_duration: Long | None = None


class Lock(Body):
    """`LockExternalTaskDto`."""

    worker_id: str | None = None
    lock_duration: Long | None = None


class Retries(Body):
    """`RetriesDto`."""

    retries: Int | None = None


class SetRetries(Body):
    """`SetRetriesForExternalTasksDto`."""

    retries: Int | None = None
    external_task_ids: list[str | None] | None = None
    process_instance_ids: list[str | None] | None = None
    external_task_query: dict[str, Any] | None = None
    process_instance_query: dict[str, Any] | None = None
    historic_process_instance_query: dict[str, Any] | None = None


class Priority(Body):
    """`PriorityDto`."""

    priority: Long | None = None


def external_task(row: Mapping[str, Any]) -> dict[str, Any]:
    """`ExternalTaskDto` of a row of `external_task`."""
    return {
        "activityId": row["activity_id"],
        "activityInstanceId": row["activity_instance_id"],
        "errorMessage": row["error_message"],
        "executionId": row["execution_id"],
        "id": row["id"],
        "lockExpirationTime": dates.write(row["lock_expires_ms"]),
        "createTime": dates.write(row["created_ms"]),
        "processDefinitionId": row["definition_id"],
        "processDefinitionKey": row["definition_key"],
        "processDefinitionVersionTag": row["version_tag"],
        "processInstanceId": row["instance_id"],
        "retries": row["retries"],
        "suspended": row["suspended"],
        "workerId": row["worker_id"],
        "topicName": row["topic"],
        "tenantId": row["tenant_id"],
        "priority": row["priority"],
        "businessKey": row["business_key"],
    }


def locked(row: Mapping[str, Any], variables: dict[str, Any], properties: Mapping[str, str]) -> dict[str, Any]:
    """`LockedExternalTaskDto`: what a worker gets."""
    return {
        **external_task(row),
        "errorDetails": row["error_details"],
        "variables": variables,
        "extensionProperties": properties,
    }
