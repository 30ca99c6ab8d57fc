"""What an engine answers. Camunda's names in snake_case; moments are aware `datetime`s."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import msgspec

from penstock.worker.records import Record
from penstock.worker.values import read_date

R = TypeVar("R", bound=Record)


class ProcessInstance(Record, frozen=True):
    """A running process instance (Camunda 7 `ProcessInstanceDto`). `ended`: it had ended when the call that made it
    returned."""

    id: str
    definition_id: str
    definition_key: str | None = None
    business_key: str | None = None
    ended: bool = False
    suspended: bool = False
    tenant_id: str | None = None


class HistoricProcessInstance(Record, frozen=True):
    """A process instance, running or ended (`HistoricProcessInstanceDto`). `state`: ACTIVE, SUSPENDED, COMPLETED,
    EXTERNALLY_TERMINATED or INTERNALLY_TERMINATED."""

    id: str
    process_definition_id: str
    process_definition_key: str
    state: str
    start_time: datetime
    end_time: datetime | None = None
    duration_in_millis: int | None = None
    business_key: str | None = None
    process_definition_name: str | None = None
    process_definition_version: int | None = None
    root_process_instance_id: str | None = None
    super_process_instance_id: str | None = None
    delete_reason: str | None = None
    tenant_id: str | None = None


class HistoricActivityInstance(Record, frozen=True):
    """One entry into an element, current or past (`HistoricActivityInstanceDto`)."""

    id: str
    activity_id: str
    activity_type: str
    process_instance_id: str
    start_time: datetime
    activity_name: str | None = None
    end_time: datetime | None = None
    duration_in_millis: int | None = None
    canceled: bool = False
    assignee: str | None = None
    task_id: str | None = None
    called_process_instance_id: str | None = None


class Task(Record, frozen=True):
    """An open user task (`TaskDto`)."""

    id: str
    name: str | None = None
    assignee: str | None = None
    owner: str | None = None
    created: datetime | None = None
    due: datetime | None = None
    follow_up: datetime | None = None
    description: str | None = None
    priority: int = 50
    process_definition_id: str | None = None
    process_instance_id: str | None = None
    execution_id: str | None = None
    task_definition_key: str | None = None
    form_key: str | None = None
    suspended: bool = False
    tenant_id: str | None = None


class WaitingTask(Record, frozen=True):
    """An external task that is not done (`ExternalTaskDto`). `retries`: None when it has never failed."""

    id: str
    topic_name: str
    process_instance_id: str
    activity_id: str | None = None
    business_key: str | None = None
    process_definition_key: str | None = None
    worker_id: str | None = None
    lock_expiration_time: datetime | None = None
    retries: int | None = None
    error_message: str | None = None
    priority: int = 0
    suspended: bool = False
    tenant_id: str | None = None


class Job(Record, frozen=True):
    """A timer or an asynchronous continuation that has not run (`JobDto`)."""

    id: str
    process_instance_id: str | None = None
    process_definition_id: str | None = None
    process_definition_key: str | None = None
    due_date: datetime | None = None
    retries: int = 0
    exception_message: str | None = None
    failed_activity_id: str | None = None
    suspended: bool = False
    tenant_id: str | None = None


class Incident(Record, frozen=True):
    """A stop that needs somebody (`IncidentDto`). `incident_type`: failedExternalTask, failedJob, …; `configuration`: id
    of the external task or job that failed."""

    id: str
    incident_type: str
    incident_timestamp: datetime | None = None
    incident_message: str | None = None
    process_instance_id: str | None = None
    process_definition_id: str | None = None
    activity_id: str | None = None
    failed_activity_id: str | None = None
    configuration: str | None = None
    tenant_id: str | None = None


class ProcessDefinition(Record, frozen=True):
    """One version of a process (`ProcessDefinitionDto`)."""

    id: str
    key: str
    version: int
    name: str | None = None
    deployment_id: str | None = None
    version_tag: str | None = None
    suspended: bool = False
    tenant_id: str | None = None


class Deployment(Record, frozen=True):
    """What a deployment has made (`DeploymentWithDefinitionsDto`). `deployed_process_definitions`: by id; None when nothing
    has changed since the last deployment of that name."""

    id: str
    name: str | None = None
    deployed_process_definitions: dict[str, ProcessDefinition] | None = None


def read_rows(kind: type[R], rows: Iterable[Mapping[str, Any]]) -> list[R]:
    """Records out of JSON."""
    return [read_row(kind, row) for row in rows]


def read_row(kind: type[R], row: Mapping[str, Any]) -> R:
    """A record out of a JSON object. Camunda writes moments as no standard does."""
    moments = {name: read_date(text) for name in _moments(kind) if (text := row.get(name)) is not None}
    return msgspec.convert({**row, **moments}, kind)


@cache
def _moments(kind: type[Record]) -> tuple[str, ...]:
    return tuple(
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if field.type is datetime or datetime in getattr(field.type, "__args__", ())
    )
