"""Which attempt of a task this is. Camunda's protocol does not say: retries are set anew when an incident is resolved.

So a worker that reports a failure writes the number of the next attempt behind its details, and whoever fetches the task
next reads it there.
"""

import re

_MARK = re.compile(r"\(next attempt: (\d{1,9})\)\s*\Z")

UNMARKED = 1_000_000
"""Attempts after a failure that somebody else has reported begin here, above those of our own."""


def current(details: str | None, retries: int | None) -> int:
    """The number of the attempt whose task has these details of its last failure."""
    found = _MARK.search(details or "")
    if found is not None:
        return int(found[1])
    return 1 if retries is None else UNMARKED + retries


def marked(details: str, attempt: int) -> str:
    """Details that say what comes next."""
    separator = "\n" if details and not details.endswith("\n") else ""
    return f"{details}{separator}(next attempt: {attempt})"
