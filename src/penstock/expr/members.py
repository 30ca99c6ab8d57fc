"""The properties and methods of native values: what is not in these tables does not exist for an expression.

A table maps a Java method's name to (function, fewest arguments, most arguments); the function gets the value and the
arguments, coerces them as JUEL does for Java's parameter types, and bounds what it makes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from penstock.expr.coerce import (
    INTEGERS,
    LISTS,
    MAPS,
    TEXT_CHARS_MAX,
    Kind,
    Problem,
    java_class,
    same,
    to_boolean,
    to_double,
    to_int,
    to_long,
    to_string,
    wrap_integer,
)
from penstock.expr.host import HostObject
from penstock.expr.moments import DATE_TIME_METHODS, DATE_TIME_PROPERTIES, DateTime, to_ms
from penstock.expr.spin import JSON_METHODS, JSON_PROPERTIES, QUERY_METHODS, JsonPathQuery
from penstock.expr.values import (
    EmptyList,
    HashMap,
    Integer,
    JsonDict,
    JsonList,
    JsonNode,
    Short,
    TreeMap,
    XmlText,
)

Method = tuple[Any, int, int]


MADE_CHARS_MAX = 250_000
"""Longest text that `repeat` and `replace` make of texts less than half as long."""


def _bounded(chars: int, given: int) -> None:
    """Refuses a text of `chars` characters that is made of `given` ones. Raises `Problem`."""
    most = min(TEXT_CHARS_MAX, max(MADE_CHARS_MAX, 2 * given))
    if chars > most:
        raise Problem(f"a text would be longer than {most} characters")


def _concat(base: str, other: Any) -> str:
    text = to_string(other)
    _bounded(len(base) + len(text), len(base) + len(text))
    return base + text


def _substring(base: str, start: Any, *end: Any) -> str:
    first = to_int(start)
    last = to_int(end[0]) if end else len(base)
    if not 0 <= first <= last <= len(base):
        raise Problem(f"begin {first}, end {last}, length {len(base)}")
    return base[first:last]


def _char_at(base: str, index: Any) -> str:
    position = to_int(index)
    if not 0 <= position < len(base):
        raise Problem(f"String index out of range: {position}")
    return base[position]


def _replace(base: str, old: Any, new: Any) -> str:
    before, after = to_string(old), to_string(new)
    count = base.count(before)
    _bounded(len(base) + count * (len(after) - len(before)), len(base) + len(after))
    return base.replace(before, after)


def _repeat(base: str, count: Any) -> str:
    times = to_int(count)
    if times < 0:
        raise Problem(f"count is negative: {times}")
    _bounded(len(base) * times, len(base))
    return base * times


_META = frozenset("\\^$.|?*+()[]{}")


def literal_pattern(pattern: Any) -> str:
    """The text that a Java regular expression without operators stands for; others are refused.

    Java's expressions backtrack, so their time has no bound.
    """
    text, literal, escaped = to_string(pattern), [], False
    for char in text:
        if escaped:
            if char.isalnum():
                break
            literal.append(char)
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in _META:
            break
        else:
            literal.append(char)
    else:
        if not escaped:
            return "".join(literal)
    raise Problem(f"the regular expression '{text[:100]}' has operators; only plain texts are allowed here")


def _split(base: str, pattern: Any, *limit: Any) -> list[str]:
    separator = literal_pattern(pattern)
    most = to_int(limit[0]) if limit else 0
    if base == "":
        return [""]
    if separator == "":
        parts = list(base) if most <= 0 or most >= len(base) else [*base[: most - 1], base[most - 1 :]]
    else:
        parts = base.split(separator, most - 1 if most > 0 else -1)
    while most == 0 and len(parts) > 1 and parts[-1] == "":
        parts.pop()
    if most == 0 and parts == [""]:
        parts.pop()
    return parts


def _index_of(base: str, other: Any, *start: Any) -> Integer:
    return Integer(base.find(to_string(other), max(0, to_int(start[0])) if start else 0))


def _last_index_of(base: str, other: Any, *start: Any) -> Integer:
    text = to_string(other)
    return Integer(base.rfind(text, 0, max(0, to_int(start[0]) + len(text))) if start else base.rfind(text))


def _compare_text(left: str, right: str) -> Integer:
    shortest = min(len(left), len(right))
    for position in range(min(shortest, 64)):
        if left[position] != right[position]:
            return Integer(ord(left[position]) - ord(right[position]))
    if left[:shortest] == right[:shortest]:
        return Integer(len(left) - len(right))
    return Integer(-1 if left < right else 1)


_WHITE = "".join(map(chr, range(33)))

_STRING: dict[str, Method] = {
    "equals": (same, 1, 1),
    "equalsIgnoreCase": (lambda b, o: o is not None and b.lower() == to_string(o).lower(), 1, 1),
    "contentEquals": (lambda b, o: b == to_string(o), 1, 1),
    "length": (lambda b: Integer(len(b)), 0, 0),
    "isEmpty": (lambda b: b == "", 0, 0),
    "isBlank": (lambda b: not b.strip(), 0, 0),
    "concat": (_concat, 1, 1),
    "contains": (lambda b, o: to_string(o) in b, 1, 1),
    "startsWith": (lambda b, o, *at: b.startswith(to_string(o), *(max(0, to_int(x)) for x in at)), 1, 2),
    "endsWith": (lambda b, o: b.endswith(to_string(o)), 1, 1),
    "substring": (_substring, 1, 2),
    "charAt": (_char_at, 1, 1),
    "indexOf": (_index_of, 1, 2),
    "lastIndexOf": (_last_index_of, 1, 2),
    "toLowerCase": (lambda b: b.lower(), 0, 0),
    "toUpperCase": (lambda b: b.upper(), 0, 0),
    "trim": (lambda b: b.strip(_WHITE), 0, 0),
    "strip": (lambda b: b.strip(), 0, 0),
    "replace": (_replace, 2, 2),
    "replaceAll": (lambda b, o, n: _replace(b, literal_pattern(o), n), 2, 2),
    "matches": (lambda b, o: b == literal_pattern(o), 1, 1),
    "repeat": (_repeat, 1, 1),
    "split": (_split, 1, 2),
    "compareTo": (lambda b, o: _compare_text(b, to_string(o)), 1, 1),
    "compareToIgnoreCase": (lambda b, o: _compare_text(b.lower(), to_string(o).lower()), 1, 1),
    "toString": (lambda b: b, 0, 0),
}


def _order(left: Any, right: Any) -> Integer:
    return Integer((left > right) - (left < right))


def _number(coerce: Any) -> dict[str, Method]:
    return {
        "intValue": (lambda b: wrap_integer(_clamped(b)), 0, 0),
        "shortValue": (lambda b: Short(((to_long(b) + 0x8000) & 0xFFFF) - 0x8000), 0, 0),
        "longValue": (to_long, 0, 0),
        "doubleValue": (to_double, 0, 0),
        "equals": (same, 1, 1),
        "compareTo": (lambda b, o: _order(coerce(b), coerce(o)), 1, 1),
        "toString": (to_string, 0, 0),
    }


def _clamped(value: Any) -> int:
    """Java narrows a Double to the nearest int, and an integer by its low bits."""
    return max(-0x80000000, min(0x7FFFFFFF, to_long(value))) if type(value) is float else to_long(value)


def _position(index: Any) -> int:
    if type(index) is bool:
        return int(index)
    if type(index) is str:
        try:
            return to_int(index) if index else 0
        except Problem:
            raise Problem(f"Cannot parse list index: {index[:100]}") from None
    if type(index) in INTEGERS or type(index) is float:
        return to_int(index)
    raise Problem(f"Cannot coerce property to list index: {java_class(index)}")


def _get(base: Any, index: Any) -> Any:
    position = to_int(index)
    if not 0 <= position < len(base):
        raise Problem(f"Index {position} out of bounds for length {len(base)}")
    return base[position]


def _list_index(base: Any, value: Any) -> Integer:
    return Integer(next((position for position, item in enumerate(base) if same(item, value)), -1))


_LIST: dict[str, Method] = {
    "size": (lambda b: Integer(len(b)), 0, 0),
    "isEmpty": (lambda b: not b, 0, 0),
    "get": (_get, 1, 1),
    "contains": (lambda b, v: any(same(item, v) for item in b), 1, 1),
    "containsAll": (lambda b, v: all(any(same(item, x) for item in b) for x in _few(v)), 1, 1),
    "indexOf": (_list_index, 1, 1),
    "equals": (same, 1, 1),
    "toString": (to_string, 0, 0),
}


def _few(value: Any) -> Any:
    """The right side of `containsAll`, whose cost is a product."""
    if type(value) not in LISTS:
        raise Problem(f"Cannot coerce from {java_class(value)} to interface java.util.Collection")
    if len(value) > 1000:
        raise Problem("containsAll takes at most 1000 values")
    return value


def _map_get(base: Any, key: Any) -> Any:
    try:
        return base.get(key)
    except TypeError:
        return None


_MAP: dict[str, Method] = {
    "get": (_map_get, 1, 1),
    "getOrDefault": (lambda b, k, d: _map_get(b, k) if _map_has(b, k) else d, 2, 2),
    "containsKey": (lambda b, k: _map_has(b, k), 1, 1),
    "containsValue": (lambda b, v: any(same(item, v) for item in b.values()), 1, 1),
    "keySet": (lambda b: list(b), 0, 0),
    "values": (lambda b: list(b.values()), 0, 0),
    "size": (lambda b: Integer(len(b)), 0, 0),
    "isEmpty": (lambda b: not b, 0, 0),
    "equals": (same, 1, 1),
    "toString": (to_string, 0, 0),
}


def _map_has(base: Any, key: Any) -> bool:
    try:
        return key in base
    except TypeError:
        return False


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    raise Problem(f"Cannot coerce from {java_class(value)} to class java.util.Date")


_DATE: dict[str, Method] = {
    "before": (lambda b, o: b < _moment(o), 1, 1),
    "after": (lambda b, o: b > _moment(o), 1, 1),
    "compareTo": (lambda b, o: _order(b, _moment(o)), 1, 1),
    "equals": (same, 1, 1),
    "toString": (to_string, 0, 0),
}
_DATE_PROPERTIES: dict[str, Any] = {
    "time": to_ms,
    "year": lambda b: Integer(b.year - 1900),
    "month": lambda b: Integer(b.month - 1),
    "date": lambda b: Integer(b.day),
    "day": lambda b: Integer(b.isoweekday() % 7),
    "hours": lambda b: Integer(b.hour),
    "minutes": lambda b: Integer(b.minute),
    "seconds": lambda b: Integer(b.second),
}
_BOOLEAN: dict[str, Method] = {
    "booleanValue": (lambda b: b, 0, 0),
    "equals": (same, 1, 1),
    "compareTo": (lambda b, o: _order(b, to_boolean(o)), 1, 1),
    "toString": (to_string, 0, 0),
}

_METHODS: dict[type, dict[str, Method]] = {
    str: _STRING,
    bool: _BOOLEAN,
    Integer: _number(to_int),
    Short: _number(to_int),
    int: _number(to_long),
    float: {
        **_number(to_double),
        "isNaN": (lambda b: b != b, 0, 0),
        "isInfinite": (lambda b: b in (float("inf"), float("-inf")), 0, 0),
    },
    list: _LIST,
    tuple: _LIST,
    JsonList: _LIST,
    EmptyList: _LIST,
    dict: _MAP,
    JsonDict: _MAP,
    HashMap: _MAP,
    TreeMap: _MAP,
    datetime: _DATE,
    DateTime: DATE_TIME_METHODS,
    JsonNode: JSON_METHODS,
    JsonPathQuery: QUERY_METHODS,
    XmlText: {"toString": (lambda b: b.text, 0, 0), "equals": (same, 1, 1)},
}

_PROPERTIES: dict[type, dict[str, Any]] = {
    str: {"empty": lambda b: b == "", "blank": lambda b: not b.strip()},
    float: {"naN": lambda b: b != b, "infinite": lambda b: b in (float("inf"), float("-inf"))},
    datetime: _DATE_PROPERTIES,
    DateTime: DATE_TIME_PROPERTIES,
    JsonNode: JSON_PROPERTIES,
}
_NONE: dict[str, Any] = {}


def get_property(base: Any, name: Any) -> Any:
    """`base.name` or `base[name]`; `base` is not null. Raises `Problem`."""
    kind = type(base)
    if kind in MAPS:
        return _map_get(base, name)
    if kind in LISTS:
        position = _position(name)
        return base[position] if 0 <= position < len(base) else None
    key = to_string(name)
    host = isinstance(base, HostObject)
    table: Mapping[str, Any] = base.properties if host else _PROPERTIES.get(kind, _NONE)
    read = table.get(key)
    if read is None:
        raise Problem(f"Could not find property {key[:100]} in {java_class(base)}", Kind.PROPERTY)
    return read() if host else read(base)


def invoke(base: Any, name: str, args: list[Any]) -> Any:
    """`base.name(args…)`; `base` is not null. Raises `Problem`; what a host object raises passes through."""
    host = isinstance(base, HostObject)
    method = base.methods.get(name) if host else _METHODS.get(type(base), _NONE).get(name)
    if method is not None:
        call, fewest, most = method
        if not fewest <= len(args) <= most:
            _no_method(base, name, args)
        return call(*args) if host else call(base, *args)
    if not args:
        read = _getter(base.properties if host else _PROPERTIES.get(type(base), _NONE), name)
        if read is not None:
            return read() if host else read(base)
    return _no_method(base, name, args)


def _getter(table: Mapping[str, Any], name: str) -> Any:
    """JavaBeans: `getX()` and `isX()` read the property `x`."""
    for prefix in ("get", "is"):
        if name.startswith(prefix) and len(name) > len(prefix):
            rest = name[len(prefix) :]
            return table.get(rest[0].lower() + rest[1:])
    return None


def _no_method(base: Any, name: str, args: list[Any]) -> NoReturn:
    raise Problem(
        f"Cannot find method {name[:100]} with {len(args)} parameters in {java_class(base)}",
        Kind.METHOD,
    )
