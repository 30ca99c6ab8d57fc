"""Process variables: Python values ↔ Camunda's typed values on the wire (`{"type", "value", "valueInfo"}`).

| Python → | type | → Python |
|---|---|---|
| `None` | Null | `None` |
| `bool` | Boolean | `bool` |
| `int` | Integer (32 bits), else Long (64 bits) | `int` (Short too) |
| `float` | Double | `float` |
| `str`, `Decimal`, `UUID`, `date`, `time`, text enums | String | `str` |
| aware `datetime` | Date, to the millisecond | aware `datetime` |
| `bytes` | Bytes | `bytes` |
| `File` | File | `FileRef`: the content comes when it is asked for |
| `dict`, `list`, `tuple`, `set`, Struct, dataclass | Json | what the JSON says |
| `Typed("Xml", text)` | Xml | `str` |
| `Typed("Object", text, info)` | Object | what the JSON says, or the collection that Java has serialised; else `str` |

A `Decimal` is a String because Camunda has no decimal numbers and a Double would change amounts of money. `Typed` states
any type, and `Typed(…, transient=True)` a variable that is not kept.
"""

import base64
import binascii
import dataclasses
import enum
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from penstock.worker import java
from penstock.worker.errors import InvalidVariable

JAVA = "application/x-java-serialized-object"


class WireValue(msgspec.Struct):
    """A variable as servers send it."""

    type: str | None = None
    value: Any = None
    valueInfo: dict[str, Any] | None = None


class Typed:
    """A value with a stated type. `type` None: as without `Typed` (to say `transient` only)."""

    __slots__ = ("info", "transient", "type", "value")

    def __init__(
        self, type: str | None, value: Any, info: Mapping[str, Any] | None = None, *, transient: bool = False
    ) -> None:
        self.type = type
        self.value = value
        self.info = info
        self.transient = transient


class File:
    """A file as a variable."""

    __slots__ = ("content", "encoding", "mimetype", "name")

    def __init__(self, name: str, content: bytes, mimetype: str | None = None, encoding: str | None = None) -> None:
        self.name = name
        self.content = content
        self.mimetype = mimetype
        self.encoding = encoding

    def __repr__(self) -> str:
        return f"File({self.name!r}, {len(self.content)} bytes, {self.mimetype!r})"

    @property
    def text(self) -> str:
        """The content as text in its encoding (UTF-8 without one)."""
        return self.content.decode(self.encoding or "utf-8")


class FileRef(msgspec.Struct, frozen=True):
    """A file variable without its content: `await task.file(name)` brings that."""

    name: str
    mimetype: str | None = None
    encoding: str | None = None


# ------------------------------------------------------------------------------------------ out


def write_all(variables: Any) -> dict[str, Any]:
    """A map of variables for a request. `variables`: a mapping, a Struct or a dataclass (its fields are the variables).

    Raises InvalidVariable."""
    return {name: write(name, value) for name, value in fields_of(variables).items()}


def fields_of(variables: Any) -> Mapping[str, Any]:
    """The variables that a mapping, a Struct (by its names on the wire) or a dataclass holds. Raises TypeError."""
    if variables is None:
        return {}
    if isinstance(variables, Mapping):
        return variables
    if isinstance(variables, msgspec.Struct):
        return {f.encode_name: getattr(variables, f.name) for f in msgspec.structs.fields(variables)}
    if dataclasses.is_dataclass(variables) and not isinstance(variables, type):
        return {field.name: getattr(variables, field.name) for field in dataclasses.fields(variables)}
    raise TypeError(f"variables are a mapping, a Struct or a dataclass, not {type(variables).__name__}")


def write(name: str, value: Any) -> dict[str, Any]:
    """One variable for a request. Raises InvalidVariable."""
    if not isinstance(name, str):
        raise InvalidVariable(str(name), "names are strings")
    transient = False
    try:
        if isinstance(value, Typed):
            transient = value.transient
            found = _inferred(value.value) if value.type is None else _stated(value)
        else:
            found = _inferred(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidVariable(name, str(error)) from error
    if transient:
        found["valueInfo"] = {**found.get("valueInfo", {}), "transient": True}
    return found


def _value(type: str, value: Any) -> dict[str, Any]:
    return {"type": type, "value": value}


def _inferred(value: Any) -> dict[str, Any]:
    if isinstance(value, enum.Enum):
        value = value.value
    simple = _WRITERS.get(type(value))
    if simple is not None:
        return simple(value)
    for kind, writer in _WRITERS.items():
        if isinstance(value, kind):
            return writer(value)
    return _json(value)


def _integer(value: int) -> dict[str, Any]:
    if -(2**31) <= value < 2**31:
        return _value("Integer", int(value))
    if -(2**63) <= value < 2**63:
        return _value("Long", int(value))
    raise ValueError(f"the integer {value} does not fit into 64 bits: send it as text")


def _double(value: float) -> dict[str, Any]:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be sent as JSON")
    return _value("Double", float(value))


def _date(value: datetime) -> dict[str, Any]:
    if value.tzinfo is None:
        raise ValueError("a datetime needs a time zone: datetime.now(UTC), or .astimezone() for local time")
    return _value("Date", date_text(value))


def date_text(value: datetime) -> str:
    """A moment as Camunda writes it."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "+0000"


def _bytes(value: Any) -> dict[str, Any]:
    return _value("Bytes", base64.b64encode(bytes(value)).decode())


def _file(value: File) -> dict[str, Any]:
    info = {"filename": value.name, "mimeType": value.mimetype, "encoding": value.encoding}
    return {
        "type": "File",
        "value": base64.b64encode(value.content).decode(),
        "valueInfo": {name: text for name, text in info.items() if text is not None},
    }


def _json(value: Any) -> dict[str, Any]:
    return _value("Json", msgspec.json.encode(value, enc_hook=_unknown).decode())


def _unknown(value: Any) -> Any:
    if isinstance(value, FileRef | File | Typed):
        raise TypeError(f"a {type(value).__name__} is a variable of its own and cannot be inside another value")
    raise TypeError(f"a {type(value).__name__} is no value of a process variable")


_WRITERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    type(None): lambda value: _value("Null", None),
    bool: lambda value: _value("Boolean", value),
    int: _integer,
    float: _double,
    str: lambda value: _value("String", str(value)),
    Decimal: lambda value: _value("String", str(value)),
    UUID: lambda value: _value("String", str(value)),
    datetime: _date,
    date: lambda value: _value("String", value.isoformat()),
    time: lambda value: _value("String", value.isoformat()),
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    File: _file,
}
"""In this order: a bool is an int, a datetime is a date."""


def _stated(typed: Typed) -> dict[str, Any]:
    kind, value = typed.type or "", typed.value
    if value is None or kind.lower() == "null":
        found = _value(kind, None)
    elif kind.lower() == "json" and not isinstance(value, str):
        found = _json(value)
    elif kind.lower() == "object" and not isinstance(value, str):
        found = {**_json(value), "type": kind}
    elif isinstance(value, datetime | bytes | bytearray | memoryview | File):
        found = {**_inferred(value), "type": kind}
    elif isinstance(value, Decimal) and kind.lower() == "double":
        found = _value(kind, float(value))
    else:
        found = _value(kind, value)
    if typed.info:
        found["valueInfo"] = {**found.get("valueInfo", {}), **typed.info}
    return found


# ------------------------------------------------------------------------------------------ in


def read_all(variables: Mapping[str, WireValue]) -> dict[str, Any]:
    """The Python values of a map of variables. Raises InvalidVariable for what contradicts its type."""
    return {name: read(name, value) for name, value in variables.items()}


def read(name: str, wire: WireValue) -> Any:
    """The Python value of one variable."""
    reader = _READERS.get((wire.type or "").lower())
    if reader is None or (wire.value is None and reader is not _read_file):
        return wire.value
    try:
        return reader(wire)
    except (ValueError, TypeError, binascii.Error) as error:
        raise InvalidVariable(name, f"what the server sent is no {wire.type}: {error}") from error


def _read_date(wire: WireValue) -> datetime:
    return read_date(wire.value)


def read_date(text: str) -> datetime:
    """A moment as Camunda writes it."""
    return datetime.fromisoformat(text)


def _read_json(wire: WireValue) -> Any:
    return msgspec.json.decode(wire.value) if isinstance(wire.value, str) else wire.value


def _read_object(wire: WireValue) -> Any:
    data_format = str((wire.valueInfo or {}).get("serializationDataFormat", ""))
    if isinstance(wire.value, str) and "json" in data_format:
        return msgspec.json.decode(wire.value)
    if isinstance(wire.value, str) and data_format == JAVA:
        return _read_java(wire.value)
    return wire.value


def _read_java(text: str) -> Any:
    """A collection that the engine made; what this does not know stays as it was sent."""
    try:
        return java.deserialize(base64.b64decode(text, validate=True))
    except ValueError:
        return text


def _read_file(wire: WireValue) -> FileRef:
    info = wire.valueInfo or {}
    return FileRef(str(info.get("filename") or ""), info.get("mimeType") or info.get("mimetype"), info.get("encoding"))


_READERS: dict[str, Callable[[WireValue], Any]] = {
    "date": _read_date,
    "bytes": lambda wire: base64.b64decode(wire.value, validate=True),
    "json": _read_json,
    "object": _read_object,
    "file": _read_file,
}
