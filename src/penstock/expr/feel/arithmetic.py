"""Arithmetic on all types that have one (DMN 1.5 §10.3.2.14, tables 54 to 59)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from penstock.expr.feel import numbers
from penstock.expr.feel.numbers import CONTEXT, ArithmeticFailed
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.temporal import DAY_SECONDS, NANOS, UTC_MIDNIGHT, Date, DateTime, DaysTime, Time, YearsMonths
from penstock.expr.feel.values import type_name

Operation = Callable[[Any, Any], Any]
DAY_NANOS = DAY_SECONDS * NANOS


def apply(run: Run, operator: str, a: Any, b: Any) -> Any:
    """`a operator b`. Raises FeelError, ArithmeticFailed, Exhausted."""
    operation = _TABLE.get((operator, type(a), type(b)))
    if operation is not None:
        run.spend(_steps(operator, a, b))
        return operation(a, b)
    if operator == "+" and type(a) is str and type(b) is str:
        run.make_text(len(a) + len(b))
        return a + b
    raise FeelError(f"{type_name(a)} {operator} {type_name(b)} has no value")


def _steps(operator: str, a: Any, b: Any) -> int:
    """What is slow: powers that no multiplication gives, and moments in zones."""
    if type(a) is DateTime:
        return 10
    return 50 if operator == "**" and (abs(b) > 64 or b != int(b)) else 1


def negated(value: Any) -> Any:
    """`-value`. Raises FeelError."""
    if type(value) is Decimal:
        return value.copy_negate() if value else value
    if type(value) is DaysTime:
        return DaysTime(-value.nanos)
    if type(value) is YearsMonths:
        return YearsMonths(-value.months)
    raise FeelError(f"a {type_name(value)} cannot be negated")


def _later_date(date: Date, duration: DaysTime) -> Date:
    return Date.from_days(date.days + duration.nanos // DAY_NANOS)


def _later_time(time: Time, nanos: int) -> Time:
    return Time.from_nanos((time.nanos + nanos) % DAY_NANOS, time.zone)


def _between_times(a: Time, b: Time) -> DaysTime:
    first, second = a.offset, b.offset
    if (first is None) != (second is None):
        raise FeelError("a time with a zone and one without cannot be subtracted")
    return DaysTime(a.nanos - b.nanos - ((first or 0) - (second or 0)) * NANOS)


def _between_moments(a: DateTime, b: DateTime) -> DaysTime:
    if (a.zone is None) != (b.zone is None):
        raise FeelError("a date and time with a zone and one without cannot be subtracted")
    return DaysTime(a.instant() - b.instant())


def _midnight(date: Date) -> DateTime:
    return DateTime(date, UTC_MIDNIGHT)


def _scaled(value: int, factor: Decimal) -> int:
    product = CONTEXT.multiply(Decimal(value), factor)
    return numbers.truncated(product, "a duration")


def _divided(value: int, divisor: Decimal) -> int:
    if not divisor:
        raise FeelError("division by 0")
    return numbers.truncated(CONTEXT.divide(Decimal(value), divisor), "a duration")


def _ratio(a: int, b: int) -> Decimal:
    if not b:
        raise FeelError("division by 0")
    return CONTEXT.divide(Decimal(a), Decimal(b))


def _division(a: Decimal, b: Decimal) -> Decimal:
    if not b:
        raise FeelError("division by 0")
    return CONTEXT.divide(a, b)


def _power(a: Decimal, b: Decimal) -> Decimal:
    try:
        return numbers.power(a, b)
    except ArithmeticFailed:
        raise FeelError("a power is no number in the range of FEEL") from None


_N, _D, _T, _DT, _DD, _YM = Decimal, Date, Time, DateTime, DaysTime, YearsMonths

_TABLE: dict[tuple[str, type, type], Operation] = {
    ("+", _N, _N): CONTEXT.add,
    ("-", _N, _N): CONTEXT.subtract,
    ("*", _N, _N): CONTEXT.multiply,
    ("/", _N, _N): _division,
    ("**", _N, _N): _power,
    ("+", _DD, _DD): lambda a, b: DaysTime(a.nanos + b.nanos),
    ("-", _DD, _DD): lambda a, b: DaysTime(a.nanos - b.nanos),
    ("/", _DD, _DD): lambda a, b: _ratio(a.nanos, b.nanos),
    ("*", _DD, _N): lambda a, b: DaysTime(_scaled(a.nanos, b)),
    ("*", _N, _DD): lambda a, b: DaysTime(_scaled(b.nanos, a)),
    ("/", _DD, _N): lambda a, b: DaysTime(_divided(a.nanos, b)),
    ("+", _YM, _YM): lambda a, b: YearsMonths(a.months + b.months),
    ("-", _YM, _YM): lambda a, b: YearsMonths(a.months - b.months),
    ("/", _YM, _YM): lambda a, b: _ratio(a.months, b.months),
    ("*", _YM, _N): lambda a, b: YearsMonths(_scaled(a.months, b)),
    ("*", _N, _YM): lambda a, b: YearsMonths(_scaled(b.months, a)),
    ("/", _YM, _N): lambda a, b: YearsMonths(_divided(a.months, b)),
    ("+", _D, _YM): lambda a, b: a.plus_months(b.months),
    ("+", _YM, _D): lambda a, b: b.plus_months(a.months),
    ("-", _D, _YM): lambda a, b: a.plus_months(-b.months),
    ("+", _D, _DD): _later_date,
    ("+", _DD, _D): lambda a, b: _later_date(b, a),
    ("-", _D, _DD): lambda a, b: _later_date(a, DaysTime(-b.nanos)),
    ("+", _DT, _YM): lambda a, b: a.plus_months(b.months),
    ("+", _YM, _DT): lambda a, b: b.plus_months(a.months),
    ("-", _DT, _YM): lambda a, b: a.plus_months(-b.months),
    ("+", _DT, _DD): lambda a, b: a.plus_nanos(b.nanos),
    ("+", _DD, _DT): lambda a, b: b.plus_nanos(a.nanos),
    ("-", _DT, _DD): lambda a, b: a.plus_nanos(-b.nanos),
    ("+", _T, _DD): lambda a, b: _later_time(a, b.nanos),
    ("+", _DD, _T): lambda a, b: _later_time(b, a.nanos),
    ("-", _T, _DD): lambda a, b: _later_time(a, -b.nanos),
    ("-", _T, _T): _between_times,
    ("-", _D, _D): lambda a, b: DaysTime((a.days - b.days) * DAY_NANOS),
    ("-", _DT, _DT): _between_moments,
    ("-", _DT, _D): lambda a, b: _between_moments(a, _midnight(b)),
    ("-", _D, _DT): lambda a, b: _between_moments(_midnight(a), b),
}
