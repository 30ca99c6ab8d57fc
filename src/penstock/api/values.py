"""Variables on the wire: `{"type", "value", "valueInfo"}` ↔ `expr.values.TypedValue` (Camunda 7 `VariableValueDto`)."""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.api import dates, problems
from penstock.api.dto import as_text
from penstock.expr import java
from penstock.expr.values import ELEMENT_TYPES, JAVA, TypedValue, from_native, holds_json, is_made, java_like
from penstock.views.columns import typed_value

_TYPES = {
    name.lower(): name
    for name in (
        "String",
        "Boolean",
        "Integer",
        "Short",
        "Long",
        "Double",
        "Date",
        "Null",
        "Bytes",
        "File",
        "Json",
        "Xml",
        "Object",
    )
}
_JAVA = {
    "String": "java.lang.String",
    "Boolean": "java.lang.Boolean",
    "Integer": "java.lang.Integer",
    "Short": "java.lang.Short",
    "Long": "java.lang.Long",
    "Double": "java.lang.Double",
    "Date": "java.util.Date",
    "Bytes": "[B",
}
_BITS = {"Short": 15, "Integer": 31, "Long": 63}
_DESERIALIZED_JSON = {"dataFormatName": "application/json", "value": False}
_JAVA_OBJECT = "java.lang.Object"


def read_all(variables: Any) -> dict[str, TypedValue]:
    """A map of variables from a body (None: none). Raises 400."""
    if not variables:
        return {}
    if not isinstance(variables, dict):
        raise problems.unreadable()
    return {name: read(dto, name) for name, dto in variables.items()}


def read(dto: Any, name: str = "") -> TypedValue:
    """One variable; `name` is what a message calls it. Raises 400 `InvalidRequestException` when the value does not fit its
    type, 400 `RestException`'s sibling for unknown types, 500 `IllegalArgumentException` for a file without a name, 500
    `ProcessEngineException` for a serialized Java object, as Camunda."""
    if dto is None:
        dto = {}
    if not isinstance(dto, dict):
        raise problems.unreadable()
    value, stated, info = dto.get("value"), dto.get("type"), dto.get("valueInfo")
    if info is not None and not isinstance(info, dict):
        raise problems.unreadable()
    if isinstance(stated, dict | list):
        raise problems.unreadable()
    transient = bool(info and info.get("transient") is True)
    if stated is None or stated == "":
        return _inferred(value, transient)
    kind = _TYPES.get(as_text(stated).lower())
    if kind is None:
        raise problems.invalid(400, f"Unsupported value type '{as_text(stated)}'")
    if kind in _JAVA:
        return TypedValue(kind, None if value is None else _primitive(kind, value), None, transient)
    if kind == "Null":
        return TypedValue("Null", None, None, transient)
    if value is not None and not isinstance(value, str):
        raise problems.invalid(
            400, f"Must provide 'null' or String value for value of SerializableValue type '{kind}'."
        )
    if kind == "File":
        return _file(value, info, transient)
    if kind == "Object":
        return _object(value, info, transient, name)
    return TypedValue(kind, _text(value), None, transient)


def _text(value: str | None) -> str | None:
    if value is not None and ("\x00" in value or not _encodable(value)):
        raise problems.invalid(400, "A text contains characters that cannot be stored (NUL or a lone surrogate).")
    return value


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _inferred(value: Any, transient: bool) -> TypedValue:
    """The type of an untyped value is that of its JSON form, as Jackson reads it into Java."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(2**63) <= value < 2**63:
            raise problems.invalid(400, f"The number {value} does not fit into a Long.")
    elif isinstance(value, str):
        _text(value)
    try:
        found = from_native(java_like(value))
    except (TypeError, RecursionError) as error:
        raise problems.invalid(400, f"The value cannot be a process variable: {error}") from None
    return msgspec.structs.replace(found, transient=True) if transient else found


def _primitive(kind: str, value: Any) -> bool | int | float | str | bytes | None:
    """As Jackson maps any scalar to the Java type: through its text."""
    text = value if isinstance(value, str) else as_text(value) if not isinstance(value, list | dict) else None
    if text is not None:
        if kind == "String":
            return _text(text)
        stripped = text.strip()
        if kind == "Date":
            if isinstance(value, str):
                if stripped == "":
                    return None
                moment = dates.parse(text)
                if moment is not None:
                    return moment
        elif stripped == "":
            return b"" if kind == "Bytes" else None
        elif kind == "Boolean":
            if stripped.lower() in ("true", "false"):
                return stripped.lower() == "true"
        elif kind == "Double":
            number = _double(stripped)
            if number is not None:
                return number
        elif kind == "Bytes":
            try:
                return base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                pass
        else:
            bits = _BITS[kind]
            whole = _whole(stripped)
            if whole is not None and -(1 << bits) <= whole < (1 << bits):
                return whole
    shown = as_text(value) if text is None else text
    raise problems.invalid(400, f"Cannot convert value '{shown}' of type '{kind}' to java type {_JAVA[kind]}")


def _whole(text: str) -> int | None:
    digits = text[1:] if text[:1] in "+-" else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 25 else None


def _double(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if "_" not in text and math.isfinite(number) else None


def _file(value: str | None, info: dict[str, Any] | None, transient: bool) -> TypedValue:
    if info is None:
        raise problems.illegal_argument("Cannot create file without valueInfo.")
    filename = info.get("filename")
    if not isinstance(filename, str):
        raise problems.illegal_argument(
            "Cannot create file without filename! Please set a name into ValueInfo with key filename"
        )
    kept = {"filename": filename}
    mimetype = info.get("mimeType") or info.get("mimetype")
    if mimetype:
        kept["mimeType"] = as_text(mimetype)
    if info.get("encoding"):
        kept["encoding"] = as_text(info["encoding"])
    try:
        content = base64.b64decode(value or "", validate=True)
    except (binascii.Error, ValueError):
        raise problems.illegal_argument(f"The value of the file '{filename}' is not base64.") from None
    return TypedValue("File", content, kept, transient)


def _object(value: str | None, info: dict[str, Any] | None, transient: bool, name: str) -> TypedValue:
    kept = {k: v for k, v in (info or {}).items() if k in ("objectTypeName", "serializationDataFormat")}
    if kept.get("serializationDataFormat") == JAVA:
        raise problems.engine(f"Cannot set variable with name {name}. Java serialization format is prohibited")
    if value is not None and not kept.get("serializationDataFormat"):
        raise problems.rest(
            500,
            "Cannot find serializer for value 'ObjectValue [value=null, isDeserialized=false, "
            f"serializationDataFormat=null, objectTypeName={kept.get('objectTypeName') or 'null'}, "
            f"serializedValue={len(value)} chars, isTransient={'true' if transient else 'false'}]'.",
        )
    if value is not None and not kept.get("objectTypeName"):
        raise problems.rest(500, "The Object value has no 'objectTypeName' in its valueInfo.")
    return TypedValue("Object", _text(value), kept, transient)


def write_all(variables: Mapping[str, TypedValue], *, deserialize: bool = True) -> dict[str, Any]:
    """A map of variables for an answer."""
    return {name: write(value, deserialize=deserialize) for name, value in variables.items()}


def write(typed: TypedValue, *, deserialize: bool = True) -> dict[str, Any]:
    """`{"type", "value", "valueInfo"}`.

    `deserialize`: Camunda's `deserializeValue(s)`. Objects then are the JSON itself; without it, collections that the
    engine has made are what Java serialises, in base64. Json values are what
    Jackson makes of a Java bean of the class SpinJsonNode (Camunda 7 answers exactly that).
    """
    kind, value = typed.type, typed.value
    info: dict[str, Any] = {}
    if kind == "Date":
        value = dates.write(value)
    elif kind == "Bytes":
        value = None if value is None else base64.b64encode(value).decode()
    elif kind == "File":
        return {"type": kind, "value": None, "valueInfo": dict(typed.info or {})}
    elif kind == "Object":
        info = {key: value for key, value in (typed.info or {}).items() if key != ELEMENT_TYPES}
        if deserialize:
            return _deserialized_object(typed, info)
        if is_made(typed):
            value = base64.b64encode(java.serialize_object(typed)).decode()
    elif kind == "Json" and deserialize and value is not None:
        return {"type": kind, "value": _spin_bean(str(value)), "valueInfo": info}
    return {"type": kind, "value": value, "valueInfo": info}


def _deserialized_object(typed: TypedValue, info: dict[str, Any]) -> dict[str, Any]:
    value: Any = typed.value
    if isinstance(value, str) and holds_json(typed):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise problems.engine(
                f"Cannot deserialize object in variable: not JSON of the type {info.get('objectTypeName')}."
            ) from None
        if not is_made(typed) and str(info.get("objectTypeName", "")).startswith("java.util."):
            info["objectTypeName"] = java_type(value)
    return {"type": "Object", "value": value, "valueInfo": info}


def java_type(value: Any) -> str:
    """The Java type that Camunda Spin detects for a deserialised collection."""
    if isinstance(value, dict):
        return f"java.util.LinkedHashMap<{_JAVA_OBJECT},{_JAVA_OBJECT}>"
    if isinstance(value, list):
        return f"java.util.ArrayList<{java_type(value[0]) if value else _JAVA_OBJECT}>"
    if isinstance(value, bool):
        return "java.lang.Boolean"
    if isinstance(value, int):
        return "java.lang.Integer" if -(2**31) <= value < 2**31 else "java.lang.Long"
    if isinstance(value, float):
        return "java.lang.Double"
    return "java.lang.String" if isinstance(value, str) else _JAVA_OBJECT


def _spin_bean(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise problems.engine("Cannot deserialize a Json variable: its value is not JSON.") from None
    kinds = {
        "object": isinstance(data, dict),
        "array": isinstance(data, list),
        "null": data is None,
        "number": isinstance(data, int | float) and not isinstance(data, bool),
        "string": isinstance(data, str),
        "boolean": isinstance(data, bool),
    }
    node = next(name for name, holds in kinds.items() if holds).upper()
    return {**kinds, "nodeType": node, **_DESERIALIZED_JSON, "value": not isinstance(data, dict | list)}


def from_row(row: Mapping[str, Any]) -> TypedValue:
    """The value in a row of `variable` or `detail`; the column for its type holds it."""
    kind = row.get("type") or row.get("variable_type") or "Null"
    return stored(str(kind), row)


def stored(kind: str, row: Mapping[str, Any]) -> TypedValue:
    """As `from_row`, for a value of type `kind`."""
    return typed_value(kind, row)
