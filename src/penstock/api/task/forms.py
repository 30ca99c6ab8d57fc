"""Form fields of user tasks (`camunda:formData`) and deployed forms."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from penstock.api import problems
from penstock.api.http import JSON, Response
from penstock.engine.state import Instance, Task
from penstock.expr import juel
from penstock.expr.values import NULL, TypedValue, from_native, to_native
from penstock.model.graph import FormField
from penstock.runtime.protocol import Engine
from penstock.store.query import Op, Order, Query, Where, eq, is_null

_TYPES = {"string": "String", "enum": "String", "long": "Long", "boolean": "Boolean", "date": "Date"}
_DEPLOYED = ("embedded:deployment:", "deployment:", "camunda-forms:deployment:")
_JAVA_DATE = (("yyyy", "%Y"), ("yy", "%y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))
_DATE_PATTERN = "dd/MM/yyyy"


async def fields_of(engine: Engine, instance: Instance, task: Task) -> Sequence[FormField]:
    """The form fields that the model declares for this task."""
    if instance.definition is None or task.key is None:
        return ()
    node = (await engine.definition(instance.definition)).activities[task.key].node
    return node.form.fields if node is not None and node.form is not None else ()


class _Names:
    def __init__(self, seen: Mapping[str, TypedValue], now_ms: int) -> None:
        self._seen = seen
        self._now_ms = now_ms

    def lookup(self, name: str) -> Any:
        return to_native(self._seen[name])

    def now_ms(self) -> int:
        return self._now_ms


def defaults(fields: Sequence[FormField], seen: Mapping[str, TypedValue], now_ms: int) -> dict[str, TypedValue]:
    """The value of each field: the variable of its name, or its default."""
    found: dict[str, TypedValue] = {}
    for field in fields:
        if field.id in seen:
            found[field.id] = seen[field.id]
        elif field.default_value is None:
            found[field.id] = NULL
        else:
            value = from_native(juel.parse(field.default_value).evaluate(_Names(seen, now_ms)))
            found[field.id] = _converted(field, value)
    return found


def checked(fields: Sequence[FormField], variables: dict[str, TypedValue]) -> dict[str, TypedValue]:
    """What was submitted, each field in its type and within its constraints. Raises Problem 500."""
    converted = dict(variables)
    for field in fields:
        if field.id in variables:
            converted[field.id] = _converted(field, variables[field.id])
        for name, config in field.constraints:
            _check(field, name, config, converted.get(field.id))
    return converted


def _converted(field: FormField, value: TypedValue) -> TypedValue:
    kind = _TYPES.get(field.type or "string")
    raw = value.value
    if kind is None or raw is None or value.type == kind:
        return value
    if kind == "String":
        return TypedValue("String", str(raw)) if isinstance(raw, str | int | float) else value
    text = str(raw)
    try:
        if kind == "Long":
            return TypedValue("Long", int(text))
        if kind == "Boolean":
            return TypedValue("Boolean", text.lower() == "true")
        return TypedValue("Date", _date(text, field.date_pattern or _DATE_PATTERN))
    except ValueError:
        raise problems.Problem(500, "NumberFormatException", f'For input string: "{text}"') from None


def _date(text: str, pattern: str) -> int:
    for java, python in _JAVA_DATE:
        pattern = pattern.replace(java, python)
    return round(datetime.strptime(text, pattern).replace(tzinfo=UTC).timestamp() * 1000)


def _check(field: FormField, name: str, config: str, value: TypedValue | None) -> None:
    raw = None if value is None else value.value
    wrong = False
    if name == "required":
        wrong = raw is None or raw == ""
    elif name == "readonly":
        wrong = value is not None
    elif raw is None:
        return
    elif name in ("min", "max") and isinstance(raw, int | float):
        wrong = raw < float(config) if name == "min" else raw > float(config)
    elif name in ("minlength", "maxlength") and isinstance(raw, str):
        wrong = len(raw) < int(config) if name == "minlength" else len(raw) > int(config)
    if wrong:
        raise problems.engine(
            f"Invalid value submitted for form field '{field.id}': validation of {name}({config}) failed."
        )


async def deployed(engine: Engine, instance: Instance, key: str | None, ref: Mapping[str, Any] | None) -> Response:
    """The content of a form that was deployed: named by a form key `deployment:<resource>`, or by a reference to a
    Camunda form. Raises 400 when the task names none, 404 when it is not there."""
    if key is None and ref is None:
        raise problems.invalid(
            400, "One of the attributes 'formKey' and 'camunda:formRef' must be supplied but none were set."
        )
    if key is not None:
        name = next((key.removeprefix(prefix) for prefix in _DEPLOYED if key.startswith(prefix)), None)
        if name is None:
            raise problems.invalid(400, f"The form key '{key}' does not reference a deployed form.")
        return await _resource(engine, instance, name)
    return await _camunda_form(engine, instance, ref or {})


async def _resource(engine: Engine, instance: Instance, name: str) -> Response:
    deployment = (await engine.definition(instance.definition or "")).deployment_id
    rows = await engine.rows(Query("resource", (eq("deployment_id", deployment), eq("name", name))))
    if not rows:
        raise problems.invalid(404, f"The form with the resource name '{name}' cannot be found.")
    return Response(200, rows[0]["content"], JSON if name.endswith(".form") else "application/xhtml+xml")


async def _camunda_form(engine: Engine, instance: Instance, ref: Mapping[str, Any]) -> Response:
    """Binding `deployment` looks in the definition's own deployment, `version` counts the deployments of the form,
    `latest` takes the newest of the same tenant."""
    forms = Where("name", Op.LIKE, "%.form")
    binding = ref.get("binding")
    if binding == "deployment":
        ids = [(await engine.definition(instance.definition or "")).deployment_id]
    else:
        tenant = is_null("tenant_id") if instance.tenant is None else eq("tenant_id", instance.tenant)
        query = Query("deployment", (tenant,), (Order("deployed_ms"), Order("id")), columns=("id",))
        ids = [row["id"] for row in await engine.rows(query)]
    versions: list[bytes] = []
    for id in ids:
        for row in await engine.rows(Query("resource", (eq("deployment_id", id), forms))):
            if _form_id(row["content"]) == ref.get("key"):
                versions.append(row["content"])
    wanted = len(versions) if binding != "version" else int(ref.get("version") or 0)
    if not 1 <= wanted <= len(versions):
        raise problems.invalid(404, f"The Camunda form '{ref.get('key')}' cannot be found.")
    return Response(200, versions[wanted - 1], JSON)


def _form_id(content: bytes) -> Any:
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None
    return found.get("id") if isinstance(found, dict) else None
