"""Generated forms (`camunda:formData`): what their fields show, and what they set when they are submitted (Camunda 7
`DefaultFormHandler`, `FormFieldHandler`)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penstock.api import java_dates, problems
from penstock.api.dto import as_text
from penstock.base.errors import Failure, JavaFailed
from penstock.engine.definition import Definition
from penstock.engine.state import Instance, Task
from penstock.expr import juel
from penstock.expr.values import TypedValue, from_native, to_native
from penstock.model.graph import FormField, FormSpec
from penstock.runtime.protocol import Engine

DATE_PATTERN = "dd/MM/yyyy"
_TYPES = {"string": "String", "long": "Long", "boolean": "Boolean", "date": "Date", "enum": "String"}
"""Form field type → type of its variable."""

_LONG = re.compile(r"[+-]?[0-9]+")
_NUMBERS = {"Integer": int, "Long": int, "Short": int, "Double": float}


class Scope(msgspec.Struct, frozen=True):
    """What expressions and validators of a form see: variables, and the moment."""

    variables: Mapping[str, TypedValue]
    at_ms: int

    def lookup(self, name: str) -> Any:
        """The value of a variable. Raises KeyError."""
        return to_native(self.variables[name])

    def now_ms(self) -> int:
        """The moment."""
        return self.at_ms


def of_start(definition: Definition) -> FormSpec:
    """The form of the none start event; an empty one when the model declares none. Raises 500 without such an event."""
    for child in definition.process.children:
        node = definition.process.nodes[child]
        if node.kind == "startEvent" and not node.triggers:
            return node.form or FormSpec()
    raise problems.null(f"No startFormHandler defined in process '{definition.id}': startFormHandler is null")


async def of_task(engine: Engine, instance: Instance, task: Task) -> Sequence[FormField]:
    """The form fields that the model declares for this task."""
    if instance.definition is None or task.key is None:
        return ()
    node = (await engine.definition(instance.definition)).activities[task.key].node
    return node.form.fields if node is not None and node.form is not None else ()


def form(spec: FormSpec, rendered: str) -> dict[str, Any]:
    """Camunda 7 `FormDto`. `rendered`: the address of the generated form, the key of a form that has only fields."""
    ref = None
    if spec.form_ref:
        version = spec.form_ref_version
        ref = {
            "key": spec.form_ref,
            "binding": spec.form_ref_binding,
            "version": int(version) if version and version.isdigit() else None,
        }
    key = spec.form_key
    if not key and ref is None and spec.fields:
        key = f"embedded:engine://engine/:engine{rendered}"
    return {"key": key, "camundaFormRef": ref, "contextPath": None}


# ------------------------------------------------------------------------------------------ what is shown


def shown(fields: Sequence[FormField], scope: Scope) -> dict[str, TypedValue]:
    """The value of each field: the variable of its name, or its default. Raises Failure."""
    return {field.id: _shown(field, scope) for field in fields}


def _shown(field: FormField, scope: Scope) -> TypedValue:
    variable = scope.variables.get(field.id)
    if variable is None:
        return _to_form(field, default(field, scope))
    try:
        return _to_form(field, variable if field.type == "date" else _to_model(field, variable, scope.at_ms))
    except Failure:
        message = f"failed to convert '{field.id}'"
        raise problems.Problem(500, "FormFieldValidationException", message, 0) from None


def default(field: FormField, scope: Scope) -> TypedValue:
    """The default value in the type of the field's variable. Raises Failure."""
    return _to_model(field, _evaluated(field, scope), scope.at_ms)


def _evaluated(field: FormField, scope: Scope) -> TypedValue:
    if field.default_value is None:
        return from_native(None)
    return from_native(juel.parse(field.default_value).evaluate(scope))


def _to_form(field: FormField, value: TypedValue) -> TypedValue:
    if field.type != "date":
        return value
    if value.value is None:
        return TypedValue("String", "")
    if value.type != "Date":
        raise Failure(f"Expected value to be of type 'date' but got '{value.type}'.")
    return TypedValue("String", java_dates.write(value.value, field.date_pattern or DATE_PATTERN))


# ------------------------------------------------------------------------------------------ what is submitted


def submitted(spec: FormSpec, variables: Mapping[str, TypedValue], scope: Scope) -> dict[str, TypedValue]:
    """What a submitted form sets: fields in their types, other variables as they are. `scope`: what is there before.
    Raises Failure."""
    rest, found = dict(variables), dict[str, TypedValue]()
    for field in spec.fields:
        if field.id == spec.business_key_field:
            continue
        sent = rest.pop(field.id, None)
        now = Scope({**scope.variables, **found}, scope.at_ms)
        for name, config in field.constraints:
            _check(field, name, config, sent, now)
        if sent is not None:
            found[field.id] = _to_model(field, sent, scope.at_ms)
        elif field.default_value is not None:
            found[field.id] = default(field, now)
    return found | rest


def _to_model(field: FormField, value: TypedValue, now_ms: int) -> TypedValue:
    """The value in the type of the field's variable (Camunda 7 `AbstractFormFieldType.convertToModelValue`)."""
    kind, raw = _TYPES.get(field.type or "string", "String"), value.value
    if field.type == "enum" and raw is not None:
        return _member(field, raw)
    if raw is None or value.type == kind:
        return TypedValue(kind, raw)
    if kind == "String":
        return TypedValue(kind, as_text(raw))
    text = as_text(raw)
    if kind == "Long" and not isinstance(raw, bool) and isinstance(raw, int | float | str):
        return TypedValue(kind, _long(text))
    if kind == "Boolean" and isinstance(raw, str):
        return TypedValue(kind, text.lower() == "true")
    if kind == "Date" and isinstance(raw, str):
        return TypedValue(kind, _date(text, field.date_pattern or DATE_PATTERN, now_ms))
    if kind == "Date":
        raise Failure(f"Value '{text}' cannot be transformed into a Date.")
    raise Failure(f"Value '{text}' is not of type {kind}.")


def _member(field: FormField, raw: Any) -> TypedValue:
    if not isinstance(raw, str):
        raise Failure(f"Value '{as_text(raw)}' is not of type String.")
    if raw not in {id for id, _ in field.values}:
        raise Failure(f"Invalid value for enum form property: {raw}")
    return TypedValue("String", raw)


def _long(text: str) -> int:
    if _LONG.fullmatch(text) is None or not -(2**63) <= int(text) < 2**63:
        raise JavaFailed(f'For input string: "{text}"', java="NumberFormatException")
    return int(text)


def _date(text: str, pattern: str, now_ms: int) -> int | None:
    if not text.strip():
        return None
    found = java_dates.read(text.strip(), pattern, now_ms)
    if found is None:
        raise Failure(f"Could not parse value '{text}' as date using date format '{pattern}'.")
    return found


def texts(variables: Mapping[str, TypedValue]) -> tuple[tuple[str, str], ...]:
    """What history notes of a submitted form: the fields that were sent as text."""
    return tuple(
        (name, value.value) for name, value in variables.items() if value.type == "String" and value.value is not None
    )


# ------------------------------------------------------------------------------------------ constraints


def _check(field: FormField, name: str, config: str, sent: TypedValue | None, scope: Scope) -> None:
    raw = None if sent is None else sent.value
    if name == "required":
        holds = raw != "" if raw is not None else _is_there(field, scope)
    elif name == "readonly":
        holds = raw is None
    elif sent is None or raw is None:
        holds = True
    elif name in ("min", "max"):
        holds = _is_within(name, config, sent)
    else:
        holds = name not in ("minlength", "maxlength") or _has_length(name, config, raw)
    if not holds:
        constraint = f"{name}({config})" if config else name
        raise Failure(f"Invalid value submitted for form field '{field.id}': validation of {constraint} failed.")


def _is_there(field: FormField, scope: Scope) -> bool:
    known = scope.variables.get(field.id)
    return (known or _evaluated(field, scope)).value is not None


def _is_within(name: str, config: str, sent: TypedValue) -> bool:
    number = _NUMBERS.get(sent.type)
    if number is None:
        return False
    try:
        bound = number(config)
    except ValueError:
        raise Failure(
            f"Cannot validate {sent.type} value {sent.value}: configuration {config} cannot be parsed as {sent.type}."
        ) from None
    return bool(sent.value >= bound if name == "min" else sent.value <= bound)


def _has_length(name: str, config: str, raw: Any) -> bool:
    if not isinstance(raw, str):
        validator = "MinLengthValidator" if name == "minlength" else "MaxLengthValidator"
        raise Failure(f"String validator {validator} cannot be used on a value that is not a string: {as_text(raw)}")
    if _LONG.fullmatch(config) is None:
        raise Failure(f'Cannot validate "{name}": configuration {config} cannot be interpreted as Integer')
    return len(raw) >= int(config) if name == "minlength" else len(raw) <= int(config)
