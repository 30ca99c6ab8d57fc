"""Java's date patterns."""

import pytest

from penstock.api import dates, java_dates

NOW_MS = dates.parse("2026-01-01T00:00:00.000+0000") or 0


@pytest.mark.parametrize(
    ("text", "pattern", "moment"),
    [
        ("01/02/2024", "dd/MM/yyyy", "2024-02-01T00:00:00.000+0000"),
        ("1/2/2024 and more", "dd/MM/yyyy", "2024-02-01T00:00:00.000+0000"),
        ("32/13/2024", "dd/MM/yyyy", "2025-02-01T00:00:00.000+0000"),
        ("20240229T1405", "yyyyMMdd'T'HHmm", "2024-02-29T14:05:00.000+0000"),
        ("3 mar 99, 12:30 AM", "d MMM yy, hh:mm a", "1999-03-03T00:30:00.000+0000"),
        ("04.05.30 13:01:02.003", "dd.MM.yy HH:mm:ss.SSS", "2030-05-04T13:01:02.003+0000"),
    ],
)
def test_reading(text: str, pattern: str, moment: str) -> None:
    assert java_dates.read(text, pattern, NOW_MS) == dates.parse(moment)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("2024-01-02", "dd/MM/yyyy"), ("", "dd/MM/yyyy"), ("soon", "yyyy"), ("1 Foo 2024", "d MMM yyyy"), ("x", "QQ")],
)
def test_what_is_no_date(text: str, pattern: str) -> None:
    assert java_dates.read(text, pattern, NOW_MS) is None


def test_writing() -> None:
    moment_ms = dates.parse("2024-02-03T13:05:06.007+0000") or 0
    assert java_dates.write(moment_ms, "dd/MM/yyyy") == "03/02/2024"
    assert java_dates.write(moment_ms, "d MMM yy 'at' h:mm:ss.SSS a") == "3 Feb 24 at 1:05:06.007 PM"
    assert java_dates.write(moment_ms, "MMMM H''mm") == "February 13'05"
