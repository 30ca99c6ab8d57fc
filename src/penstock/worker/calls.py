"""Camunda's REST calls, one logic each (`logic.Logic`): for clients and for workers, with and without an event loop.

Every call may raise RestError (the server refused), ConnectionLost (it is out of reach) and InvalidVariable.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode

import msgspec

from penstock.worker import records, values
from penstock.worker.http.wire import Answer, Ask
from penstock.worker.logic import Logic, Patience, succeeded
from penstock.worker.results import RESULTS, ProcessTaskResults, gather
from penstock.worker.values import File, WireValue

T = TypeVar("T")

PATIENCE = Patience()


def segment(text: str) -> str:
    """`text` as one segment of a path."""
    return quote(text, safe="")


def _query(path: str, parameters: Mapping[str, Any]) -> str:
    stated = {name: _text(value) for name, value in parameters.items() if value is not None}
    return f"{path}?{urlencode(stated)}" if stated else path


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body(**properties: Any) -> bytes:
    return msgspec.json.encode({name: value for name, value in properties.items() if value is not None})


def _get(path: str, kind: type[T], **parameters: Any) -> Logic[T]:
    answer = yield from succeeded(Ask("GET", _query(path, parameters), repeatable=True), PATIENCE)
    return msgspec.json.decode(answer.body, type=kind)


def _post(path: str, body: bytes) -> Logic[Answer]:
    return (yield from succeeded(Ask("POST", path, body), PATIENCE))


# ------------------------------------------------------------------------------------------ processes


def start(
    key: str | None = None,
    variables: Any = None,
    *,
    definition_id: str | None = None,
    business_key: str | None = None,
    tenant_id: str | None = None,
) -> Logic[records.ProcessInstance]:
    """Starts an instance of the newest version of `key` (of a tenant, if stated), or of exactly `definition_id`."""
    if (key is None) == (definition_id is None):
        raise ValueError("start needs either the key of a process or a definition_id")
    path = (
        f"/process-definition/{segment(definition_id)}"
        if definition_id
        else f"/process-definition/key/{segment(key or '')}"
    )
    if tenant_id is not None:
        path += f"/tenant-id/{segment(tenant_id)}"
    answer = yield from _post(f"{path}/start", _body(variables=values.write_all(variables), businessKey=business_key))
    return msgspec.json.decode(answer.body, type=records.ProcessInstance)


def process_instance(id: str) -> Logic[records.ProcessInstance]:
    """A running instance. RestError 404 when there is none."""
    return (yield from _get(f"/process-instance/{segment(id)}", records.ProcessInstance))


def process_instances(
    *, business_key: str | None = None, key: str | None = None, first: int = 0, most: int = 100
) -> Logic[list[records.ProcessInstance]]:
    """Running instances."""
    found: list[records.ProcessInstance] = yield from _get(
        "/process-instance",
        list[records.ProcessInstance],
        businessKey=business_key,
        processDefinitionKey=key,
        sortBy="instanceId",
        sortOrder="asc",
        firstResult=first,
        maxResults=most,
    )
    return found


def delete_process_instance(id: str) -> Logic[None]:
    """Ends a running instance."""
    yield from succeeded(Ask("DELETE", f"/process-instance/{segment(id)}"), PATIENCE)


def message(
    name: str,
    *,
    business_key: str | None = None,
    process_instance_id: str | None = None,
    correlation_keys: Mapping[str, Any] | None = None,
    variables: Any = None,
    local_variables: Any = None,
    tenant_id: str | None = None,
    all: bool = False,
) -> Logic[list[records.Correlation]]:
    """Correlates a message with the one execution that waits for it, or a start event; `all`: with every one."""
    body = _body(
        messageName=name,
        businessKey=business_key,
        processInstanceId=process_instance_id,
        correlationKeys=values.write_all(correlation_keys),
        processVariables=values.write_all(variables),
        processVariablesLocal=values.write_all(local_variables),
        tenantId=tenant_id,
        all=all,
        resultEnabled=True,
    )
    answer = yield from _post("/message", body)
    return msgspec.json.decode(answer.body, type=list[records.Correlation])


def signal(
    name: str, variables: Any = None, *, execution_id: str | None = None, tenant_id: str | None = None
) -> Logic[None]:
    """Sends a signal to everybody who waits for it, or to one execution."""
    body = _body(name=name, executionId=execution_id, variables=values.write_all(variables), tenantId=tenant_id)
    yield from _post("/signal", body)


def version() -> Logic[str]:
    """The version of Camunda that the server says to be."""
    return (yield from _get("/version", records.Version)).version


# ------------------------------------------------------------------------------------------ variables


def variables(process_instance_id: str) -> Logic[dict[str, Any]]:
    """The variables of an instance, or all that an execution sees (with its id)."""
    found: dict[str, WireValue] = yield from _get(
        f"/process-instance/{segment(process_instance_id)}/variables", dict[str, WireValue], deserializeValues=False
    )
    return values.read_all(found)


def variable(process_instance_id: str, name: str) -> Logic[Any]:
    """One variable. RestError 404 when there is none."""
    found = yield from _get(_variable(process_instance_id, name), WireValue, deserializeValue=False)
    return values.read(name, found)


def _variable(process_instance_id: str, name: str) -> str:
    return f"/process-instance/{segment(process_instance_id)}/variables/{segment(name)}"


def set_variables(process_instance_id: str, variables: Any, *, remove: Sequence[str] = ()) -> Logic[None]:
    """Sets and removes variables of an instance."""
    body = _body(modifications=values.write_all(variables), deletions=list(remove))
    yield from _post(f"/process-instance/{segment(process_instance_id)}/variables", body)


def file(process_instance_id: str, name: str) -> Logic[File]:
    """The content of a File or Bytes variable of an instance, or of one that an execution sees (with its id)."""
    ask = Ask("GET", f"{_variable(process_instance_id, name)}/data", repeatable=True, accept="*/*")
    return _file(name, (yield from succeeded(ask, PATIENCE)))


def _file(name: str, answer: Answer) -> File:
    kind, _, options = answer.headers.get(b"content-type", b"").decode("latin-1").partition(";")
    charset = re.search(r"charset=\"?([^\s;\"]+)", options)
    return File(_filename(answer) or name, answer.body, kind.strip() or None, charset[1] if charset else None)


def _filename(answer: Answer) -> str | None:
    """The name in a Content-Disposition (RFC 6266)."""
    text = answer.headers.get(b"content-disposition", b"").decode("latin-1")
    extended = re.search(r"filename\*=(?:UTF-8|utf-8)''([^;\s]+)", text)
    if extended:
        return unquote(extended[1])
    plain = re.search(r"filename=\"?([^\";]+)", text)
    return plain[1] if plain else None


def results(process_instance_id: str, name: str = RESULTS) -> Logic[ProcessTaskResults]:
    """The results that the tasks of an instance have appended so far (`penstock.worker.results`)."""
    return gather(name, (yield from variables(process_instance_id)))


# ------------------------------------------------------------------------------------------ deploying


def deploy(
    name: str, *files: str | Path, resources: Mapping[str, bytes] | None = None, tenant_id: str | None = None
) -> Logic[records.Deployment]:
    """Deploys files, and `resources` by name; nothing new is made when nothing has changed."""
    contents = {Path(path).name: Path(path).read_bytes() for path in files} | dict(resources or {})
    boundary = secrets.token_hex(16)
    fields = {"deployment-name": name, "deploy-changed-only": "true", "tenant-id": tenant_id}
    parts = [_part(boundary, field, None, value.encode()) for field, value in fields.items() if value is not None]
    parts += [_part(boundary, filename, filename, content) for filename, content in contents.items()]
    ask = Ask(
        "POST",
        "/deployment/create",
        b"".join(parts) + f"--{boundary}--\r\n".encode(),
        type=f"multipart/form-data; boundary={boundary}",
    )
    answer = yield from succeeded(ask, PATIENCE)
    return msgspec.json.decode(answer.body, type=records.Deployment)


def _part(boundary: str, name: str, filename: str | None, content: bytes) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"\r\nContent-Type: application/octet-stream'
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


# ------------------------------------------------------------------------------------------ operating


def incidents(*, process_instance_id: str | None = None, most: int = 100) -> Logic[list[records.Incident]]:
    """Open incidents."""
    return (
        yield from _get("/incident", list[records.Incident], processInstanceId=process_instance_id, maxResults=most)
    )


def set_retries(external_task_ids: Sequence[str], retries: int) -> Logic[None]:
    """Has failed external tasks tried again."""
    body = _body(externalTaskIds=list(external_task_ids), retries=retries)
    yield from succeeded(Ask("PUT", "/external-task/retries", body, repeatable=True), PATIENCE)
