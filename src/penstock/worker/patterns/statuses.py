"""Statuses as configurations name them: 402, "4xx", "*", or a list of these."""

import re

_CLASS = re.compile(r"[1-5]xx")

Stated = int | str | tuple[int | str, ...]


class Statuses:
    """A set of statuses. Raises ValueError for what names none."""

    def __init__(self, stated: Stated) -> None:
        self._stated = stated if isinstance(stated, tuple) else (stated,)
        for item in self._stated:
            if isinstance(item, str) and item != "*" and not _CLASS.fullmatch(item):
                raise ValueError(f'{item!r} names no status: write 402, "4xx" or "*"')

    def __contains__(self, status: int) -> bool:
        return any(item in (status, f"{status // 100}xx", "*") for item in self._stated)

    def __bool__(self) -> bool:
        return bool(self._stated)
