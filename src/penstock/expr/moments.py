"""Points in time: milliseconds since the epoch, and the `DateTime` (as Joda-Time has it) that `dateTime()` gives."""

from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.expr.coerce import Problem, to_int
from penstock.expr.values import Integer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS_MIN = -62_135_596_800_000
MS_MAX = 253_402_300_799_999
"""First and last moment that can be written with a year of four digits."""

_MILLISECOND = timedelta(milliseconds=1)
DAY_MS = 86_400_000


def from_ms(ms: int) -> datetime:
    """The moment as an aware datetime, UTC. Raises OverflowError outside the years 1 to 9999."""
    if not MS_MIN <= ms <= MS_MAX:
        raise OverflowError(f"{ms} ms is outside the years 1 to 9999")
    return EPOCH + timedelta(milliseconds=ms)


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down."""
    elapsed: timedelta = moment - EPOCH
    return elapsed // _MILLISECOND


def shift_months(moment: datetime, months: int) -> datetime:
    """`moment` some months later or earlier; a day that the month does not have becomes its last.

    Raises OverflowError outside the years 1 to 9999.
    """
    year, month0 = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError(f"year {year} is outside 1 to 9999")
    return moment.replace(year=year, month=month0 + 1, day=min(moment.day, last_day(year, month0 + 1)))


def last_day(year: int, month: int) -> int:
    """The number of days of a month."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


class DateTime:
    """`dateTime()`: an immutable moment in UTC with Joda-Time's arithmetic."""

    __slots__ = ("ms",)

    def __init__(self, ms: int) -> None:
        if not MS_MIN <= ms <= MS_MAX:
            raise Problem("a date is outside the years 1 to 9999")
        self.ms = ms

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DateTime) and other.ms == self.ms

    def __hash__(self) -> int:
        return hash(self.ms)

    def java_text(self) -> str:
        moment = from_ms(self.ms)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z".rjust(24, "0")


_FIXED_MS = {
    "Weeks": 7 * DAY_MS,
    "Days": DAY_MS,
    "Hours": 3_600_000,
    "Minutes": 60_000,
    "Seconds": 1_000,
    "Millis": 1,
}
_MONTHS = {"Years": 12, "Months": 1}


def _add(unit: str, sign: int) -> Any:
    def fixed(base: DateTime, amount: Any) -> DateTime:
        return DateTime(base.ms + sign * to_int(amount) * _FIXED_MS[unit])

    def calendar(base: DateTime, amount: Any) -> DateTime:
        try:
            return DateTime(to_ms(shift_months(from_ms(base.ms), sign * to_int(amount) * _MONTHS[unit])))
        except OverflowError:
            raise Problem("a date is outside the years 1 to 9999") from None

    return fixed if unit in _FIXED_MS else calendar


def _ms_of(value: Any) -> int:
    if isinstance(value, DateTime):
        return value.ms
    if isinstance(value, datetime):
        return to_ms(value)
    raise Problem("a date is needed here")


def _midnight(base: DateTime) -> DateTime:
    return DateTime(base.ms - base.ms % DAY_MS)


DATE_TIME_PROPERTIES: dict[str, Any] = {
    "millis": lambda base: base.ms,
    "year": lambda base: Integer(from_ms(base.ms).year),
    "monthOfYear": lambda base: Integer(from_ms(base.ms).month),
    "dayOfMonth": lambda base: Integer(from_ms(base.ms).day),
    "dayOfWeek": lambda base: Integer(from_ms(base.ms).isoweekday()),
    "dayOfYear": lambda base: Integer(from_ms(base.ms).timetuple().tm_yday),
    "weekOfWeekyear": lambda base: Integer(from_ms(base.ms).isocalendar()[1]),
    "hourOfDay": lambda base: Integer(from_ms(base.ms).hour),
    "minuteOfHour": lambda base: Integer(from_ms(base.ms).minute),
    "secondOfMinute": lambda base: Integer(from_ms(base.ms).second),
    "millisOfSecond": lambda base: Integer(base.ms % 1000),
}

DATE_TIME_METHODS: dict[str, tuple[Any, int, int]] = {
    **{f"plus{unit}": (_add(unit, 1), 1, 1) for unit in (*_FIXED_MS, *_MONTHS)},
    **{f"minus{unit}": (_add(unit, -1), 1, 1) for unit in (*_FIXED_MS, *_MONTHS)},
    "withTimeAtStartOfDay": (_midnight, 0, 0),
    "toDate": (lambda base: from_ms(base.ms), 0, 0),
    "toDateTime": (lambda base: base, 0, 0),
    "toString": (lambda base: base.java_text(), 0, 0),
    "isBefore": (lambda base, other: base.ms < _ms_of(other), 1, 1),
    "isAfter": (lambda base, other: base.ms > _ms_of(other), 1, 1),
    "isEqual": (lambda base, other: base.ms == _ms_of(other), 1, 1),
    "equals": (lambda base, other: base == other, 1, 1),
    "compareTo": (lambda base, other: Integer((base.ms > _ms_of(other)) - (base.ms < _ms_of(other))), 1, 1),
}
