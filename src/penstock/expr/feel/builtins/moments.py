"""Making dates, times and durations, and asking the calendar (DMN 1.5 §10.3.4.1, §10.3.4.7, §10.3.4.9)."""

from decimal import Decimal
from typing import Any

from penstock.expr.feel.functions import builtin
from penstock.expr.feel.numbers import integer, truncated
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.temporal import (
    NANOS,
    UTC_MIDNIGHT,
    Date,
    DateTime,
    DaysTime,
    Time,
    YearsMonths,
    days_from_civil,
    parse_date,
    parse_date_time,
    parse_duration,
    parse_time,
)
from penstock.expr.feel.values import type_name

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

MAKERS = ("date", "time", "date and time", "duration")
"""The functions that make a value of a text."""


@builtin("date(from: Any)")
def date(_run: Run, from_: Any) -> Date:
    if type(from_) is str:
        return parse_date(from_)
    return day_of(from_)


@builtin("date(year: number, month: number, day: number)")
def date_of(_run: Run, year: Decimal, month: Decimal, day: Decimal) -> Date:
    return Date(integer(year, "the year"), integer(month, "the month"), integer(day, "the day"))


def day_of(value: Any) -> Date:
    """The day of a date, or of a date and time. Raises FeelError."""
    if type(value) is Date:
        return value
    if type(value) is DateTime:
        return value.date
    raise FeelError(f"a {type_name(value)} has no date")


@builtin("time(from: Any)")
def time(_run: Run, from_: Any) -> Time:
    if type(from_) is str:
        return parse_time(from_)
    if type(from_) is Time:
        return from_
    if type(from_) is DateTime:
        return from_.time
    if type(from_) is Date:
        return UTC_MIDNIGHT
    raise FeelError(f"a {type_name(from_)} has no time")


@builtin("time(hour: number, minute: number, second: number, offset?: days and time duration?)")
def time_of(_run: Run, hour: Decimal, minute: Decimal, second: Decimal, offset: DaysTime | None = None) -> Time:
    seconds = truncated(second, "the second")
    nano = int((second - seconds) * NANOS) if 0 <= second < 60 else 0
    zone = None if offset is None else offset.nanos // NANOS
    return Time(integer(hour, "the hour"), integer(minute, "the minute"), seconds, nano, zone)


@builtin("date and time(from: Any)")
def date_and_time(_run: Run, from_: Any) -> DateTime:
    if type(from_) is str:
        return parse_date_time(from_)
    if type(from_) is DateTime:
        return from_
    if type(from_) is Date:
        return DateTime(from_, UTC_MIDNIGHT)
    raise FeelError(f"a {type_name(from_)} is no date and time")


@builtin("date and time(date: day, time: time)")
def date_and_time_of(_run: Run, date: Date | DateTime, time: Time) -> DateTime:
    return DateTime(day_of(date), time)


@builtin("duration(from: Any)")
def duration(_run: Run, from_: Any) -> DaysTime | YearsMonths:
    if type(from_) is str:
        return parse_duration(from_)
    if isinstance(from_, DaysTime | YearsMonths):
        return from_
    raise FeelError(f"a {type_name(from_)} is no duration")


@builtin("years and months duration(from: day, to: day)")
def years_and_months_duration(_run: Run, from_: Date | DateTime, to: Date | DateTime) -> YearsMonths:
    """Whole months between two days."""
    start, end = day_of(from_), day_of(to)
    months = (end.year - start.year) * 12 + end.month - start.month
    if months > 0 and end.day < start.day:
        months -= 1
    elif months < 0 and end.day > start.day:
        months += 1
    return YearsMonths(months)


@builtin("now()")
def now(run: Run) -> DateTime:
    return DateTime.from_instant(_present(run), 0)


@builtin("today()")
def today(run: Run) -> Date:
    return DateTime.from_instant(_present(run), 0).date


def _present(run: Run) -> int:
    if run.now_ns is None:
        raise FeelError("the evaluation has no present")
    return run.now_ns


@builtin("day of year(date: day)")
def day_of_year(_run: Run, date: Date | DateTime) -> Decimal:
    day = day_of(date)
    return Decimal(day.days - days_from_civil(day.year, 1, 1) + 1)


@builtin("day of week(date: day)")
def day_of_week(_run: Run, date: Date | DateTime) -> str:
    return WEEKDAYS[weekday(day_of(date)) - 1]


@builtin("month of year(date: day)")
def month_of_year(_run: Run, date: Date | DateTime) -> str:
    return MONTHS[day_of(date).month - 1]


@builtin("week of year(date: day)")
def week_of_year(_run: Run, date: Date | DateTime) -> Decimal:
    """ISO 8601: week 1 is the one with the year's first Thursday."""
    days = day_of(date).days
    thursday = Date.from_days(days - (days + 3) % 7 + 3)
    return Decimal((thursday.days - days_from_civil(thursday.year, 1, 1)) // 7 + 1)


def weekday(day: Date) -> int:
    """1 is Monday."""
    return (day.days + 3) % 7 + 1
