"""Generated forms (`camunda:formData`): their variables, and values that are submitted through them."""

from collections.abc import Mapping
from typing import Any

from penstock.api import problems
from penstock.api.dto import as_text
from penstock.expr.values import TypedValue
from penstock.model.graph import FormField, FormSpec

TYPES = {"string": "String", "long": "Long", "boolean": "Boolean", "date": "Date", "enum": "String"}
"""Form field type → type of its variable."""


def form(spec: FormSpec | None, rendered: str) -> dict[str, Any]:
    """Camunda 7 `FormDto`. `rendered`: the address of the generated form, the key of a form that has only fields."""
    if spec is None:
        return {"key": None, "camundaFormRef": None, "contextPath": None}
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


def defaults(spec: FormSpec | None) -> dict[str, TypedValue]:
    """The variables of the form with their default values; an expression is no value before there is an instance."""
    if spec is None:
        return {}
    found = {}
    for field in spec.fields:
        text = field.default_value
        literal = None if text is None or "${" in text or "#{" in text else text
        found[field.id] = _typed(field, literal)
    return found


def _typed(field: FormField, text: str | None) -> TypedValue:
    kind = TYPES.get(field.type or "string", "String")
    if text is None:
        return TypedValue(kind)
    if kind == "Long":
        return TypedValue(kind, _whole(text))
    if kind == "Boolean":
        return TypedValue(kind, text.lower() == "true")
    return TypedValue("String" if kind == "Date" else kind, text)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise problems.Problem(500, "NumberFormatException", f'For input string: "{text}"') from None


def submitted(spec: FormSpec | None, variables: Mapping[str, TypedValue]) -> dict[str, TypedValue]:
    """What a submitted form sets: fields as their type says, other variables as they are. Raises 400 when a constraint
    does not hold (Camunda 7 `FormFieldValidatorException`)."""
    found = dict(variables)
    for field in spec.fields if spec is not None else ():
        value = found.get(field.id)
        if value is None or value.value is None:
            literal = defaults(FormSpec(fields=(field,)))[field.id]
            if literal.value is not None:
                found[field.id] = value = literal
        elif field.type == "long" and not isinstance(value.value, bool):
            found[field.id] = value = TypedValue("Long", _whole(as_text(value.value)))
        elif field.type == "boolean":
            found[field.id] = value = TypedValue("Boolean", as_text(value.value).lower() == "true")
        elif field.type == "enum" and value.value not in {id for id, _ in field.values}:
            raise _invalid(field, f"Invalid value for enum form property: {as_text(value.value)}")
        for name, config in field.constraints:
            _check(field, name, config, value, field.id in variables)
    return found


def _check(field: FormField, name: str, config: str, value: TypedValue | None, sent: bool) -> None:
    raw = None if value is None else value.value
    if name == "required":
        if raw is None or raw == "":
            raise _invalid(field, "The value is required")
    elif name == "readonly":
        if sent:
            raise _invalid(field, "The field is read-only")
    elif raw is not None and name in ("min", "max", "minlength", "maxlength"):
        bound = _whole(config)
        measured = len(as_text(raw)) if name.endswith("length") else _whole(as_text(raw))
        if measured < bound if name.startswith("min") else measured > bound:
            raise _invalid(field, f"The value breaks the constraint {name}({config})")


def _invalid(field: FormField, why: str) -> problems.Problem:
    return problems.rest(400, f"Invalid value submitted for form field '{field.id}': {why}.")


def deployed_name(spec: FormSpec | None) -> str:
    """The name of the deployed file that holds the form (`embedded:deployment:NAME`, `camunda-forms:deployment:NAME`).
    Raises 400 when the form names no file."""
    if spec is None or not (spec.form_key or spec.form_ref):
        raise problems.bad_user_request(
            "One of the attributes 'formKey' and 'camunda:formRef' must be supplied but none were set."
        )
    if not spec.form_key:
        raise problems.unsupported("A form by 'camunda:formRef'")
    for prefix in ("embedded:deployment:", "camunda-forms:deployment:", "deployment:"):
        if spec.form_key.startswith(prefix):
            return spec.form_key.removeprefix(prefix)
    raise problems.bad_user_request(f"The form key '{spec.form_key}' does not reference a deployed form.")
