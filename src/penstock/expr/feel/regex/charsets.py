"""Sets of characters: ranges of code points and Unicode categories, with negation and subtraction."""

import unicodedata
from collections.abc import Iterable, Sequence

from penstock.expr.feel.regex.blocks import BLOCKS

CODE_MAX = 0x10FFFF
FOLD_MAX = 3_000
"""Ranges with more characters keep their case: they hold both cases already."""

Span = tuple[int, int]

CATEGORIES = frozenset(
    [
        "L",
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "M",
        "Mn",
        "Mc",
        "Me",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Ps",
        "Pe",
        "Pi",
        "Pf",
        "Po",
        "Z",
        "Zs",
        "Zl",
        "Zp",
        "S",
        "Sm",
        "Sc",
        "Sk",
        "So",
        "C",
        "Cc",
        "Cf",
        "Co",
        "Cn",
    ]
)


class Charset:
    """Spans of code points together with categories; or all other characters; less the set `less`."""

    __slots__ = ("_categories", "_less", "_negated", "_spans")

    def __init__(
        self,
        spans: Iterable[Span],
        categories: Iterable[str] = (),
        negated: bool = False,
        less: "Charset | None" = None,
    ) -> None:
        self._spans = _merged(spans)
        self._categories = frozenset(categories)
        self._negated = negated
        self._less = less

    @classmethod
    def of(cls, chars: str) -> "Charset":
        return cls((ord(char), ord(char)) for char in chars)

    @classmethod
    def between(cls, first: str, last: str) -> "Charset":
        return cls([(ord(first), ord(last))])

    @classmethod
    def everything(cls) -> "Charset":
        return cls([(0, CODE_MAX)])

    @classmethod
    def union(cls, sets: Sequence["Charset"]) -> "Charset":
        """All characters of the sets, none of which has a subtraction."""
        if len(sets) == 1:
            return sets[0]
        spans: list[Span] = []
        categories: set[str] = set()
        for chars in sets:
            plain = chars._positive()
            spans += plain._spans
            categories |= plain._categories
        return cls(spans, categories)

    def _positive(self) -> "Charset":
        """The same set without negation."""
        if not self._negated:
            return self
        if not self._categories:
            return Charset(_complement(self._spans))
        missing = _other_categories(self._categories)
        return Charset((), missing)

    def complement(self) -> "Charset":
        return Charset(self._spans, self._categories, not self._negated, self._less)

    def without(self, other: "Charset") -> "Charset":
        if self._categories or other._categories or self._less or other._less:
            return Charset(self._spans, self._categories, self._negated, other)
        mine = _complement(self._spans) if self._negated else self._spans
        kept = other._spans if other._negated else _complement(other._spans)
        return Charset(_intersection(mine, kept))

    def folded(self) -> "Charset":
        """With the other case of each letter."""
        if sum(high - low + 1 for low, high in self._spans) > FOLD_MAX:
            return self
        more = [
            (ord(other), ord(other))
            for low, high in self._spans
            for code in range(low, high + 1)
            for other in _cases(code)
        ]
        return Charset([*self._spans, *more], self._categories, self._negated, self._less)

    def holds(self, char: str) -> bool:
        """Whether a character belongs to the set."""
        if self._less is not None and self._less.holds(char):
            return False
        code = ord(char)
        found = any(low <= code <= high for low, high in self._spans)
        if not found and self._categories:
            category = unicodedata.category(char)
            found = category in self._categories or category[0] in self._categories
        return found != self._negated

    def re2(self) -> str | None:
        """The set as RE2 writes it; None when it cannot. RE2 does not know which code points are unassigned (Cn)."""
        if self._less is not None or self._categories == {"Cn"}:
            return None
        if not self._spans and not self._categories:
            return "(?s:.)" if self._negated else r"[^\x{0}-\x{10FFFF}]"
        inner = "".join(_span(low, high) for low, high in self._spans)
        inner += "".join(rf"\p{{{name}}}" for name in sorted(self._categories - {"Cn"}))
        return f"[{'^' if self._negated else ''}{inner}]"


def _span(low: int, high: int) -> str:
    return rf"\x{{{low:X}}}" if low == high else rf"\x{{{low:X}}}-\x{{{high:X}}}"


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    made: list[Span] = []
    for low, high in sorted(spans):
        if made and low <= made[-1][1] + 1:
            made[-1] = (made[-1][0], max(high, made[-1][1]))
        else:
            made.append((low, high))
    return tuple(made)


def _complement(spans: Sequence[Span]) -> tuple[Span, ...]:
    made: list[Span] = []
    start = 0
    for low, high in spans:
        if low > start:
            made.append((start, low - 1))
        start = high + 1
    if start <= CODE_MAX:
        made.append((start, CODE_MAX))
    return tuple(made)


def _intersection(a: Sequence[Span], b: Sequence[Span]) -> tuple[Span, ...]:
    made: list[Span] = []
    i = j = 0
    while i < len(a) and j < len(b):
        low, high = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if low <= high:
            made.append((low, high))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(made)


def _cases(code: int) -> set[str]:
    char = chr(code)
    found = {char.lower(), char.upper(), char.title(), char.casefold(), *_EXTRA_CASES.get(char.casefold(), ())}
    return {other for other in found if len(other) == 1 and other != char}


_EXTRA_CASES = {
    "k": ("\u212a",),
    "å": ("\u212b",),
    "s": ("\u017f",),
    "ω": ("\u2126",),
    "µ": ("\u03bc",),
    "μ": ("\u00b5",),
}
_GROUPS = {group: {name for name in CATEGORIES if len(name) == 2 and name[0] == group} for group in "LMNPZSC"}


def _other_categories(categories: frozenset[str]) -> set[str]:
    known = {name for group in categories for name in (_GROUPS[group] if len(group) == 1 else {group})}
    return {name for names in _GROUPS.values() for name in names if name not in known}


_NAME_START: tuple[Span, ...] = (
    (0x3A, 0x3A),
    (0x41, 0x5A),
    (0x5F, 0x5F),
    (0x61, 0x7A),
    (0xC0, 0xD6),
    (0xD8, 0xF6),
    (0xF8, 0x2FF),
    (0x370, 0x37D),
    (0x37F, 0x1FFF),
    (0x200C, 0x200D),
    (0x2070, 0x218F),
    (0x2C00, 0x2FEF),
    (0x3001, 0xD7FF),
    (0xF900, 0xFDCF),
    (0xFDF0, 0xFFFD),
    (0x10000, 0xEFFFF),
)
_NAME_MORE: tuple[Span, ...] = ((0x2D, 0x2E), (0x30, 0x39), (0xB7, 0xB7), (0x300, 0x36F), (0x203F, 0x2040))
_ESCAPES: dict[str, Charset] = {
    "s": Charset.of(" \t\n\r"),
    "d": Charset((), {"Nd"}),
    "w": Charset((), {"L", "M", "N", "S"}),
    "i": Charset(_NAME_START),
    "c": Charset([*_NAME_START, *_NAME_MORE]),
}


def escape_set(letter: str) -> Charset | None:
    """The set of `\\s`, `\\D`, …; None for an unknown letter."""
    found = _ESCAPES.get(letter.lower())
    if found is None or letter.islower():
        return found
    return Charset((), {"P", "Z", "C"}) if letter == "W" else found.complement()


def property_set(name: str) -> Charset | None:
    """The set of `\\p{name}`: a category, or a block such as IsBasicLatin; None for an unknown one."""
    if name in CATEGORIES:
        return Charset((), {name})
    block = BLOCKS.get(name.removeprefix("Is")) if name.startswith("Is") else None
    return Charset([block]) if block is not None else None
