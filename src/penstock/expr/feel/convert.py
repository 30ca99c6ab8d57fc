"""Python's values to FEEL's and back.

numbers ↔ `Decimal` (int and float come in too), string, boolean, null ↔ `None`, list, context ↔ dict, moments ↔ `date`,
`time`, `datetime`, days and time durations ↔ `timedelta`. Years and months durations, ranges and functions have no Python
type and stay what they are; so do moments that Python cannot hold, whose `isoformat()` says what they are.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from penstock.expr.feel.numbers import from_int, rounded
from penstock.expr.feel.run import FeelError
from penstock.expr.feel.temporal import NANOS, Date, DateTime, DaysTime, Time, YearsMonths, Zone, region
from penstock.expr.feel.values import Function, Range

DEPTH_MAX = 100

_MICROSECOND = dt.timedelta(microseconds=1)
_SAME = (str, bool, type(None), Date, Time, DateTime, DaysTime, YearsMonths, Range)


def to_feel(value: Any) -> Any:
    """The FEEL value. Raises FeelError for what has none."""
    return _to(value, 0)


def _to(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _SAME or isinstance(value, Function):
        return value
    if kind is Decimal:
        return rounded(value)
    if depth > DEPTH_MAX:
        raise FeelError("a value is nested too deeply")
    if isinstance(value, list | tuple):
        return [_to(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _to(item, depth + 1) for key, item in value.items()}
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return from_int(int(value))
    if isinstance(value, float):
        return rounded(Decimal(repr(value)))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dt.datetime):
        return DateTime(Date(value.year, value.month, value.day), _time(value))
    if isinstance(value, dt.date):
        return Date(value.year, value.month, value.day)
    if isinstance(value, dt.time):
        return _time(value)
    if isinstance(value, dt.timedelta):
        return DaysTime(value // _MICROSECOND * 1000)
    raise FeelError(f"a {type(value).__name__} is no FEEL value")


def _time(value: dt.time | dt.datetime) -> Time:
    zone: Zone = None
    if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key is not None:
        zone = value.tzinfo.key
    elif value.tzinfo is not None:
        offset = value.utcoffset()
        zone = None if offset is None else int(offset.total_seconds())
    return Time(value.hour, value.minute, value.second, value.microsecond * 1000, zone)


def from_feel(value: Any) -> Any:
    """The Python value."""
    kind = type(value)
    if kind is list:
        return [from_feel(item) for item in value]
    if kind is dict:
        return {key: from_feel(item) for key, item in value.items()}
    if kind is Date:
        return _date_from(value) or value
    if kind is Time:
        return _time_from(value) or value
    if kind is DateTime:
        return _date_time_from(value)
    if kind is DaysTime:
        return _duration_from(value)
    return value


def _date_from(value: Date) -> dt.date | None:
    return dt.date(value.year, value.month, value.day) if 1 <= value.year <= 9999 else None


def _time_from(value: Time) -> dt.time | None:
    if value.nano % 1000:
        return None
    return dt.time(value.hour, value.minute, value.second, value.nano // 1000, _tzinfo(value.zone))


def _tzinfo(zone: Zone) -> dt.tzinfo | None:
    if isinstance(zone, str):
        return region(zone)
    return None if zone is None else dt.timezone(dt.timedelta(seconds=zone))


def _date_time_from(value: DateTime) -> Any:
    date, time = _date_from(value.date), _time_from(value.time)
    return value if date is None or time is None else dt.datetime.combine(date, time)


def _duration_from(value: DaysTime) -> Any:
    microseconds, rest = divmod(value.nanos, NANOS // 1_000_000)
    try:
        return value if rest else dt.timedelta(microseconds=microseconds)
    except OverflowError:
        return value


def cells(value: Any, depth: int = 0) -> int:
    """How large a value is: its items, entries, and a hundredth of its characters; what a budget grows by."""
    if type(value) is str:
        return 1 + len(value) // 100
    if type(value) is list and depth <= DEPTH_MAX:
        return 1 + sum(cells(item, depth + 1) for item in value)
    if type(value) is dict and depth <= DEPTH_MAX:
        return 1 + sum(cells(item, depth + 1) for item in value.values())
    return 1
