"""Dates, durations, cycles and retry cycles."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.base.errors import ExpressionFailed
from penstock.expr.schedule import (
    Duration,
    Interval,
    add,
    anchor_cycle,
    due_date_of_cycle,
    due_of_date,
    due_of_duration,
    parse_cycle,
    parse_date,
    parse_duration,
    parse_retry_cycle,
)


def ms(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def text_of(due_ms: int | None, zone: str = "UTC") -> str | None:
    if due_ms is None:
        return None
    return datetime.fromtimestamp(due_ms / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat()[:19]


NOW = ms("2026-01-31T10:00:00")
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2036-11-14T11:12:22", "2036-11-14T11:12:22"),
        ("2036-11-14T11:12:22Z", "2036-11-14T11:12:22"),
        ("2036-11-14T11:12:22+02:00", "2036-11-14T09:12:22"),
        ("2036-11-14T11:12:22-0130", "2036-11-14T12:42:22"),
        ("2036-11-14T11:12:22+02", "2036-11-14T09:12:22"),
        ("2036-11-14T11:12", "2036-11-14T11:12:00"),
        ("2036-11-14T11", "2036-11-14T11:00:00"),
        ("2036-11-14T11.5", "2036-11-14T11:30:00"),
        ("2036-11-14", "2036-11-14T00:00:00"),
        ("2036-11", "2036-11-01T00:00:00"),
        ("2036", "2036-01-01T00:00:00"),
        ("2036-319", "2036-11-14T00:00:00"),
        ("2036-W46-5", "2036-11-14T00:00:00"),
        ("20361114T111222", "2036-11-14T11:12:22"),
        ("20361114T111222Z", "2036-11-14T11:12:22"),
        ("T11:12:22", "1970-01-01T11:12:22"),
    ],
)
def test_parse_date(text: str, expected: str) -> None:
    assert parse_date(text) == ms(expected)


def test_parse_date_keeps_milliseconds_and_minds_the_zone() -> None:
    assert parse_date("2036-11-14T11:12:22.5") == ms("2036-11-14T11:12:22") + 500
    assert parse_date("2036-11-14T11:12:22,123456Z") == ms("2036-11-14T11:12:22") + 123
    assert parse_date("2036-07-14T11:12:22", BERLIN) == ms("2036-07-14T09:12:22")
    assert parse_date("2036-07-14T11:12:22Z", BERLIN) == ms("2036-07-14T11:12:22")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2036-13-01",
        "2036-02-30",
        "2036-11-14 11:12",
        "2036-11-14T25:00",
        "2036-366x",
        "T",
        "2037-366",
        "2036-11-14T11:12:22+99:00",
        "0000-01-01",
        "2036-W60-1",
        "٢٠٣٦-01-01",
        "9" * 5000,
        "2036-11-14T11:12:22Z\n",
    ],
)
def test_a_bad_date_is_named(text: str) -> None:
    with pytest.raises(ExpressionFailed, match="Exception while resolving duedate '") as failed:
        parse_date(text)
    assert text[:100] in failed.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT10S", Duration(0, 0, 10_000)),
        ("P1Y2M3DT4H5M6.789S", Duration(14, 3, 14_706_789)),
        ("P2W", Duration(0, 14, 0)),
        ("PT0S", Duration()),
        ("-P1D", Duration(0, -1, 0)),
        ("PT-5M", Duration(0, 0, -300_000)),
        ("PT-0.5S", Duration(0, 0, -500)),
        ("PT1.0005S", Duration(0, 0, 1000)),
        ("PT100H", Duration(0, 0, 360_000_000)),
    ],
)
def test_parse_duration(text: str, expected: Duration) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "1D", "P1", "PT1", "p1d", "P1S", "P1.5D", "PT1H1D", "P" + "9" * 500 + "D", "P-D"]
)
def test_a_bad_duration_is_named(text: str) -> None:
    with pytest.raises(ExpressionFailed, match=r"Cannot parse duration '") as failed:
        parse_duration(text)
    assert text[:100] in failed.value.message


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        ("2026-01-31T10:00:00", "P1M", "2026-02-28T10:00:00"),
        ("2028-02-29T10:00:00", "P1Y", "2029-02-28T10:00:00"),
        ("2026-03-31T10:00:00", "-P1M", "2026-02-28T10:00:00"),
        ("2026-12-31T23:00:00", "P1M1DT2H", "2027-02-02T01:00:00"),
        ("2026-01-31T10:00:00", "P2W", "2026-02-14T10:00:00"),
    ],
)
def test_add_minds_the_calendar(start: str, duration: str, expected: str) -> None:
    assert text_of(add(ms(start), parse_duration(duration))) == expected


def test_a_day_keeps_its_time_over_a_change_of_the_clocks() -> None:
    before = ms("2026-03-28T12:00:00", BERLIN)
    assert text_of(add(before, parse_duration("P1D"), BERLIN), BERLIN) == "2026-03-29T12:00:00"
    assert text_of(add(before, parse_duration("PT24H"), BERLIN), BERLIN) == "2026-03-29T13:00:00"


@pytest.mark.parametrize("text", ["P999999999999Y", "P999999999999D", "PT999999999999H", "-P3000Y"])
def test_add_is_refused_beyond_the_calendar(text: str) -> None:
    with pytest.raises(ExpressionFailed, match="outside the years"):
        add(NOW, parse_duration(text))
    with pytest.raises(ExpressionFailed, match="Exception while resolving duedate"):
        due_of_duration(text.removeprefix("-"), NOW) if text[0] == "P" else due_of_date("P999999999999Y", NOW)


def test_due_of_date_and_duration() -> None:
    assert due_of_date("2036-11-14T11:12:22", NOW) == ms("2036-11-14T11:12:22")
    assert due_of_date("PT10M", NOW) == NOW + 600_000
    assert due_of_duration("PT1H", NOW) == NOW + 3_600_000
    assert due_of_duration("2036-11-14T00:00:00/PT1H", NOW) == ms("2036-11-14T01:00:00")
    assert due_of_duration("R3/PT1H", NOW) == NOW + 3_600_000
    for text in ("", "soon", "2036-11-14", "R3", "PT1H/PT1H", "a/b/c/d"):
        with pytest.raises(ExpressionFailed, match="Exception while resolving duedate"):
            due_of_duration(text, NOW)


def dues(text: str, now_ms: int, count: int, zone: str = "UTC") -> list[str | None]:
    """The due dates of a timer that is created at `now_ms` and always executed when it is due."""
    found: list[str | None] = []
    due, _ = due_date_of_cycle(text, now_ms, zone=zone)
    kept = anchor_cycle(text, now_ms, zone)
    while len(found) < count:
        found.append(text_of(due, zone))
        if due is None:
            break
        due, _ = due_date_of_cycle(kept, due + 5, zone=zone)
    return found


def test_a_repeated_duration() -> None:
    assert dues("R3/PT10H", NOW, 9) == ["2026-01-31T20:00:00", "2026-02-01T06:00:00", "2026-02-01T16:00:00", None]
    assert dues("R/PT1H", NOW, 3) == ["2026-01-31T11:00:00", "2026-01-31T12:00:00", "2026-01-31T13:00:00"]


def test_a_cycle_with_a_start_or_an_end() -> None:
    assert dues("R2/2026-02-01T11:00:00/PT1H", NOW, 9) == [
        "2026-02-01T11:00:00",
        "2026-02-01T12:00:00",
        "2026-02-01T13:00:00",
        None,
    ]
    assert dues("R2/PT1H/2026-02-01T11:00:00", NOW, 9) == [
        "2026-02-01T09:00:00",
        "2026-02-01T10:00:00",
        "2026-02-01T11:00:00",
        None,
    ]
    assert dues("R/2026-02-01/2026-02-02", NOW, 3) == [
        "2026-02-01T00:00:00",
        "2026-02-02T00:00:00",
        "2026-02-03T00:00:00",
    ]
    assert due_date_of_cycle("R2/2020-01-01T00:00:00/PT1H", NOW) == (None, 0)
    assert due_date_of_cycle("R2/PT1H/2020-01-01T00:00:00", NOW) == (None, 0)


def test_a_cycle_of_months_and_of_days_in_a_zone() -> None:
    assert dues("R/P1M", NOW, 3) == ["2026-02-28T10:00:00", "2026-03-28T10:00:00", "2026-04-28T10:00:00"]
    assert due_date_of_cycle("R/2000-01-15T00:00:00/P1M", NOW)[0] == ms("2026-02-15T00:00:00")
    start = ms("2026-03-27T12:00:00", BERLIN)
    assert dues("R/P1D", start, 3, BERLIN) == ["2026-03-28T12:00:00", "2026-03-29T12:00:00", "2026-03-30T12:00:00"]
    assert (
        text_of(due_date_of_cycle("R/2001-07-01T12:00:00/P1D", start, zone=BERLIN)[0], BERLIN) == "2026-03-28T12:00:00"
    )


def test_a_cycle_goes_by_the_clock_and_not_by_a_counter() -> None:
    kept = anchor_cycle("R3/PT10H", NOW)
    assert kept == "R3/2026-01-31T10:00:00/PT10H"
    assert due_date_of_cycle(kept, NOW + 1)[0] == due_date_of_cycle(kept, NOW + 2)[0] == NOW + 36_000_000
    assert due_date_of_cycle(kept, NOW + 1, 2) == (NOW + 36_000_000, 1)
    assert due_date_of_cycle(kept, NOW + 1, 3) == (None, 0)
    assert due_date_of_cycle("R/PT1H", NOW, 1000) == (NOW + 3_600_000, None)
    assert due_date_of_cycle(kept, NOW + 100, offset_ms=50)[0] == NOW + 36_000_050
    assert anchor_cycle("0 0 * * * ?", NOW) == "0 0 * * * ?"
    assert anchor_cycle("R3/2026-01-31T10:00:00/PT10H", NOW) == "R3/2026-01-31T10:00:00/PT10H"


def test_degenerate_cycles_end_and_cost_nothing() -> None:
    assert due_date_of_cycle("R/PT0S", NOW)[0] == NOW
    assert due_date_of_cycle("R/2020-01-01T00:00:00/PT0S", NOW)[0] is None
    assert due_date_of_cycle("R/1970-01-01T00:00:00/PT0.001S", NOW)[0] == NOW + 1
    assert due_date_of_cycle("R/2020-01-01T00:00:00/P-1M", NOW) == due_date_of_cycle("R0/PT1H/2020", NOW) == (None, 0)
    with pytest.raises(ExpressionFailed, match="Exception while parsing cycle expression"):
        due_date_of_cycle("R/0001-01-01/P1M", ms("9000-01-01T00:00:00"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "R",
        "R3",
        "R/",
        "Rx/PT1H",
        "R-1/PT1H",
        "R99999999999/PT1H",
        "R3/PT1H/PT1H",
        "R3/2026-01-01",
        "R3/a/b/c",
        "PT1H",
        "hello",
        "R3/P",
        "* * * * *",
        "0 0 12 * * * * *",
        "R" + "9" * 5000,
    ],
)
def test_a_bad_cycle_is_named(text: str) -> None:
    with pytest.raises(ExpressionFailed, match="Exception while parsing cycle expression '") as failed:
        parse_cycle(text, NOW)
    assert text[:100] in failed.value.message


def test_an_unknown_zone_is_named() -> None:
    for zone in ("Mars/Phobos", "../../etc/passwd", ""):
        with pytest.raises(ExpressionFailed, match="Unknown time zone"):
            parse_date("2036-11-14", zone)


def test_retry_cycles() -> None:
    five = parse_retry_cycle("R5/PT5M")
    assert (five.retries, five.due_after(NOW, 5)) == (5, NOW + 300_000)
    many = parse_retry_cycle("PT10M, PT17M,PT20M")
    assert many.retries == 4
    assert [many.interval(left).ms // 60_000 for left in (4, 3, 2, 1)] == [10, 17, 20, 20]
    assert parse_retry_cycle("PT5M").retries == 2
    for text in ("", "foo", "PT5M,,PT5M", "PT5M,foo", "R5", "R5/foo", "5"):
        with pytest.raises(ExpressionFailed, match="retry intervals"):
            parse_retry_cycle(text)


_PIECES = st.sampled_from(
    [*"RPTYMWDHSZ/-+:.,0123456789 *?L#", "2036-11-14", "T11:12:22", "PT1H", "R3/", "P1M", "MON", "W"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=10).map("".join), st.sampled_from(["UTC", BERLIN]))
def test_any_text_is_read_or_refused(text: str, zone: str) -> None:
    for read in (
        lambda: parse_date(text, zone),
        lambda: due_of_date(text, NOW, zone),
        lambda: due_of_duration(text, NOW, zone),
        lambda: due_date_of_cycle(text, NOW, zone=zone),
        lambda: due_date_of_cycle(anchor_cycle(text, NOW, zone), NOW + 1, zone=zone),
        lambda: parse_retry_cycle(text).due_after(NOW, 1),
    ):
        try:
            read()
        except ExpressionFailed:
            continue


@given(
    st.integers(-(10**12), 4 * 10**12),
    st.integers(1, 10**10),
    st.integers(0, 50),
    st.integers(0, 10**11),
)
def test_the_closed_form_of_a_cycle_equals_counting(start_ms: int, period_ms: int, times: int, ahead_ms: int) -> None:
    now_ms = start_ms + ahead_ms
    due = start_ms
    for _ in range(times):
        if due > now_ms:
            break
        due += period_ms
    expected = due if due >= now_ms else None
    assert Interval(start_ms, None, Duration(ms=period_ms), times).next_after(now_ms) == expected
