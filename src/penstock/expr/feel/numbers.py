"""FEEL numbers: 34 decimal digits, IEEE 754 decimal128, half-even, without infinities and NaN (DMN 1.5 §10.3.2.3.1)."""

import decimal
from decimal import Decimal

from penstock.expr.feel.run import FeelError

DIGITS = 34
CONTEXT = decimal.Context(
    prec=DIGITS,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-6143,
    Emax=6144,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
ZERO = Decimal(0)
ONE = Decimal(1)
EXACT = decimal.Context(prec=7000, Emin=-20000, Emax=20000, traps=[decimal.InvalidOperation])
"""For rounding to a scale, which may need every digit before the point."""

ArithmeticFailed = decimal.DecimalException
"""What an operation of CONTEXT raises when its result is no number."""


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """`base ** exponent`. Raises FeelError or ArithmeticFailed."""
    if not base and not exponent:
        return ONE
    if not base and exponent < 0:
        raise FeelError("0 has no negative power")
    return CONTEXT.power(base, exponent)


def integer(value: Decimal, what: str) -> int:
    """The whole number that `value` is. Raises FeelError."""
    if value.adjusted() > DIGITS:
        raise FeelError(f"{what} is too large: {value}")
    whole = int(value)
    if whole != value:
        raise FeelError(f"{what} is no whole number: {value}")
    return whole


def truncated(value: Decimal, what: str) -> int:
    """`value` without its fraction. Raises FeelError when it is too large to count with."""
    if value.adjusted() > DIGITS:
        raise FeelError(f"{what} is too large: {value}")
    return int(value)


def from_int(value: int) -> Decimal:
    """A whole number within 34 digits. Raises FeelError beyond the range of FEEL's numbers."""
    if -(10**DIGITS) < value < 10**DIGITS:
        return Decimal(value)
    if value.bit_length() > 20_500:
        raise FeelError("a number is outside the range of FEEL")
    return rounded(Decimal(value))


def rounded(value: Decimal) -> Decimal:
    """`value` in 34 digits. Raises FeelError for what is no number or outside the range."""
    if not value.is_finite():
        raise FeelError(f"{value} is no number")
    try:
        return CONTEXT.plus(value)
    except ArithmeticFailed:
        raise FeelError("a number is outside the range of FEEL") from None


def text_of(value: Decimal) -> str:
    """Plain digits without an exponent (`string(1e3)` is "1000")."""
    if not value:
        value = abs(value)
    return format(value, "f")
