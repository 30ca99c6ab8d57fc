"""What `list` and `get` know: each kind's resource, columns and order."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """A kind of thing on the server."""

    INSTANCES = "instances"
    DEFINITIONS = "definitions"
    DEPLOYMENTS = "deployments"
    TASKS = "tasks"
    EXTERNAL_TASKS = "external-tasks"
    JOBS = "jobs"
    INCIDENTS = "incidents"


class Listing(msgspec.Struct, frozen=True):
    """How a kind is listed: `columns` are (title, field of the answer)."""

    path: str
    columns: tuple[tuple[str, str], ...]
    order: Mapping[str, str]


KINDS: Mapping[Kind, Listing] = {
    Kind.INSTANCES: Listing(
        "/history/process-instance",
        (
            ("ID", "id"),
            ("DEFINITION", "processDefinitionKey"),
            ("VERSION", "processDefinitionVersion"),
            ("BUSINESS KEY", "businessKey"),
            ("STATE", "state"),
            ("STARTED", "startTime"),
            ("ENDED", "endTime"),
        ),
        {"sortBy": "startTime", "sortOrder": "desc"},
    ),
    Kind.DEFINITIONS: Listing(
        "/process-definition",
        (
            ("ID", "id"),
            ("KEY", "key"),
            ("VERSION", "version"),
            ("NAME", "name"),
            ("TENANT", "tenantId"),
            ("SUSPENDED", "suspended"),
        ),
        {"sortBy": "key", "sortOrder": "asc"},
    ),
    Kind.DEPLOYMENTS: Listing(
        "/deployment",
        (("ID", "id"), ("NAME", "name"), ("SOURCE", "source"), ("TENANT", "tenantId"), ("DEPLOYED", "deploymentTime")),
        {"sortBy": "deploymentTime", "sortOrder": "desc"},
    ),
    Kind.TASKS: Listing(
        "/task",
        (
            ("ID", "id"),
            ("NAME", "name"),
            ("ASSIGNEE", "assignee"),
            ("CREATED", "created"),
            ("DUE", "due"),
            ("INSTANCE", "processInstanceId"),
        ),
        {"sortBy": "created", "sortOrder": "desc"},
    ),
    Kind.EXTERNAL_TASKS: Listing(
        "/external-task",
        (
            ("ID", "id"),
            ("TOPIC", "topicName"),
            ("WORKER", "workerId"),
            ("LOCKED UNTIL", "lockExpirationTime"),
            ("RETRIES", "retries"),
            ("ERROR", "errorMessage"),
            ("INSTANCE", "processInstanceId"),
        ),
        {"sortBy": "id", "sortOrder": "asc"},
    ),
    Kind.JOBS: Listing(
        "/job",
        (
            ("ID", "id"),
            ("DUE", "dueDate"),
            ("RETRIES", "retries"),
            ("FAILED AT", "failedActivityId"),
            ("ERROR", "exceptionMessage"),
            ("DEFINITION", "processDefinitionKey"),
            ("INSTANCE", "processInstanceId"),
        ),
        {"sortBy": "jobId", "sortOrder": "asc"},
    ),
    Kind.INCIDENTS: Listing(
        "/incident",
        (
            ("ID", "id"),
            ("TYPE", "incidentType"),
            ("SINCE", "incidentTimestamp"),
            ("ACTIVITY", "activityId"),
            ("MESSAGE", "incidentMessage"),
            ("INSTANCE", "processInstanceId"),
        ),
        {"sortBy": "incidentTimestamp", "sortOrder": "desc"},
    ),
}
