"""How points and ranges lie to each other (DMN 1.5 §10.3.4.11, table 78), and `range(…)` itself."""

import re
from collections.abc import Callable
from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.builtins.conversion import checked_range
from penstock.expr.feel.builtins.moments import MAKERS
from penstock.expr.feel.equality import COMPARABLE, equal, less
from penstock.expr.feel.functions import LIBRARY, builtin
from penstock.expr.feel.lexer import FeelSyntaxError
from penstock.expr.feel.names import Names
from penstock.expr.feel.parser import Parser, Vocabulary
from penstock.expr.feel.run import FeelError, Run, shown
from penstock.expr.feel.values import Range, type_name

PointOrRange = Any


class Span:
    """A point, or a range with both endpoints. Raises FeelError for anything else."""

    __slots__ = ("end", "end_in", "is_range", "start", "start_in")

    def __init__(self, value: Any) -> None:
        self.is_range = type(value) is Range
        if self.is_range:
            self.start, self.start_in = value.start, value.start_included
            self.end, self.end_in = value.end, value.end_included
        else:
            if type(value) not in COMPARABLE:
                raise FeelError(f"a {type_name(value)} is neither point nor range")
            self.start = self.end = value
            self.start_in = self.end_in = True


def before(a: Any, b: Any) -> bool:
    """`a < b`; an open end is never before or after. Raises FeelError for values of different types."""
    if a is None or b is None:
        return False
    found = less(a, b)
    if found is None:
        raise FeelError("values of different types have no order")
    return found


def _same(a: Any, b: Any) -> bool:
    return equal(a, b) is True


def _is_before(a: Span, b: Span) -> bool:
    return before(a.end, b.start) or (_same(a.end, b.start) and not (a.end_in and b.start_in))


def _meets(a: Span, b: Span) -> bool:
    return a.end_in and b.start_in and _same(a.end, b.start)


def _starts_first(a: Span, b: Span) -> bool:
    return before(a.start, b.start) or (_same(a.start, b.start) and a.start_in and not b.start_in)


def _starts_no_later(a: Span, b: Span) -> bool:
    return before(a.start, b.start) or (_same(a.start, b.start) and (a.start_in or not b.start_in))


def _ends_no_sooner(a: Span, b: Span) -> bool:
    return before(b.end, a.end) or (_same(a.end, b.end) and (a.end_in or not b.end_in))


def _overlaps(a: Span, b: Span) -> bool:
    return not _is_before(a, b) and not _is_before(b, a)


def _overlaps_before(a: Span, b: Span) -> bool:
    ends_inside = before(a.end, b.end) or (_same(a.end, b.end) and (not a.end_in or b.end_in))
    return _starts_first(a, b) and not _is_before(a, b) and ends_inside


def _finishes(a: Span, b: Span) -> bool:
    if not a.is_range:
        return b.end_in and _same(a.end, b.end)
    return _same(a.end, b.end) and a.end_in == b.end_in and _starts_no_later(b, a)


def _starts(a: Span, b: Span) -> bool:
    if not a.is_range:
        return b.start_in and _same(a.start, b.start)
    return _same(a.start, b.start) and a.start_in == b.start_in and _ends_no_sooner(b, a)


def _includes(a: Span, b: Span) -> bool:
    return _starts_no_later(a, b) and _ends_no_sooner(a, b)


def _coincides(a: Span, b: Span) -> bool:
    if a.is_range != b.is_range:
        raise FeelError("a point and a range do not coincide")
    return _same(a.start, b.start) and _same(a.end, b.end) and (a.start_in, a.end_in) == (b.start_in, b.end_in)


def _declare(
    name: str,
    names: tuple[str, str],
    relation: Callable[[Span, Span], bool],
    first: bool | None = None,
    second: bool | None = None,
) -> None:
    """Declares `name`. `first` and `second`: whether an argument must be a range (True) or may be both (None)."""

    def body(_run: Run, a: PointOrRange, b: PointOrRange) -> bool:
        left, right = Span(a), Span(b)
        if (first and not left.is_range) or (second and not right.is_range):
            raise FeelError(f"{name} takes a range here, not a point")
        return relation(left, right)

    builtin(f"{name}({names[0]}: Any, {names[1]}: Any)")(body)


_RANGES = ("range1", "range2")
_declare("before", ("point1", "point2"), _is_before)
_declare("after", ("point1", "point2"), lambda a, b: _is_before(b, a))
_declare("meets", _RANGES, _meets, True, True)
_declare("met by", _RANGES, lambda a, b: _meets(b, a), True, True)
_declare("overlaps", _RANGES, _overlaps, True, True)
_declare("overlaps before", _RANGES, _overlaps_before, True, True)
_declare("overlaps after", _RANGES, lambda a, b: _overlaps_before(b, a), True, True)
_declare("finishes", ("point", "range"), _finishes, None, True)
_declare("finished by", ("range", "point"), lambda a, b: _finishes(b, a), True)
_declare("includes", ("range", "point"), _includes, True)
_declare("during", ("point", "range"), lambda a, b: _includes(b, a), None, True)
_declare("starts", ("point", "range"), _starts, None, True)
_declare("started by", ("range", "point"), lambda a, b: _starts(b, a), True)
_declare("coincides", ("point1", "point2"), _coincides)


_RANGE = re.compile(r"\s*([\[(\]])(.*?)\.\.(.*)([\])\[])\s*", re.DOTALL)
_VOCABULARY = Vocabulary(Names(MAKERS))


@builtin("range(from: string)")
def range_(run: Run, from_: str) -> Range:
    """`range("[18..21)")`; the endpoints are literals, one of them may be left out."""
    match = _RANGE.fullmatch(from_)
    if match is None:
        raise FeelError(f"no range: {shown(from_)!r}")
    opening, low, high, closing = match.groups()
    start, end = _endpoint(run, low), _endpoint(run, high)
    start_in, end_in = opening == "[", closing == "]"
    if start is None and end is None:
        raise FeelError("a range has an endpoint")
    if start is None:
        return Range(None, False, end, end_in, "<=" if end_in else "<")
    if end is None:
        return Range(start, start_in, None, False, ">=" if start_in else ">")
    return checked_range(start, start_in, end, end_in)


def _endpoint(run: Run, text: str) -> Any:
    """The value of a literal, or of a call such as `date("…")`; null for nothing."""
    if not text.strip():
        return None
    try:
        node = Parser(text, _VOCABULARY).expression()
    except FeelSyntaxError as error:
        raise FeelError(error.message) from None
    if isinstance(node, tree.Call) and isinstance(node.function, tree.Name) and node.function.name in MAKERS:
        args = [arg.value if isinstance(arg, tree.Constant) else None for arg in node.args]
        return LIBRARY.functions[node.function.name].call(run, args)
    if isinstance(node, tree.Constant) and type(node.value) in COMPARABLE:
        return node.value
    raise FeelError("the endpoints of a range are literals")
