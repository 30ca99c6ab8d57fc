"""What may follow a dot: entries of contexts, properties of moments, durations and ranges (DMN 1.5 §10.3.2.5, table 65)."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from penstock.expr.feel.builtins.moments import weekday
from penstock.expr.feel.run import Run
from penstock.expr.feel.temporal import DAY_SECONDS, NANOS, Date, DateTime, DaysTime, Time, YearsMonths
from penstock.expr.feel.values import Range, type_name

Properties = Mapping[str, Callable[[Any], Any]]

DEPTH_MAX = 50


def _offset(time: Time) -> DaysTime | None:
    if isinstance(time.zone, str):
        return None
    return None if time.zone is None else DaysTime(time.zone * NANOS)


def _moment_offset(moment: DateTime) -> DaysTime | None:
    offset = moment.offset
    return None if offset is None else DaysTime(offset * NANOS)


def _region(time: Time) -> str | None:
    return time.zone if isinstance(time.zone, str) else None


def _part(divisor: int, modulus: int | None) -> Callable[[DaysTime], Decimal]:
    def part(value: DaysTime) -> Decimal:
        count = abs(value.nanos) // (divisor * NANOS)
        if modulus is not None:
            count %= modulus
        return Decimal(-count if value.nanos < 0 else count)

    return part


def _months(value: YearsMonths, years: bool) -> Decimal:
    count = abs(value.months) // 12 if years else abs(value.months) % 12
    return Decimal(-count if value.months < 0 else count)


def _seconds(value: DaysTime) -> Decimal:
    count = Decimal(abs(value.nanos) % (60 * NANOS)) / NANOS
    return -count if value.nanos < 0 and count else count


_DATE: Properties = {
    "year": lambda date: Decimal(date.year),
    "month": lambda date: Decimal(date.month),
    "day": lambda date: Decimal(date.day),
    "weekday": lambda date: Decimal(weekday(date)),
}
_TIME: Properties = {
    "hour": lambda time: Decimal(time.hour),
    "minute": lambda time: Decimal(time.minute),
    "second": lambda time: Decimal(time.second),
    "time offset": _offset,
    "timezone": _region,
}


def _of_date(read: Callable[[Date], Any]) -> Callable[[DateTime], Any]:
    return lambda moment: read(moment.date)


def _of_time(read: Callable[[Time], Any]) -> Callable[[DateTime], Any]:
    return lambda moment: read(moment.time)


PROPERTIES: Mapping[type, Properties] = {
    Date: _DATE,
    Time: _TIME,
    DateTime: {
        **{name: _of_date(read) for name, read in _DATE.items()},
        **{name: _of_time(read) for name, read in _TIME.items()},
        "time offset": _moment_offset,
    },
    YearsMonths: {"years": lambda value: _months(value, True), "months": lambda value: _months(value, False)},
    DaysTime: {
        "days": _part(DAY_SECONDS, None),
        "hours": _part(3600, 24),
        "minutes": _part(60, 60),
        "seconds": _seconds,
    },
    Range: {
        "start": lambda value: value.start,
        "end": lambda value: value.end,
        "start included": lambda value: value.start_included,
        "end included": lambda value: value.end_included,
    },
}


def property_of(run: Run, value: Any, name: str, depth: int = 0) -> Any:
    """`value.name`; of a list, that of each item; null with a message where there is none."""
    if type(value) is dict and name in value:
        return value[name]
    if type(value) is list and depth < DEPTH_MAX:
        run.make_list(len(value))
        run.spend(len(value) // 2)
        return [property_of(run, item, name, depth + 1) for item in value]
    read = PROPERTIES.get(type(value), {}).get(name)
    if read is not None:
        return read(value)
    run.note(f"a {type_name(value)} has no {name}")
    return None
