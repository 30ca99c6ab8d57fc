"""One evaluation of an expression: its budget, its messages, and the present that comes in from outside.

Nothing in FEEL loops without an iteration, a call or a list that a function walks through, so charging those bounds
the time; texts and lists that an expression makes are charged by their size, which bounds the memory.
"""

from collections.abc import Sequence
from typing import Any

STEPS_MAX = 3_000
"""What one evaluation may do, on top of `STEPS_PER_INPUT_CELL` for what comes in: an iteration, a list item that is looked
at, a call are a step or a few, each of one or two microseconds."""
STEPS_PER_INPUT_CELL = 20
CELLS_MAX = 4_000
"""List items and context entries that one evaluation may make, on top of `CELLS_PER_INPUT_CELL`."""
CELLS_PER_INPUT_CELL = 10
CHARS_MAX = 100_000
"""Characters of all texts that one evaluation may make, on top of `CHARS_PER_INPUT_CELL`."""
CHARS_PER_INPUT_CELL = 100
CALLS_DEPTH_MAX = 64
"""How deep functions may call each other; a level takes up to a dozen Python frames."""
MESSAGES_MAX = 100


class FeelError(Exception):
    """An operation that has no value: its result is null, and this is the message."""


class Exhausted(Exception):
    """The evaluation used up its budget and is given up as a whole."""


class Run:
    """The state of one evaluation.

    `now_ns`: nanoseconds since the epoch, for `now()` and `today()`; None where there is no present.
    `messages`: why parts of the result are null, at most `MESSAGES_MAX`. `input_cells`: how large the inputs are.
    `patterns`: the regular expressions that were read so far, by text and flags.
    """

    __slots__ = ("cells", "chars", "depth", "messages", "now_ns", "patterns", "steps")

    def __init__(self, now_ns: int | None = None, input_cells: int = 0) -> None:
        self.now_ns = now_ns
        self.messages: list[str] = []
        self.patterns: dict[tuple[str, str], Any] = {}
        self.depth = 0
        self.steps = STEPS_MAX
        self.cells = CELLS_MAX
        self.chars = CHARS_MAX
        self.admit(input_cells)

    def admit(self, input_cells: int) -> None:
        """Adds what an input of this size allows."""
        self.steps += input_cells * STEPS_PER_INPUT_CELL
        self.cells += input_cells * CELLS_PER_INPUT_CELL
        self.chars += input_cells * CHARS_PER_INPUT_CELL

    def note(self, message: str) -> None:
        """Records why something is null."""
        if len(self.messages) < MESSAGES_MAX:
            self.messages.append(message)

    def spend(self, steps: int) -> None:
        """Charges iterations or calls before they happen. Raises Exhausted."""
        self.steps -= steps
        if self.steps < 0:
            raise Exhausted("the evaluation takes too many steps")

    def make_list(self, items: int) -> None:
        """Charges a list or context before it is made. Raises Exhausted."""
        self.cells -= items
        if self.cells < 0:
            raise Exhausted("the evaluation makes lists that are too long")

    def expect_list(self, items: int) -> None:
        """Refuses at once a list that could not be finished. Raises Exhausted."""
        if items > self.cells:
            raise Exhausted("the evaluation makes lists that are too long")

    def make_text(self, chars: int) -> None:
        """Charges a text before it is made. Raises Exhausted."""
        self.chars -= chars
        if self.chars < 0:
            raise Exhausted("the evaluation makes texts that are too long")

    def enter(self, steps: int = 1) -> None:
        """A function is called whose body takes so many steps. Raises Exhausted when calls are nested too deeply."""
        self.spend(steps)
        if self.depth >= CALLS_DEPTH_MAX:
            raise Exhausted(f"functions call each other deeper than {CALLS_DEPTH_MAX}")
        self.depth += 1

    def leave(self) -> None:
        """A function has returned."""
        self.depth -= 1


def shown(text: str, chars: int = 80) -> str:
    """The beginning of a text, for a message."""
    return text if len(text) <= chars else text[: chars - 1] + "…"


def listed(names: Sequence[str]) -> str:
    """Names for a message."""
    return ", ".join(names) or "none"
