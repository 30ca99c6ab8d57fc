"""Quartz cron expressions."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.expr.cron import CronError, parse_cron


def ms(text: str, zone: str = "UTC", fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def following(text: str, now: str, count: int, zone: str = "UTC") -> list[str]:
    found, now_ms = [], ms(now, zone)
    for _ in range(count):
        due = parse_cron(text).next_after(now_ms, ZoneInfo(zone))
        if due is None:
            found.append("never")
            break
        found.append(datetime.fromtimestamp(due / 1000, ZoneInfo(zone)).isoformat()[5:19])
        now_ms = due
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0/5 * * * ?", ["06-10T12:05:00", "06-10T12:10:00"]),
        ("0/2 * * * * ?", ["06-10T12:00:02", "06-10T12:00:04"]),
        ("* * * * * ?", ["06-10T12:00:01", "06-10T12:00:02"]),
        ("0 0 12 * * ?", ["06-11T12:00:00", "06-12T12:00:00"]),
        ("0 30 10-11 ? * MON-FRI", ["06-11T10:30:00", "06-11T11:30:00", "06-12T10:30:00", "06-12T11:30:00"]),
        ("0 0 8 ? * sat,sun", ["06-13T08:00:00", "06-14T08:00:00", "06-20T08:00:00"]),
        ("0 0 22-2 * * ?", ["06-10T22:00:00", "06-10T23:00:00", "06-11T00:00:00"]),
        ("0 0 0 L * ?", ["06-30T00:00:00", "07-31T00:00:00"]),
        ("0 0 0 L-2 * ?", ["06-28T00:00:00", "07-29T00:00:00"]),
        ("0 0 0 LW * ?", ["06-30T00:00:00", "07-31T00:00:00", "08-31T00:00:00", "09-30T00:00:00", "10-30T00:00:00"]),
        ("0 0 0 13W * ?", ["06-12T00:00:00", "07-13T00:00:00", "08-13T00:00:00", "09-14T00:00:00"]),
        ("0 0 0 1W * ?", ["07-01T00:00:00", "08-03T00:00:00"]),
        ("0 0 0 ? * 6L", ["06-26T00:00:00", "07-31T00:00:00"]),
        ("0 0 0 ? * FRIL", ["06-26T00:00:00", "07-31T00:00:00"]),
        ("0 0 0 ? * L", ["06-13T00:00:00", "06-20T00:00:00"]),
        ("0 0 0 ? * 6#3", ["06-19T00:00:00", "07-17T00:00:00"]),
        ("0 0 0 ? * MON#5", ["06-29T00:00:00", "08-31T00:00:00"]),
        ("0 0 0 31 * ?", ["07-31T00:00:00", "08-31T00:00:00", "10-31T00:00:00"]),
        ("0 0 0 1 JAN ? 2030", ["01-01T00:00:00", "never"]),
        ("0 0 0 30 2 ?", ["never"]),
        ("0 0 0 1 1 ? 2020", ["never"]),
        ("0 0 0 29 2 ?", ["02-29T00:00:00", "02-29T00:00:00"]),
        ("15,45 10 3/6 * nov-feb ?", ["11-01T03:10:15", "11-01T03:10:45", "11-01T09:10:15"]),
        ("0 0 0 1/10 * ?", ["06-11T00:00:00", "06-21T00:00:00", "07-01T00:00:00"]),
    ],
)
def test_next(text: str, expected: list[str]) -> None:
    assert following(text, "2026-06-10T12:00:00", len(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0 0 12 * *",
        "0 0 12 * * *",
        "0 0 12 ? * ?",
        "? 0 12 * * ?",
        "60 0 12 * * ?",
        "0 60 12 * * ?",
        "0 0 24 * * ?",
        "0 0 0 32 * ?",
        "0 0 0 0 * ?",
        "0 0 0 1 13 ?",
        "0 0 0 ? * 8",
        "0 0 0 ? * FOO",
        "0 0 0 ? * 6#6",
        "0 0 0 ? * 6#1,3#2",
        "0 0 0 L,15 * ?",
        "0 0 0 L-31 * ?",
        "0 0 0 1-5W * ?",
        "0 0 0 ? * 2-6L",
        "0/0 * * * * ?",
        "0/90 * * * * ?",
        "0 0 0 1 1 ? 1900",
        "0 0 0 1 1 ? 2030-2020",
        "a b c d e f",
        "0 0 0 1 MON ?",
        ", * * * * ?",
        "1- * * * * ?",
        "٣ * * * * ?",
        "0 0 0 1 1 ? 2020 2021",
    ],
)
def test_bad_expressions_are_refused(text: str) -> None:
    with pytest.raises(CronError):
        parse_cron(text)


def test_a_skipped_time_is_due_later_and_a_repeated_one_once() -> None:
    assert following("0 30 2 * * ?", "2026-03-28T12:00:00", 2, "Europe/Berlin") == ["03-29T03:30:00", "03-30T02:30:00"]
    assert following("0 30 2 * * ?", "2026-10-24T12:00:00", 2, "Europe/Berlin") == ["10-25T02:30:00", "10-26T02:30:00"]


def test_every_hour_goes_on_through_a_change_of_the_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for day in ("2026-03-29T00:00:00", "2026-10-25T00:00:00"):
        for text, step_ms in (("0 0 * * * ?", 3_600_000), ("0 0/20 * * * ?", 1_200_000)):
            now_ms = ms(day, "Europe/Berlin")
            for _ in range(18):
                due = parse_cron(text).next_after(now_ms, berlin)
                assert due == now_ms + step_ms, (text, day)
                now_ms = due


def test_milliseconds_are_cut_off() -> None:
    now_ms = ms("2026-06-10T12:00:00") + 250
    assert parse_cron("* * * * * ?").next_after(now_ms) == now_ms + 750
    assert parse_cron("* * * * * ?").next_after(10**18) is None


_fields = st.tuples(
    st.sampled_from(["0", "*/15", "5,40", "10-50/20"]),
    st.sampled_from(["*", "0", "7/11", "55-5"]),
    st.sampled_from(["*", "3", "8-18/2", "22-1"]),
    st.sampled_from(["* * ?", "1 * ?", "? * MON", "? 2-4 2-6", "15,31 * ?"]),
)


@settings(max_examples=60, deadline=None)
@given(_fields, st.integers(0, 10**9))
def test_next_equals_a_search_second_by_second(fields: tuple[str, str, str, str], second: int) -> None:
    cron = parse_cron(" ".join(fields))
    start = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    due = cron.next_after(int(start.timestamp()) * 1000)
    assert due is not None
    moment = start
    for _ in range(5_000):
        moment += timedelta(seconds=1)
        matches = (
            moment.second in cron.seconds
            and moment.minute in cron.minutes
            and moment.hour in cron.hours
            and moment.month in cron.months
            and (cron.days is None or moment.day in cron.days)
            and (cron.weekdays is None or moment.isoweekday() % 7 + 1 in cron.weekdays)
        )
        if matches:
            assert due == int(moment.timestamp()) * 1000
            return
    assert due > int(moment.timestamp()) * 1000
