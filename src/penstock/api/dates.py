"""Moments on the wire: `yyyy-MM-dd'T'HH:mm:ss.SSSZ`, with few exceptions nothing else (Camunda 7's default
`JacksonConfigurator` format)."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})([+-])(\d\d)(\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str) -> int | None:
    """Milliseconds since the epoch, or None when `text` has another form.

    As lenient about numbers as Java: the 30th of February is the 2nd of March.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, milli = (int(found[i]) for i in range(1, 8))
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    zone = (int(found[9]) * 60 + int(found[10])) * (-1 if found[8] == "-" else 1)
    try:
        moment = datetime(year, month, 1, tzinfo=UTC) + timedelta(
            days=day - 1, hours=hour, minutes=minute - zone, seconds=second, milliseconds=milli
        )
    except (ValueError, OverflowError):
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def parse_any(text: str) -> int | None:
    """As `parse`, and any other ISO 8601 date, without a zone in UTC: dates that Camunda 7 reads with Joda (activation of
    deployments, delayed suspensions)."""
    found = parse(text)
    if found is not None:
        return found
    try:
        moment = datetime.fromisoformat(text)
        return ((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(
            milliseconds=1
        )
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=1024)
def write(moment_ms: int | None) -> str | None:
    """`2013-01-23T14:42:45.123+0000`, or None."""
    if moment_ms is None:
        return None
    moment = _EPOCH + timedelta(milliseconds=moment_ms)
    return f"{moment.isoformat(timespec='milliseconds')[:23]}+0000"
