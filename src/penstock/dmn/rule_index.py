"""Finding the rules of a table by the value of a column.

Sets of rules are bits of an integer, rule 0 the lowest. Per column, each text of a cell has its set, and the endpoints of
the cells' ranges cut the numbers into pieces that have one set each; so a value costs one look-up, not a test per rule.
"""

import enum
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from penstock.expr.feel.compile.accepted import Accepted, Span

RULES_MAX = 1_000
"""A larger table is not indexed: a column of n ranges takes n² / 4 bytes."""


class Cell(enum.Enum):
    """A cell that is no `Accepted`."""

    ANY = "any value passes"
    OPEN = "only its code knows"


class ColumnIndex:
    """The sets of rules of one column; `cells` in the order of the rules."""

    __slots__ = ("_all", "_always", "_numbers", "_open", "_other_texts", "_points", "_texts")

    def __init__(self, cells: Sequence[Accepted | Cell]) -> None:
        known = [(1 << place, cell) for place, cell in enumerate(cells) if isinstance(cell, Accepted)]
        self._all = (1 << len(cells)) - 1
        self._open = self._all if len(cells) > RULES_MAX else _bits(cells, Cell.OPEN)
        self._always = _bits(cells, Cell.ANY)
        self._other_texts = self._always
        self._texts: dict[str, int] = {}
        self._points: list[Decimal] = []
        self._numbers = [self._always]
        if len(cells) > RULES_MAX:
            self._open &= ~self._always
        else:
            self._index_texts(known)
            self._index_numbers(known)

    def find(self, value: Any) -> tuple[int, int]:
        """Two sets: the rules whose cells accept the value, and those whose cells are to be evaluated."""
        kind = type(value)
        if kind is str:
            return self._texts.get(value, self._other_texts), self._open
        if kind is Decimal:
            place = bisect_left(self._points, value)
            is_point = place < len(self._points) and self._points[place] == value
            return self._numbers[2 * place + is_point], self._open
        return self._always, self._all & ~self._always

    def _index_texts(self, known: Sequence[tuple[int, Accepted]]) -> None:
        for bit, cell in known:
            if cell.negated:
                self._other_texts |= bit
        self._texts = dict.fromkeys((text for _, cell in known for text in cell.texts), self._other_texts)
        for bit, cell in known:
            for text in cell.texts:
                self._texts[text] ^= bit

    def _index_numbers(self, known: Sequence[tuple[int, Accepted]]) -> None:
        ends = (end for _, cell in known for span in cell.spans for end in (span.low, span.high))
        self._points = sorted({end for end in ends if end is not None})
        pieces = 2 * len(self._points) + 1
        starts, stops = [0] * (pieces + 1), [0] * (pieces + 1)
        inverted = 0
        for bit, cell in known:
            inverted |= bit if cell.negated else 0
            for first, after in self._merged(cell.spans):
                starts[first] |= bit
                stops[after] |= bit
        self._numbers = []
        inside = 0
        for piece in range(pieces):
            inside = (inside & ~stops[piece]) | starts[piece]
            self._numbers.append((inside ^ inverted) | self._always)

    def _merged(self, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
        """The pieces of each span, from the first to the one after the last; spans that touch are one."""
        first, after = 0, -1
        for start, stop in sorted(map(self._pieces, spans)):
            if start >= stop:
                continue
            if start > after:
                if after >= 0:
                    yield first, after
                first = start
            after = max(after, stop)
        if after >= 0:
            yield first, after

    def _pieces(self, span: Span) -> tuple[int, int]:
        """Piece 2·n lies below point n, piece 2·n + 1 is point n. Of an empty span the first is not before the second."""
        start, stop = 0, 2 * len(self._points) + 1
        if span.low is not None:
            start = 2 * bisect_left(self._points, span.low) + (1 if span.low_included else 2)
        if span.high is not None:
            stop = 2 * bisect_left(self._points, span.high) + (2 if span.high_included else 1)
        return start, stop


def places(rules: int) -> Iterator[int]:
    """The rules of a set, from the first on."""
    while rules:
        lowest = rules & -rules
        yield lowest.bit_length() - 1
        rules ^= lowest


def _bits(cells: Sequence[Accepted | Cell], wanted: Cell) -> int:
    return sum(1 << place for place, cell in enumerate(cells) if cell is wanted)
