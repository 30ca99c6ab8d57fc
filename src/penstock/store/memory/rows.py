"""The rows of one table with their hash indexes.

Rows are kept as dicts with every column. JSON columns hold packed bytes, so that a stored value shares nothing with
the caller's. A dict of this module never leaves the store: `decoded` makes the copy that callers get.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from penstock.store.protocol import Row
from penstock.store.tables import Table, Type

Key = tuple[Any, ...]

_INT_MIN = -(2**63)
_INT_MAX = 2**63 - 1

_LOOKUPS = frozenset(("instance_id", "definition_id", "task_id"))
"""Columns that equality filters may look up besides those that a table's key and indexes name."""


class Rows:
    """All rows of `table` by key.

    Indexes are made when first asked for and kept up to date from then on. Rows with a null in an indexed column are
    not in the index, because null equals nothing.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.by_key: dict[Key, Row] = {}
        self._blank: Row = dict.fromkeys(table.columns)
        self._json = tuple(name for name, kind in table.columns.items() if kind is Type.JSON)
        self._indexes: dict[tuple[str, ...], dict[Key, dict[Key, Row]]] = {}
        named = chain(_LOOKUPS, table.key, *(index.columns for index in table.indexes))
        # The shard has 1,024 values and never stands alone: an index on it would only cost.
        self._lookups = frozenset(name for name in named if name in table.columns and name != "shard")

    # -- names and values

    def kind(self, column: str) -> Type:
        """The type of a column. Raises KeyError when there is none of that name."""
        kind = self.table.columns.get(column)
        if kind is None:
            raise KeyError(f"table {self.table.name} has no column {column!r}; it has {', '.join(self.table.columns)}")
        return kind

    def stored(self, column: str, value: Any) -> Any:
        """`value` as this table keeps it. Raises ValueError when the column cannot hold it."""
        kind = self.kind(column)
        if value is None:
            return None
        match kind:
            case Type.TEXT if isinstance(value, str):
                return str.__str__(value)
            case Type.INT if isinstance(value, int) and not isinstance(value, bool) and _INT_MIN <= value <= _INT_MAX:
                return int(value)
            case Type.REAL if isinstance(value, (int, float)) and not isinstance(value, bool):
                return float(value)
            case Type.BOOL if isinstance(value, bool):
                return value
            case Type.BYTES if isinstance(value, (bytes, bytearray, memoryview)):
                return bytes(value)
            case Type.JSON:
                return _packed(self.table.name, column, value)
            case _:
                raise ValueError(
                    f"column {self.table.name}.{column} holds {kind}, not {type(value).__name__} {str(value)[:40]!r}"
                )

    def whole(self, values: Mapping[str, Any]) -> Row:
        """A new row from `values`: every column, those that are not given null."""
        self.key_of(values)
        return self._blank | self.part(values)

    def part(self, values: Mapping[str, Any]) -> Row:
        """The given columns as this table keeps them."""
        return {column: self.stored(column, value) for column, value in values.items()}

    def key_of(self, values: Mapping[str, Any]) -> Key:
        """The key within `values`. Raises ValueError when a part of it is missing."""
        key = tuple(values.get(column) for column in self.table.key)
        if None in key:
            raise ValueError(f"a row of {self.table.name} needs its key ({', '.join(self.table.key)}), got {key}")
        return key

    def decoded(self, row: Row, columns: Sequence[str] | None = None) -> Row:
        """A copy of a stored row for a caller; `columns`: only these."""
        copy = dict(row) if columns is None else {column: row[column] for column in columns}
        for column in self._json:
            packed = copy.get(column)
            if packed is not None:
                copy[column] = msgspec.msgpack.decode(packed)
        return copy

    # -- finding

    def lookup(self, column: str, values: Iterable[Any]) -> list[Collection[Row]] | None:
        """The buckets of rows whose `column` is one of `values` (each value once), or None when the column is not
        one to look up."""
        if column not in self._lookups:
            return None
        index = self._index((column,))
        return [index[value,].values() for value in set(values) if (value,) in index]

    def linked(self, columns: tuple[str, ...], values: Key) -> Iterable[Row]:
        """The rows whose `columns` equal `values`; no columns: all rows."""
        if not columns:
            return self.by_key.values()
        found = self._index(columns).get(values)
        return () if found is None else found.values()

    def matching(self, column: str, values: Iterable[Any]) -> list[Row]:
        """The rows whose `column` is one of `values`, in no order."""
        wanted = {value for value in values if value is not None}
        found = self.lookup(column, wanted)
        if found is None:
            return [row for row in self.by_key.values() if row[column] in wanted]
        return list(chain.from_iterable(found))

    def one(self, row_id: str) -> Row | None:
        """The row whose `id` is `row_id`."""
        return next(iter(self.linked(("id",), (row_id,))), None)

    # -- changing: the values are ones that `whole` and `part` have made, so none of this can fail half way

    def put(self, row: Row) -> None:
        """Adds a row or replaces the one with its key."""
        key = self.key_of(row)
        self.remove(key)
        self.by_key[key] = row
        for columns in self._indexes:
            self._enter(columns, key, row)

    def change(self, key: Key, changes: Row) -> None:
        """Sets columns of the row with this key, if there is one."""
        row = self.by_key.get(key)
        if row is None:
            return
        moved = [columns for columns in self._indexes if any(column in changes for column in columns)]
        for columns in moved:
            self._leave(columns, key, row)
        row.update(changes)
        for columns in moved:
            self._enter(columns, key, row)

    def change_where(self, column: str, values: Iterable[Any], changes: Row) -> None:
        """Sets columns of every row whose `column` is one of `values`."""
        for row in self.matching(column, values):
            self.change(self.key_of(row), changes)

    def remove(self, key: Key) -> None:
        """Removes the row with this key, if there is one."""
        row = self.by_key.pop(key, None)
        if row is not None:
            for columns in self._indexes:
                self._leave(columns, key, row)

    def remove_where(self, column: str, values: Iterable[Any]) -> None:
        """Removes every row whose `column` is one of `values`."""
        for row in self.matching(column, values):
            self.remove(self.key_of(row))

    def clear(self) -> None:
        """Removes every row."""
        self.by_key.clear()
        self._indexes.clear()

    # -- indexes

    def _index(self, columns: tuple[str, ...]) -> dict[Key, dict[Key, Row]]:
        index = self._indexes.get(columns)
        if index is None:
            index = self._indexes[columns] = {}
            for key, row in self.by_key.items():
                self._enter(columns, key, row)
        return index

    def _enter(self, columns: tuple[str, ...], key: Key, row: Row) -> None:
        values = tuple(row[column] for column in columns)
        if None not in values:
            self._indexes[columns].setdefault(values, {})[key] = row

    def _leave(self, columns: tuple[str, ...], key: Key, row: Row) -> None:
        values = tuple(row[column] for column in columns)
        if None not in values:
            bucket = self._indexes[columns][values]
            del bucket[key]
            if not bucket:
                del self._indexes[columns][values]


Place = Callable[[Row], tuple[Any, tuple[Any, ...]]]
"""Group and rank of a row."""


class RankedRows(Rows):
    """Rows that are also kept in groups, each in the order of its ranks: whoever wants the first few of ten thousand looks
    at few. `groups`: group → (rank, key), sorted."""

    def __init__(self, table: Table, place: Place) -> None:
        super().__init__(table)
        self._place = place
        self.groups: dict[Any, list[tuple[tuple[Any, ...], Key]]] = {}

    def put(self, row: Row) -> None:
        super().put(row)
        self._rank(self.key_of(row), self._place(row))

    def change(self, key: Key, changes: Row) -> None:
        row = self.by_key.get(key)
        if row is None:
            return
        before = self._place(row)
        super().change(key, changes)
        after = self._place(row)
        if after != before:
            self._unrank(key, before)
            self._rank(key, after)

    def remove(self, key: Key) -> None:
        row = self.by_key.get(key)
        if row is not None:
            self._unrank(key, self._place(row))
        super().remove(key)

    def clear(self) -> None:
        super().clear()
        self.groups.clear()

    def ranked(self, group: Any) -> Iterator[Row]:
        """The rows of a group in order; nothing changes meanwhile."""
        return (self.by_key[key] for _, key in self.groups.get(group, ()))

    def _rank(self, key: Key, place: tuple[Any, tuple[Any, ...]]) -> None:
        insort(self.groups.setdefault(place[0], []), (place[1], key))

    def _unrank(self, key: Key, place: tuple[Any, tuple[Any, ...]]) -> None:
        group = self.groups[place[0]]
        del group[bisect_left(group, (place[1], key))]
        if not group:
            del self.groups[place[0]]


def _packed(table: str, column: str, value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (TypeError, OverflowError) as problem:
        raise ValueError(f"column {table}.{column} cannot hold this value: {problem}") from problem
