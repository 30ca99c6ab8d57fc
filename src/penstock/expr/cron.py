"""Quartz cron expressions (Camunda `timeCycle`): `sec min hour day-of-month month day-of-week [year]`.

Lists, ranges (also over the end: `22-2`), steps, names, `?`, and in the days `L`, `L-3`, `LW`, `15W`, `6L`, `6#3`.
As in Quartz exactly one of the two day fields is `?`. Sunday is day 1 of a week.
"""

import functools
import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

import msgspec

from penstock.expr.moments import MS_MAX, MS_MIN, from_ms, last_day, to_ms

YEARS_MAX = 100
"""How far ahead a due date is looked for, as in Quartz."""


class CronError(ValueError):
    """The text is no cron expression."""


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field("Second", 0, 59),
    _Field("Minute", 0, 59),
    _Field("Hour", 0, 23),
    _Field("Day-of-Month", 1, 31),
    _Field("Month", 1, 12, _MONTHS),
    _Field("Day-of-Week", 1, 7, _DAYS),
    _Field("Year", 1970, 2299),
)
_ITEM = re.compile(
    r"(?:(?P<all>\*)|(?P<first>[0-9]{1,4}|[A-Z]{3})(?:-(?P<last>[0-9]{1,4}|[A-Z]{3}))?)?(?:/(?P<step>[0-9]{1,4}))?"
)


class Cron(msgspec.Struct, frozen=True):
    """A parsed expression. The fields are sorted; `days` or `weekdays` is None where the text has `?`.

    `last_offset`: days before the month's last (`L` is 0). `nearest`: move to the nearest working day (`W`).
    `nth`: which one of the weekday in its month, -1 the last (`6L`).
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...] | None
    months: tuple[int, ...]
    weekdays: tuple[int, ...] | None
    years: frozenset[int]
    last_offset: int | None = None
    nearest: bool = False
    nth: int | None = None

    def next_after(self, now_ms: int, zone: tzinfo = UTC) -> int | None:
        """The first due date after `now_ms`, in whole seconds; None when there is none in the next 100 years.

        A time of day that a change of the clocks skips is due that much later. In the hour that comes twice an
        expression with certain hours is due once, one with every hour goes on.
        """
        if not MS_MIN <= now_ms <= MS_MAX:
            return None
        now = from_ms(now_ms).astimezone(zone)
        local = now.replace(tzinfo=None, microsecond=0)
        due = self._instant_after(local, now_ms, zone)
        if due is not None and len(self.hours) == 24 and zone is not UTC:
            gained = (now.utcoffset() or timedelta()) - (from_ms(due).astimezone(zone).utcoffset() or timedelta())
            if gained > timedelta():
                again = self._candidate(local - gained)
                if again is not None:
                    repeated = to_ms(again.replace(tzinfo=zone, fold=1))
                    if now_ms < repeated < due:
                        return repeated
        return due

    def _instant_after(self, local: datetime, now_ms: int, zone: tzinfo) -> int | None:
        """The candidate that is after now as a moment too: in a repeated hour that may be its second coming."""
        candidate = self._candidate(local)
        while candidate is not None:
            for fold in (0, 1):
                due = to_ms(candidate.replace(tzinfo=zone, fold=fold))
                if due > now_ms:
                    return due
            candidate = self._candidate(candidate)
        return None

    def _candidate(self, after: datetime) -> datetime | None:
        """The first matching time of day strictly after `after`, both without a zone."""
        try:
            start = after + timedelta(seconds=1)
        except OverflowError:
            return None
        for year in range(start.year, min(start.year + YEARS_MAX, 9999) + 1):
            if year not in self.years:
                continue
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self._days_of(year, month):
                    if (year, month, day) < (start.year, start.month, start.day):
                        continue
                    same_day = (year, month, day) == (start.year, start.month, start.day)
                    found = self._time((start.hour, start.minute, start.second) if same_day else (0, 0, 0))
                    if found is not None:
                        return datetime(year, month, day, *found)
        return None

    def _time(self, at_least: tuple[int, int, int]) -> tuple[int, int, int] | None:
        from_hour, from_minute, from_second = at_least
        for hour in self.hours:
            if hour < from_hour:
                continue
            if hour > from_hour:
                return hour, self.minutes[0], self.seconds[0]
            for minute in self.minutes:
                if minute < from_minute:
                    continue
                if minute > from_minute:
                    return hour, minute, self.seconds[0]
                second = next((one for one in self.seconds if one >= from_second), None)
                if second is not None:
                    return hour, minute, second
        return None

    def _days_of(self, year: int, month: int) -> list[int]:
        last = last_day(year, month)
        if self.weekdays is not None:
            return self._weekdays_of(year, month, last)
        if self.last_offset is not None:
            days = [last - self.last_offset] if last > self.last_offset else []
        else:
            days = [day for day in self.days or () if day <= last]
        return sorted({_working_day(year, month, day, last) for day in days}) if self.nearest else days

    def _weekdays_of(self, year: int, month: int, last: int) -> list[int]:
        first = _weekday(year, month, 1)
        wanted = self.weekdays or ()
        if self.nth is None:
            return [day for day in range(1, last + 1) if (first + day - 2) % 7 + 1 in wanted]
        found = [day for day in range(1, last + 1) if (first + day - 2) % 7 + 1 == wanted[0]]
        if self.nth == -1:
            return found[-1:]
        return found[self.nth - 1 : self.nth]


def _weekday(year: int, month: int, day: int) -> int:
    """1 is Sunday."""
    return datetime(year, month, day).isoweekday() % 7 + 1


def _working_day(year: int, month: int, day: int, last: int) -> int:
    """The Monday to Friday nearest to a day, in its month."""
    weekday = _weekday(year, month, day)
    if weekday == 7:
        return day - 1 if day > 1 else day + 2
    if weekday == 1:
        return day + 1 if day < last else day - 2
    return day


@functools.lru_cache(maxsize=1024)
def parse_cron(text: str) -> Cron:
    """Raises CronError with the reason, in Quartz's words where it has them."""
    fields = text.upper().split()
    if len(fields) < 6:
        raise CronError("Unexpected end of expression.")
    if len(fields) > 7:
        raise CronError(f"Unexpected text after the year: '{fields[7]}'")
    for position in (0, 1, 2, 4, 6):
        if position < len(fields) and "?" in fields[position]:
            raise CronError("'?' can only be specfied for Day-of-Month or Day-of-Week.")
    day, weekday = fields[3], fields[5]
    if day == "?" and weekday == "?":
        raise CronError("'?' can only be specfied for Day-of-Month -OR- Day-of-Week.")
    if day != "?" and weekday != "?":
        raise CronError("Support for specifying both a day-of-week AND a day-of-month parameter is not implemented.")
    days, last_offset, nearest = _days(day) if day != "?" else (None, None, False)
    weekdays, nth = _weekdays(weekday) if weekday != "?" else (None, None)
    return Cron(
        seconds=_values(fields[0], _FIELDS[0]),
        minutes=_values(fields[1], _FIELDS[1]),
        hours=_values(fields[2], _FIELDS[2]),
        days=days,
        months=_values(fields[4], _FIELDS[4]),
        weekdays=weekdays,
        years=frozenset(_values(fields[6] if len(fields) == 7 else "*", _FIELDS[6])),
        last_offset=last_offset,
        nearest=nearest,
        nth=nth,
    )


def _days(text: str) -> tuple[tuple[int, ...] | None, int | None, bool]:
    """(days, offset from the last day, nearest working day)."""
    if text.startswith("L"):
        found = re.fullmatch(r"L(?:-([0-9]{1,2}))?(W)?", text)
        if found is None:
            raise CronError("Support for specifying 'L' and 'LW' with other days of the month is not implemented")
        offset = int(found[1] or 0)
        if offset > 30:
            raise CronError("Offset from last day must be <= 30")
        return None, offset, found[2] is not None
    if text.endswith("W"):
        if not re.fullmatch(r"[0-9]{1,2}W", text):
            raise CronError("'W' is only for a single day of the month")
        return _values(text[:-1], _FIELDS[3]), None, True
    return _values(text, _FIELDS[3]), None, False


def _weekdays(text: str) -> tuple[tuple[int, ...], int | None]:
    """(weekdays, which one in the month)."""
    field = _FIELDS[5]
    if text == "L":
        return (7,), None
    if "#" in text:
        found = re.fullmatch(r"([1-7]|[A-Z]{3})#([1-5])", text)
        if found is None:
            raise CronError("A numeric value between 1 and 5 must follow the '#' option")
        return _values(found[1], field), int(found[2])
    if text.endswith("L"):
        if not re.fullmatch(r"(?:[1-7]|[A-Z]{3})L", text):
            raise CronError("Support for specifying 'L' with other days of the week is not implemented")
        return _values(text[:-1], field), -1
    return _values(text, field), None


def _values(text: str, field: _Field) -> tuple[int, ...]:
    found: set[int] = set()
    for item in text.split(","):
        found.update(_range(item, field))
    return tuple(sorted(found))


def _range(item: str, field: _Field) -> range | list[int]:
    match = _ITEM.fullmatch(item)
    if match is None or not item:
        raise CronError(f"Illegal characters for this position: '{item[:50]}' ({field.name})")
    step = 1
    if match["step"] is not None:
        step = int(match["step"])
        if not 1 <= step <= field.high:
            raise CronError(f"Increment > {field.high} : {step} ({field.name})")
    if match["first"] is None:
        return range(field.low, field.high + 1, step)
    first = _number(match["first"], field)
    if match["last"] is None:
        return range(first, (field.high if match["step"] else first) + 1, step)
    last = _number(match["last"], field)
    if first <= last:
        return range(first, last + 1, step)
    if field.name == "Year":
        raise CronError("Start year must be less than stop year")
    size = field.high - field.low + 1
    return [(value - field.low) % size + field.low for value in range(first, last + size + 1, step)]


def _number(text: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    if not text.isdecimal():
        raise CronError(f"Invalid {field.name} value: '{text}'")
    value = int(text)
    if not field.low <= value <= field.high:
        raise CronError(f"{field.name} values must be between {field.low} and {field.high}")
    return value
