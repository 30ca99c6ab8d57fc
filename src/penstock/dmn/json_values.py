"""Inputs from JSON, results to JSON. JSON has no moments and durations: they are ISO 8601 texts there."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from penstock.dmn.types import Constrained, Referred
from penstock.expr.feel.convert import to_feel
from penstock.expr.feel.run import FeelError
from penstock.expr.feel.temporal import Date, DateTime, DaysTime, Time, YearsMonths, parse_literal
from penstock.expr.feel.texts import text
from penstock.expr.feel.types import Basic, ContextOf, ListOf, Type

_TEMPORAL = (Date, Time, DateTime, DaysTime, YearsMonths)


def from_json(of: Type | None, value: Any) -> Any:
    """The input as its declared type wants it: a text where a moment or duration is declared becomes one."""
    while isinstance(of, Constrained | Referred):
        of = of.base if isinstance(of, Constrained) else of.target
    if isinstance(of, ListOf):
        return [from_json(of.of, item) for item in value] if isinstance(value, list) else from_json(of.of, value)
    if isinstance(of, ContextOf) and isinstance(value, Mapping):
        return {name: from_json(of.entries.get(name), item) for name, item in value.items()}
    if isinstance(of, Basic) and isinstance(value, str) and set(of.classes) <= set(_TEMPORAL):
        try:
            return parse_literal(value)
        except FeelError:
            return value
    return value


def to_json(value: Any) -> Any:
    """A result (`Result.value`) as JSON. A whole number stays whole; others are as exact as JSON readers are."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.adjusted() < 30 else float(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return text(to_feel(value))
