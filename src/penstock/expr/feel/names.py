"""Names with blanks and operators in them (DMN 1.5 §10.3.1.2, rules 25 to 30).

`Mike's daughter - in - law` is one name where a variable is called so and an expression of four names elsewhere: the
longest known name wins. Names of a single word need no help; the others are kept here by their first word.
"""

import functools
import itertools
import re
from collections.abc import Iterable

_START = (
    "?A-Z_a-z\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u02FF\\u0370-\\u037D\\u037F-\\u167F\\u1681-\\u180D\\u180F-\\u1FFF"
    "\\u200C-\\u200D\\u2070-\\u218F\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFEFE\\uFF00-\\uFFFD"
    "\\U00010000-\\U000EFFFF"
)
PART = _START + "0-9\\u00B7\\u0300-\\u036F\\u203F-\\u2040"
WORD = f"[{_START}][{PART}]*"
"""One word of a name."""
BLANKS = "\t\n\v\f\r \u0085\u00a0\u1680\u180e\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
"""What the standard calls white space."""

_WORD_RE = re.compile(WORD)
_PIECE_RE = re.compile(f"[{PART}]+|[^{PART}{BLANKS}]")
_NAMES_MAX = 8192


@functools.lru_cache(maxsize=_NAMES_MAX)
def normal(name: str) -> str:
    """The name as it is compared: blanks at the ends go, those inside become one."""
    return re.sub(f"[{BLANKS}]+", " ", name).strip()


@functools.lru_cache(maxsize=_NAMES_MAX)
def _first_word(name: str) -> str | None:
    """The word that a name of more than one begins with; None for a plain word."""
    pieces = _PIECE_RE.findall(name)
    return pieces[0] if len(pieces) > 1 and _WORD_RE.match(pieces[0]) else None


@functools.lru_cache(maxsize=_NAMES_MAX)
def _pattern(name: str) -> "re.Pattern[str]":
    """How a name of more than one word may be written. Made when a text has its first word: it takes long."""
    pieces = _PIECE_RE.findall(name)
    gap = f"[{BLANKS}]"
    pattern = re.escape(pieces[0])
    for before, piece in itertools.pairwise(pieces):
        both_words = _is_word(before) and _is_word(piece)
        pattern += gap + ("+" if both_words else "*") + re.escape(piece)
    if _is_word(pieces[-1]):
        pattern += f"(?![{PART}])"
    return re.compile(pattern)


def _is_word(piece: str) -> bool:
    return re.fullmatch(f"[{PART}]+", piece) is not None


class Names:
    """The known names of more than one word."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._by_word: dict[str, list[str]] = {}
        for name in names:
            self.add(name)

    def copy(self) -> "Names":
        made = Names()
        made._by_word = {word: list(found) for word, found in self._by_word.items()}
        return made

    def add(self, name: str) -> None:
        """Makes a name known."""
        word = _first_word(name)
        if word is None:
            return
        found = self._by_word.setdefault(word, [])
        if name not in found:
            found.append(name)
            found.sort(key=len, reverse=True)

    def longest(self, text: str, start: int, word: str) -> tuple[str, int] | None:
        """The longest known name at `start`, where the word `word` stands, and where it ends."""
        best: tuple[str, int] | None = None
        for name in self._by_word.get(word, ()):
            match = _pattern(name).match(text, start)
            if match is not None and (best is None or match.end() > best[1]):
                best = (name, match.end())
        return best
