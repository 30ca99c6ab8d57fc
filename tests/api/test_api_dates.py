import pytest

from penstock.api import dates


@pytest.mark.parametrize(
    ("text", "moment_ms"),
    [
        ("1970-01-01T00:00:00.000+0000", 0),
        ("2013-01-23T14:42:45.123+0200", 1358944965123),
        ("2013-02-30T00:00:00.000+0000", 1362182400000),
        ("1969-12-31T23:59:59.999+0000", -1),
        ("2013-01-23T14:42:45.123-0130", 1358957565123),
    ],
)
def test_the_one_format_is_read(text: str, moment_ms: int) -> None:
    assert dates.parse(text) == moment_ms


@pytest.mark.parametrize(
    "text",
    ["", "2013-01-23", "2013-01-23T14:42:45", "2013-01-23T14:42:45.123Z", "2013-01-23T14:42:45.123+02:00",
     "2013-01-23T14:42:45+0200", "2013-01-23 14:42:45.123+0200", "0000-00-00T00:00:00.000+0000", "٢٠١٣-01-23T14:42:45.123+0200"],
)  # fmt: skip
def test_everything_else_is_not(text: str) -> None:
    assert dates.parse(text) is None


def test_written_dates_have_milliseconds_and_an_offset() -> None:
    assert dates.write(1358944965123) == "2013-01-23T12:42:45.123+0000"
    assert dates.write(0) == "1970-01-01T00:00:00.000+0000"
    assert dates.write(None) is None


def test_what_is_written_is_read_back() -> None:
    for moment_ms in (0, 1, 999, -1, 253402300799999, 951782400000):
        assert dates.parse(dates.write(moment_ms) or "") == moment_ms


def test_some_dates_are_any_of_iso_8601() -> None:
    noon = dates.parse("2024-05-01T12:00:00.000+0000")
    for text in ("2024-05-01T12:00:00", "2024-05-01T12:00:00Z", "2024-05-01T14:00:00.000+02:00", "2024-05-01T12"):
        assert dates.parse_any(text) == noon, text
        assert dates.parse(text) is None
    assert dates.parse_any("2024-05-01T12:00:00.000+0000") == noon
    assert dates.parse_any("soon") is None
    assert dates.parse_any("9999-12-31T23:59:59-23:00") is not None
