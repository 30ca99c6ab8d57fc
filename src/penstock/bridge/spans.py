"""Spans of time as they are written in the configuration."""

from penstock.base.errors import BadRequest
from penstock.expr import schedule

_ANY_DAY_MS = 0


def span_ms(text: str) -> int:
    """The milliseconds of an ISO 8601 duration; months count as in January 1970. Raises PenstockError."""
    found = schedule.add(_ANY_DAY_MS, schedule.parse_duration(text))
    if found < 0:
        raise BadRequest(f"the duration {text} is negative.")
    return found
