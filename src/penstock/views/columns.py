"""How a variable's value is laid out in columns, for the tables `variable` and `detail`."""

from collections.abc import Mapping
from typing import Any

from penstock.expr.values import TypedValue


def value_columns(value: TypedValue) -> dict[str, Any]:
    """The columns text_value, long_value, double_value, bytes_value and info.

    | type                        | columns                                                                        |
    |-----------------------------|--------------------------------------------------------------------------------|
    | String, Json, Xml, Object   | text_value, the whole text                                                     |
    | Integer, Short, Long        | long_value (exact) and double_value (to compare with numbers of any type)      |
    | Double                      | double_value                                                                   |
    | Boolean                     | long_value 0 or 1                                                              |
    | Date                        | long_value, milliseconds since the epoch                                       |
    | Bytes, File                 | bytes_value                                                                    |
    | Null, or no value           | none                                                                           |

    Longs beyond 2**53 have a rounded double_value: compare two integers by long_value.
    """
    text: str | None = None
    long: int | None = None
    double: float | None = None
    content: bytes | None = None
    raw = value.value
    if raw is None:
        pass
    elif isinstance(raw, str):
        text = raw
    elif isinstance(raw, bool):
        long = int(raw)
    elif isinstance(raw, int):
        # msgspec reads a float without fraction back as float, but a Double may have been given as an int.
        if value.type == "Double":
            double = float(raw)
        else:
            long = int(raw)
            if value.type != "Date":
                double = float(raw)
    elif isinstance(raw, float):
        double = raw
    else:
        content = raw
    return {
        "text_value": text,
        "long_value": long,
        "double_value": double,
        "bytes_value": content,
        "info": value.info,
    }


def typed_value(kind: str | None, row: Mapping[str, Any]) -> TypedValue:
    """The value of type `kind` that `value_columns` has laid out in a row."""
    value: Any
    if kind in ("Integer", "Short", "Long", "Date"):
        value = row["long_value"]
    elif kind == "Boolean":
        value = None if row["long_value"] is None else bool(row["long_value"])
    elif kind == "Double":
        value = row["double_value"]
    elif kind in ("Bytes", "File"):
        value = row["bytes_value"]
    elif kind is None or kind == "Null":
        return TypedValue("Null", None, row["info"])
    else:
        value = row["text_value"]
        if value is None and row["bytes_value"] is not None:
            value = row["bytes_value"].decode()
    return TypedValue(kind, value, row["info"])
