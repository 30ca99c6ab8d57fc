"""Variables below a resource: `/…/variables`, `/…/{name}`, `/…/{name}/data` (Camunda 7 `AbstractVariablesResource`).

Executions (and with them process instances) and tasks answer the same way; they differ in where the variables live and
in the word that error messages use.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from penstock.api import live, problems, values
from penstock.api.dto import Body
from penstock.api.external_task import results
from penstock.api.http import MULTIPART, Part, Request, Response, Route, attachment
from penstock.engine.commands import SetVariables
from penstock.engine.state import Instance
from penstock.expr.values import TypedValue

OCTET_STREAM = "application/octet-stream"


class Scope(msgspec.Struct, frozen=True):
    """Where the variables of one addressed resource live. Exactly one of `execution` and `task` is set."""

    instance: Instance
    execution: str | None = None
    task: str | None = None

    def read(self, local: bool) -> dict[str, TypedValue]:
        """The variables here, with those of outer scopes unless `local`."""
        if self.execution is not None:
            return (live.local if local else live.visible)(self.instance, self.execution)
        return task_variables(self.instance, self.task or "", local=local)


Find = Callable[[Request, str], Awaitable[Scope]]


class Modifications(Body):
    """`PatchVariablesDto`."""

    modifications: dict[str, Any] | None = None
    deletions: list[str] | None = None
    worker_id: str | None = None
    """Of the Java worker that writes this in the middle of a task (`ExternalTaskService.setVariables`)."""


def task_variables(instance: Instance, task: str, *, local: bool = False) -> dict[str, TypedValue]:
    """The variables that a task sees, or only its own."""
    found = instance.tasks.get(task)
    if found is None:
        return {}
    seen = {name: variable.value for name, variable in found.variables.items()}
    if not local and found.execution is not None:
        seen = live.visible(instance, found.execution) | seen
    return seen


async def execution_scope(request: Request, id: str) -> Scope:
    """The scope of an execution. Raises 500 `NullValueException` when it does not exist."""
    owner = await request.engine.instance_of("execution", id)
    instance = None if owner is None else await request.engine.instance(owner)
    if instance is None or id not in instance.executions:
        raise problems.null(f"execution {id} doesn't exist: execution is null")
    return Scope(instance, execution=id)


async def task_scope(request: Request, id: str) -> Scope:
    """The scope of a task. Raises 500 `NullValueException` when it does not exist."""
    owner = await request.engine.instance_of("user_task", id)
    instance = None if owner is None else await request.engine.instance(owner)
    if instance is None or id not in instance.tasks:
        raise problems.null(f"task {id} doesn't exist: task is null")
    return Scope(instance, task=id)


def variable_routes(path: str, what: str, find: Find, *, local: bool) -> tuple[Route, ...]:
    """The routes of one collection of variables. `path`: with `{id}`, e.g. `/task/{id}/variables`."""
    resource = _Variables(what, find, local)
    item = path + "/{name}"
    return (
        Route("GET", path, resource.all),
        Route("POST", path, resource.modify),
        Route("GET", item, resource.get),
        Route("PUT", item, resource.put),
        Route("DELETE", item, resource.delete, consumes=None),
        Route("GET", item + "/data", resource.data, produces=None),
        Route("POST", item + "/data", resource.upload, consumes=MULTIPART),
    )


class _Variables:
    def __init__(self, what: str, find: Find, local: bool) -> None:
        self._what = what
        self._find = find
        self._local = local

    async def all(self, request: Request, id: str) -> Any:
        scope = await self._find(request, id)
        return values.write_all(scope.read(self._local), deserialize=request.flag("deserializeValues", True))

    async def _typed(self, request: Request, id: str, name: str) -> TypedValue:
        with _engine_errors(f"Cannot get {self._what} variable {name}: "):
            scope = await self._find(request, id)
        found = scope.read(self._local).get(name)
        if found is None:
            raise problems.invalid(404, f"{self._what} variable with name {name} does not exist")
        return found

    async def get(self, request: Request, id: str, name: str) -> Any:
        found = await self._typed(request, id, name)
        return values.write(found, deserialize=request.flag("deserializeValue", True))

    async def data(self, request: Request, id: str, name: str) -> Any:
        return binary(await self._typed(request, id, name), id)

    async def _set(
        self,
        request: Request,
        scope: Scope,
        modifications: dict[str, TypedValue],
        deletions: tuple[str, ...] = (),
        operation: str = "SetVariable",
        by_worker: bool = False,
    ) -> None:
        command = SetVariables(
            instance=scope.instance.id,
            execution=scope.execution,
            task=scope.task,
            modifications=modifications,
            deletions=deletions,
            local=self._local,
            operation=operation,
            extends_results=by_worker,
            user=request.user,
        )
        await request.engine.execute(command)

    async def put(self, request: Request, id: str, name: str) -> Any:
        prefix = f"Cannot put {self._what} variable {name}: "
        with problems.reported(prefix):
            value = values.read(request.object(), name)
        with _engine_errors(prefix):
            await self._set(request, await self._find(request, id), {name: value})

    async def delete(self, request: Request, id: str, name: str) -> Any:
        with _engine_errors(f"Cannot delete {self._what} variable {name}: "):
            await self._set(request, await self._find(request, id), {}, (name,), "RemoveVariable")

    async def modify(self, request: Request, id: str) -> Any:
        body = request.body(Modifications)
        with problems.reported(f"Cannot modify variables for {self._what}: "):
            modifications = values.read_all(body.modifications)
        with _engine_errors(f"Cannot modify variables for {self._what} {id}: "):
            deletions = tuple(body.deletions or ())
            scope = await self._find(request, id)
            await self._set(
                request, scope, modifications, deletions, "ModifyVariable", by_worker=body.worker_id is not None
            )
            if body.worker_id is not None:
                await results.note_written(request, scope.instance.id, body.worker_id, modifications)

    async def upload(self, request: Request, id: str, name: str) -> Any:
        value = uploaded(request.form())
        with _engine_errors(f"Cannot put {self._what} variable {name}: "):
            await self._set(request, await self._find(request, id), {name: value})


def _engine_errors(prefix: str) -> Any:
    """Everything the engine says, an unknown scope included, is 500 `RestException` with this prefix."""
    return problems.reported(prefix, refused=lambda message, _: problems.rest(500, message))


def binary(value: TypedValue, id: str) -> Response:
    """The content of a Bytes or File value (Camunda 7 `VariableResponseProvider`). Raises 400 for other types; `id` is
    what the message names."""
    content = value.value
    if value.type == "Bytes":
        return Response(200, content if isinstance(content, bytes) else b"", OCTET_STREAM)
    if value.type == "File":
        info = value.info or {}
        kind = str(info.get("mimeType") or info.get("mimetype") or OCTET_STREAM)
        if info.get("encoding"):
            kind += f"; charset={info['encoding']}"
        return attachment(content if isinstance(content, bytes) else b"", kind, str(info.get("filename") or "file"))
    raise problems.invalid(400, f"Value of variable with id {id} is not a binary value.")


def uploaded(parts: list[Part]) -> TypedValue:
    """The value in a multipart body: part `data`, with `valueType` Bytes or File, or with `type` naming the Java type of
    an object in JSON. Raises 400."""
    found = {part.name: part for part in parts}
    data = found.get("data")
    if data is None:
        raise problems.invalid(400, "The form has no part named 'data'.")
    if "type" in found:
        return _uploaded_object(data, found["type"].text)
    kind = found["valueType"].text if "valueType" in found else "Bytes"
    if kind == "Bytes":
        return TypedValue("Bytes", data.content)
    if kind == "File":
        mime, _, rest = (data.type or OCTET_STREAM).partition(";")
        info: dict[str, Any] = {"filename": data.filename or data.name, "mimeType": mime.strip()}
        for option in rest.split(";"):
            key, _, value = option.strip().partition("=")
            if key.lower() == "encoding" and value:
                info["encoding"] = value.strip('"')
        return TypedValue("File", data.content, info)
    raise problems.rest(400, f"Unsupported value type '{kind}'", None)


def _uploaded_object(data: Part, java_type: str) -> TypedValue:
    if data.type is None or "application/json" not in data.type.lower():
        raise problems.invalid(400, f"Unrecognized content type for serialized java type: {data.type}")
    text = data.text
    try:
        json.loads(text)
    except ValueError:
        raise problems.invalid(500, f"Could not deserialize JSON object: it is not a {java_type} in JSON") from None
    return TypedValue("Object", text, {"objectTypeName": java_type, "serializationDataFormat": "application/json"})
