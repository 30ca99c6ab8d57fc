"""Java's view of native values: class names, texts and the coercions of the expression language (EL 2.1 §1.18, JUEL 2.2).

Everything here is total over native values or raises `Problem`, which `juel` turns into `ExpressionFailed`.
"""

import enum
import json
import math
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

from penstock.expr.host import HostObject
from penstock.expr.values import (
    EmptyList,
    FileValue,
    HashMap,
    Integer,
    JsonDict,
    JsonList,
    JsonNode,
    OpaqueObject,
    Short,
    TreeMap,
    XmlText,
)

TEXT_CHARS_MAX = 4_000_000
"""Longest text an expression may make: more than any variable is allowed to hold."""

DEPTH_MAX = 200
"""Deepest nesting of a value that an expression may print, copy or make; far below Python's own limit."""

INTEGERS: frozenset[type] = frozenset((int, Integer, Short))
NUMBERS: frozenset[type] = frozenset((int, Integer, Short, float))
LISTS: frozenset[type] = frozenset((list, tuple, JsonList, EmptyList))
MAPS: frozenset[type] = frozenset((dict, JsonDict, HashMap, TreeMap))


class Kind(enum.Enum):
    """What went wrong, as Camunda's `JuelExpression` tells it."""

    PROPERTY = "Unknown property used in expression"
    METHOD = "Unknown method used in expression"
    ERROR = "Error while evaluating expression"


class Problem(Exception):
    """Why an evaluation stops. It never leaves `expr`: `juel` adds the expression and raises ExpressionFailed."""

    def __init__(self, message: str, kind: Kind = Kind.ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind


_CLASSES: dict[type, str] = {
    str: "class java.lang.String",
    bool: "class java.lang.Boolean",
    Integer: "class java.lang.Integer",
    Short: "class java.lang.Short",
    int: "class java.lang.Long",
    float: "class java.lang.Double",
    datetime: "class java.util.Date",
    list: "class java.util.ArrayList",
    tuple: "class java.util.ArrayList",
    JsonList: "class java.util.ArrayList",
    dict: "class java.util.LinkedHashMap",
    JsonDict: "class java.util.LinkedHashMap",
    HashMap: "class java.util.HashMap",
    TreeMap: "class java.util.TreeMap",
    EmptyList: "class java.util.Collections$EmptyList",
    bytes: "class [B",
    JsonNode: "class org.camunda.spin.impl.json.jackson.JacksonJsonNode",
    XmlText: "class org.camunda.spin.impl.xml.dom.DomXmlElement",
}


def java_class(value: Any) -> str:
    """How Java prints the class of a native value, for messages."""
    if value is None:
        return "null"
    if isinstance(value, HostObject):
        return f"class {value.name}"
    return _CLASSES.get(type(value)) or f"class {type(value).__name__}"


def wrap_long(value: int) -> int:
    """`value` as Java's 64-bit arithmetic leaves it."""
    if -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
        return value
    return ((value + 0x8000000000000000) & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000


def wrap_integer(value: int) -> Integer:
    """`value` as Java's `(int)` leaves it."""
    return Integer(((value + 0x80000000) & 0xFFFFFFFF) - 0x80000000)


def _incompatible(value: Any, target: str) -> NoReturn:
    raise Problem(f"Cannot coerce from {java_class(value)} to class java.lang.{target}")


def _unreadable(value: str, target: str) -> NoReturn:
    shown = value if len(value) <= 100 else f"{value[:100]}…"
    raise Problem(f"Cannot coerce '{shown}' to class java.lang.{target}")


_LONG = re.compile(r"[+-]?[0-9]{1,40}")
_DOUBLE = re.compile(r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[dDfF]?")


def to_long(value: Any, target: str = "Long") -> int:
    """EL's coercion to Long: null and "" are 0, a Double loses its fraction, a text must be an integer."""
    kind = type(value)
    if kind is int:
        return wrap_long(value)
    if kind in INTEGERS:
        return int(value)
    if value is None or value == "":
        return 0
    if kind is float:
        if math.isnan(value):
            return 0
        return max(-0x8000000000000000, min(0x7FFFFFFFFFFFFFFF, int(value) if math.isfinite(value) else _far(value)))
    if kind is str:
        if _LONG.fullmatch(value):
            number = int(value)
            if number == wrap_long(number):
                return number
        _unreadable(value, target)
    return _incompatible(value, target)


def _far(value: float) -> int:
    return 0x7FFFFFFFFFFFFFFF if value > 0 else -0x8000000000000000


def to_int(value: Any) -> int:
    """EL's coercion to Integer, for the parameters of Java methods."""
    number = to_long(value, "Integer")
    if type(value) is str and not -0x80000000 <= number <= 0x7FFFFFFF:
        _unreadable(value, "Integer")
    return int(wrap_integer(number))


def to_double(value: Any) -> float:
    """EL's coercion to Double."""
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return]
    if kind in INTEGERS:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if value is None or value == "":
        return 0.0
    if kind is str:
        text = value.strip()
        if len(text) <= 1000 and _DOUBLE.fullmatch(text):
            return float(text.rstrip("dDfF") if "nfinity" not in text else text)
        _unreadable(value, "Double")
    return _incompatible(value, "Double")


def to_boolean(value: Any) -> bool:
    """EL's coercion to Boolean: null and "" are false, a text is true when it says `true`; numbers are refused."""
    if value is True or value is False:
        return value
    if value is None:
        return False
    if type(value) is str:
        return value.lower() == "true" if len(value) == 4 else False
    return _incompatible(value, "Boolean")


def is_fractional(value: Any) -> bool:
    """Whether EL computes with `value` as a Double: it is one, or a text with a point or an exponent."""
    kind = type(value)
    return kind is float or (kind is str and ("." in value or "e" in value or "E" in value))


def to_string(value: Any) -> str:
    """The text of a native value as Java's `toString` gives it; null is "" (EL 2.1 §1.18.2).

    Raises `Problem` when the text would be longer than `TEXT_CHARS_MAX` or the value is nested too deeply.
    """
    if type(value) is str:
        return value
    if value is None:
        return ""
    parts: list[str] = []
    _print(value, parts, [TEXT_CHARS_MAX], 0)
    return "".join(parts)


def _print(value: Any, parts: list[str], left: list[int], depth: int) -> None:
    if depth > DEPTH_MAX:
        raise Problem(f"a value is nested deeper than {DEPTH_MAX} levels")
    kind = type(value)
    if kind in MAPS:
        parts.append("{")
        for position, (key, item) in enumerate(value.items()):
            if position:
                parts.append(", ")
            _print(key, parts, left, depth + 1)
            parts.append("=")
            _print(item, parts, left, depth + 1)
        parts.append("}")
        return
    if kind in LISTS:
        parts.append("[")
        for position, item in enumerate(value):
            if position:
                parts.append(", ")
            _print(item, parts, left, depth + 1)
        parts.append("]")
        return
    text = _scalar(value)
    left[0] -= len(text) + 2
    if left[0] < -2:
        raise Problem(f"a text would be longer than {TEXT_CHARS_MAX} characters")
    parts.append(text)


def _scalar(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind in INTEGERS:
        return str(wrap_long(int(value)))
    if kind is float:
        return double_text(value)
    if kind is datetime:
        return date_text(value)
    if kind is JsonNode:
        return json_text(value.data)
    if isinstance(value, XmlText):
        return value.text
    if isinstance(value, HostObject):
        return value.name
    if isinstance(value, FileValue):
        return str(value.info.get("filename") or "")
    if isinstance(value, OpaqueObject):
        return str((value.stored.info or {}).get("objectTypeName") or "java.lang.Object")
    if kind is bytes:
        return f"[B ({len(value)} bytes)"
    printed = getattr(kind, "java_text", None)
    return kind.__name__ if printed is None else str(printed(value))


def json_text(data: Any) -> str:
    """Compact JSON, as Jackson prints a node."""
    try:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, ValueError, TypeError) as error:
        raise Problem("Unable to write json node") from error
    if len(text) > TEXT_CHARS_MAX:
        raise Problem(f"a text would be longer than {TEXT_CHARS_MAX} characters")
    return text


def double_text(value: float) -> str:
    """Java's `Double.toString`: 1.0, 1.0E10, 1.0E-4, NaN, Infinity."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        if "e" not in text:
            return text
    mantissa, _, exponent = repr(value).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    power = int(exponent or 0)
    digits = whole + fraction
    power += len(whole) - 1
    stripped = digits.lstrip("0")
    power -= len(digits) - len(stripped)
    digits = stripped.rstrip("0") or "0"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def date_text(moment: datetime) -> str:
    """Java's `Date.toString` in UTC: `Thu Jan 01 00:00:00 UTC 1970`."""
    moment = moment.astimezone(UTC)
    return (
        f"{_DAYS[moment.weekday()]} {_MONTHS[moment.month - 1]} {moment.day:02d} "
        f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} UTC {moment.year}"
    )


def same(left: Any, right: Any) -> bool:
    """Java's `equals`: types count."""
    if left is right:
        return True
    if left is None or right is None:
        return False
    if type(left) in NUMBERS or type(right) in NUMBERS or type(left) is bool or type(right) is bool:
        return type(left) is type(right) and (left == right or (left != left and right != right))
    return bool(left == right)
