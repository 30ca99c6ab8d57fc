"""The syntax of XPath's regular expressions (XQuery and XPath Functions 3.1 §5.6.1, XML Schema part 2 appendix G)."""

import msgspec

from penstock.expr.feel.regex.charsets import Charset, escape_set, property_set
from penstock.expr.feel.run import FeelError, shown

CHARS_MAX = 2_000
REPEAT_MAX = 1_000
DEPTH_MAX = 40
GROUPS_MAX = 100


class Piece(msgspec.Struct, frozen=True):
    """Part of a pattern."""


class One(Piece, frozen=True):
    """One character of a set."""

    chars: Charset


class Anchor(Piece, frozen=True):
    """The start or the end."""

    is_start: bool


class Back(Piece, frozen=True):
    """What an earlier group has matched."""

    group: int


class Group(Piece, frozen=True):
    """`(…)`; `index` is None for `(?:…)`."""

    index: int | None
    inner: Piece


class Several(Piece, frozen=True):
    """`inner{least,most}`; most None is without end."""

    inner: Piece
    least: int
    most: int | None
    lazy: bool


class Sequence(Piece, frozen=True):
    items: tuple[Piece, ...]


class Choice(Piece, frozen=True):
    items: tuple[Piece, ...]


class Pattern(msgspec.Struct, frozen=True):
    """A parsed pattern."""

    root: Piece
    groups: int
    has_back: bool


SPECIAL = frozenset(".\\?*+{}()[]|^$")
_SINGLE_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", **{char: char for char in "\\|.?*+(){}-[]^$"}}


def parse_pattern(text: str, ignore_case: bool, dot_all: bool) -> Pattern:
    """Raises FeelError for what is no pattern."""
    if len(text) > CHARS_MAX:
        raise FeelError(f"a pattern has at most {CHARS_MAX} characters")
    return _Parser(text, ignore_case, dot_all).pattern()


def without_blanks(text: str) -> str:
    """The flag `x`: white space goes, but not inside of brackets."""
    made: list[str] = []
    depth, index = 0, 0
    while index < len(text):
        char = text[index]
        if char == "\\" and index + 1 < len(text):
            made.append(char)
            index += 1
            if text[index] in " \t\n\r" and not depth:
                while index < len(text) and text[index] in " \t\n\r":
                    index += 1
                continue
            char = text[index]
        elif char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
        elif char in " \t\n\r" and depth <= 0:
            index += 1
            continue
        made.append(char)
        index += 1
    return "".join(made)


class _Parser:
    def __init__(self, text: str, ignore_case: bool, dot_all: bool) -> None:
        self._text = text
        self._ignore_case = ignore_case
        self._dot_all = dot_all
        self._at = 0
        self._depth = 0
        self._groups = 0
        self._closed: set[int] = set()
        self._has_back = False

    def pattern(self) -> Pattern:
        root = self._choice()
        if self._at < len(self._text):
            raise self._bad()
        return Pattern(root, self._groups, self._has_back)

    def _bad(self) -> FeelError:
        return FeelError(f"no regular expression, at {self._at}: {shown(self._text)}")

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise self._bad()
        self._at += 1
        return self._text[self._at - 1]

    def _accept(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _choice(self) -> Piece:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise FeelError(f"a pattern is nested at most {DEPTH_MAX} deep")
        branches = [self._branch()]
        while self._accept("|"):
            branches.append(self._branch())
        self._depth -= 1
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _branch(self) -> Piece:
        items: list[Piece] = []
        while self._peek() not in ("", "|", ")"):
            items.append(self._quantified(self._atom()))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _quantified(self, atom: Piece) -> Piece:
        bounds = {"?": (0, 1), "*": (0, None), "+": (1, None)}
        found: tuple[int, int | None]
        if self._peek() in ("?", "*", "+"):
            found = bounds[self._next()]
        elif self._accept("{"):
            found = self._counts()
        else:
            return atom
        lazy = self._accept("?")
        if isinstance(atom, Anchor) or self._peek() in ("?", "*", "+", "{"):
            raise self._bad()
        return Several(atom, found[0], found[1], lazy)

    def _counts(self) -> tuple[int, int | None]:
        least = self._count()
        most: int | None = least
        if self._accept(","):
            most = None if self._peek() == "}" else self._count()
        if not self._accept("}") or (most is not None and most < least):
            raise self._bad()
        return least, most

    def _count(self) -> int:
        start = self._at
        while self._peek() in tuple("0123456789"):
            self._at += 1
        digits = self._text[start : self._at]
        if not digits or len(digits) > 4 or int(digits) > REPEAT_MAX:
            raise self._bad()
        return int(digits)

    def _atom(self) -> Piece:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return One(self._brackets())
        if char == ".":
            return One(Charset.everything() if self._dot_all else Charset.of("\n\r").complement())
        if char in ("^", "$"):
            return Anchor(char == "^")
        if char == "\\":
            return self._escape()
        if char in SPECIAL:
            raise self._bad()
        return One(self._folded(Charset.of(char)))

    def _folded(self, chars: Charset) -> Charset:
        return chars.folded() if self._ignore_case else chars

    def _group(self) -> Piece:
        index: int | None = None
        if not self._accept("?:"):
            self._groups += 1
            if self._groups > GROUPS_MAX:
                raise FeelError(f"a pattern has at most {GROUPS_MAX} groups")
            index = self._groups
        inner = self._choice()
        if not self._accept(")"):
            raise self._bad()
        if index is not None:
            self._closed.add(index)
        return Group(index, inner)

    def _escape(self) -> Piece:
        char = self._next()
        if char in "123456789":
            return self._back(char)
        return One(self._folded(self._escaped(char)))

    def _back(self, digits: str) -> Piece:
        while self._peek() in tuple("0123456789") and int(digits + self._peek()) in self._closed:
            digits += self._next()
        if int(digits) not in self._closed:
            raise self._bad()
        self._has_back = True
        return Back(int(digits))

    def _escaped(self, char: str) -> Charset:
        """The set that `\\char` stands for, `char` being read already."""
        if char in _SINGLE_ESCAPES:
            return Charset.of(_SINGLE_ESCAPES[char])
        if char in "pP":
            if not self._accept("{"):
                raise self._bad()
            end = self._text.find("}", self._at)
            name = self._text[self._at : end] if end >= 0 else ""
            self._at = end + 1
            found = property_set(name)
        else:
            found = escape_set(char)
        if found is None:
            raise self._bad()
        return found.complement() if char == "P" else found

    def _brackets(self) -> Charset:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise FeelError(f"a pattern is nested at most {DEPTH_MAX} deep")
        negated = self._accept("^")
        found = self._folded(self._members())
        if negated:
            found = found.complement()
        if self._accept("-["):
            found = found.without(self._brackets())
            if self._peek() != "]":
                raise self._bad()
        if not self._accept("]"):
            raise self._bad()
        self._depth -= 1
        return found

    def _members(self) -> Charset:
        found: list[Charset] = []
        while not (self._peek() == "]" or self._text.startswith("-[", self._at)):
            first = self._member()
            if self._range_follows():
                if not isinstance(first, str):
                    raise self._bad()
                self._at += 1
                last = self._member()
                if not isinstance(last, str) or last < first:
                    raise self._bad()
                found.append(Charset.between(first, last))
            else:
                found.append(Charset.of(first) if isinstance(first, str) else first)
        if not found:
            raise self._bad()
        return Charset.union(found)

    def _range_follows(self) -> bool:
        follows = self._text[self._at : self._at + 2]
        return len(follows) == 2 and follows[0] == "-" and follows[1] not in "[]"

    def _member(self) -> "str | Charset":
        char = self._next()
        if char == "[":
            raise self._bad()
        if char != "\\":
            return char
        escaped = self._next()
        return _SINGLE_ESCAPES[escaped] if escaped in _SINGLE_ESCAPES else self._escaped(escaped)
