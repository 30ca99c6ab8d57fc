"""Values made to fit the type that a clause declares (Camunda 7 `DmnDataTypeTransformer`s)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from penstock.base.errors import DecisionFailed
from penstock.dmn.camunda.results import NULL, Value
from penstock.expr.coerce import Problem, to_string
from penstock.expr.values import Integer, Short

_INTEGERS = (int, Integer, Short)
_INTEGER_RE = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_DOUBLE_RE = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,6})?[dDfF]?", re.ASCII)


class _Unfit(ValueError):
    """The value is none of the type."""


def fit(value: Any, type_ref: str) -> Value:
    """The value as one of the type; an unknown type takes everything. Raises DecisionFailed."""
    transform = _TRANSFORMS.get(type_ref)
    if value is None:
        return NULL
    if transform is None:
        return Value(None, value)
    try:
        return transform(value)
    except (_Unfit, Problem, OverflowError):
        raise DecisionFailed(f"DMN-01005 Invalid value '{_shown(value)}' for clause with type '{type_ref}'.") from None


def _shown(value: Any) -> str:
    try:
        return to_string(value)[:100]
    except Problem:
        return type(value).__name__


def _string(value: Any) -> Value:
    return Value("String", to_string(value))


def _boolean(value: Any) -> Value:
    if type(value) is bool:
        return Value("Boolean", value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return Value("Boolean", value.lower() == "true")
    raise _Unfit


def _whole(value: Any, bits: int) -> int:
    if (
        type(value) in _INTEGERS
        or (type(value) is float and value.is_integer())
        or (isinstance(value, str) and _INTEGER_RE.fullmatch(value))
    ):
        number = int(value)
    else:
        raise _Unfit
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise _Unfit
    return number


def _integer(value: Any) -> Value:
    return Value("Integer", Integer(_whole(value, 32)))


def _long(value: Any) -> Value:
    return Value("Long", _whole(value, 64))


def _double(value: Any) -> Value:
    if type(value) in _INTEGERS or type(value) is float:
        return Value("Double", float(value))
    if isinstance(value, str) and _DOUBLE_RE.fullmatch(value):
        return Value("Double", float(value.rstrip("dDfF")))
    raise _Unfit


def _date(value: Any) -> Value:
    if isinstance(value, datetime):
        return Value("Date", value)
    if isinstance(value, str):
        try:
            return Value("Date", datetime.strptime(value, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC))
        except ValueError:
            raise _Unfit from None
    raise _Unfit


_TRANSFORMS: dict[str, Callable[[Any], Value]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "long": _long,
    "double": _double,
    "date": _date,
}
