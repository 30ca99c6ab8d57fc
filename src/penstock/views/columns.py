"""How a variable's value is laid out in columns, for the tables `variable` and `detail`."""

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
