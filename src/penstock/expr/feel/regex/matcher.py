"""A backtracking matcher with a budget, for the patterns that no linear-time engine takes: those with a back-reference,
or with a category in a subtraction. A pattern and text that would take too many steps have no result.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from penstock.expr.feel.regex import syntax
from penstock.expr.feel.run import FeelError, Run

STEPS_MAX = 4_000
"""Instructions that one search may take."""
INSTRUCTIONS_PER_STEP = 2
CODE_MAX = 2_000

Instruction = tuple[Any, ...]


class Match:
    """What a pattern has matched: as `re.Match`, with the few methods that are needed."""

    def __init__(self, text: str, places: Sequence[int]) -> None:
        self._text = text
        self._places = places

    def start(self, group: int = 0) -> int:
        return self._places[2 * group]

    def end(self, group: int = 0) -> int:
        return self._places[2 * group + 1]

    def group(self, group: int = 0) -> str | None:
        return None if self.end(group) < 0 else self._text[self.start(group) : self.end(group)]

    def groups(self) -> tuple[str | None, ...]:
        return tuple(self.group(index) for index in range(1, len(self._places) // 2))


class Matcher:
    """A compiled pattern."""

    def __init__(self, pattern: syntax.Pattern, ignore_case: bool, multiline: bool) -> None:
        self._code: list[Instruction] = []
        self._marks = 0
        self.groups = pattern.groups
        self._ignore_case = ignore_case
        self._multiline = multiline
        self._emit(("save", 0))
        self._compile(pattern.root)
        self._emit(("save", 1))
        self._emit(("end",))
        self.steps = len(self._code)

    def search(self, run: Run, text: str) -> Match | None:
        """The first match. Raises FeelError and Exhausted when it takes too long."""
        return next(self.finditer(run, text), None)

    def finditer(self, run: Run, text: str) -> Iterator[Match]:
        """The matches from left to right that do not overlap. Raises FeelError and Exhausted when they take too long."""
        budget = [STEPS_MAX + 2 * len(text)]
        start = 0
        while start <= len(text):
            before = budget[0]
            found = self._run(text, start, budget)
            run.spend(1 + (before - budget[0]) // INSTRUCTIONS_PER_STEP)
            if found is None:
                start += 1
                continue
            yield found
            start = max(found.end(), start + 1)

    def _emit(self, instruction: Instruction) -> int:
        if len(self._code) >= CODE_MAX:
            raise FeelError("a pattern is too large")
        self._code.append(instruction)
        return len(self._code) - 1

    def _compile(self, piece: syntax.Piece) -> None:
        if isinstance(piece, syntax.One):
            self._emit(("one", piece.chars))
        elif isinstance(piece, syntax.Anchor):
            self._emit(("anchor", piece.is_start))
        elif isinstance(piece, syntax.Back):
            self._emit(("back", piece.group))
        elif isinstance(piece, syntax.Sequence):
            for item in piece.items:
                self._compile(item)
        elif isinstance(piece, syntax.Group):
            self._group(piece)
        elif isinstance(piece, syntax.Choice):
            self._choice(piece.items)
        elif isinstance(piece, syntax.Several):
            self._several(piece)

    def _group(self, piece: syntax.Group) -> None:
        if piece.index is not None:
            self._emit(("save", 2 * piece.index))
        self._compile(piece.inner)
        if piece.index is not None:
            self._emit(("save", 2 * piece.index + 1))

    def _choice(self, items: Sequence[syntax.Piece]) -> None:
        ends: list[int] = []
        for item in items[:-1]:
            split = self._emit(("split",))
            self._compile(item)
            ends.append(self._emit(("jump",)))
            self._code[split] = ("split", split + 1, len(self._code))
        self._compile(items[-1])
        for end in ends:
            self._code[end] = ("jump", len(self._code))

    def _several(self, piece: syntax.Several) -> None:
        for _ in range(piece.least):
            self._compile(piece.inner)
        if piece.most is None:
            self._loop(piece)
            return
        splits: list[int] = []
        for _ in range(piece.most - piece.least):
            splits.append(self._emit(("split",)))
            self._compile(piece.inner)
        for split in splits:
            self._code[split] = self._split(split + 1, len(self._code), piece.lazy)

    def _loop(self, piece: syntax.Several) -> None:
        mark = self._marks
        self._marks += 1
        split = self._emit(("split",))
        self._emit(("mark", mark))
        self._compile(piece.inner)
        self._emit(("moved", mark))
        self._emit(("jump", split))
        self._code[split] = self._split(split + 1, len(self._code), piece.lazy)

    @staticmethod
    def _split(inside: int, after: int, lazy: bool) -> Instruction:
        return ("split", after, inside) if lazy else ("split", inside, after)

    def _run(self, text: str, start: int, budget: list[int]) -> Match | None:
        slots = 2 * (self.groups + 1)
        stack: list[tuple[int, int, tuple[int, ...]]] = [(0, start, (-1,) * (slots + self._marks))]
        while stack:
            at, position, places = stack.pop()
            while True:
                budget[0] -= 1
                if budget[0] < 0:
                    raise FeelError("a regular expression takes too many steps")
                step = self._code[at]
                kind = step[0]
                if kind == "end":
                    return Match(text, places[:slots])
                if kind == "split":
                    stack.append((step[2], position, places))
                    at = step[1]
                elif kind == "jump":
                    at = step[1]
                elif kind in ("save", "mark"):
                    slot = step[1] if kind == "save" else slots + step[1]
                    places = (*places[:slot], position, *places[slot + 1 :])
                    at += 1
                else:
                    moved = self._test(step, text, position, places, slots)
                    if moved is None:
                        break
                    position = moved
                    at += 1
        return None

    def _test(self, step: Instruction, text: str, position: int, places: Sequence[int], slots: int) -> int | None:
        """The position after an instruction that reads or checks; None when it fails."""
        kind = step[0]
        if kind == "one":
            return position + 1 if position < len(text) and step[1].holds(text[position]) else None
        if kind == "moved":
            return position if position != places[slots + step[1]] else None
        if kind == "anchor":
            return position if self._is_anchored(step[1], text, position) else None
        start, end = places[2 * step[1]], places[2 * step[1] + 1]
        wanted = text[start:end] if end >= 0 else ""
        found = text[position : position + len(wanted)]
        if self._ignore_case:
            wanted, found = wanted.casefold(), found.casefold()
        return position + max(end - start, 0) if wanted == found else None

    def _is_anchored(self, is_start: bool, text: str, position: int) -> bool:
        if is_start:
            return position == 0 or (self._multiline and text[position - 1] == "\n")
        return position == len(text) or (self._multiline and text[position] == "\n")
