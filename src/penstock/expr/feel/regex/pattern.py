"""XPath's regular expressions, in linear time: parsed by our own parser, run by RE2.

What RE2 does not have (back-references, subtraction of categories) is run by `matcher` within a budget.
"""

import functools
from collections.abc import Iterator
from typing import Any, Protocol

import re2

from penstock.expr.feel.regex import syntax
from penstock.expr.feel.regex.matcher import Matcher
from penstock.expr.feel.run import FeelError, Run, shown

MEMORY_BYTES_MAX = 1 << 19
CACHED_MAX = 100
CACHED_CHARS_MAX = 500
INSTRUCTIONS_PER_STEP = 4
CHARS_PER_STEP = 32
STEPS_PER_MATCH = 4
FLAGS = frozenset("smixq")


class Pattern(Protocol):
    """A compiled regular expression. `groups`: how many it has. `steps`: what it takes to compile it."""

    groups: int
    steps: int

    def search(self, run: Run, text: str) -> Any:
        """The first match, like `re.Match`, or None. Raises FeelError and Exhausted when it takes too long."""

    def finditer(self, run: Run, text: str) -> Iterator[Any]:
        """The matches from left to right that do not overlap. Raises as `search`."""


class Linear:
    """A pattern for RE2."""

    __slots__ = ("_compiled", "groups", "steps")

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.groups: int = compiled.groups
        self.steps: int = compiled.programsize // INSTRUCTIONS_PER_STEP

    def search(self, run: Run, text: str) -> Any:
        return next(self.finditer(run, text), None)

    def finditer(self, run: Run, text: str) -> Iterator[Any]:
        run.spend(len(text) // CHARS_PER_STEP)
        for match in self._compiled.finditer(text):
            run.spend(STEPS_PER_MATCH)
            yield match


def compile_pattern(run: Run, text: str, flags: str) -> Pattern:
    """The pattern, which a run compiles once. `flags`: of s, m, i, x, q. Raises FeelError, Exhausted."""
    found: Pattern | None = run.patterns.get((text, flags))
    if found is None:
        found = _cached(text, flags) if len(text) <= CACHED_CHARS_MAX else _compile(text, flags)
        run.patterns[text, flags] = found
        run.spend(found.steps)
    return found


@functools.lru_cache(maxsize=CACHED_MAX)
def _cached(text: str, flags: str) -> Pattern:
    return _compile(text, flags)


def _compile(text: str, flags: str) -> Pattern:
    if not FLAGS.issuperset(flags):
        raise FeelError(f"a flag is one of {', '.join(sorted(FLAGS))}, not {shown(flags)!r}")
    ignore_case, multiline = "i" in flags, "m" in flags
    if "q" in flags:
        text = "".join(f"\\{char}" if char in syntax.SPECIAL else char for char in text)
    elif "x" in flags:
        text = syntax.without_blanks(text)
    parsed = syntax.parse_pattern(text, ignore_case, "s" in flags)
    written = None if parsed.has_back else _written(parsed.root)
    if written is None:
        return Matcher(parsed, ignore_case, multiline)
    return Linear(_compiled(f"(?m:{written})" if multiline else written, text))


def _compiled(written: str, text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY_BYTES_MAX
    try:
        return re2.compile(written, options)
    except re2.error:
        raise FeelError(f"a regular expression is too large: {shown(text)}") from None


def _written(piece: syntax.Piece) -> str | None:
    """The piece as RE2 writes it; None when it cannot."""
    if isinstance(piece, syntax.One):
        return piece.chars.re2()
    if isinstance(piece, syntax.Anchor):
        return "^" if piece.is_start else "$"
    if isinstance(piece, syntax.Group):
        inner = _written(piece.inner)
        return None if inner is None else f"({'?:' if piece.index is None else ''}{inner})"
    if isinstance(piece, syntax.Several):
        inner = _written(piece.inner)
        return None if inner is None else f"(?:{inner}){_bounds(piece)}"
    if isinstance(piece, syntax.Sequence | syntax.Choice):
        parts = [_written(item) for item in piece.items]
        glue = "|" if isinstance(piece, syntax.Choice) else ""
        known = [part for part in parts if part is not None]
        return f"(?:{glue.join(known)})" if len(known) == len(parts) else None
    return None


def _bounds(piece: syntax.Several) -> str:
    lazy = "?" if piece.lazy else ""
    plain = {(0, 1): "?", (0, None): "*", (1, None): "+"}.get((piece.least, piece.most))
    if plain is not None:
        return plain + lazy
    most = "" if piece.most is None else piece.most
    return f"{{{piece.least},{most}}}{lazy}"


Template = list[str | int]
"""A replacement: texts, and numbers of groups."""


def parse_replacement(replacement: str, groups: int, literal: bool) -> Template:
    """The replacement with `$1`, `$0`, `\\$` and `\\\\` understood. Raises FeelError for other `$` and `\\`."""
    if literal or ("$" not in replacement and "\\" not in replacement):
        return [replacement]
    made: Template = []
    index = 0
    while index < len(replacement):
        char = replacement[index]
        index += 1
        if char == "\\":
            if replacement[index : index + 1] not in ("\\", "$"):
                raise FeelError("in a replacement \\ stands before \\ or $")
            made.append(replacement[index])
            index += 1
        elif char == "$":
            group, index = _group(replacement, index, groups)
            made.append(group)
        else:
            made.append(char)
    return made


def expand(template: Template, match: Any, groups: int) -> str:
    """The replacement of one match."""
    return "".join(
        part if isinstance(part, str) else (match.group(part) or "") if part <= groups else "" for part in template
    )


def _group(replacement: str, index: int, count: int) -> tuple[int, int]:
    """The number at `index`, as many digits as there are groups, and where it ends."""
    digits = replacement[index : index + 1]
    if not (digits.isascii() and digits.isdigit()):
        raise FeelError("in a replacement $ stands before a number")
    index += 1
    while index < len(replacement) and replacement[index] in "0123456789" and int(digits + replacement[index]) <= count:
        digits += replacement[index]
        index += 1
    return int(digits), index
