"""What servers answer, as far as workers need it. Unknown properties are ignored."""

import msgspec

from penstock.worker.values import WireValue


class Record(msgspec.Struct, rename="camel", frozen=True):
    """Common form: camelCase on the wire."""


class LockedTask(Record, frozen=True):
    """Camunda 7 `LockedExternalTaskDto`."""

    id: str
    topic_name: str
    worker_id: str | None = None
    activity_id: str | None = None
    activity_instance_id: str | None = None
    execution_id: str | None = None
    process_instance_id: str | None = None
    process_definition_id: str | None = None
    process_definition_key: str | None = None
    process_definition_version_tag: str | None = None
    tenant_id: str | None = None
    business_key: str | None = None
    priority: int = 0
    retries: int | None = None
    error_message: str | None = None
    error_details: str | None = None
    create_time: str | None = None
    variables: dict[str, WireValue] = {}
    extension_properties: dict[str, str] | None = None


class ProcessInstance(Record, frozen=True):
    """Camunda 7 `ProcessInstanceDto`."""

    id: str
    definition_id: str | None = None
    business_key: str | None = None
    ended: bool = False
    suspended: bool = False
    tenant_id: str | None = None


class ProcessDefinition(Record, frozen=True):
    """Camunda 7 `ProcessDefinitionDto`."""

    id: str
    key: str
    version: int
    name: str | None = None
    tenant_id: str | None = None


class Deployment(Record, frozen=True):
    """Camunda 7 `DeploymentWithDefinitionsDto`."""

    id: str
    name: str | None = None
    deployed_process_definitions: dict[str, ProcessDefinition] | None = None


class Incident(Record, frozen=True):
    """Camunda 7 `IncidentDto`."""

    id: str
    process_instance_id: str | None = None
    activity_id: str | None = None
    incident_type: str | None = None
    incident_message: str | None = None
    configuration: str | None = None


class Execution(Record, frozen=True):
    """Camunda 7 `ExecutionDto`."""

    id: str
    process_instance_id: str | None = None


class Correlation(Record, frozen=True):
    """Camunda 7 `MessageCorrelationResultDto`: what a message reached. `result_type`: `Execution` or
    `ProcessDefinition` (it started `process_instance`)."""

    result_type: str
    execution: Execution | None = None
    process_instance: ProcessInstance | None = None


class Version(Record, frozen=True):
    """Camunda 7 `VersionDto`."""

    version: str
