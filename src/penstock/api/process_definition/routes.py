"""Camunda 7 `/process-definition`. Every operation on one definition exists by id, by key, and by key and tenant."""

from collections.abc import Iterable
from typing import Any

from penstock.api import dates, forms, problems, values
from penstock.api.deployment.routes import media_type
from penstock.api.http import Handler, Request, Response, Route, attachment
from penstock.api.process_definition import dto, statistics
from penstock.api.process_definition.query import by_key, definition_of, row_of, selected
from penstock.api.process_definition.start import restart, restart_async, start, start_form, submit_form
from penstock.api.querying import counted, listed
from penstock.base.errors import NotFound
from penstock.store.query import Query, Term, eq, is_null


async def find(request: Request) -> Any:
    """`GET /process-definition`"""
    return await listed(request, await selected(request), dto.process_definition)


async def count(request: Request) -> Any:
    """`GET /process-definition/count`"""
    return await counted(request, await selected(request))


async def get(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}`"""
    return dto.process_definition(await row_of(request, id))


async def _delete(request: Request, ids: Iterable[str]) -> Response:
    with problems.reported("", problems.engine):
        for id in ids:
            await request.engine.delete_definition(id, cascade=request.flag("cascade"))
    return Response(200)


async def delete(request: Request, id: str) -> Response:
    """`DELETE /process-definition/{id}`; Camunda answers 200 without a body."""
    if not await request.engine.count(Query("process_definition", (eq("id", id),))):
        raise problems.invalid(404, f"No process definition found with id '{id}': processDefinition is null", 0)
    return await _delete(request, (id,))


async def delete_by_key(request: Request, key: str, tenant: str | None = None) -> Response:
    """`DELETE /process-definition/key/{key}`: every version."""
    await by_key(request, key, tenant)
    whose: Term = is_null("tenant_id") if tenant is None else eq("tenant_id", tenant)
    rows = await request.engine.rows(Query("process_definition", (eq("key", key), whose), columns=("id",)))
    return await _delete(request, [row["id"] for row in rows])


async def _resource(request: Request, deployment: str, name: str) -> bytes:
    where = (eq("deployment_id", deployment), eq("name", name))
    rows = await request.engine.rows(Query("resource", where))
    if not rows:
        raise problems.invalid(404, f"No resource found with name '{name}' in deployment '{deployment}'.", 0)
    content: bytes = rows[0]["content"]
    return content


async def xml(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/xml`"""
    row = await row_of(request, id)
    content = await _resource(request, row["deployment_id"], row["resource_name"])
    return {"id": id, "bpmn20Xml": content.decode("utf-8-sig", "replace")}


async def diagram(request: Request, id: str) -> Response | None:
    """`GET /process-definition/{id}/diagram`: the picture that was deployed beside the model; 204 without one."""
    row = await row_of(request, id)
    name = row["diagram_name"]
    if not name:
        return None
    content = await _resource(request, row["deployment_id"], name)
    plain = name.rpartition("/")[2]
    return attachment(content, media_type(plain), plain)


def _flag(body: dto.Suspension) -> bool:
    if body.execution_date:
        if dates.parse(body.execution_date) is None:
            raise problems.invalid(
                400,
                "The suspension state of Process Definition could not be updated due to: "
                f'Cannot convert value "{body.execution_date}" to java type java.util.Date',
            )
        raise problems.unsupported("A suspension at a later 'executionDate'")
    return bool(body.suspended)


async def suspend(request: Request, id: str) -> None:
    """`PUT /process-definition/{id}/suspended`"""
    body = request.body(dto.Suspension)
    suspended = _flag(body)
    try:
        await request.engine.suspend_definition(
            (id,), suspended, include_instances=bool(body.include_process_instances)
        )
    except NotFound as error:
        raise problems.invalid(404, error.message, 0) from error


async def _suspend_all(request: Request, body: dto.Suspension, where: tuple[Term, ...]) -> None:
    suspended = _flag(body)
    rows = await request.engine.rows(Query("process_definition", where, columns=("id",)))
    if rows:
        await request.engine.suspend_definition(
            [row["id"] for row in rows], suspended, include_instances=bool(body.include_process_instances)
        )


async def suspend_by_key(request: Request, key: str, tenant: str | None = None) -> None:
    """`PUT /process-definition/key/{key}/suspended`: the newest version, as in Camunda."""
    await suspend(request, await by_key(request, key, tenant))


async def suspend_all(request: Request) -> None:
    """`PUT /process-definition/suspended`: every version of `processDefinitionKey`."""
    body = request.body(dto.Suspension)
    if body.process_definition_id is not None:
        raise problems.invalid(400, "Only processDefinitionKey can be set to update the suspension state.")
    if body.process_definition_key is None:
        raise problems.invalid(
            400, "Either processDefinitionId or processDefinitionKey should be set to update the suspension state."
        )
    await _suspend_all(request, body, (eq("key", body.process_definition_key),))


async def history_time_to_live(request: Request, id: str) -> None:
    """`PUT /process-definition/{id}/history-time-to-live`"""
    days = request.body(dto.HistoryTimeToLive).history_time_to_live
    if days is not None and days < 0:
        raise problems.bad_user_request("historyTimeToLive is not greater than or equal to 0")
    await definition_of(request, id)
    await request.engine.set_history_time_to_live(id, days)


async def form(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/startForm`"""
    spec = start_form(await definition_of(request, id))
    return forms.form(spec, f"/process-definition/{id}/rendered-form")


async def form_variables(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/form-variables`"""
    found = forms.defaults(start_form(await definition_of(request, id)))
    names = request.text("variableNames")
    if names is not None:
        wanted = names.split(",")
        found = {name: value for name, value in found.items() if name in wanted}
    return values.write_all(found, deserialize=request.flag("deserializeValues", True))


async def deployed_form(request: Request, id: str) -> Response:
    """`GET /process-definition/{id}/deployed-start-form`: the file that the form key names, or the form of the reference."""
    definition = await definition_of(request, id)
    spec = start_form(definition)
    name = forms.deployed_name(spec)
    return attachment(
        await _resource(request, definition.deployment_id, name),
        "application/json" if name.endswith(".form") else "application/xhtml+xml",
        name.rpartition("/")[2],
    )


async def called_definitions(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/static-called-process-definitions`: what call activities name without expressions."""
    definition = await definition_of(request, id)
    found: dict[str, list[str]] = {}
    for node in definition.process.nodes.values():
        called = node.called
        if node.kind != "callActivity" or called is None or not called.called_element:
            continue
        texts = (called.called_element, called.version or "", called.version_tag or "", called.tenant_id or "")
        if any("${" in text or "#{" in text for text in texts):
            continue
        tenant = called.tenant_id or definition.tenant
        where: list[Term] = [eq("key", called.called_element)]
        where.append(is_null("tenant_id") if tenant is None else eq("tenant_id", tenant))
        if called.binding == "deployment":
            where.append(eq("deployment_id", definition.deployment_id))
        elif called.binding == "version" and (called.version or "").isdigit():
            where.append(eq("version", int(called.version or "")))
        elif called.binding == "versionTag":
            where.append(eq("version_tag", called.version_tag))
        else:
            where.append(eq("latest", True))
        for row in await request.engine.rows(Query("process_definition", where, columns=("id",))):
            found.setdefault(row["id"], []).append(node.id)
    return [
        {
            **dto.process_definition(await row_of(request, called_id)),
            "calledFromActivityIds": activities,
            "callingProcessDefinitionId": id,
        }
        for called_id, activities in found.items()
    ]


def _by_key(handler: Handler) -> Handler:
    """The same operation on the newest definition of a key, and perhaps a tenant."""

    async def handle(request: Request, key: str, tenant: str | None = None) -> Any:
        return await handler(request, await by_key(request, key, tenant))

    return handle


def _each(method: str, action: str, handler: Handler, keyed: Handler | None = None, **options: Any) -> list[Route]:
    """Three routes for one operation."""
    base, other = "/process-definition", keyed or _by_key(handler)
    return [
        Route(method, f"{base}/{{id}}{action}", handler, **options),
        Route(method, f"{base}/key/{{key}}{action}", other, **options),
        Route(method, f"{base}/key/{{key}}/tenant-id/{{tenant}}{action}", other, **options),
    ]


ROUTES = (
    Route("GET", "/process-definition", find),
    Route("GET", "/process-definition/count", count),
    Route("GET", "/process-definition/statistics", statistics.by_definition),
    Route("PUT", "/process-definition/suspended", suspend_all),
    *_each("GET", "", get),
    *_each("DELETE", "", delete, delete_by_key),
    *_each("POST", "/start", start),
    *_each("POST", "/submit-form", submit_form),
    *_each("GET", "/xml", xml),
    *_each("GET", "/diagram", diagram, produces=None),
    *_each("GET", "/statistics", statistics.by_activity),
    *_each("PUT", "/suspended", suspend, suspend_by_key),
    *_each("PUT", "/history-time-to-live", history_time_to_live),
    *_each("GET", "/startForm", form),
    *_each("GET", "/form-variables", form_variables),
    *_each("GET", "/deployed-start-form", deployed_form, produces=None),
    Route("GET", "/process-definition/{id}/static-called-process-definitions", called_definitions),
    Route("POST", "/process-definition/{id}/restart", restart),
    Route("POST", "/process-definition/{id}/restart-async", restart_async),
)
