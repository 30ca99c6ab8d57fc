"""Queries over rows in memory.

Terms are compiled to functions of a row that say whether the term holds. A comparison with null does not hold,
negative ones (`ne`, `not_in`, `not_like`) included; `Not` of it does.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import ge, gt, itemgetter, le, lt
from typing import Any

from penstock.store.memory.rows import Rows
from penstock.store.protocol import Row
from penstock.store.query import AllOf, AnyOf, Exists, Group, Not, Op, Order, Query, Term, Where
from penstock.store.tables import Type

Check = Callable[[Row], bool]

_COMPARISONS: dict[Op, Callable[[Any, Any], bool]] = {Op.GT: gt, Op.GE: ge, Op.LT: lt, Op.LE: le}


class Evaluator:
    """Answers queries over `tables` (name → rows). Raises KeyError for an unknown name, ValueError for a value or an
    operator that does not fit the column."""

    def __init__(self, tables: Mapping[str, Rows]) -> None:
        self._tables = tables

    def table(self, name: str) -> Rows:
        """The rows of a table."""
        rows = self._tables.get(name)
        if rows is None:
            raise KeyError(f"there is no table {name!r}; penstock.store.tables lists them")
        return rows

    def select(self, query: Query) -> list[Row]:
        """Copies of the rows, in order."""
        rows = self.table(query.table)
        for column in query.columns or ():
            rows.kind(column)
        sorts = [(self._sort_value(rows, order), order.descending) for order in query.order]
        found = list(self._found(rows, query.where))
        if query.limit is not None and query.limit <= 0:
            return []
        found.sort(key=rows.key_of)
        for value_of, descending in reversed(sorts):
            found.sort(key=lambda row, value_of=value_of: _nulls_first(value_of(row)), reverse=descending)  # type: ignore[misc]
        start = max(query.offset or 0, 0)
        end = None if query.limit is None else start + query.limit
        return [rows.decoded(row, query.columns) for row in found[start:end]]

    def count(self, query: Query) -> int:
        """How many rows match, whatever `offset` and `limit`."""
        return sum(1 for _ in self._found(self.table(query.table), query.where))

    def groups(self, group: Group) -> list[Row]:
        """One row per group, sorted by the group's columns, nulls first. Without columns all rows are one group."""
        rows = self.table(group.table)
        for column in group.columns:
            _searchable(rows, column)
        for column in chain(group.maxima, group.minima):
            if _searchable(rows, column) not in (Type.TEXT, Type.INT, Type.REAL):
                raise ValueError(f"column {group.table}.{column} has no greatest and least value")
        members: dict[tuple[Any, ...], list[Row]] = {} if group.columns else {(): []}
        for row in self._found(rows, group.where):
            members.setdefault(tuple(row[column] for column in group.columns), []).append(row)
        ordered = sorted(members.items(), key=lambda item: [_nulls_first(value) for value in item[0]])
        return [_summary(group, values, found) for values, found in ordered]

    def _found(self, rows: Rows, where: Sequence[Term]) -> Iterator[Row]:
        check = self._all_of(rows, where)
        return (row for row in _candidates(rows, where) if check(row))

    # -- terms

    def _check(self, rows: Rows, term: Term) -> Check:
        match term:
            case Where():
                return _where(rows, term)
            case AnyOf(terms):
                return self._any_of(rows, terms)
            case AllOf(terms):
                return self._all_of(rows, terms)
            case Not(inner):
                check = self._check(rows, inner)
                return lambda row: not check(row)
            case Exists():
                linked = self._linked(rows, term.table, term.link, term.where)
                return lambda row: next(linked(row), None) is not None

    def _all_of(self, rows: Rows, terms: Sequence[Term]) -> Check:
        checks = [self._check(rows, term) for term in terms]
        if len(checks) == 1:
            return checks[0]
        return lambda row: all(check(row) for check in checks)

    def _any_of(self, rows: Rows, terms: Sequence[Term]) -> Check:
        checks = [self._check(rows, term) for term in terms]
        return lambda row: any(check(row) for check in checks)

    def _linked(
        self, outer: Rows, table: str, link: Sequence[tuple[str, str]], where: Sequence[Term]
    ) -> Callable[[Row], Iterator[Row]]:
        """A function from an outer row to the rows of `table` that are linked to it, in no order."""
        inner = self.table(table)
        for inner_column, outer_column in link:
            _searchable(inner, inner_column)
            _searchable(outer, outer_column)
        inner_columns = tuple(inner_column for inner_column, _ in link)
        outer_columns = tuple(outer_column for _, outer_column in link)
        check = self._all_of(inner, where)

        def linked(row: Row) -> Iterator[Row]:
            values = tuple(row[column] for column in outer_columns)
            return (found for found in inner.linked(inner_columns, values) if check(found))

        return linked

    def _sort_value(self, rows: Rows, order: Order) -> Callable[[Row], Any]:
        """A function from a row to the value it is sorted by."""
        holder = rows if order.table is None else self.table(order.table)
        kind = _searchable(holder, order.column)
        get: Callable[[Row], Any] = itemgetter(order.column)
        if order.lower:
            _must_be_text(holder, order.column, kind)
        value_of = _lowered(get) if order.lower else get
        if order.table is None:
            return value_of
        linked = self._linked(rows, order.table, order.link, order.where)

        def value_of_linked(row: Row) -> Any:
            first = min(linked(row), key=holder.key_of, default=None)
            return None if first is None else value_of(first)

        return value_of_linked


def _candidates(rows: Rows, where: Sequence[Term]) -> Iterable[Row]:
    """The rows among which those that match must be: the smallest set that an index gives, or all."""
    best: list[Collection[Row]] | None = None
    best_size = len(rows.by_key)
    for term in _conjuncts(where):
        if term.lower or term.op not in (Op.EQ, Op.IN):
            continue
        values = [term.value] if term.op is Op.EQ else term.value
        buckets = rows.lookup(term.column, [value for value in values if value is not None])
        if buckets is not None:
            size = sum(map(len, buckets))
            if best is None or size < best_size:
                best, best_size = buckets, size
    return rows.by_key.values() if best is None else chain.from_iterable(best)


def _conjuncts(where: Sequence[Term]) -> Iterator[Where]:
    """The comparisons that every found row must pass."""
    for term in where:
        match term:
            case Where():
                yield term
            case AllOf(terms):
                yield from _conjuncts(terms)


def _where(rows: Rows, where: Where) -> Check:
    column, op = where.column, where.op
    get: Callable[[Row], Any] = itemgetter(column)
    if op is Op.IS_NULL:
        rows.kind(column)
        return lambda row: get(row) is None
    if op is Op.NOT_NULL:
        rows.kind(column)
        return lambda row: get(row) is not None
    kind = _searchable(rows, column)
    if where.lower:
        _must_be_text(rows, column, kind)
        get = _lowered(get)
    given = tuple(where.value) if op in (Op.IN, Op.NOT_IN) else (where.value,)
    values = tuple(_comparable(rows, column, kind, value, where.lower) for value in given)
    match op:
        case Op.EQ | Op.IN:
            wanted = frozenset(value for value in values if value is not None)
            # No stored null is found: `wanted` has none.
            return lambda row: get(row) in wanted
        case Op.NE | Op.NOT_IN:
            return _not_among(get, values)
        case Op.LIKE | Op.NOT_LIKE:
            _must_be_text(rows, column, kind)
            return _like(get, values[0], op is Op.LIKE)
        case _:
            return _compared(get, _COMPARISONS[op], values[0])


def _not_among(get: Callable[[Row], Any], values: tuple[Any, ...]) -> Check:
    """`column NOT IN values`: a null on either side and it does not hold; without values it always does."""
    if not values:
        return lambda row: True
    if None in values:
        return lambda row: False
    unwanted = frozenset(values)
    return lambda row: (value := get(row)) is not None and value not in unwanted


def _compared(get: Callable[[Row], Any], compare: Callable[[Any, Any], bool], bound: Any) -> Check:
    if bound is None:
        return lambda row: False
    return lambda row: (value := get(row)) is not None and compare(value, bound)


def _like(get: Callable[[Row], Any], pattern: str | None, positive: bool) -> Check:
    if pattern is None:
        return lambda row: False
    matches = like_matcher(pattern)
    return lambda row: (value := get(row)) is not None and matches(value) is positive


def _lowered(get: Callable[[Row], Any]) -> Callable[[Row], Any]:
    def lowered(row: Row) -> Any:
        value = get(row)
        return None if value is None else value.lower()

    return lowered


def _searchable(rows: Rows, column: str) -> Type:
    kind = rows.kind(column)
    if kind is Type.JSON:
        raise ValueError(f"column {rows.table.name}.{column} holds json, which is stored packed and never searched")
    return kind


def _must_be_text(rows: Rows, column: str, kind: Type) -> None:
    if kind is not Type.TEXT:
        raise ValueError(f"`like` and `lower` need text; column {rows.table.name}.{column} holds {kind}")


def _comparable(rows: Rows, column: str, kind: Type, value: Any, lower: bool) -> Any:
    """`value` as rows of the column hold it. Numbers stay as they are: an INT column may be compared with 1.5."""
    if kind is Type.INT and isinstance(value, float):
        return value
    stored = rows.stored(column, value)
    return stored.lower() if lower and stored is not None else stored


def _nulls_first(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


def _summary(group: Group, values: tuple[Any, ...], found: list[Row]) -> Row:
    summary: Row = dict(zip(group.columns, values, strict=True))
    summary["count"] = len(found)
    for name, columns, pick in (("max", group.maxima, max), ("min", group.minima, min)):
        for column in columns:
            given = [row[column] for row in found if row[column] is not None]
            summary[f"{name}_{column}"] = pick(given) if given else None
    return summary


@lru_cache(maxsize=256)
def like_matcher(pattern: str) -> Callable[[str], bool]:
    r"""A test for SQL's `like` with `%`, `_` and the escape `\`; a lone `\` at the end stands for itself.

    The pieces between `%` have fixed lengths, so each is looked for once, from left to right: no pattern can make it
    backtrack.
    """
    pieces: list[list[str]] = [[]]
    characters = iter(pattern)
    for character in characters:
        if character == "%":
            pieces.append([])
        elif character == "_":
            pieces[-1].append(".")
        elif character == "\\":
            pieces[-1].append(re.escape(next(characters, "\\")))
        else:
            pieces[-1].append(re.escape(character))
    compiled = [re.compile("".join(piece), re.DOTALL) for piece in pieces]
    first, *middle = compiled
    if not middle:
        return lambda text: first.fullmatch(text) is not None
    last = middle.pop()
    last_length = len(pieces[-1])

    def matches(text: str) -> bool:
        start = first.match(text)
        if start is None:
            return False
        at = start.end()
        for piece in middle:
            found = piece.search(text, at)
            if found is None:
                return False
            at = found.end()
        tail_at = len(text) - last_length
        return tail_at >= at and last.fullmatch(text, tail_at) is not None

    return matches
