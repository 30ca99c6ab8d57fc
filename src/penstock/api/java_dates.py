"""Dates in the patterns of Java's `SimpleDateFormat`, lenient as it is: the 32nd of January is the 1st of February, and what
follows the date is not looked at."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

_TOKEN = re.compile(r"([A-Za-z])\1*|'((?:[^']|'')*)'|([^A-Za-z'])")
_NUMBERS = frozenset("yMdHhmsS")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_HALVES = ("AM", "PM")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CENTURY_BEGINS = 80
"""A year of two digits is at most this far in the past."""


def read(text: str, pattern: str, now_ms: int) -> int | None:
    """Milliseconds since the epoch, in UTC; None when `text` does not begin like `pattern`."""
    found: dict[str, int] = {}
    at = 0
    tokens = list(_tokens(pattern))
    for index, (letter, part) in enumerate(tokens):
        adjacent = index + 1 < len(tokens) and tokens[index + 1][0] in _NUMBERS
        matched = re.compile(_expected(letter, part, adjacent), re.IGNORECASE | re.ASCII).match(text, at)
        if matched is None:
            return None
        at = matched.end()
        if letter:
            found[letter] = _value(letter, part, matched[1], now_ms)
    return _moment(found)


def write(moment_ms: int, pattern: str) -> str:
    """The moment in UTC."""
    moment = _EPOCH + timedelta(milliseconds=moment_ms)
    return "".join(_shown(letter, part, moment) for letter, part in _tokens(pattern))


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """(letter, the letters) or ("", literal text)."""
    for token in _TOKEN.finditer(pattern):
        if token[1]:
            yield token[1], token[0]
        elif token[3]:
            yield "", token[3]
        else:
            yield "", (token[2] or "'").replace("''", "'")


def _is_name(letter: str, part: str) -> bool:
    return letter == "M" and len(part) > 2


def _expected(letter: str, part: str, adjacent: bool) -> str:
    if not letter:
        return re.escape(part)
    if _is_name(letter, part):
        return "(" + "|".join(f"{name}|{name[:3]}" for name in _MONTHS) + ")"
    if letter == "a":
        return "(AM|PM)"
    if letter not in _NUMBERS:
        return "(?!)"
    return rf"\s*(\d{{{len(part)}}})" if adjacent else r"\s*(\d{1,9})"


def _value(letter: str, part: str, text: str, now_ms: int) -> int:
    if _is_name(letter, part):
        return 1 + next(i for i, name in enumerate(_MONTHS) if name[:3].lower() == text[:3].lower())
    if letter == "a":
        return _HALVES.index(text.upper())
    if letter == "y" and len(part) <= 2 and len(text) == 2:
        first = (_EPOCH + timedelta(milliseconds=now_ms)).year - _CENTURY_BEGINS
        return first + (int(text) - first) % 100
    return int(text)


def _moment(found: dict[str, int]) -> int | None:
    year, month = found.get("y", 1970), found.get("M", 1) - 1
    hour = found["H"] if "H" in found else found.get("h", 0) % 12 + 12 * found.get("a", 0)
    try:
        moment = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) + timedelta(
            days=found.get("d", 1) - 1,
            hours=hour,
            minutes=found.get("m", 0),
            seconds=found.get("s", 0),
            milliseconds=found.get("S", 0),
        )
    except (ValueError, OverflowError):
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _shown(letter: str, part: str, moment: datetime) -> str:
    if not letter:
        return part
    if _is_name(letter, part):
        name = _MONTHS[moment.month - 1]
        return name if len(part) > 3 else name[:3]
    if letter == "a":
        return _HALVES[moment.hour // 12]
    numbers = {
        "y": moment.year % 100 if len(part) == 2 else moment.year,
        "M": moment.month,
        "d": moment.day,
        "H": moment.hour,
        "h": (moment.hour - 1) % 12 + 1,
        "m": moment.minute,
        "s": moment.second,
        "S": moment.microsecond // 1000,
    }
    return f"{numbers[letter]:0{len(part)}d}" if letter in numbers else ""
