"""`if`, `for`, `some`, `every`, filters."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.compile.compiler import Compiler
from penstock.expr.feel.compile.names import read_only
from penstock.expr.feel.compile.scope import Code, Frame, Locals
from penstock.expr.feel.numbers import DIGITS
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.temporal import Date
from penstock.expr.feel.values import Range, type_name

Visit = Callable[[Frame], bool]
"""Runs the body of a loop once; True ends the loop."""


def conditional(compiler: Compiler, node: tree.Conditional, scope: Locals) -> Code:
    condition, yes, no = (compiler.code(part, scope) for part in (node.condition, node.yes, node.no))

    def chosen(frame: Frame) -> Any:
        found = condition(frame)
        if found is True:
            return yes(frame)
        if found is False or found is None:
            return no(frame)
        frame[1].note(f"a condition is a {type_name(found)}, not a boolean")
        return None

    return chosen


def for_(compiler: Compiler, node: tree.For, scope: Locals) -> Code:
    slot = scope.depth
    inner = scope.with_name("partial")
    domains, inner = _domains(compiler, node.iterators, inner)
    body, steps = compiler.weighed(node.body, inner)

    def collect(frame: Frame) -> bool:
        made: list[Any] = frame[slot]
        frame[1].spend(steps - 1)
        frame[1].make_list(1)
        made.append(body(frame))
        return False

    loop = _nested(domains, collect, collects=True)

    def results(frame: Frame) -> Any:
        made: list[Any] = []
        frame[slot] = made
        try:
            loop(frame)
        except FeelError as error:
            frame[1].note(str(error))
            return None
        return made

    return results


def quantified(compiler: Compiler, node: tree.Quantified, scope: Locals) -> Code:
    slot = scope.depth
    domains, inner = _domains(compiler, node.iterators, Locals(scope.entries, slot + 1))
    body, steps = compiler.weighed(node.body, inner)
    decisive = not node.every

    def check(frame: Frame) -> bool:
        frame[1].spend(steps - 1)
        value = body(frame)
        if value is decisive:
            frame[slot] = decisive
            return True
        if type(value) is not bool:
            frame[slot] = None
        if value is not None and type(value) is not bool:
            raise FeelError(f"a condition is a {type_name(value)}, not a boolean")
        return False

    loop = _nested(domains, check)

    def found(frame: Frame) -> Any:
        frame[slot] = not decisive
        try:
            loop(frame)
        except FeelError as error:
            frame[1].note(str(error))
            return None
        return frame[slot]

    return found


Domain = tuple[int, Code]


def _domains(compiler: Compiler, iterators: Sequence[tree.Iterator], scope: Locals) -> tuple[list[Domain], Locals]:
    domains: list[Domain] = []
    for iterator in iterators:
        items = _items(compiler, iterator, scope)
        domains.append((scope.depth, items))
        scope = scope.with_name(iterator.name)
    compiler.size.need(scope.depth)
    return domains, scope


def _items(compiler: Compiler, iterator: tree.Iterator, scope: Locals) -> Code:
    domain = compiler.code(iterator.domain, scope)
    if iterator.end is None:
        return lambda frame: items_of(frame[1], domain(frame))
    end = compiler.code(iterator.end, scope)
    return lambda frame: count_through(frame[1], domain(frame), end(frame))


def _nested(domains: Sequence[Domain], visit: Visit, collects: bool = False) -> Visit:
    """A loop in a loop for each domain; the last one moves fastest. `collects`: a round makes an item of a list."""
    for slot, items in reversed(domains):
        visit = _loop(slot, items, visit, collects)
        collects = False
    return visit


def _loop(slot: int, items: Code, visit: Visit, collects: bool) -> Visit:
    def loop(frame: Frame) -> bool:
        found = items(frame)
        if collects:
            frame[1].expect_list(len(found))
        for item in found:
            frame[slot] = item
            if visit(frame):
                return True
        return False

    return loop


def items_of(run: Run, value: Any) -> Sequence[Any]:
    """What an iteration over a value goes through. Raises FeelError."""
    if type(value) is list:
        run.spend(len(value))
        return value
    if type(value) is Range:
        return _items_of_range(run, value)
    if value is None:
        raise FeelError("null cannot be iterated")
    return [value]


def _items_of_range(run: Run, value: Range) -> Sequence[Any]:
    if value.operator:
        raise FeelError("a range without an end cannot be iterated")
    found = count_through(run, value.start, value.end)
    if not value.start_included:
        found = found[1:]
    return found if value.end_included else found[:-1]


def count_through(run: Run, start: Any, end: Any) -> Sequence[Any]:
    """The whole numbers, or days, from start to end, in whichever direction. Raises FeelError."""
    first, last = _ordinal(start), _ordinal(end)
    if type(start) is not type(end):
        raise FeelError(f"a {type_name(start)} and a {type_name(end)} are no range")
    count = abs(last - first) + 1
    run.spend(count)
    return Counted(range(first, last + 1) if first <= last else range(first, last - 1, -1), type(start) is Date)


class Counted(Sequence[Any]):
    """The numbers or days of a range, made as they are asked for."""

    __slots__ = ("_are_days", "_ordinals")

    def __init__(self, ordinals: range, are_days: bool) -> None:
        self._ordinals = ordinals
        self._are_days = are_days

    def __len__(self) -> int:
        return len(self._ordinals)

    def __getitem__(self, place: Any) -> Any:
        found = self._ordinals[place]
        if isinstance(found, range):
            return Counted(found, self._are_days)
        return Date.from_days(found) if self._are_days else Decimal(found)

    def __iter__(self) -> Iterator[Any]:
        return map(Date.from_days if self._are_days else Decimal, self._ordinals)


def _ordinal(value: Any) -> int:
    if type(value) is Date:
        return value.days
    if type(value) is Decimal and value.adjusted() <= DIGITS and value == int(value):
        return int(value)
    raise FeelError(f"a {type_name(value)} cannot be counted from or to")


def filter_(compiler: Compiler, node: tree.Filter, scope: Locals) -> Code:
    base = read_only(compiler, node.base, scope)
    slot = scope.depth
    if isinstance(node.condition, tree.Constant) and type(node.condition.value) is Decimal:
        return _at(base, node.condition.value)
    condition, steps = compiler.weighed(node.condition, scope.with_item())
    compiler.size.need(slot + 1)

    def filtered(frame: Frame) -> Any:
        value = base(frame)
        if value is None:
            frame[1].note("null cannot be filtered")
            return None
        items = value if type(value) is list else [value]
        frame[1].spend(steps * len(items) + 1)
        frame[slot] = items[0] if items else None
        first = condition(frame)
        if type(first) is Decimal:
            return item_at(frame[1], items, first)
        made = items[:1] if first is True and items else []
        for item in items[1:]:
            frame[slot] = item
            if condition(frame) is True:
                made.append(item)
        frame[1].make_list(len(made))
        return made

    return filtered


def _at(base: Code, position: Decimal) -> Code:
    def at(frame: Frame) -> Any:
        value = base(frame)
        return item_at(frame[1], value if type(value) is list else [] if value is None else [value], position)

    return at


def item_at(run: Run, items: Sequence[Any], position: Decimal) -> Any:
    """The item at a position from 1, or from -1 at the end; null where there is none."""
    if position.adjusted() < DIGITS and position == int(position):
        index = int(position)
        if 0 < index <= len(items):
            return items[index - 1]
        if 0 < -index <= len(items):
            return items[index]
    run.note(f"a list of {len(items)} items has no position {position}")
    return None
