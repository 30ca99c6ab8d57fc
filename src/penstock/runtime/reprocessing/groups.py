"""What has failed for the same reason at the same place, so that a person can judge a selection."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from penstock.runtime.reprocessing.selection import Failed

GROUPS_MAX = 1_000
"""Groups that are told apart; what belongs to none of them is only counted."""
EXAMPLES = 3
SHAPE_CHARACTERS = 200

_VARYING = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # a UUID
    r"|\b[0-9a-fA-F]*[0-9][0-9a-fA-F]{7,}\b"  # a longer id in hexadecimal digits
    r"|[0-9]+"
)

Key = tuple[str | None, str | None, str, str | None, str | None]


class Alike(msgspec.Struct):
    """Failed work of one definition, activity and topic whose messages differ in numbers and ids only. `error`: the
    message with `#` in their place."""

    definition: str | None
    activity: str | None
    type: str
    topic: str | None
    error: str | None
    count: int = 0
    oldest_ms: int = 0
    newest_ms: int = 0
    examples: list[Failed] = []


class Groups:
    """Counts failed work, which comes in order of time."""

    def __init__(self) -> None:
        self.count = 0
        self.other = 0
        """How many belong to no group, because there would be too many."""
        self._found: dict[Key, Alike] = {}

    def add(self, failed: Iterable[Failed]) -> None:
        """Counts these as well."""
        for one in failed:
            self.count += 1
            group = self._group(one)
            if group is None:
                self.other += 1
                continue
            group.count += 1
            group.newest_ms = one.created_ms
            if len(group.examples) < EXAMPLES:
                group.examples.append(one)

    def largest(self, most: int) -> list[Alike]:
        """The largest groups first, at most so many."""
        return sorted(self._found.values(), key=lambda group: -group.count)[:most]

    def __len__(self) -> int:
        return len(self._found)

    def _group(self, one: Failed) -> Alike | None:
        key = (one.definition, one.activity, one.type, one.topic, shape(one.error))
        group = self._found.get(key)
        if group is None and len(self._found) < GROUPS_MAX:
            group = self._found[key] = Alike(*key, oldest_ms=one.created_ms, examples=[])
        return group


def shape(error: str | None) -> str | None:
    """The first line of a message without what differs from one to the next: `Order 4711 is late`, `Order # is late`."""
    if error is None:
        return None
    line = error.strip().partition("\n")[0][: 2 * SHAPE_CHARACTERS]
    return _VARYING.sub("#", line)[:SHAPE_CHARACTERS]
