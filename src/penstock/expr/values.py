"""Values of process variables: as they are stored (`TypedValue`) and as expressions see them (native values).

Camunda 7's types and their native form here:

| type                       | stored `value`                | native                                            |
|----------------------------|-------------------------------|---------------------------------------------------|
| String                     | str                           | str                                               |
| Boolean                    | bool                          | bool                                              |
| Integer, Short             | int                           | `Integer`, `Short` (subclasses of int)            |
| Long                       | int                           | int                                               |
| Double                     | float                         | float                                             |
| Date                       | int, ms since the epoch       | datetime, aware, UTC                              |
| Null                       | None                          | None                                              |
| Bytes                      | bytes                         | bytes                                             |
| File                       | bytes (info: filename, …)     | `FileValue`                                       |
| Json                       | str                           | `JsonNode` (Camunda Spin)                         |
| Xml                        | str                           | `XmlText`                                         |
| Object                     | str, opaque (info: …)         | list or dict when it is JSON, else `OpaqueObject` |

A number that an expression computes is a Long or a Double, as in JUEL.

A collection that the engine makes is an Object in Java's serialisation, as in Camunda 7. Kept is its JSON, and in
`info["elementTypes"]` what JSON does not tell (`shapes`); the bytes are written when a client asks for them (`java`).
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from penstock.expr.shapes import shape_of, shaped

JSON = "application/json"
JAVA = "application/x-java-serialized-object"
ELEMENT_TYPES = "elementTypes"


class Integer(int):
    """A 32-bit integer: Camunda's type Integer. Plain `int` is Long."""

    __slots__ = ()


class Short(int):
    """A 16-bit integer: Camunda's type Short."""

    __slots__ = ()


class TypedValue(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A variable's value as it is stored, sent and logged. `type` is one of the names in the table above."""

    type: str
    value: Any = None
    info: dict[str, Any] | None = None
    transient: bool = False


NULL = TypedValue("Null")


class JsonNode:
    """What `S('…')` and a Json variable are in expressions: Camunda Spin's SpinJsonNode. `data` is plain JSON."""

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonNode) and self.data == other.data

    __hash__ = None  # type: ignore[assignment]


class XmlText:
    """An Xml variable: its text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class FileValue:
    """A File variable: content and its description (`filename`, `mimetype`, `encoding`)."""

    __slots__ = ("content", "info")

    def __init__(self, content: bytes, info: dict[str, Any]) -> None:
        self.content = content
        self.info = info


class OpaqueObject:
    """An Object variable in a format that is kept but not looked into (for example serialised Java)."""

    __slots__ = ("stored",)

    def __init__(self, stored: TypedValue) -> None:
        self.stored = stored


class JsonList(list[Any]):
    """The value of an Object variable that is a JSON array; remembers how it was stored."""

    stored: TypedValue


class JsonDict(dict[str, Any]):
    """The value of an Object variable that is a JSON object; remembers how it was stored."""

    stored: TypedValue


class HashMap(dict[str, Any]):
    """A map of Java's class HashMap (a decision's result); a plain dict is a LinkedHashMap."""

    __slots__ = ()


class TreeMap(dict[str, Any]):
    """A map of Java's class TreeMap (a map in an input or output parameter)."""

    __slots__ = ()


class EmptyList(list[Any]):
    """Java's `Collections.emptyList()` (what no rule of a decision has collected)."""

    __slots__ = ()


def serialization(typed: TypedValue) -> str:
    """The `serializationDataFormat` of an Object; empty when it states none."""
    return str((typed.info or {}).get("serializationDataFormat") or "")


def is_made(typed: TypedValue) -> bool:
    """Whether this is a collection that the engine itself has made: clients cannot send this format."""
    return typed.type == "Object" and serialization(typed) == JAVA and isinstance(typed.value, str)


def holds_json(typed: TypedValue) -> bool:
    """Whether the value of an Object is kept as JSON."""
    return "json" in serialization(typed) or is_made(typed)


def to_native(typed: TypedValue) -> Any:
    """The value that expressions see."""
    kind, value = typed.type, typed.value
    if value is None and kind not in ("File", "Object"):
        return None
    convert = _TO_NATIVE.get(kind)
    return value if convert is None else convert(typed)


def _object(typed: TypedValue) -> Any:
    if isinstance(typed.value, str) and holds_json(typed):
        try:
            types = (typed.info or {}).get(ELEMENT_TYPES)
            data = shaped(json.loads(typed.value), None if types is None else json.loads(types), _FROM_JSON)
        except (ValueError, RecursionError):
            return OpaqueObject(typed)
        if isinstance(data, list):
            found = JsonList(data)
            found.stored = typed
            return found
        if isinstance(data, dict):
            mapping = JsonDict(data)
            mapping.stored = typed
            return mapping
        return data
    if typed.value is None:
        return None
    return OpaqueObject(typed)


def java_like(value: Any) -> Any:
    """Plain JSON as Java's JSON readers give it: integers that fit are Integer."""
    if type(value) is int:
        return Integer(value) if -(2**31) <= value < 2**31 else value
    if isinstance(value, list):
        return [java_like(item) for item in value]
    if isinstance(value, dict):
        return {k: java_like(v) for k, v in value.items()}
    return value


_TOLD: dict[type, str] = {
    Short: "Short",
    datetime: "Date",
    bytes: "Bytes",
    HashMap: "HashMap",
    TreeMap: "TreeMap",
    EmptyList: "EmptyList",
}
_FROM_JSON: dict[str | None, Callable[[Any], Any]] = {
    None: lambda data: Integer(data) if type(data) is int and -(2**31) <= data < 2**31 else data,
    "Long": int,
    "Short": Short,
    "Date": datetime.fromisoformat,
    "Bytes": base64.b64decode,
    "HashMap": HashMap,
    "TreeMap": TreeMap,
    "EmptyList": EmptyList,
}
_TO_NATIVE: dict[str, Any] = {
    "Integer": lambda t: Integer(t.value),
    "Short": lambda t: Short(t.value),
    "Date": lambda t: datetime.fromtimestamp(t.value / 1000, UTC),
    "Json": lambda t: JsonNode(json.loads(t.value)),
    "Xml": lambda t: XmlText(t.value),
    "File": lambda t: FileValue(t.value or b"", dict(t.info or {})),
    "Object": _object,
}


def from_native(value: Any) -> TypedValue:
    """How a value that an expression, script or delegate made is stored.

    Lists and dicts become `Object` in JSON with Java's collection class as `objectTypeName`.
    Raises TypeError for anything that is not a value.
    """
    if value is None:
        return NULL
    convert = _FROM_NATIVE.get(type(value))
    if convert is not None:
        return convert(value)  # type: ignore[no-any-return]
    raise TypeError(f"a value of type {type(value).__name__} cannot be a process variable")


def _collection(value: Any, java: str) -> TypedValue:
    stored = getattr(value, "stored", None)
    if stored is not None and to_native(stored) == value:
        return stored  # type: ignore[no-any-return]
    try:
        shape = shape_of(value, _told)
        text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise TypeError("a collection nested this deeply cannot be a process variable") from None
    info = {"objectTypeName": java, "serializationDataFormat": JAVA}
    if isinstance(shape, dict):
        info[ELEMENT_TYPES] = json.dumps({key: shape[key] for key in shape if key != "class"}, separators=(",", ":"))
    return TypedValue("Object", text, info)


def _told(value: Any) -> str | None:
    """The name of a class that JSON does not tell."""
    if type(value) is int:
        return "Long" if -(2**31) <= value < 2**31 else None
    return _TOLD.get(type(value))


def plain(value: Any) -> Any:
    """The JSON form of a native value (dates as Camunda writes them, bytes in base64)."""
    if isinstance(value, JsonNode):
        return value.data
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, datetime):
        return format_date(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, XmlText):
        return value.text
    return value


def format_date(moment: datetime) -> str:
    """`yyyy-MM-dd'T'HH:mm:ss.SSSZ`, the only format of dates on Camunda's REST API."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


_FROM_NATIVE: dict[type, Any] = {
    str: lambda v: TypedValue("String", v),
    bool: lambda v: TypedValue("Boolean", v),
    Integer: lambda v: TypedValue("Integer", int(v)),
    Short: lambda v: TypedValue("Short", int(v)),
    int: lambda v: TypedValue("Long", v),
    float: lambda v: TypedValue("Double", v),
    datetime: lambda v: TypedValue("Date", round(v.timestamp() * 1000)),
    bytes: lambda v: TypedValue("Bytes", v),
    list: lambda v: _collection(v, "java.util.ArrayList"),
    tuple: lambda v: _collection(v, "java.util.ArrayList"),
    JsonList: lambda v: _collection(v, "java.util.ArrayList"),
    EmptyList: lambda v: _collection(v, "java.util.Collections$EmptyList"),
    dict: lambda v: _collection(v, "java.util.LinkedHashMap"),
    HashMap: lambda v: _collection(v, "java.util.HashMap"),
    TreeMap: lambda v: _collection(v, "java.util.TreeMap"),
    JsonDict: lambda v: _collection(v, "java.util.LinkedHashMap"),
    JsonNode: lambda v: TypedValue("Json", json.dumps(v.data, ensure_ascii=False, separators=(",", ":"))),
    XmlText: lambda v: TypedValue("Xml", v.text),
    FileValue: lambda v: TypedValue("File", v.content, v.info),
    OpaqueObject: lambda v: v.stored,
}
