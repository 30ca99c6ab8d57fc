"""Numeric functions (DMN 1.5 §10.3.4.5)."""

import decimal
from decimal import Decimal

from penstock.expr.feel.functions import builtin
from penstock.expr.feel.numbers import CONTEXT, EXACT, ZERO, ArithmeticFailed, rounded, truncated
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.temporal import DaysTime, YearsMonths

SCALE_MIN, SCALE_MAX = -6111, 6176
"""What decimal128 can tell apart."""
SERIES_STEPS = 20
"""What a logarithm or an exponential takes."""


def round_to(value: Decimal, scale: Decimal, rounding: str) -> Decimal:
    """`value` with `scale` digits after the point. Raises FeelError."""
    digits = truncated(scale, "the scale")
    if not SCALE_MIN <= digits <= SCALE_MAX:
        raise FeelError(f"the scale is between {SCALE_MIN} and {SCALE_MAX}")
    if value.is_zero() or -value.as_tuple().exponent <= digits:  # type: ignore[operator]
        return value
    return rounded(value.quantize(Decimal((0, (1,), -digits)), rounding, EXACT))


@builtin("decimal(n: number, scale: number)")
def decimal_(_run: Run, n: Decimal, scale: Decimal) -> Decimal:
    return round_to(n, scale, decimal.ROUND_HALF_EVEN)


@builtin("floor(n: number, scale?: number)")
def floor(_run: Run, n: Decimal, scale: Decimal = ZERO) -> Decimal:
    return round_to(n, scale, decimal.ROUND_FLOOR)


@builtin("ceiling(n: number, scale?: number)")
def ceiling(_run: Run, n: Decimal, scale: Decimal = ZERO) -> Decimal:
    return round_to(n, scale, decimal.ROUND_CEILING)


@builtin("round up(n: number, scale: number)")
def round_up(_run: Run, n: Decimal, scale: Decimal) -> Decimal:
    return round_to(n, scale, decimal.ROUND_UP)


@builtin("round down(n: number, scale: number)")
def round_down(_run: Run, n: Decimal, scale: Decimal) -> Decimal:
    return round_to(n, scale, decimal.ROUND_DOWN)


@builtin("round half up(n: number, scale: number)")
def round_half_up(_run: Run, n: Decimal, scale: Decimal) -> Decimal:
    return round_to(n, scale, decimal.ROUND_HALF_UP)


@builtin("round half down(n: number, scale: number)")
def round_half_down(_run: Run, n: Decimal, scale: Decimal) -> Decimal:
    return round_to(n, scale, decimal.ROUND_HALF_DOWN)


@builtin("abs(n: number)")
def abs_(_run: Run, n: Decimal) -> Decimal:
    return n.copy_abs()


@builtin("abs(n: duration)")
def abs_duration(_run: Run, n: DaysTime | YearsMonths) -> DaysTime | YearsMonths:
    return DaysTime(abs(n.nanos)) if isinstance(n, DaysTime) else YearsMonths(abs(n.months))


@builtin("modulo(dividend: number, divisor: number)")
def modulo(_run: Run, dividend: Decimal, divisor: Decimal) -> Decimal:
    """`dividend - divisor * floor(dividend / divisor)`: the sign is the divisor's."""
    if not divisor:
        raise FeelError("the divisor is 0")
    if dividend.adjusted() - divisor.adjusted() > EXACT.prec // 2:
        raise FeelError("the dividend is too large for this divisor")
    rest = EXACT.remainder(dividend, divisor)
    return rounded(EXACT.add(rest, divisor) if rest and (rest < 0) != (divisor < 0) else rest)


@builtin("sqrt(number: number)")
def sqrt(_run: Run, number: Decimal) -> Decimal:
    if number < 0:
        raise FeelError("a negative number has no square root")
    return CONTEXT.sqrt(number)


@builtin("log(number: number)")
def log(run: Run, number: Decimal) -> Decimal:
    run.spend(SERIES_STEPS)
    if number <= 0:
        raise FeelError("only numbers above 0 have a logarithm")
    return CONTEXT.ln(number)


@builtin("exp(number: number)")
def exp(run: Run, number: Decimal) -> Decimal:
    run.spend(SERIES_STEPS)
    try:
        return CONTEXT.exp(number)
    except ArithmeticFailed:
        raise FeelError("a number is outside the range of FEEL") from None


@builtin("odd(number: number)")
def odd(_run: Run, number: Decimal) -> bool:
    return _is_whole(number) and not _is_even(number)


@builtin("even(number: number)")
def even(_run: Run, number: Decimal) -> bool:
    return _is_whole(number) and _is_even(number)


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()


def _is_even(number: Decimal) -> bool:
    return number.is_zero() or number.adjusted() > EXACT.prec // 2 or not EXACT.remainder(number, Decimal(2))
