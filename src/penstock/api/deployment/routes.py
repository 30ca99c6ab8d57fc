"""Camunda 7 `/deployment`."""

from collections.abc import Mapping, Sequence
from json import dumps
from typing import Any

import structlog

from penstock.api import dates, problems
from penstock.api.deployment import dto
from penstock.api.deployment.media import media_type
from penstock.api.http import MULTIPART, Part, Request, Response, Route, attachment, json
from penstock.api.querying import Selection, counted, like, listed, modifier, moment, tenants, text, when
from penstock.model.findings import Finding
from penstock.runtime.protocol import Deploy, Resource
from penstock.store.protocol import Row
from penstock.store.query import Op, Order, Query, eq, is_null

SELECTION = Selection(
    "deployment",
    filters={
        "id": text("id"),
        "name": text("name"),
        "nameLike": like("name"),
        "source": text("source"),
        "withoutSource": when(is_null("source")),
        "tenantIdIn": tenants(including_without="includeDeploymentsWithoutTenantId"),
        "withoutTenantId": when(is_null("tenant_id")),
        "includeDeploymentsWithoutTenantId": modifier(),
        "after": moment("deployed_ms", Op.GT),
        "before": moment("deployed_ms", Op.LT),
    },
    sortings={
        "id": Order("id"),
        "name": Order("name"),
        "deploymentTime": Order("deployed_ms"),
        "tenantId": Order("tenant_id"),
    },
)

_FIELDS = (
    "deployment-name",
    "deployment-source",
    "deployment-activation-time",
    "enable-duplicate-filtering",
    "deploy-changed-only",
    "tenant-id",
)


WARNINGS = b"penstock-warnings"
"""Header of an answer to a deployment: a JSON list of `{resource, message, line, column}`, all in ASCII."""

WARNINGS_SHOWN = 50
WARNINGS_BYTES_MAX = 4_096
"""What a header may take without trouble for a client or proxy; the log has them all."""

_log = structlog.get_logger("penstock.deployment")


async def find(request: Request) -> Any:
    """`GET /deployment`"""
    return await listed(request, SELECTION.get(request), dto.deployment)


async def count(request: Request) -> Any:
    """`GET /deployment/count`"""
    return await counted(request, SELECTION.get(request))


async def create(request: Request) -> Any:
    """`POST /deployment/create`: every part that is no known field is a file, named by its file name."""
    fields: dict[str, str] = {}
    files: dict[str, Resource] = {}
    for part in request.form():
        if part.name in _FIELDS:
            fields[part.name] = part.text
        else:
            file = _file(part)
            files[file.name] = file
    if not files:
        raise problems.invalid(400, "No deployment resources contained in the form upload.")
    changed_only = _true(fields, "deploy-changed-only")
    made = await request.engine.deploy(
        Deploy(
            name=fields.get("deployment-name"),
            resources=tuple(files.values()),
            source=fields.get("deployment-source"),
            tenant=fields.get("tenant-id") or None,
            enable_duplicate_filtering=changed_only or _true(fields, "enable-duplicate-filtering"),
            deploy_changed_only=changed_only,
            activate_at_ms=_moment(fields.get("deployment-activation-time")),
            user=request.user,
        )
    )
    return _told(json(dto.deployed(request, made)), made.warnings)


def _told(response: Response, warnings: Mapping[str, Sequence[Finding]]) -> Response:
    """Camunda 7 has no place for the warnings of a deployment that succeeds but its log: here they are in the log, and in a
    header, where `penstock deploy` finds them."""
    found = [
        {"resource": resource, "message": finding.message, "line": finding.line, "column": finding.column}
        for resource, findings in warnings.items()
        for finding in findings
    ]
    if not found:
        return response
    for warning in found:
        _log.warning("deployed with a warning", **warning)
    shown = found[:WARNINGS_SHOWN]
    while len(text := dumps(shown)) > WARNINGS_BYTES_MAX and len(shown) > 1:
        shown = shown[: len(shown) // 2]
    if len(text) <= WARNINGS_BYTES_MAX:
        response.headers = (*response.headers, (WARNINGS, text.encode("ascii")))
    return response


def _true(fields: dict[str, str], name: str) -> bool:
    return fields.get(name, "").strip().lower() == "true"


def _file(part: Part) -> Resource:
    if not part.filename:
        raise problems.invalid(
            400, f"No file name found in the deployment resource described by form parameter '{part.name}'."
        )
    return Resource(part.filename, part.content)


def _moment(value: str | None) -> int | None:
    """The activation time."""
    if not value:
        return None
    found = dates.parse_any(value)
    if found is None:
        raise problems.illegal_argument(f'Invalid format: "{value}"')
    return found


async def _row(request: Request, id: str) -> Row:
    rows = await request.engine.rows(Query("deployment", (eq("id", id),)))
    if not rows:
        raise problems.invalid(404, f"Deployment with id '{id}' does not exist")
    return rows[0]


async def get(request: Request, id: str) -> Any:
    """`GET /deployment/{id}`"""
    return dto.deployment(await _row(request, id))


async def delete(request: Request, id: str) -> None:
    """`DELETE /deployment/{id}`"""
    if not await request.engine.count(Query("deployment", (eq("id", id),))):
        raise problems.invalid(404, f"Deployment with id '{id}' do not exist")
    with problems.reported("", problems.engine):
        await request.engine.delete_deployment(
            id,
            cascade=request.flag("cascade"),
            skip_custom_listeners=request.flag("skipCustomListeners"),
            skip_io_mappings=request.flag("skipIoMappings"),
            user=request.user,
        )


async def registered(request: Request) -> Any:
    """`GET /deployment/registered`: every deployment may be executed by every node."""
    return [row["id"] for row in await request.engine.rows(Query("deployment", columns=("id",)))]


async def redeploy(request: Request, id: str) -> Any:
    """`POST /deployment/{id}/redeploy`: the named resources again, or all of them when none is named."""
    body = request.body(dto.Redeployment)
    origin = await _row(request, id)
    rows = await request.engine.rows(Query("resource", (eq("deployment_id", id),)))
    chosen = _chosen(id, rows, body)
    made = await request.engine.deploy(
        Deploy(
            name=origin["name"],
            resources=tuple(Resource(row["name"], row["content"]) for row in chosen),
            source=body.source,
            tenant=origin["tenant_id"],
            user=request.user,
        )
    )
    return dto.deployed(request, made)


def _chosen(id: str, rows: list[Row], body: dto.Redeployment) -> list[Row]:
    if not body.resource_ids and not body.resource_names:
        return rows
    for column, wanted in (("id", body.resource_ids), ("name", body.resource_names)):
        missing = [value for value in wanted or () if all(row[column] != value for row in rows)]
        if missing:
            raise problems.invalid(
                404,
                f"Cannot redeploy deployment '{id}': The deployment with id '{id}' does not contain the following "
                f"resources with {column}: {', '.join(missing)}",
                0,
            )
    ids, names = body.resource_ids or (), body.resource_names or ()
    return [row for row in rows if row["id"] in ids or row["name"] in names]


async def _resources(request: Request, id: str) -> list[Row]:
    columns = ("id", "name", "deployment_id")
    rows = await request.engine.rows(Query("resource", (eq("deployment_id", id),), (Order("name"),), columns=columns))
    if not rows:
        raise problems.invalid(404, f"Deployment resources for deployment id '{id}' do not exist.")
    return rows


async def resources(request: Request, id: str) -> Any:
    """`GET /deployment/{id}/resources`"""
    return [dto.resource(row) for row in await _resources(request, id)]


async def resource(request: Request, id: str, resource_id: str) -> Any:
    """`GET /deployment/{id}/resources/{resourceId}`"""
    for row in await _resources(request, id):
        if row["id"] == resource_id:
            return dto.resource(row)
    raise problems.invalid(
        404, f"Deployment resource with resource id '{resource_id}' for deployment id '{id}' does not exist."
    )


async def data(request: Request, id: str, resource_id: str) -> Response:
    """`GET /deployment/{id}/resources/{resourceId}/data`"""
    where = (eq("deployment_id", id), eq("id", resource_id))
    rows = await request.engine.rows(Query("resource", where))
    if not rows:
        raise problems.null(f"no resource found with id '{resource_id}' in deployment '{id}': resource is null")
    name = rows[0]["name"].rpartition("/")[2]
    return attachment(rows[0]["content"], media_type(name), name)


ROUTES = (
    Route("GET", "/deployment", find),
    Route("GET", "/deployment/count", count),
    Route("GET", "/deployment/registered", registered),
    Route("POST", "/deployment/create", create, consumes=MULTIPART),
    Route("GET", "/deployment/{id}", get),
    Route("DELETE", "/deployment/{id}", delete),
    Route("POST", "/deployment/{id}/redeploy", redeploy),
    Route("GET", "/deployment/{id}/resources", resources),
    Route("GET", "/deployment/{id}/resources/{resourceId}", resource),
    Route("GET", "/deployment/{id}/resources/{resourceId}/data", data, produces=None),
)
