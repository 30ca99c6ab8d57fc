"""Camunda 7 `/process-definition`. Every operation on one definition exists by id, by key, and by key and tenant."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from penstock.api import definitions, forms, problems, values
from penstock.api.deployed_forms import deployed
from penstock.api.dto import as_text
from penstock.api.http import Request, Response, Route
from penstock.api.process_definition import dto, statistics
from penstock.api.process_definition.query import by_key, definition_of, row_of, selected
from penstock.api.process_definition.start import restart, restart_async, start, submit_form
from penstock.api.querying import counted, listed
from penstock.api.rendered_form import rendered
from penstock.api.shared_suspension import later
from penstock.base.errors import NotFound
from penstock.engine.definition import Definition
from penstock.runtime.administration import definition_suspended
from penstock.runtime.suspensions import PROCESS_DEFINITION, Later, schedule
from penstock.store.query import Query, Term, eq, eq_or_null


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
            await request.engine.delete_definition(id, cascade=request.flag("cascade"), user=request.user)
    return Response(200)


async def delete(request: Request, id: str) -> Response:
    """`DELETE /process-definition/{id}`; Camunda answers 200 without a body."""
    if not await request.engine.count(Query("process_definition", (eq("id", id),))):
        raise problems.invalid(404, f"No process definition found with id '{id}': processDefinition is null", 0)
    return await _delete(request, (id,))


async def delete_by_key(request: Request, key: str, tenant: str | None = None) -> Response:
    """`DELETE /process-definition/key/{key}`: every version."""
    await by_key(request, key, tenant)
    where = (eq("key", key), eq_or_null("tenant_id", tenant))
    rows = await request.engine.rows(Query("process_definition", where, columns=("id",)))
    return await _delete(request, [row["id"] for row in rows])


async def xml(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/xml`"""
    return {"id": id, "bpmn20Xml": await definitions.file_of(request, await row_of(request, id))}


async def diagram(request: Request, id: str) -> Response | None:
    """`GET /process-definition/{id}/diagram`: the picture that was deployed beside the model; 204 without one."""
    definition = await _must(request, id)
    return await definitions.picture_of(request, await row_of(request, definition.id))


async def suspend(request: Request, id: str) -> None:
    """`PUT /process-definition/{id}/suspended`"""
    body = request.body(dto.Suspension)
    at_ms = later(body.execution_date, "Process Definition")
    if at_ms is not None:
        await definition_of(request, id)
    try:
        await _suspend(request, [id], body, at_ms)
    except NotFound as error:
        raise problems.invalid(404, error.message, 0) from error


async def _suspend(request: Request, ids: Sequence[str], body: dto.Suspension, at_ms: int | None) -> None:
    suspended, include = bool(body.suspended), bool(body.include_process_instances)
    if at_ms is None:
        await request.engine.suspend_definition(ids, suspended, include_instances=include, user=request.user)
        return
    task = Later(what=PROCESS_DEFINITION, ids=ids, suspended=suspended, include=include)
    entry = definition_suspended(ids, suspended, include)
    change = schedule(task, at_ms, request.engine.settings.default_retries, entry)
    await request.engine.administer(change, user=request.user)


async def _suspend_all(request: Request, body: dto.Suspension, where: tuple[Term, ...]) -> None:
    at_ms = later(body.execution_date, "Process Definition")
    rows = await request.engine.rows(Query("process_definition", where, columns=("id",)))
    if rows:
        await _suspend(request, [row["id"] for row in rows], body, at_ms)


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
    days = definitions.time_to_live(request)
    await definition_of(request, id)
    await request.engine.set_history_time_to_live(id, days, user=request.user)


async def _must(request: Request, id: str) -> Definition:
    """The compiled definition. Raises 400 `NotFoundException`, as where Camunda's REST layer catches nothing."""
    try:
        return await request.engine.definition(id)
    except NotFound:
        raise problems.Problem(400, "NotFoundException", _unknown(id), 0) from None


def _unknown(id: str) -> str:
    return f"no deployed process definition found with id '{id}': processDefinition is null"


async def form(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/startForm`"""
    try:
        spec = forms.of_start(await _must(request, id))
    except problems.Problem:
        raise problems.invalid(400, f"Cannot get start form data for process definition {id}", 0) from None
    return forms.form(spec, f"/process-definition/{id}/rendered-form")


async def rendered_form(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/rendered-form`"""
    spec = forms.of_start(await _must(request, id))
    if not spec.fields or spec.form_key or spec.form_ref:
        raise problems.invalid(404, f"No matching rendered start form for process definition with the id {id} found.")
    shown = forms.shown(spec.fields, _start_scope(request))
    texts = {name: None if value.value is None else as_text(value.value) for name, value in shown.items()}
    return rendered(spec.fields, texts, spec.business_key_field)


async def form_variables(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/form-variables`"""
    fields = forms.of_start(await _must(request, id)).fields
    names = request.text("variableNames")
    wanted = None if names is None else names.split(",")
    found = forms.shown([f for f in fields if wanted is None or f.id in wanted], _start_scope(request))
    return values.write_all(found, deserialize=request.flag("deserializeValues", True))


def _start_scope(request: Request) -> forms.Scope:
    """There are no variables before there is an instance."""
    return forms.Scope({}, request.engine.clock.now_ms())


async def deployed_form(request: Request, id: str) -> Response:
    """`GET /process-definition/{id}/deployed-start-form`"""
    try:
        definition = await request.engine.definition(id)
    except NotFound:
        raise problems.invalid(404, _unknown(id)) from None
    spec = forms.of_start(definition)
    ref = {"key": spec.form_ref, "binding": spec.form_ref_binding, "version": spec.form_ref_version}
    return await deployed(request.engine, definition, spec.form_key, ref if spec.form_ref else None)


async def called_definitions(request: Request, id: str) -> Any:
    """`GET /process-definition/{id}/static-called-process-definitions`: what call activities name without expressions."""
    try:
        definition = await request.engine.definition(id)
    except NotFound:
        raise problems.invalid(404, _unknown(id)) from None
    found: dict[str, list[str]] = {}
    for node in definition.process.nodes.values():
        called = node.called
        if node.kind != "callActivity" or called is None or not called.called_element:
            continue
        texts = (called.called_element, called.version or "", called.version_tag or "", called.tenant_id or "")
        if any("${" in text or "#{" in text for text in texts):
            continue
        tenant = called.tenant_id or definition.tenant
        where: list[Term] = [eq("key", called.called_element), eq_or_null("tenant_id", tenant)]
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


_each = partial(definitions.routes, "/process-definition", by_key)

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
    *_each("GET", "/rendered-form", rendered_form, produces=None),
    *_each("GET", "/deployed-start-form", deployed_form, produces=None),
    Route("GET", "/process-definition/{id}/static-called-process-definitions", called_definitions),
    Route("POST", "/process-definition/{id}/restart", restart),
    Route("POST", "/process-definition/{id}/restart-async", restart_async),
)
