"""Camunda's REST calls that workers do not need, one logic each, beside those of `penstock.worker.calls`."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from penstock.base.errors import BadUserRequest
from penstock.embedded import records
from penstock.embedded.records import read_row
from penstock.worker import calls, values
from penstock.worker.calls import PATIENCE, segment
from penstock.worker.http.wire import Answer, Ask
from penstock.worker.logic import Logic, succeeded
from penstock.worker.values import WireValue

VARIABLES_MAX = 10_000
"""Most variables of one instance that history is asked for."""


def rest(method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Logic[Any]:
    """Any call of the REST API: JSON in, JSON out; None for an answer without content, bytes for one that is no JSON."""
    where = f"{path}?{urlencode(query)}" if query else path
    content = None if body is None else msgspec.json.encode(body)
    answer = yield from succeeded(Ask(method, where, content, repeatable=method == "GET", accept="*/*"), PATIENCE)
    if not answer.body:
        return None
    is_json = answer.headers.get(b"content-type", b"").startswith((b"application/json", b"application/problem+json"))
    return msgspec.json.decode(answer.body) if is_json else answer.body


def _send(method: str, path: str, **body: Any) -> Logic[Answer]:
    stated = {name: value for name, value in body.items() if value is not None}
    return (yield from succeeded(Ask(method, path, msgspec.json.encode(stated)), PATIENCE))


# ------------------------------------------------------------------------------------------ processes


def deploy(name: str, resources: Mapping[str, bytes], tenant_id: str | None) -> Logic[records.Deployment]:
    """One deployment."""
    made = yield from calls.deploy(name, resources=resources, tenant_id=tenant_id)
    return msgspec.convert(msgspec.to_builtins(made), records.Deployment)


def start(
    key: str | None,
    variables: Any,
    *,
    definition_id: str | None,
    business_key: str | None,
    tenant_id: str | None,
) -> Logic[records.ProcessInstance]:
    """As `penstock.worker.calls.start`."""
    started = yield from calls.start(
        key, variables, definition_id=definition_id, business_key=business_key, tenant_id=tenant_id
    )
    return msgspec.convert({**msgspec.to_builtins(started), "definitionKey": key}, records.ProcessInstance)


def instance(id: str) -> Logic[records.ProcessInstance]:
    """A running instance."""
    return read_row(records.ProcessInstance, (yield from rest("GET", f"/process-instance/{segment(id)}")))


def historic_instance(id: str) -> Logic[records.HistoricProcessInstance]:
    """An instance, running or ended."""
    found = yield from rest("GET", f"/history/process-instance/{segment(id)}")
    return read_row(records.HistoricProcessInstance, found)


def historic_variables(instance: str) -> Logic[dict[str, Any]]:
    """The variables of the instance itself, running or ended."""
    query = {"processInstanceId": instance, "deserializeValues": "false", "maxResults": VARIABLES_MAX}
    rows: list[dict[str, Any]] = yield from rest("GET", "/history/variable-instance", query=query)
    return {
        row["name"]: values.read(row["name"], WireValue(row["type"], row["value"], row.get("valueInfo")))
        for row in rows
        if row["executionId"] == instance and row.get("taskId") is None
    }


def migrate(source: str, target: str, instances: Sequence[str]) -> Logic[None]:
    """Moves instances from one definition to another, by the plan that Camunda generates: elements of the same id."""
    plan = yield from rest(
        "POST",
        "/migration/generate",
        {"sourceProcessDefinitionId": source, "targetProcessDefinitionId": target, "updateEventTriggers": True},
    )
    yield from rest("POST", "/migration/execute", {"migrationPlan": plan, "processInstanceIds": list(instances)})


# ------------------------------------------------------------------------------------------ user tasks


def task(id: str) -> Logic[records.Task]:
    """An open task."""
    return read_row(records.Task, (yield from rest("GET", f"/task/{segment(id)}")))


def claim(id: str, user: str) -> Logic[None]:
    """`user` takes the task, which nobody else has."""
    yield from _send("POST", f"/task/{segment(id)}/claim", userId=user)


def unclaim(id: str) -> Logic[None]:
    """Nobody has the task any more."""
    yield from _send("POST", f"/task/{segment(id)}/unclaim")


def complete_task(id: str, variables: Any) -> Logic[None]:
    """The task is done."""
    yield from _send("POST", f"/task/{segment(id)}/complete", variables=values.write_all(variables))


def task_bpmn_error(id: str, code: str, message: str | None, variables: Any) -> Logic[None]:
    """The task ends with a BPMN error."""
    yield from _send(
        "POST",
        f"/task/{segment(id)}/bpmnError",
        errorCode=code,
        errorMessage=message,
        variables=values.write_all(variables),
    )


def task_variables(id: str) -> Logic[dict[str, Any]]:
    """What the task sees."""
    found = yield from rest("GET", f"/task/{segment(id)}/variables", query={"deserializeValues": "false"})
    return values.read_all(msgspec.convert(found, dict[str, WireValue]))


# ------------------------------------------------------------------------------------------ what has failed


def retry(incidents: Sequence[records.Incident], retries: int) -> Logic[None]:
    """Has what failed tried again. Raises BadUserRequest, and nothing is tried, for an incident that is of no external task
    and no job."""
    external = [one.configuration for one in incidents if one.incident_type == "failedExternalTask"]
    jobs = [one.configuration for one in incidents if one.incident_type == "failedJob"]
    if len(external) + len(jobs) < len(incidents):
        kinds = sorted({one.incident_type for one in incidents} - {"failedExternalTask", "failedJob"})
        raise BadUserRequest(f"An incident of type {kinds[0]} cannot be retried: resolve what it stands for")
    if external:
        yield from calls.set_retries([id for id in external if id is not None], retries)
    for job in jobs:
        yield from _send("PUT", f"/job/{segment(job or '')}/retries", retries=retries)


def run_job(id: str) -> Logic[None]:
    """Runs a job now, due or not."""
    yield from succeeded(Ask("POST", f"/job/{segment(id)}/execute"), PATIENCE)
