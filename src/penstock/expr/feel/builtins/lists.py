"""Functions on lists (DMN 1.5 §10.3.4.4)."""

from decimal import Decimal
from typing import Any

from penstock.expr.feel.equality import equal, fingerprint
from penstock.expr.feel.functions import builtin
from penstock.expr.feel.numbers import truncated
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.values import Function

DEPTH_MAX = 100


def position(number: Decimal, items: list[Any]) -> int:
    """A position from 1, or from -1 at the end, as an index from 0. Raises FeelError."""
    found = truncated(number, "the position")
    if found == 0 or abs(found) > len(items):
        raise FeelError(f"a list of {len(items)} items has no position {found}")
    return found - 1 if found > 0 else len(items) + found


def _copied(run: Run, items: list[Any], more: int = 0) -> list[Any]:
    run.make_list(len(items) + more)
    return list(items)


@builtin("list contains(list: list, element: Any?)")
def list_contains(run: Run, items: list[Any], element: Any) -> bool:
    run.spend(len(items))
    return any(equal(item, element, run) for item in items)


@builtin("count(list: list)")
def count(_run: Run, items: list[Any]) -> Decimal:
    return Decimal(len(items))


@builtin("sublist(list: list, start position: number, length?: number?)")
def sublist(run: Run, items: list[Any], start_position: Decimal, length: Decimal | None = None) -> list[Any]:
    start = position(start_position, items)
    if length is None:
        return _copied(run, items[start:])
    size = truncated(length, "the length")
    if size < 1 or start + size > len(items):
        raise FeelError(f"a list of {len(items)} items has no {size} from position {start_position}")
    return _copied(run, items[start : start + size])


@builtin("append(list: list, *item: Any?)")
def append(run: Run, items: list[Any], more: list[Any]) -> list[Any]:
    return [*_copied(run, items, len(more)), *more]


@builtin("concatenate(*list: list)")
def concatenate(run: Run, lists: list[list[Any]]) -> list[Any]:
    run.make_list(sum(map(len, lists)))
    return [item for items in lists for item in items]


@builtin("insert before(list: list, position: number, newItem: Any?)")
def insert_before(run: Run, items: list[Any], position_: Decimal, item: Any) -> list[Any]:
    index = position(position_, items)
    made = _copied(run, items, 1)
    made.insert(index, item)
    return made


@builtin("remove(list: list, position: number)")
def remove(run: Run, items: list[Any], position_: Decimal) -> list[Any]:
    index = position(position_, items)
    made = _copied(run, items)
    del made[index]
    return made


@builtin("list replace(list: list, position: number, newItem: Any?)")
def list_replace(run: Run, items: list[Any], position_: Decimal, item: Any) -> list[Any]:
    index = position(position_, items)
    made = _copied(run, items)
    made[index] = item
    return made


@builtin("list replace(list: list, match: function, newItem: Any?)")
def list_replace_matching(run: Run, items: list[Any], match: Function, item: Any) -> list[Any]:
    made = _copied(run, items)
    for index, old in enumerate(items):
        answer = match.call(run, [old, item])
        if type(answer) is not bool:
            raise FeelError("the match function gives no boolean")
        if answer:
            made[index] = item
    return made


@builtin("reverse(list: list)")
def reverse(run: Run, items: list[Any]) -> list[Any]:
    return _copied(run, items)[::-1]


@builtin("index of(list: list, match: Any?)")
def index_of(run: Run, items: list[Any], match: Any) -> list[Any]:
    run.spend(len(items))
    return [Decimal(index) for index, item in enumerate(items, 1) if equal(item, match, run)]


@builtin("union(*list: list)")
def union(run: Run, lists: list[list[Any]]) -> list[Any]:
    run.expect_list(sum(map(len, lists)))
    return distinct(run, [item for items in lists for item in items])


@builtin("distinct values(list: list)")
def distinct(run: Run, items: list[Any]) -> list[Any]:
    """The items in their order, each once."""
    run.make_list(len(items))
    found: dict[Any, Any] = {}
    for item in items:
        found.setdefault(fingerprint(item, run), item)
    return list(found.values())


@builtin("flatten(list: list)")
def flatten(run: Run, items: list[Any]) -> list[Any]:
    made: list[Any] = []
    _flatten(run, items, made, 0)
    return made


def _flatten(run: Run, items: list[Any], made: list[Any], depth: int) -> None:
    if depth > DEPTH_MAX:
        raise FeelError("a list is nested too deeply")
    run.make_list(len(items))
    for item in items:
        if type(item) is list:
            _flatten(run, item, made, depth + 1)
        else:
            made.append(item)
