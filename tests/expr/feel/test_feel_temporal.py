"""Dates, times, durations: against Python's own, as far as those reach."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.expr.feel import YearsMonths, evaluate, from_feel, to_feel
from penstock.expr.feel.run import FeelError
from penstock.expr.feel.temporal import (
    DateTime,
    DaysTime,
    civil_from_days,
    days_from_civil,
    parse_date_time,
    parse_duration,
    parse_time,
)

ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


@given(st.dates())
def test_days_are_counted_as_python_counts_them(day: date) -> None:
    days = (day - date(1970, 1, 1)).days
    assert days_from_civil(day.year, day.month, day.day) == days
    assert civil_from_days(days) == (day.year, day.month, day.day)


@given(st.integers(-365_000_000_000, 365_000_000_000))
def test_every_day_is_found_again(days: int) -> None:
    assert days_from_civil(*civil_from_days(days)) == days


@given(
    st.datetimes(datetime(1902, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(ZONES),
    st.integers(-(10**6), 10**6),
)
def test_time_goes_on_in_a_region(moment: datetime, zone: str, minutes: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC).astimezone(ZoneInfo(zone))
    later = to_feel(moment).plus_nanos(minutes * 60 * 10**9)
    assert from_feel(later).astimezone(UTC) == moment.astimezone(UTC) + timedelta(minutes=minutes)


@given(st.timedeltas())
def test_durations_are_read_as_they_are_written(duration: timedelta) -> None:
    value = to_feel(duration)
    assert parse_duration(value.isoformat()) == value
    assert from_feel(value) == duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('@"2020-01-31" + @"P1M"', date(2020, 2, 29)),
        ('@"2020-02-29" - @"P1Y"', date(2019, 2, 28)),
        ('@"2021-01-01" + @"PT25H"', date(2021, 1, 2)),
        ('@"23:30:00" + @"PT1H"', time(0, 30)),
        (
            '@"2021-03-28T01:30:00@Europe/Paris" + @"PT1H"',
            datetime(2021, 3, 28, 3, 30, tzinfo=ZoneInfo("Europe/Paris")),
        ),
        ('@"2021-01-02T00:00:00Z" - @"2021-01-01"', timedelta(days=1)),
        ('@"2021-01-02T00:00:00" - @"2021-01-01"', None),
        ('@"10:15:00+01:00" - @"09:15:00Z"', timedelta(0)),
        ('@"P1Y" * 1.5', YearsMonths(18)),
        ('@"P1D" / @"PT1H"', 24),
        ('@"P1D" / 0', None),
        ('@"2012-12-25T11:00:00+05:00"', datetime(2012, 12, 25, 11, tzinfo=timezone(timedelta(hours=5)))),
        ('@"2021-07-01T12:00:00@Europe/Paris".time offset', timedelta(hours=2)),
        ('@"2021-07-01T12:00:00@Europe/Paris" = @"2021-07-01T10:00:00Z"', True),
        ('@"2021-07-01T12:00:00" = @"2021-07-01T12:00:00Z"', False),
        ('@"2021-07-01T12:00:00" < @"2021-07-01T12:00:00Z"', None),
        ('@"-P1DT2H".hours', -2),
        ('@"2018-12-10".weekday', 1),
    ],
)
def test_arithmetic(text: str, expected: object) -> None:
    assert evaluate(text) == expected


def test_what_python_cannot_hold_stays_itself() -> None:
    for text in ("999999999-12-31T23:59:59.999999999@Europe/Paris", "-0044-03-15T12:00:00"):
        value = evaluate(f'@"{text}"')
        assert isinstance(value, DateTime)
        assert value.isoformat() == text
    assert isinstance(from_feel(DaysTime(1)), DaysTime)


@pytest.mark.parametrize(
    "text",
    ["7:00:00", "24:00:00", "23:59:60", "13:20:00+19:00", "13:20:00+02:00@Europe/Paris", "13:20:00@xyz/abc", "12:00"],
)
def test_is_no_time(text: str) -> None:
    with pytest.raises(FeelError):
        parse_time(text)


@pytest.mark.parametrize(
    "text", ["01211-12-31T00:00:00", "+2012-01-01T00:00:00", "2017-02-30T00:00:00", "2017-12-31 10:00:00"]
)
def test_is_no_date_and_time(text: str) -> None:
    with pytest.raises(FeelError):
        parse_date_time(text)
