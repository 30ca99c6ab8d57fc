"""Dates, times and durations of FEEL (DMN 1.5 §10.3.2.3.4 to 10.3.2.3.9).

Years reach from -999999999 to 999999999 and seconds have nanoseconds, which Python's types do not have. A zone is None,
an offset from UTC in seconds, or the name of a region of the time zone database.
"""

import functools
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from penstock.expr.feel.run import FeelError

YEAR_MAX = 999_999_999
OFFSET_SECONDS_MAX = 18 * 3600
NANOS = 1_000_000_000
DAY_SECONDS = 86_400
MONTHS_MAX = YEAR_MAX * 12 * 10
DAYS_MAX = 10**13
TEXT_CHARS_MAX = 100
CYCLE_DAYS = 146_097
"""Days of 400 years, after which the calendar repeats."""

Zone = int | str | None


def days_of_month(year: int, month: int) -> int:
    """How many days a month has."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * CYCLE_DAYS + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day since 1970-01-01."""
    era, of_era = divmod(days + 719_468, CYCLE_DAYS)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


@functools.lru_cache(maxsize=256)
def region(name: str) -> ZoneInfo:
    """The region of the time zone database. Raises FeelError."""
    if not _REGION.fullmatch(name):
        raise FeelError(f"there is no time zone {name!r}")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise FeelError(f"there is no time zone {name!r}") from None


_REGION = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+)*")


class Date:
    """A day."""

    __slots__ = ("day", "month", "year")

    def __init__(self, year: int, month: int, day: int) -> None:
        if not -YEAR_MAX <= year <= YEAR_MAX:
            raise FeelError(f"year {year} is out of range")
        if not 1 <= month <= 12:
            raise FeelError(f"there is no month {month}")
        if not 1 <= day <= days_of_month(year, month):
            raise FeelError(f"month {month} of {year} has no day {day}")
        self.year = year
        self.month = month
        self.day = day

    @classmethod
    def from_days(cls, days: int) -> "Date":
        """The day so many days after 1970-01-01. Raises FeelError."""
        return cls(*civil_from_days(days))

    @property
    def days(self) -> int:
        """Days since 1970-01-01."""
        return days_from_civil(self.year, self.month, self.day)

    def isoformat(self) -> str:
        sign = "-" if self.year < 0 else ""
        return f"{sign}{abs(self.year):04d}-{self.month:02d}-{self.day:02d}"

    def plus_months(self, months: int) -> "Date":
        """So many months later; a day that the month does not have becomes its last. Raises FeelError."""
        year, month0 = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Date(year, month0 + 1, min(self.day, days_of_month(year, month0 + 1)))

    def at(self, time: "Time") -> "DateTime":
        return DateTime(self, time)

    def __eq__(self, other: object) -> bool:
        return type(other) is Date and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.isoformat()

    @property
    def key(self) -> tuple[int, int, int]:
        return self.year, self.month, self.day


class Time:
    """A time of day, with nanoseconds."""

    __slots__ = ("hour", "minute", "nano", "second", "zone")

    def __init__(self, hour: int, minute: int, second: int, nano: int = 0, zone: Zone = None) -> None:
        if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
            raise FeelError(f"there is no time {hour}:{minute}:{second}")
        if isinstance(zone, int) and abs(zone) > OFFSET_SECONDS_MAX:
            raise FeelError("an offset from UTC is at most 18 hours")
        self.hour = hour
        self.minute = minute
        self.second = second
        self.nano = nano
        self.zone = zone

    @classmethod
    def from_nanos(cls, nanos: int, zone: Zone) -> "Time":
        """The time so many nanoseconds after midnight."""
        seconds, nano = divmod(nanos, NANOS)
        return cls(seconds // 3600, seconds // 60 % 60, seconds % 60, nano, zone)

    @property
    def seconds(self) -> int:
        """Whole seconds since midnight, local."""
        return self.hour * 3600 + self.minute * 60 + self.second

    @property
    def nanos(self) -> int:
        """Nanoseconds since midnight, local."""
        return self.seconds * NANOS + self.nano

    @property
    def offset(self) -> int | None:
        """Seconds from UTC; a region without a date counts as on 1970-01-01."""
        if isinstance(self.zone, str):
            return offset_at(self.zone, 0, self.seconds)
        return self.zone

    def isoformat(self) -> str:
        text = f"{self.hour:02d}:{self.minute:02d}:{self.second:02d}"
        if self.nano:
            text += f".{self.nano:09d}".rstrip("0")
        return text + zone_text(self.zone)

    @property
    def key(self) -> tuple[int, Any]:
        return self.nanos, self.zone

    def __eq__(self, other: object) -> bool:
        return type(other) is Time and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.isoformat()


class DateTime:
    """A day and a time of it."""

    __slots__ = ("date", "time")

    def __init__(self, date: Date, time: Time) -> None:
        self.date = date
        self.time = time

    @classmethod
    def from_local(cls, nanos: int, zone: Zone) -> "DateTime":
        """The local time so many nanoseconds after 1970-01-01T00:00:00. Raises FeelError."""
        days, rest = divmod(nanos, DAY_SECONDS * NANOS)
        return cls(Date.from_days(days), Time.from_nanos(rest, zone))

    @classmethod
    def from_instant(cls, nanos: int, zone: int | str) -> "DateTime":
        """The instant so many nanoseconds after the epoch, as clocks in `zone` show it. Raises FeelError."""
        offset = zone if isinstance(zone, int) else offset_of_instant(zone, nanos // NANOS)
        return cls.from_local(nanos + offset * NANOS, zone)

    @property
    def zone(self) -> Zone:
        return self.time.zone

    @property
    def offset(self) -> int | None:
        """Seconds from UTC at this moment, None without a zone."""
        zone = self.time.zone
        return offset_at(zone, self.date.days, self.time.seconds) if isinstance(zone, str) else zone

    @property
    def local_seconds(self) -> int:
        return self.date.days * DAY_SECONDS + self.time.seconds

    @property
    def local_nanos(self) -> int:
        return self.local_seconds * NANOS + self.time.nano

    def instant(self, default: int = 0) -> int:
        """Nanoseconds since the epoch; without a zone, `default` is the offset in seconds."""
        offset = self.offset
        return self.local_nanos - (default if offset is None else offset) * NANOS

    def isoformat(self) -> str:
        return f"{self.date.isoformat()}T{self.time.isoformat()}"

    def plus_nanos(self, nanos: int) -> "DateTime":
        """Later by elapsed time. Raises FeelError."""
        zone = self.time.zone
        if isinstance(zone, str):
            return DateTime.from_instant(self.instant() + nanos, zone)
        return DateTime.from_local(self.local_nanos + nanos, zone)

    def plus_months(self, months: int) -> "DateTime":
        return DateTime(self.date.plus_months(months), self.time)

    def __eq__(self, other: object) -> bool:
        return type(other) is DateTime and self.date == other.date and self.time == other.time

    def __hash__(self) -> int:
        return hash((self.date, self.time))

    def __repr__(self) -> str:
        return self.isoformat()


class DaysTime:
    """A duration of days and time, in nanoseconds."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        if abs(nanos) > DAYS_MAX * DAY_SECONDS * NANOS:
            raise FeelError("a duration is too long")
        self.nanos = nanos

    def isoformat(self) -> str:
        seconds, nano = divmod(abs(self.nanos), NANOS)
        days, seconds = divmod(seconds, DAY_SECONDS)
        parts = [(seconds // 3600, "H"), (seconds // 60 % 60, "M")]
        clock = "".join(f"{count}{unit}" for count, unit in parts if count)
        if seconds % 60 or nano:
            fraction = f".{nano:09d}".rstrip("0") if nano else ""
            clock += f"{seconds % 60}{fraction}S"
        text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
        return ("-" if self.nanos < 0 else "") + "P" + (text or "T0S")

    def __eq__(self, other: object) -> bool:
        return type(other) is DaysTime and self.nanos == other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __repr__(self) -> str:
        return self.isoformat()


class YearsMonths:
    """A duration of years and months. `months` is the whole of it, with its sign."""

    __slots__ = ("months",)

    def __init__(self, months: int) -> None:
        if abs(months) > MONTHS_MAX:
            raise FeelError("a duration is too long")
        self.months = int(months)

    def isoformat(self) -> str:
        years, months = divmod(abs(self.months), 12)
        text = (f"{years}Y" if years else "") + (f"{months}M" if months else "")
        return ("-" if self.months < 0 else "") + "P" + (text or "0M")

    def __eq__(self, other: object) -> bool:
        return type(other) is YearsMonths and self.months == other.months

    def __hash__(self) -> int:
        return hash(self.months)

    def __repr__(self) -> str:
        return f"YearsMonths({self.months})"


Temporal = Date | Time | DateTime | DaysTime | YearsMonths

UTC_MIDNIGHT = Time(0, 0, 0, 0, 0)
MIDNIGHT = Time(0, 0, 0)


def zone_text(zone: Zone) -> str:
    """`Z`, `+02:00`, `@Europe/Paris`, or nothing."""
    if zone is None:
        return ""
    if isinstance(zone, str):
        return f"@{zone}"
    if zone == 0:
        return "Z"
    hours, rest = divmod(abs(zone), 3600)
    text = f"{'-' if zone < 0 else '+'}{hours:02d}:{rest // 60:02d}"
    return f"{text}:{rest % 60:02d}" if rest % 60 else text


def _in_range(days: int) -> int:
    """A day of the years 2000 to 2399 that has the same place in the calendar."""
    return (days - 10_957) % CYCLE_DAYS + 10_957


_FIRST_DAY, _LAST_DAY = days_from_civil(1, 1, 3), days_from_civil(9999, 12, 28)
_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)


@functools.lru_cache(maxsize=4096)
def offset_at(zone: str, days: int, seconds: int) -> int:
    """Seconds from UTC in a region when its clocks show this; the earlier offset where a time happens twice."""
    if not _FIRST_DAY <= days <= _LAST_DAY:
        days = _in_range(days) if days > 0 else _FIRST_DAY
    moment = (_EPOCH + timedelta(days=days, seconds=seconds)).replace(tzinfo=region(zone))
    return _seconds(moment.utcoffset())


@functools.lru_cache(maxsize=4096)
def offset_of_instant(zone: str, seconds: int) -> int:
    """Seconds from UTC in a region at an instant."""
    days, rest = divmod(seconds, DAY_SECONDS)
    if not _FIRST_DAY <= days <= _LAST_DAY:
        days = _in_range(days) if days > 0 else _FIRST_DAY
    return _seconds((_EPOCH_UTC + timedelta(days=days, seconds=rest)).astimezone(region(zone)).utcoffset())


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else offset // timedelta(seconds=1)


_DATE = r"(?P<year>-?(?:[1-9]\d{4,8}|\d{4}))-(?P<month>\d\d)-(?P<day>\d\d)"
_CLOCK = (
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d+))?"
    r"(?:(?P<utc>[Zz])|(?P<sign>[+-])(?P<oh>\d\d):(?P<om>\d\d)(?::(?P<os>\d\d))?|@(?P<region>[A-Za-z][\w+\-/]*))?"
)
_DATE_RE = re.compile(_DATE, re.ASCII)
_TIME_RE = re.compile(_CLOCK, re.ASCII)
_DATE_TIME_RE = re.compile(f"{_DATE}T{_CLOCK}", re.ASCII)
_YEARS_MONTHS_RE = re.compile(r"(-)?P(?:(\d{1,18})Y)?(?:(\d{1,18})M)?", re.ASCII)
_DAYS_TIME_RE = re.compile(
    r"(-)?P(?:(\d{1,18})D)?(?:T(?:(\d{1,18})H)?(?:(\d{1,18})M)?(?:(\d{1,18})(?:\.(\d+))?S)?)?", re.ASCII
)


def _match(pattern: "re.Pattern[str]", text: str) -> "re.Match[str] | None":
    return pattern.fullmatch(text) if len(text) <= TEXT_CHARS_MAX else None


def parse_date(text: str) -> Date:
    """`2017-12-31`. Raises FeelError."""
    found = _match(_DATE_RE, text)
    if found is None:
        raise FeelError(f"no date: {text[:TEXT_CHARS_MAX]!r}")
    return _date(found)


def _date(found: "re.Match[str]") -> Date:
    return Date(int(found["year"]), int(found["month"]), int(found["day"]))


def parse_time(text: str) -> Time:
    """`23:59:00`, also with fraction and zone (`Z`, `+02:00`, `@Europe/Paris`). Raises FeelError."""
    found = _match(_TIME_RE, text)
    if found is None:
        raise FeelError(f"no time: {text[:TEXT_CHARS_MAX]!r}")
    return _time(found)


def _time(found: "re.Match[str]") -> Time:
    nano = int(((found["fraction"] or "") + "000000000")[:9])
    zone: Zone = None
    if found["utc"]:
        zone = 0
    elif found["sign"]:
        if int(found["om"]) > 59 or int(found["os"] or 0) > 59:
            raise FeelError("an offset has at most 59 minutes")
        zone = int(found["oh"]) * 3600 + int(found["om"]) * 60 + int(found["os"] or 0)
        zone = -zone if found["sign"] == "-" else zone
    elif found["region"]:
        zone = found["region"]
        region(zone)
    return Time(int(found["hour"]), int(found["minute"]), int(found["second"]), nano, zone)


def parse_date_time(text: str) -> DateTime:
    """`2017-12-31T23:59:00`; a date alone is midnight. Raises FeelError."""
    found = _match(_DATE_TIME_RE, text)
    if found is not None:
        return DateTime(_date(found), _time(found))
    found = _match(_DATE_RE, text)
    if found is None:
        raise FeelError(f"no date and time: {text[:TEXT_CHARS_MAX]!r}")
    return DateTime(_date(found), MIDNIGHT)


def parse_duration(text: str) -> DaysTime | YearsMonths:
    """`P1Y2M` or `P1DT2H3M4.5S`. Raises FeelError."""
    found = _match(_YEARS_MONTHS_RE, text)
    if found is not None and (found[2] or found[3]):
        months = int(found[2] or 0) * 12 + int(found[3] or 0)
        return YearsMonths(-months if found[1] else months)
    found = _match(_DAYS_TIME_RE, text)
    if found is None or text[-1] in "PT":
        raise FeelError(f"no duration: {text[:TEXT_CHARS_MAX]!r}")
    seconds = (
        int(found[2] or 0) * DAY_SECONDS + int(found[3] or 0) * 3600 + int(found[4] or 0) * 60 + int(found[5] or 0)
    )
    nanos = seconds * NANOS + int(((found[6] or "") + "000000000")[:9])
    return DaysTime(-nanos if found[1] else nanos)


def parse_literal(text: str) -> Temporal:
    """What `@"…"` means. Raises FeelError."""
    for parse in (parse_date, parse_time, parse_date_time, parse_duration):
        try:
            return parse(text)
        except FeelError:
            continue
    raise FeelError(f'@"{text[:TEXT_CHARS_MAX]}" is no date, time or duration')
