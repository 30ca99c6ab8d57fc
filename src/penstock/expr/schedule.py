"""When things are due: dates, durations and cycles, as Camunda 7's business calendars read them. Pure: now is an argument.

| timer          | Camunda's calendar          | here                                                    |
|----------------|-----------------------------|---------------------------------------------------------|
| `timeDate`     | `DueDateBusinessCalendar`   | `due_of_date`: ISO 8601 date, or a duration from now    |
| `timeDuration` | `DurationBusinessCalendar`  | `due_of_duration`: ISO 8601 duration or interval        |
| `timeCycle`    | `CycleBusinessCalendar`     | `parse_cycle`, `anchor_cycle`, `due_date_of_cycle`      |

How the engine runs a cycle. Creating the timer: `due_date_of_cycle(text, now_ms)`; keep `anchor_cycle(text, now_ms)` with
the job. Each time it fires: `due_date_of_cycle(kept, now_ms)`, and no due date means that the cycle is over. As in
Camunda the clock decides and not a counter: `R3/PT1H` is due 1, 2 and 3 hours after its start, and a job that is
executed before its due date gets the same due date once more. Who wants a counter gives `repeat_count_done`.

All moments are milliseconds since the epoch. `zone` is what dates without an offset, calendar days and cron fields are
in. Every error is ExpressionFailed with the text.
"""

import functools
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from penstock.base.errors import ExpressionFailed
from penstock.expr.cron import Cron, CronError, parse_cron
from penstock.expr.moments import DAY_MS, MS_MAX, MS_MIN, from_ms, shift_months, to_ms

STEPS_MAX = 5_000
"""Most periods of months or years between a cycle's start and now: 400 years of months."""

TEXT_CHARS_MAX = 1_000
_TIMES_MAX = 2**31 - 1
_FOREVER = 2**62
"""The repetitions of `R/…`. In Camunda they are 2**31 - 1, which short periods reach."""


class Duration(msgspec.Struct, frozen=True):
    """An ISO 8601 duration: calendar months (years are 12), calendar days (weeks are 7), and milliseconds."""

    months: int = 0
    days: int = 0
    ms: int = 0

    def negated(self) -> "Duration":
        return Duration(-self.months, -self.days, -self.ms)


def _shown(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


def _cannot_resolve(text: str, cause: str) -> ExpressionFailed:
    return ExpressionFailed(f"ENGINE-09027 Exception while resolving duedate '{_shown(text)}': {cause}")


def _cannot_cycle(text: str, cause: str) -> ExpressionFailed:
    return ExpressionFailed(f"ENGINE-09026 Exception while parsing cycle expression '{_shown(text)}': {cause}")


@functools.lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ExpressionFailed(f"Unknown time zone '{_shown(name)}'; use a name of the IANA database") from error


# --------------------------------------------------------------------------------------------------------------- dates

_DATE = re.compile(
    r"(?:(?P<year>[0-9]{4})(?:"
    r"-(?P<ordinal>[0-9]{3})(?![0-9])"
    r"|-?W(?P<week>[0-9]{2})(?:-?(?P<weekday>[1-7]))?"
    r"|-?(?P<month>[0-9]{1,2})(?:-?(?P<day>[0-9]{1,2}))?"
    r")?)?"
    r"(?:T(?:(?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2}))?)?(?:[.,](?P<fraction>[0-9]{1,18}))?)?"
    r"(?P<offset>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def parse_date(text: str, zone: str = "UTC") -> int:
    """An ISO 8601 date, with or without time and offset, in ms (Camunda `DateTimeUtil`, Joda `dateTimeParser`).

    Accepted: `2036-11-14`, `2036-11-14T11:12:22`, `…T11:12:22.500+01:00`, `…Z`, ordinal (`2036-319`) and week
    (`2036-W46-5`) dates, parts left out from the right, and the basic forms without separators. A date without an
    offset is in `zone`. Raises ExpressionFailed.
    """
    found = _DATE.fullmatch(text) if 0 < len(text) <= 100 else None
    if found is None or (found["year"] is None and found["hour"] is None):
        raise _cannot_resolve(text, f'Invalid format: "{_shown(text)}"')
    try:
        return _moment(found, _zone(zone))
    except (ValueError, OverflowError) as error:
        raise _cannot_resolve(text, f'Cannot parse "{_shown(text)}": {error}') from error


def _moment(found: re.Match[str], zone: tzinfo) -> int:
    day = _day(found)
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    unit_ms = 1000 if found["second"] else 60_000 if found["minute"] else 3_600_000
    digits = found["fraction"] or "0"
    scale: int = 10 ** len(digits)
    fraction_ms = int(digits) * unit_ms // scale
    local = datetime(day.year, day.month, day.day, hour, minute, second)
    offset = found["offset"]
    if offset is None:
        moment = local.replace(tzinfo=zone)
        return to_ms(moment) + fraction_ms
    shift = 0
    if offset != "Z":
        digits = offset[1:].replace(":", "").ljust(4, "0")
        if int(digits[2:]) > 59 or int(digits[:2]) > 23:
            raise ValueError(f"offset {offset} is out of range")
        shift = (int(digits[:2]) * 60 + int(digits[2:])) * (-60_000 if offset[0] == "-" else 60_000)
    return to_ms(local.replace(tzinfo=UTC)) - shift + fraction_ms


def _day(found: re.Match[str]) -> date:
    if found["year"] is None:
        return date(1970, 1, 1)
    year = int(found["year"])
    if found["ordinal"]:
        day = date(year, 1, 1) + timedelta(days=int(found["ordinal"]) - 1)
        if day.year != year:
            raise ValueError(f"year {year} has no day {found['ordinal']}")
        return day
    if found["week"]:
        return date.fromisocalendar(year, int(found["week"]), int(found["weekday"] or 1))
    return date(year, int(found["month"] or 1), int(found["day"] or 1))


# ----------------------------------------------------------------------------------------------------------- durations

_NUMBER = r"(-?[0-9]{1,12})"
_DURATION = re.compile(
    rf"([+-])?P(?=[-0-9T])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=[-0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:(-?)([0-9]{{1,12}})(?:[.,]([0-9]{{1,18}}))?S)?)?"
)


def parse_duration(text: str) -> Duration:
    """An ISO 8601 duration: `P1Y2M3W4DT5H6M7.5S`, any part may be left out or negative, as may the whole.

    Fractions are of seconds only, below a millisecond they are cut off. Raises ExpressionFailed.
    """
    found = _DURATION.fullmatch(text) if len(text) <= 200 else None
    if found is None:
        raise ExpressionFailed(f"ENGINE-09028 Cannot parse duration '{_shown(text)}'.")
    sign, years, months, weeks, days, hours, minutes, minus, seconds, fraction = found.groups(default="0")
    ms = int(seconds) * 1000 + int(fraction) * 1000 // 10 ** len(fraction)
    span = Duration(
        int(years) * 12 + int(months),
        int(weeks) * 7 + int(days),
        int(hours) * 3_600_000 + int(minutes) * 60_000 + (-ms if minus == "-" else ms),
    )
    return span.negated() if sign == "-" else span


def add(now_ms: int, duration: Duration, zone: str = "UTC") -> int:
    """`now_ms` plus a duration: months and days by the calendar of `zone` (a day the month does not have becomes its
    last; the time of day stays over a change of the clocks), then the exact milliseconds.

    Raises ExpressionFailed outside the years 1 to 9999.
    """
    try:
        if duration.months == 0 and (duration.days == 0 or zone == "UTC"):
            due = now_ms + duration.days * DAY_MS + duration.ms
        else:
            local = from_ms(now_ms).astimezone(_zone(zone)).replace(tzinfo=None)
            moved = shift_months(local, duration.months) + timedelta(days=duration.days)
            due = to_ms(moved.replace(tzinfo=_zone(zone))) + duration.ms
    except OverflowError as error:
        raise ExpressionFailed(f"A date would be outside the years 1 to 9999: {error}") from error
    if not MS_MIN <= due <= MS_MAX:
        raise ExpressionFailed("A date would be outside the years 1 to 9999")
    return due


def due_of_date(text: str, now_ms: int, zone: str = "UTC") -> int:
    """When a `timeDate` is due, in ms: its date, or now plus a duration (Camunda `DueDateBusinessCalendar`).

    Raises ExpressionFailed "Exception while resolving duedate …".
    """
    if not text.startswith("P"):
        return parse_date(text, zone)
    try:
        return add(now_ms, parse_duration(text), zone)
    except ExpressionFailed as failed:
        raise _cannot_resolve(text, failed.message) from failed


def due_of_duration(text: str, now_ms: int, zone: str = "UTC") -> int:
    """When a `timeDuration` is due, in ms (Camunda `DurationBusinessCalendar`): `PT1H`; also `start/PT1H`,
    `PT1H/end` and `R…/…`, of which it is the first due date.

    Raises ExpressionFailed "Exception while resolving duedate …".
    """
    try:
        found = _interval(text, now_ms, zone)
        if found.times is not None:
            due = found.next_after(now_ms)
            if due is None:
                raise ExpressionFailed("the interval is over")
            return due
        return found.end_ms if found.end_ms is not None else add(found.start_ms or 0, found.period, zone)
    except ExpressionFailed as failed:
        raise _cannot_resolve(text, failed.message) from failed


# -------------------------------------------------------------------------------------------------------------- cycles


class Interval(msgspec.Struct, frozen=True):
    """`[Rn/]start/period`, `[Rn/]period/end`, `[Rn/]start/end`. `times` is None without an `R`."""

    start_ms: int | None
    end_ms: int | None
    period: Duration
    times: int | None
    zone: str = "UTC"

    def next_after(self, now_ms: int) -> int | None:
        """The repetition after `now_ms` (Camunda `DurationHelper.getDateAfterRepeat`); None when it is over."""
        times = _FOREVER if self.times is None else self.times
        if self.start_ms is not None:
            due = self._forward(self.start_ms, now_ms, times)
            return due if due >= now_ms else None
        due = self._backward(self.end_ms or 0, now_ms, times)
        return due if due >= now_ms else None

    @property
    def _fixed_ms(self) -> int | None:
        """The period's length where the calendar does not matter."""
        if self.period.months or (self.period.days and self.zone != "UTC"):
            return None
        return self.period.days * DAY_MS + self.period.ms

    def _forward(self, start_ms: int, now_ms: int, times: int) -> int:
        if start_ms > now_ms:
            return start_ms
        fixed_ms = self._fixed_ms
        if fixed_ms is not None:
            if fixed_ms <= 0:
                return start_ms
            due = start_ms + min(times, (now_ms - start_ms) // fixed_ms + 1) * fixed_ms
            return add(due, Duration(), self.zone)
        due, done = start_ms, 0
        if not self.period.months:
            # Days in a zone: jump close to now, then walk over the changes of the clocks.
            rough_ms = abs(self.period.days * DAY_MS + self.period.ms) or 1
            done = min(times, max(0, (now_ms - start_ms) // rough_ms - 2))
            due = add(start_ms, Duration(0, self.period.days * done, self.period.ms * done), self.zone)
        for _ in range(min(times - done, STEPS_MAX)):
            if due > now_ms:
                return due
            following = add(due, self.period, self.zone)
            if following <= due:
                return due
            due = following
        if due <= now_ms and times - done > STEPS_MAX:
            raise ExpressionFailed(f"the cycle's start is more than {STEPS_MAX} periods ago")
        return due

    def _backward(self, end_ms: int, now_ms: int, times: int) -> int:
        if end_ms <= now_ms:
            return end_ms
        fixed_ms = self._fixed_ms
        if fixed_ms is not None:
            return end_ms if fixed_ms <= 0 else end_ms - min(times, (end_ms - now_ms - 1) // fixed_ms) * fixed_ms
        back, due = self.period.negated(), end_ms
        for _ in range(min(times, STEPS_MAX)):
            earlier = add(due, back, self.zone)
            if not now_ms < earlier < due:
                return due
            due = earlier
        if times > STEPS_MAX:
            raise ExpressionFailed(f"the cycle's end is more than {STEPS_MAX} periods away")
        return due


class Cycle(msgspec.Struct, frozen=True):
    """A parsed `timeCycle`. Exactly one of `interval` and `cron` is there."""

    text: str
    interval: Interval | None = None
    cron: Cron | None = None
    zone: str = "UTC"

    @property
    def times(self) -> int | None:
        """How often it repeats; None for ever."""
        if self.interval is None or self.interval.times in (None, _FOREVER):
            return None
        return self.interval.times

    def next_after(self, now_ms: int, offset_ms: int = 0) -> int | None:
        """The due date after `now_ms`; None when the cycle is over.

        `offset_ms` is by how much an earlier due date was moved by hand: later ones keep it (Camunda `repeatOffset`).
        """
        try:
            if self.interval is not None:
                due = self.interval.next_after(now_ms - offset_ms)
                return None if due is None else due + offset_ms
            assert self.cron is not None
            return self.cron.next_after(now_ms, _zone(self.zone))
        except ExpressionFailed as failed:
            raise _cannot_cycle(self.text, failed.message) from failed


def _no_interval(text: str) -> NoReturn:
    raise ExpressionFailed(f"ENGINE-09028 Cannot parse duration '{_shown(text)}'.")


def _interval(text: str, now_ms: int, zone: str) -> Interval:
    parts = text.split("/") if len(text) <= TEXT_CHARS_MAX else []
    if not 1 <= len(parts) <= 3:
        _no_interval(text)
    times: int | None = None
    if parts[0].startswith("R"):
        count = parts.pop(0)[1:]
        if count and not (re.fullmatch(r"[0-9]{1,10}", count) and int(count) <= _TIMES_MAX):
            _no_interval(text)
        times = int(count) if count else _FOREVER
    if not 1 <= len(parts) <= 2:
        _no_interval(text)
    first, second = parts[0], parts[1] if len(parts) == 2 else None
    if first.startswith("P"):
        period = parse_duration(first)
        if second is None:
            return Interval(now_ms, None, period, times, zone)
        return Interval(None, parse_date(second, zone), period, times, zone)
    start_ms = parse_date(first, zone)
    if second is None:
        _no_interval(text)
    if second.startswith("P"):
        return Interval(start_ms, None, parse_duration(second), times, zone)
    end_ms = parse_date(second, zone)
    # Camunda keeps the end, which only counts without an `R`.
    return Interval(start_ms, end_ms, Duration(ms=end_ms - start_ms), times, zone)


def parse_cycle(text: str, now_ms: int, zone: str = "UTC") -> Cycle:
    """A `timeCycle`: `R3/PT10S`, `R/start/PT1H`, `R2/PT1H/end`, or a Quartz cron expression.

    A cycle without start and end starts now. Raises ExpressionFailed "Exception while parsing cycle expression …".
    """
    try:
        if text.startswith("R"):
            return Cycle(text, interval=_interval(text, now_ms, zone), zone=zone)
        if len(text) > TEXT_CHARS_MAX:
            raise CronError(f"longer than {TEXT_CHARS_MAX} characters")
        _zone(zone)
        return Cycle(text, cron=parse_cron(text), zone=zone)
    except CronError as error:
        raise _cannot_cycle(text, str(error)) from error
    except ExpressionFailed as failed:
        raise _cannot_cycle(text, failed.message) from failed


def anchor_cycle(text: str, now_ms: int, zone: str = "UTC") -> str:
    """The text to keep with a job: `R3/PT1H` gets its start, in whole seconds, `R3/2036-11-14T11:12:22/PT1H`; any other
    text stays (Camunda `TimerDeclarationImpl.prepareRepeat`)."""
    if not text.startswith("R") or text.count("/") != 1:
        return text
    try:
        start = from_ms(now_ms).astimezone(_zone(zone))
    except OverflowError as error:
        raise _cannot_cycle(text, str(error)) from error
    count, _, period = text.partition("/")
    return f"{count}/{start.replace(microsecond=0, tzinfo=None).isoformat()}/{period}"


def due_date_of_cycle(
    text: str, now_ms: int, repeat_count_done: int = 0, *, zone: str = "UTC", offset_ms: int = 0
) -> tuple[int | None, int | None]:
    """(next due date in ms or None when the cycle is over, repetitions left with this one or None for ever).

    `text`: as modelled for the first time, then what `anchor_cycle` gave. `repeat_count_done`: how often it has fired;
    leave it at 0 for Camunda's behaviour, where only the clock ends a cycle. Raises ExpressionFailed.
    """
    cycle = parse_cycle(text, now_ms, zone)
    times = cycle.times
    left = None if times is None else max(0, times - repeat_count_done)
    if left == 0 and repeat_count_done:
        return None, 0
    due = cycle.next_after(now_ms, offset_ms)
    return (None, 0) if due is None else (due, left)


# ------------------------------------------------------------------------------------------------------------- retries


class RetryCycle(msgspec.Struct, frozen=True):
    """A `failedJobRetryTimeCycle`: how many tries a job has in all and how long it waits between them."""

    retries: int
    intervals: tuple[Duration, ...]

    def interval(self, retries_left: int) -> Duration:
        """How long to wait after a failure; `retries_left` counts the try that failed (Camunda `DefaultJobRetryCmd`)."""
        count = len(self.intervals)
        return self.intervals[max(0, min(count - 1, count - (retries_left - 1)))]

    def due_after(self, now_ms: int, retries_left: int, zone: str = "UTC") -> int:
        """When a job that failed now is tried again, in ms."""
        return add(now_ms, self.interval(retries_left), zone)


def parse_retry_cycle(text: str) -> RetryCycle:
    """`R5/PT5M`: 5 tries, 5 minutes apart; `PT10M,PT17M,PT20M`: 4 tries; `PT5M`: 2 tries (Camunda
    `ParseUtil.parseRetryIntervals`). An expression is resolved by the caller first.

    Raises ExpressionFailed.
    """
    parts = [part.strip() for part in text.split(",")] if len(text) <= TEXT_CHARS_MAX else []
    if not parts or not all(parts):
        raise ExpressionFailed(f"ENGINE-09029 Exception while parsing retry intervals '{_shown(text)}'")
    try:
        found = [_interval(part, 0, "UTC") for part in parts]
    except ExpressionFailed as failed:
        raise ExpressionFailed(
            f"ENGINE-09029 Exception while parsing retry intervals '{_shown(text)}': {failed.message}"
        ) from failed
    times = found[0].times if len(found) == 1 else None
    return RetryCycle(len(found) + 1 if times is None else times, tuple(one.period for one in found))
