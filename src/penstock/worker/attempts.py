"""Which attempt of a task this is. Camunda's protocol does not say: retries are set anew when an incident is resolved.

So a worker that reports a failure writes the number of the next attempt behind its details, and whoever fetches the task
next reads it there; likewise how often the task was parked after it had failed while its breaker was not closed.
"""

import re

_MARK = re.compile(r"\(next attempt: (\d{1,9})(?:, parked (\d{1,9}) times)?\)\s*\Z")

PARKS_MAX = 100
"""How often in a row a task may fail while its breaker is not closed before that takes a retry: nobody can tell a task that
always fails, if there is no other, from an outage. With a breaker's own pauses that is more than six hours for each retry."""

UNMARKED = 1_000_000
"""Attempts after a failure that somebody else has reported begin here, above those of our own."""


def current(details: str | None, retries: int | None) -> int:
    """The number of the attempt whose task has these details of its last failure."""
    found = _MARK.search(details or "")
    if found is not None:
        return int(found[1])
    return 1 if retries is None else UNMARKED + retries


def parks(details: str | None) -> int:
    """How often the task with these details of its last failure was parked since it last took a retry."""
    found = _MARK.search(details or "")
    return int(found[2] or 0) if found is not None else 0


def marked(details: str, attempt: int, parks: int = 0) -> str:
    """Details that say what comes next."""
    separator = "\n" if details and not details.endswith("\n") else ""
    parked = f", parked {parks} times" if parks else ""
    return f"{details}{separator}(next attempt: {attempt}{parked})"
