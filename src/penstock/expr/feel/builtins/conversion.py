"""`number`, `string`, `range`, and what fits nowhere else: `not`, `is` (DMN 1.5 §10.3.4.1, .2, .6)."""

import re
from decimal import Decimal
from typing import Any

from penstock.expr.feel.equality import less, same
from penstock.expr.feel.functions import builtin
from penstock.expr.feel.numbers import CONTEXT, ArithmeticFailed
from penstock.expr.feel.run import FeelError, Run, shown
from penstock.expr.feel.texts import text
from penstock.expr.feel.values import Range

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
NUMBER_CHARS_MAX = 1000
CHARS_PER_STEP = 8
"""How much of a number's or list's text takes a step to write."""


@builtin("number(from: Any, grouping separator?: string?, decimal separator?: string?)")
def number(_run: Run, from_: Any, grouping: str | None = None, point: str | None = None) -> Decimal:
    if type(from_) is Decimal:
        return from_
    if type(from_) is not str:
        raise FeelError("a number is made of a text")
    if grouping not in (None, " ", ",", ".") or point not in (None, ".", ","):
        raise FeelError("digits are grouped by a blank, a comma or a point, and the fraction follows a point or comma")
    if grouping is not None and grouping == (point or "."):
        raise FeelError("the separators are the same")
    return _number(from_, grouping, point or ".")


def _number(source: str, grouping: str | None, point: str) -> Decimal:
    plain = source.replace(grouping, "") if grouping else source
    if point == "," and "." in plain:
        raise FeelError(f"no number: {shown(source)!r}")
    plain = plain.replace(point, ".")
    if len(plain) > NUMBER_CHARS_MAX or not _NUMBER.fullmatch(plain):
        raise FeelError(f"no number: {shown(source)!r}")
    try:
        return CONTEXT.create_decimal(plain)
    except ArithmeticFailed:
        raise FeelError(f"out of range: {shown(source)!r}") from None


@builtin("string(from: Any)")
def string(run: Run, from_: Any) -> str:
    if type(from_) is str:
        return from_
    made = text(from_, min(run.chars, CHARS_PER_STEP * run.steps))
    run.spend(len(made) // CHARS_PER_STEP)
    run.make_text(len(made))
    return made


@builtin("not(negand: Any?)")
def not_(_run: Run, negand: Any) -> bool | None:
    return not negand if type(negand) is bool else None


@builtin("is(value1?: Any?, value2?: Any?)")
def is_(_run: Run, value1: Any = None, value2: Any = None) -> bool:
    return same(value1, value2)


def checked_range(low: Any, low_included: bool, high: Any, high_included: bool) -> Range:
    """An interval whose endpoints are in order. Raises FeelError."""
    if low is not None and high is not None and less(high, low) is not False:
        raise FeelError("the endpoints of a range are of one type, and in order")
    return Range(low, low_included, high, high_included)
