"""Where names are at run time.

A running expression has one list, its frame: the globals, the `Run`, then a slot for each local name (parameter, loop
variable, context entry, `item`, `?`). The compiler knows the slots, so that a name costs one index at run time. Inside of
a filter a name may also be an entry of the item, which only the item knows.
"""

from collections.abc import Callable, Mapping
from typing import Any

GLOBALS, RUN, FIRST = 0, 1, 2

Frame = list[Any]
Code = Callable[[Frame], Any]


class Locals:
    """The local names at one place of the text: name to slot, or None for the slot of a filter's item."""

    __slots__ = ("depth", "entries")

    def __init__(self, entries: tuple[tuple[str | None, int], ...] = (), depth: int = FIRST) -> None:
        self.entries = entries
        self.depth = depth

    def with_name(self, name: str) -> "Locals":
        """One more name, in the slot `self.depth`."""
        return Locals((*self.entries, (name, self.depth)), self.depth + 1)

    def with_item(self) -> "Locals":
        """The scope of a filter: `item`, and the entries of the item, in the slot `self.depth`."""
        return Locals((*self.entries, ("item", self.depth), (None, self.depth)), self.depth + 1)


class FrameSize:
    """How many slots a text needs in all; known once it is compiled."""

    __slots__ = ("slots",)

    def __init__(self) -> None:
        self.slots = FIRST

    def need(self, slots: int) -> None:
        self.slots = max(self.slots, slots)


def new_frame(names: Mapping[str, Any], run: Any, size: FrameSize) -> Frame:
    """An empty frame."""
    frame: Frame = [None] * size.slots
    frame[GLOBALS] = names
    frame[RUN] = run
    return frame
