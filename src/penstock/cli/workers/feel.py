"""FEEL as the language of generic workers' files."""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from penstock.base.clock import SystemClock
from penstock.expr.feel.convert import cells, from_feel, to_feel
from penstock.expr.feel.expression import Environment, Expression
from penstock.expr.feel.lexer import FeelSyntaxError
from penstock.expr.feel.run import Exhausted, FeelError, Run
from penstock.expr.feel.values import Function, Range
from penstock.worker.patterns.mapping import MappingFailed, Names

_clock = SystemClock()
_ENVIRONMENT = Environment()
_NAME = re.compile(r"[^\W\d]\w*")


class Feel:
    """See `mapping.Language`."""

    def compile(self, text: str) -> "FeelExpression":
        """Raises ValueError for what is no expression."""
        try:
            return FeelExpression(_ENVIRONMENT.expression(text))
        except FeelSyntaxError as error:
            raise ValueError(f"{text!r} is no FEEL expression: {error}") from None


class FeelExpression:
    """One expression. Names that nobody has set are null, as everywhere in FEEL."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression
        # What it cannot speak of need not be converted.
        self._words = frozenset(_NAME.findall(expression.text))

    def __call__(self, names: Names) -> Any:
        """The value, in what JSON and process variables have. Raises MappingFailed."""
        given = {name: value for name, value in names.items() if name in self._words or not _NAME.fullmatch(name)}
        try:
            feel = {name: to_feel(_plain(value)) for name, value in given.items()}
            run = Run(_clock.now_ms() * 1_000_000, sum(cells(value) for value in feel.values()))
            return native(from_feel(self._expression.evaluate(feel, run)))
        except (FeelError, Exhausted) as error:
            raise MappingFailed(f"{self._expression.text!r}: {error}") from None


def _plain(value: Any) -> Any:
    """What FEEL knows: bytes and files are opaque to it."""
    return value if _is_known(value) else None


def _is_known(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_known(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_is_known(item) for item in value)
    return value is None or isinstance(value, str | bool | int | float | Decimal | dt.date | dt.time | dt.timedelta)


def native(value: Any) -> Any:
    """A FEEL value as JSON and process variables have it: whole numbers are integers, others floats; spans, and moments
    without a time zone, are ISO texts."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [native(item) for item in value]
    if isinstance(value, dict):
        return {key: native(item) for key, item in value.items()}
    if isinstance(value, dt.datetime):
        return value if value.tzinfo is not None else value.isoformat()
    if isinstance(value, dt.timedelta):
        return str(to_feel(value))
    if isinstance(value, Function | Range):
        raise FeelError(f"a {type(value).__name__.lower()} is no value that can be sent")
    if value is None or isinstance(value, str | bool | dt.date | dt.time):
        return value
    return str(value)
