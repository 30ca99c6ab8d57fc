"""Forms that were deployed: a file that a form key names, or a Camunda form (`*.form`) that a reference names."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.api import problems
from penstock.api.http import JSON, Response
from penstock.api.rendered_form import XHTML
from penstock.engine.definition import Definition
from penstock.runtime.protocol import Engine
from penstock.store.query import Op, Order, Query, Where, eq, eq_or_null, one_of

_FILE = "deployment:"
_PREFIXES = ("embedded:", "camunda-forms:")


async def deployed(
    engine: Engine, definition: Definition | None, key: str | None, ref: Mapping[str, Any] | None
) -> Response:
    """The content of the form. `ref`: `CamundaFormRef` with key, binding and version. Raises 400 when neither names one,
    404 when it is not there."""
    if definition is None or (key is None and ref is None):
        raise problems.invalid(
            400, "One of the attributes 'formKey' and 'camunda:formRef' must be supplied but none were set."
        )
    if key is not None:
        name = next((key.removeprefix(prefix) for prefix in _PREFIXES if key.startswith(prefix)), key)
        if not name.startswith(_FILE):
            raise problems.invalid(400, f"The form key '{key}' does not reference a deployed form.")
        return await _file(engine, definition.deployment_id, name.removeprefix(_FILE), key)
    return await _camunda_form(engine, definition, ref or {})


async def _file(engine: Engine, deployment: str, name: str, key: str) -> Response:
    rows = await engine.rows(Query("resource", (eq("deployment_id", deployment), eq("name", name))))
    if not rows:
        raise problems.invalid(
            404, f"The form with the resource name '{name}' cannot be found in deployment with id {deployment}"
        )
    return Response(200, rows[0]["content"], JSON if key.endswith(".form") else XHTML)


async def _camunda_form(engine: Engine, definition: Definition, ref: Mapping[str, Any]) -> Response:
    """Binding `deployment` looks in the definition's own deployment, `version` counts the deployments of the form,
    `latest` takes the newest of the same tenant."""
    key, binding, version = ref.get("key"), ref.get("binding"), ref.get("version")
    if binding == "deployment":
        deployments = [definition.deployment_id]
    else:
        tenant = eq_or_null("tenant_id", definition.tenant)
        query = Query("deployment", (tenant,), (Order("deployed_ms"), Order("id")), columns=("id",))
        deployments = [row["id"] for row in await engine.rows(query)]
    files = (one_of("deployment_id", deployments), Where("name", Op.LIKE, "%.form"))
    rows = await engine.rows(Query("resource", files)) if deployments else []
    place = {id: index for index, id in enumerate(deployments)}
    rows.sort(key=lambda row: place[row["deployment_id"]])
    versions = [row["content"] for row in rows if _form_id(row["content"]) == key]
    wanted = len(versions) if binding != "version" else int(version or 0)
    if not 1 <= wanted <= len(versions):
        shown = f"CamundaFormRefImpl [key={key}, binding={binding}, version={'null' if version is None else version}]"
        raise problems.invalid(404, f"No Camunda Form Definition was found for Camunda Form Ref: {shown}")
    return Response(200, versions[wanted - 1], JSON)


def _form_id(content: bytes) -> Any:
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None
    return found.get("id") if isinstance(found, dict) else None
