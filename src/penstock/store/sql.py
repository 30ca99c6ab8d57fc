"""What the SQL stores share: queries as SQL in both dialects, and row changes planned in bulk.

Every identifier that reaches SQL is looked up in `store.tables` first; values are always parameters.

Truth is two-valued: a comparison with a null does not hold, and `Not` of it does (`… IS NOT TRUE`).

Instance data is keyed by (shard, id) and callers usually know only the id. The id carries the shard (`base.ids`), so a
comparison of `id` or `root_id` with a UUID also compares the shard, and the key can be used.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from importlib.resources import files
from operator import itemgetter
from typing import Any

import msgspec

from penstock.base.ids import shard_of
from penstock.store.protocol import (
    AnyChange,
    Batch,
    Change,
    DeleteWhere,
    Fetch,
    Row,
    RowChange,
    TopicFetch,
    UpdateWhere,
)
from penstock.store.query import AllOf, AnyOf, Exists, Group, Not, Op, Order, Query, Term, Where, eq, is_null, one_of
from penstock.store.tables import PREFIX_CHARACTERS, TABLES, Sort, Table, Type

LOG_FORMAT = 1
"""The format number written with each log row."""

INT_MAX = 2**63 - 1
INT_MIN = -(2**63)

Args = list[Any]

pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder().decode


def table_named(name: str) -> Table:
    """The table called `name`. KeyError when there is none."""
    table = TABLES.get(name)
    if table is None:
        raise KeyError(f"there is no table {name!r}")
    return table


def column_type(table: Table, column: str) -> Type:
    """The type of a column. KeyError when the table has no such column."""
    kind = table.columns.get(column)
    if kind is None:
        raise KeyError(f"table {table.name} has no column {column!r}")
    return kind


def quoted(name: str) -> str:
    """An identifier for SQL; only names out of `store.tables` come here."""
    return f'"{name}"'


def names(columns: Iterable[str]) -> str:
    """Identifiers, separated by commas."""
    return ", ".join(quoted(column) for column in columns)


def shard_in(identifier: Any) -> int | None:
    """The shard that an id carries; None when it is no UUID, so that nothing can be said."""
    if not isinstance(identifier, str) or len(identifier) != 36:
        return None
    try:
        return shard_of(identifier)
    except ValueError:
        return None


def shards_in(identifiers: Sequence[Any]) -> list[int] | None:
    """The shards of all ids; None when one of them is no UUID."""
    found = []
    for identifier in identifiers:
        shard = shard_in(identifier)
        if shard is None:
            return None
        found.append(shard)
    return found


class Dialect:
    """Where SQLite and PostgreSQL differ."""

    def __init__(self, lower_function: str) -> None:
        self._lower_function = lower_function

    def placeholder(self, number: int, kind: Type) -> str:
        """The text of parameter `number` (from 1)."""
        raise NotImplementedError

    def member(self, expression: str, kind: Type, values: Sequence[Any], args: Args, *, lower: bool) -> str:
        """`expression` is one of `values`; adds to `args`."""
        raise NotImplementedError

    def key_member(self, alias: str, column: str, shards: Sequence[int], values: Sequence[Any], args: Args) -> str:
        """(shard, column) is one of the pairs; adds to `args`."""
        raise NotImplementedError

    def lower(self, expression: str) -> str:
        """`expression` in lower case, comparing by code point."""
        return f"{self._lower_function}({expression})"

    def prefix(self, expression: str) -> str:
        """What indexes hold of a long text; written as in the migrations."""
        raise NotImplementedError


class Sqlite(Dialect):
    """SQLite: `?` parameters, lists as JSON, because the number of parameters is bounded."""

    def __init__(self) -> None:
        super().__init__("penstock_lower")

    def placeholder(self, number: int, kind: Type) -> str:
        return f"?{number}"

    def prefix(self, expression: str) -> str:
        return f"substr({expression}, 1, {PREFIX_CHARACTERS})"

    def member(self, expression: str, kind: Type, values: Sequence[Any], args: Args, *, lower: bool) -> str:
        if kind is Type.BYTES:
            marks = []
            for value in values:
                args.append(value)
                marks.append(f"?{len(args)}")
            return f"{expression} IN ({', '.join(marks)})"
        args.append(msgspec.json.encode([int(v) if isinstance(v, bool) else v for v in values]).decode())
        listed = self.lower("value") if lower else "value"
        return f"{expression} IN (SELECT {listed} FROM json_each(?{len(args)}))"

    def key_member(self, alias: str, column: str, shards: Sequence[int], values: Sequence[Any], args: Args) -> str:
        args.append(msgspec.json.encode(list(zip(shards, values, strict=True))).decode())
        return (
            f"({alias}.shard, {alias}.{quoted(column)})"
            f" IN (SELECT value ->> 0, value ->> 1 FROM json_each(?{len(args)}))"
        )


_POSTGRESQL_TYPES = {
    Type.TEXT: "text",
    Type.INT: "bigint",
    Type.REAL: "double precision",
    Type.BOOL: "boolean",
    Type.BYTES: "bytea",
    Type.JSON: "bytea",
}


def postgresql_type(kind: Type) -> str:
    """PostgreSQL's name of a column type."""
    return _POSTGRESQL_TYPES[kind]


class Postgresql(Dialect):
    """PostgreSQL: typed `$n` parameters, lists as arrays. `collation`: for lower case beyond ASCII, as written in SQL."""

    def __init__(self, collation: str = '"default"') -> None:
        super().__init__("lower")
        self._collation = collation

    def placeholder(self, number: int, kind: Type) -> str:
        return f"${number}::{_POSTGRESQL_TYPES[kind]}"

    def prefix(self, expression: str) -> str:
        return f"left({expression}, {PREFIX_CHARACTERS})"

    def member(self, expression: str, kind: Type, values: Sequence[Any], args: Args, *, lower: bool) -> str:
        args.append(list(values))
        listed = f"${len(args)}::{_POSTGRESQL_TYPES[kind]}[]"
        if lower:
            listed = f"ARRAY(SELECT {self.lower('v')} FROM unnest({listed}) AS v)"
        return f"{expression} = ANY({listed})"

    def key_member(self, alias: str, column: str, shards: Sequence[int], values: Sequence[Any], args: Args) -> str:
        args.append(list(shards))
        args.append(list(values))
        return (
            f"({alias}.shard, {alias}.{quoted(column)})"
            f" IN (SELECT * FROM unnest(${len(args) - 1}::bigint[], ${len(args)}::text[]))"
        )

    def lower(self, expression: str) -> str:
        return f'lower({expression} COLLATE {self._collation}) COLLATE "C"'


_COMPARISONS = {Op.EQ: "=", Op.NE: "<>", Op.GT: ">", Op.GE: ">=", Op.LT: "<", Op.LE: "<="}
_PYTHON_TYPES: dict[Type, tuple[type, ...]] = {
    Type.TEXT: (str,),
    Type.INT: (int, float),
    Type.REAL: (int, float),
    Type.BOOL: (bool,),
    Type.BYTES: (bytes,),
}


def _checked(table: Table, column: str, kind: Type, value: Any) -> Any:
    if value is None:
        return None
    fits = isinstance(value, _PYTHON_TYPES[kind]) and (kind is Type.BOOL or not isinstance(value, bool))
    if not fits:
        raise ValueError(f"{table.name}.{column} is {kind.value}, it cannot be compared with {value!r}")
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise ValueError(f"{value} does not fit into 64 bits, it cannot be compared with {table.name}.{column}")
    return value


def _like_pattern(pattern: str) -> str:
    """A lone backslash at the end, which PostgreSQL refuses, stands for itself."""
    trailing = len(pattern) - len(pattern.rstrip("\\"))
    return pattern + "\\" if trailing % 2 else pattern


class Statement:
    """A statement being written: its methods return SQL, its values collect in `args`."""

    def __init__(self, dialect: Dialect) -> None:
        self.args: Args = []
        self.dialect = dialect
        self._aliases = 0

    def alias(self) -> str:
        """A new name for a table."""
        self._aliases += 1
        return f"t{self._aliases}"

    def value(self, value: Any, kind: Type) -> str:
        """A parameter."""
        self.args.append(value)
        return self.dialect.placeholder(len(self.args), kind)

    def where(self, table: Table, alias: str, terms: Sequence[Term]) -> str:
        """` WHERE …` for all of `terms`; empty without any."""
        return " WHERE " + self.every(table, alias, terms) if terms else ""

    def every(self, table: Table, alias: str, terms: Sequence[Term]) -> str:
        """All of `terms` hold."""
        return " AND ".join(self.term(table, alias, term) for term in terms) or "TRUE"

    def term(self, table: Table, alias: str, term: Term) -> str:
        """A term about the row of `table` called `alias`."""
        match term:
            case Where():
                return self._comparison(table, alias, term)
            case AllOf(terms):
                return f"({self.every(table, alias, terms)})"
            case AnyOf(terms):
                return "(" + (" OR ".join(self.term(table, alias, each) for each in terms) or "FALSE") + ")"
            case Not(inner):
                return f"(({self.term(table, alias, inner)}) IS NOT TRUE)"
            case Exists(name, link, where):
                source, condition = self._linked(table, alias, name, link, where)[1:]
                return f"EXISTS (SELECT 1 FROM {source} WHERE {condition})"

    def _comparison(self, table: Table, alias: str, term: Where) -> str:
        kind = column_type(table, term.column)
        column = f"{alias}.{quoted(term.column)}"
        if term.op is Op.IS_NULL:
            return f"{column} IS NULL"
        if term.op is Op.NOT_NULL:
            return f"{column} IS NOT NULL"
        if kind is Type.JSON:
            raise ValueError(f"{table.name}.{term.column} is stored packed and cannot be searched")
        if kind is not Type.TEXT and (term.lower or term.op in (Op.LIKE, Op.NOT_LIKE)):
            raise ValueError(f"{table.name}.{term.column} is {kind.value}, {term.op.value} and lower need text")
        left = self.dialect.lower(column) if term.lower else column
        if term.op in (Op.IN, Op.NOT_IN):
            return self._membership(table, alias, term, left, kind)
        value = _checked(table, term.column, kind, term.value)
        if kind is Type.INT and isinstance(value, float):
            kind = Type.REAL
        if term.op in (Op.LIKE, Op.NOT_LIKE):
            value = None if value is None else _like_pattern(value)
        right = self.value(value, kind)
        if term.lower:
            right = self.dialect.lower(right)
        if term.op is Op.LIKE:
            return f"{left} LIKE {right} ESCAPE '\\'"
        if term.op is Op.NOT_LIKE:
            return f"{left} NOT LIKE {right} ESCAPE '\\'"
        condition = f"{left} {_COMPARISONS[term.op]} {right}"
        if term.op is Op.EQ and not term.lower:
            if self._carries_shard(table, term.column):
                shard = shard_in(value)
                if shard is not None:
                    return f"({alias}.shard = {self.value(shard, Type.INT)} AND {condition})"
            if any(term.column in index.prefix for index in table.indexes):
                return f"({self.dialect.prefix(column)} = {self.dialect.prefix(right)} AND {condition})"
        return condition

    def _membership(self, table: Table, alias: str, term: Where, left: str, kind: Type) -> str:
        values = [_checked(table, term.column, kind, value) for value in term.value]
        if not values:
            return "FALSE" if term.op is Op.IN else "TRUE"
        if kind is Type.INT and any(isinstance(value, float) for value in values):
            kind = Type.REAL
        if term.op is Op.IN and not term.lower and self._carries_shard(table, term.column):
            shards = shards_in(values)
            if shards is not None:
                return self.dialect.key_member(alias, term.column, shards, values, self.args)
        condition = self.dialect.member(left, kind, values, self.args, lower=term.lower)
        return condition if term.op is Op.IN else f"(NOT ({condition}))"

    @staticmethod
    def _carries_shard(table: Table, column: str) -> bool:
        return column in ("id", "root_id") and table.key[0] == "shard"

    def _linked(
        self, outer: Table, outer_alias: str, name: str, link: Sequence[tuple[str, str]], where: Sequence[Term]
    ) -> tuple[str, str, str]:
        """Rows of table `name` linked to an outer row: their alias, the source, the condition."""
        inner = table_named(name)
        alias = self.alias()
        conditions = []
        for inner_column, outer_column in link:
            column_type(inner, inner_column)
            column_type(outer, outer_column)
            conditions.append(f"{alias}.{quoted(inner_column)} = {outer_alias}.{quoted(outer_column)}")
        if where:
            conditions.append(self.every(inner, alias, where))
        return alias, f"{quoted(name)} AS {alias}", " AND ".join(conditions) or "TRUE"

    def order(self, table: Table, alias: str, orders: Sequence[Order]) -> str:
        """` ORDER BY …`, ending in the key, so that no two runs of a query differ."""
        parts = []
        plain = set()
        for order in orders:
            if order.table is None:
                kind = column_type(table, order.column)
                expression = f"{alias}.{quoted(order.column)}"
                if not order.lower:
                    plain.add(order.column)
            else:
                inner = table_named(order.table)
                kind = column_type(inner, order.column)
                within, source, condition = self._linked(table, alias, order.table, order.link, order.where)
                first = ", ".join(f"{within}.{quoted(column)}" for column in inner.key)
                expression = (
                    f"(SELECT {within}.{quoted(order.column)} FROM {source} WHERE {condition} ORDER BY {first} LIMIT 1)"
                )
            if kind is Type.JSON or (order.lower and kind is not Type.TEXT):
                raise ValueError(f"{order.table or table.name}.{order.column} is {kind.value}: no such order")
            if order.lower:
                expression = self.dialect.lower(expression)
            nullable = order.table is not None or order.column not in table.key
            nulls = (" NULLS LAST" if order.descending else " NULLS FIRST") if nullable else ""
            parts.append(expression + (" DESC" if order.descending else "") + nulls)
        parts += [f"{alias}.{quoted(column)}" for column in table.key if column not in plain]
        return " ORDER BY " + ", ".join(parts)


class Read(msgspec.Struct, frozen=True):
    """A statement to read with: its text, arguments and, per result column, name and type."""

    text: str
    args: Args
    columns: list[tuple[str, Type]]


def select(dialect: Dialect, query: Query) -> Read | None:
    """The rows of `query`; None when its limit leaves none."""
    if query.limit is not None and query.limit <= 0:
        return None
    table = table_named(query.table)
    columns = [
        (column, column_type(table, column)) for column in (table.columns if query.columns is None else query.columns)
    ]
    statement = Statement(dialect)
    shown = ", ".join(f"t0.{quoted(column)}" for column, _ in columns)
    text = f"SELECT {shown} FROM {quoted(table.name)} AS t0" + statement.where(table, "t0", query.where)
    text += statement.order(table, "t0", query.order)
    offset = min(query.offset or 0, INT_MAX)
    if query.limit is not None or offset > 0:
        # SQLite has no OFFSET without LIMIT.
        limit = INT_MAX if query.limit is None else min(query.limit, INT_MAX)
        text += f" LIMIT {statement.value(limit, Type.INT)}"
        if offset > 0:
            text += f" OFFSET {statement.value(offset, Type.INT)}"
    return Read(text, statement.args, columns)


def count(dialect: Dialect, query: Query) -> Read:
    """How many rows `query` has, without its order, offset and limit."""
    table = table_named(query.table)
    statement = Statement(dialect)
    text = f"SELECT count(*) FROM {quoted(table.name)} AS t0" + statement.where(table, "t0", query.where)
    return Read(text, statement.args, [("count", Type.INT)])


def grouped(dialect: Dialect, group: Group) -> Read:
    """The rows of `group`."""
    table = table_named(group.table)
    statement = Statement(dialect)
    columns = [(column, column_type(table, column)) for column in group.columns]
    shown = [f"t0.{quoted(column)}" for column in group.columns]
    keys = ", ".join(shown)
    shown.append("count(*)")
    columns.append(("count", Type.INT))
    for function, chosen in (("max", group.maxima), ("min", group.minima)):
        for column in chosen:
            kind = column_type(table, column)
            if kind not in (Type.TEXT, Type.INT, Type.REAL):
                raise ValueError(f"{table.name}.{column} is {kind.value}: it has no {function}")
            shown.append(f"{function}(t0.{quoted(column)})")
            columns.append((f"{function}_{column}", kind))
    text = f"SELECT {', '.join(shown)} FROM {quoted(table.name)} AS t0" + statement.where(table, "t0", group.where)
    if keys:
        ordered = ", ".join(f"t0.{quoted(column)} NULLS FIRST" for column in group.columns)
        text += f" GROUP BY {keys} ORDER BY {ordered}"
    return Read(text, statement.args, columns)


# -- changes in bulk


class RowGroup(msgspec.Struct, frozen=True):
    """Changes of one kind to different rows of one table, in the order of the key.

    `columns`: what each change sets, in the order of the table, key included; a row may lack columns of an INSERT (null).
    """

    table: Table
    change: Change
    columns: tuple[str, ...]
    rows: list[Mapping[str, Any]]


class WhereChange(msgspec.Struct, frozen=True):
    """A DeleteWhere (`changes` is None) or UpdateWhere, with the values of all that were merged."""

    table: Table
    column: str
    values: list[Any]
    changes: Mapping[str, Any] | None


PlanStep = RowGroup | WhereChange

SHAPES_MAX = 1_000
"""Combinations of columns that a planner remembers of a table."""


class _Pending:
    """Changes of one table that are not yet in the plan: `wheres` first, then `rows`, of which each key has one."""

    __slots__ = ("key", "rows", "table", "wheres")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.key: Callable[[Mapping[str, Any]], Any] = itemgetter(*table.key)
        self.wheres: list[WhereChange] = []
        self.rows: dict[Any, tuple[Change, Mapping[str, Any]]] = {}


class Planner:
    """Turns changes in order into few statements with the same effect.

    - Changes of the same row become one: insert + update → insert, update + update → update, anything + delete → delete.
    - A DeleteWhere or UpdateWhere goes in front of the row changes that came before it, which are changed so that the
      result is the same; where that cannot be, the table starts a new round of statements.
    - Tables do not depend on each other; their order in the plan is that of `store.tables`, so that concurrent
      transactions lock in one order.

    A planner remembers which columns INSERTs of a table have ever set, so that their statement hardly ever changes.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {}
        self._insert_columns: dict[str, tuple[str, ...]] = {}

    def plan(self, changes: Sequence[AnyChange], *, only: Sort | None = None) -> list[PlanStep]:
        """The statements for `changes`. `only`: tables of another sort are refused (ValueError)."""
        tables: dict[str, _Pending] = {}
        steps: list[PlanStep] = []
        for change in changes:
            pending = tables.get(change.table)
            if pending is None:
                table = table_named(change.table)
                if only is not None and table.sort is not only:
                    raise ValueError(f"{table.name} is no {only.value} table")
                pending = tables[change.table] = _Pending(table)
            if isinstance(change, RowChange):
                self._row(pending, change)
            elif isinstance(change, DeleteWhere):
                self._delete_where(pending, change, steps)
            else:
                self._update_where(pending, change, steps)
        for name in TABLES if len(tables) > 1 else tuple(tables):
            if name in tables:
                self._flush(tables[name], steps)
        return steps

    @staticmethod
    def _row(pending: _Pending, change: RowChange) -> None:
        values = change.values
        try:
            key = pending.key(values)
        except KeyError as missing:
            raise ValueError(f"a change of {change.table} lacks its key column {missing}") from None
        if change.change is Change.UPDATE:
            before = pending.rows.get(key)
            if before is not None:
                if before[0] is Change.DELETE:
                    return
                pending.rows[key] = (before[0], {**before[1], **values})
                return
        pending.rows[key] = (change.change, values)

    def _delete_where(self, pending: _Pending, change: DeleteWhere, steps: list[PlanStep]) -> None:
        column = change.column
        column_type(pending.table, column)
        chosen = _hashable(change.values)
        gone = []
        for key, (kind, values) in pending.rows.items():
            if kind is Change.INSERT:
                if values.get(column) in chosen:
                    gone.append(key)
            elif kind is Change.UPDATE and column in values and column not in pending.table.key:
                if values[column] not in chosen:
                    # The row as stored may be among the chosen although the changed one is not.
                    self._flush(pending, steps)
                    gone.clear()
                    break
                gone.append(key)
        for key in gone:
            pending.rows[key] = (Change.DELETE, pending.rows[key][1])
        for earlier in reversed(pending.wheres):
            if earlier.changes is not None:
                break
            if earlier.column == column:
                earlier.values.extend(change.values)
                return
        pending.wheres.append(WhereChange(pending.table, column, list(change.values), None))

    def _update_where(self, pending: _Pending, change: UpdateWhere, steps: list[PlanStep]) -> None:
        column, changes = change.column, change.changes
        for name in (column, *changes):
            column_type(pending.table, name)
        if not changes.keys().isdisjoint(pending.table.key):
            raise ValueError(f"the key of {pending.table.name} cannot be changed")
        if not changes:
            return
        chosen = _hashable(change.values)
        if any(
            kind is Change.UPDATE
            and ((column in values and column not in pending.table.key) or not changes.keys().isdisjoint(values))
            for kind, values in pending.rows.values()
        ):
            self._flush(pending, steps)
        for key, (kind, values) in pending.rows.items():
            if kind is Change.INSERT and values.get(column) in chosen:
                pending.rows[key] = (kind, {**values, **changes})
        last = pending.wheres[-1] if pending.wheres else None
        # Rows that an earlier one moved into `column` must be seen by a later one: merge only when it cannot move any.
        if last is not None and last.changes == changes and last.column == column and column not in changes:
            last.values.extend(change.values)
        else:
            pending.wheres.append(WhereChange(pending.table, column, list(change.values), changes))

    def _flush(self, pending: _Pending, steps: list[PlanStep]) -> None:
        steps.extend(pending.wheres)
        pending.wheres = []
        if not pending.rows:
            return
        table = pending.table
        deletes: list[Mapping[str, Any]] = []
        inserts: list[Mapping[str, Any]] = []
        updates: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
        shapes = self._shapes.setdefault(table.name, {})
        given: dict[tuple[str, ...], None] = {}
        for key in sorted(pending.rows):
            kind, values = pending.rows[key]
            names = tuple(values)
            shape = shapes.get(names)
            if shape is None:
                if len(shapes) >= SHAPES_MAX:
                    shapes.clear()
                shape = shapes[names] = self._shape(table, names)
            if kind is Change.INSERT:
                inserts.append(values)
                given[shape] = None
            elif kind is Change.DELETE:
                deletes.append(values)
            elif len(shape) > len(table.key):
                updates.setdefault(shape, []).append(values)
        if deletes:
            steps.append(RowGroup(table, Change.DELETE, table.key, deletes))
        if inserts:
            steps.append(RowGroup(table, Change.INSERT, self._columns_to_insert(table, given), inserts))
        steps.extend(RowGroup(table, Change.UPDATE, shape, rows) for shape, rows in updates.items())
        pending.rows = {}

    @staticmethod
    def _shape(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
        for column in names:
            column_type(table, column)
        return tuple(column for column in table.columns if column in names)

    def _columns_to_insert(self, table: Table, shapes: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        known = self._insert_columns.get(table.name, table.key)
        more = set().union(*shapes).difference(known)
        if more:
            known = tuple(column for column in table.columns if column in more or column in known)
            self._insert_columns[table.name] = known
        return known


def _hashable(values: Sequence[Any]) -> frozenset[Any]:
    """`values` without null, which equals nothing."""
    return frozenset(value for value in values if value is not None)


def tuples_of(group: RowGroup, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of a group with their values of these columns, as the drivers want them: JSON packed."""
    packed = [column for column in columns if group.table.columns[column] is Type.JSON]
    if group.change is not Change.INSERT and not packed and len(columns) > 1:
        return list(map(itemgetter(*columns), group.rows))
    if group.change is Change.DELETE:
        return [tuple([row[column] for column in columns]) for row in group.rows]
    # A merged dict has the columns in their order, whatever the row lacks.
    empty = dict.fromkeys(columns)
    tuples = []
    for row in group.rows:
        values = {**empty, **row}
        for column in packed:
            if values[column] is not None:
                values[column] = pack(values[column])
        tuples.append(tuple(values.values()))
    return tuples


def stored_value(kind: Type, value: Any) -> Any:
    """One value as the drivers want it."""
    return pack(value) if kind is Type.JSON and value is not None else value


def where_statement(dialect: Dialect, change: WhereChange) -> tuple[str, Args]:
    """DELETE or UPDATE of every row whose column is one of the values."""
    table = change.table
    statement = Statement(dialect)
    if change.changes is None:
        text = f"DELETE FROM {quoted(table.name)} AS t0"
    else:
        assignments = ", ".join(
            f"{quoted(column)} = " + statement.value(stored_value(table.columns[column], value), table.columns[column])
            for column, value in change.changes.items()
        )
        text = f"UPDATE {quoted(table.name)} AS t0 SET {assignments}"
    return text + statement.where(table, "t0", [one_of(change.column, change.values)]), statement.args


# -- what both stores decide in the same way


def check_batch(batch: Batch) -> None:
    """A batch must name each instance and each inbox key once. ValueError otherwise."""
    if len({write.id for write in batch.instances}) != len(batch.instances):
        raise ValueError("a batch must write each instance once: merge the writes of one instance")
    if len({entry.key for entry in batch.inbox}) != len(batch.inbox):
        raise ValueError("a batch must name each inbox key once: answer the second request after the first")
    if batch.parts and batch.log is None:
        raise ValueError("a batch with further rows of the log must have a last one")


def stands_at(stored: Mapping[str, int], before: Mapping[str, int] | None) -> bool:
    """Whether a projection stands where `before` says: None is anywhere, and a position of 0 is as good as none."""
    if before is None or stored == before:
        return True
    return all(stored.get(stream, 0) == before.get(stream, 0) for stream in stored.keys() | before.keys())


def topic_terms(topic: TopicFetch) -> list[Term]:
    """Which external tasks a topic of a fetchAndLock is about; locks, retries and suspension apart."""
    terms: list[Term] = [eq("topic", topic.topic)]
    for column, value in (
        ("business_key", topic.business_key),
        ("definition_id", topic.definition_id),
        ("definition_key", topic.definition_key),
        ("version_tag", topic.version_tag),
    ):
        if value is not None:
            terms.append(eq(column, value))
    for column, values in (
        ("definition_id", topic.definition_ids),
        ("definition_key", topic.definition_keys),
        ("tenant_id", topic.tenant_ids),
    ):
        if values:
            terms.append(one_of(column, values))
    if topic.without_tenant:
        terms.append(is_null("tenant_id"))
    if topic.instance_ids is not None:
        terms.append(one_of("instance_id", topic.instance_ids))
    return terms


def fetch_order(fetch: Fetch) -> list[str]:
    """ORDER BY of candidates within a topic, and between topics unless they take turns."""
    order = ['"priority" DESC'] if fetch.use_priority else []
    order.append('"created_ms" DESC' if fetch.created == "desc" else '"created_ms"')
    return [*order, '"shard"', '"id"']


def takes_turns(fetch: Fetch) -> bool:
    """True when nothing else decides between topics."""
    return not fetch.use_priority and fetch.created is None


def migrations(package: str) -> list[tuple[int, str]]:
    """The numbered migration files of a store: number and text, in order."""
    found = []
    for file in (files(package) / "migrations").iterdir():
        number, _, rest = file.name.partition("_")
        if rest.endswith(".sql"):
            found.append((int(number), file.read_text(encoding="utf-8")))
    return sorted(found)


def log_order(moments: Mapping[str, Sequence[int]], limit: int) -> list[str]:
    """In which order to read streams: one name per row, oldest first over all streams, each stream in its own order.

    `moments`: per stream when its next rows were written. So a busy stream does not keep a quiet one waiting.
    """
    upcoming = [(times[0], stream, 0) for stream, times in moments.items() if times]
    heapify(upcoming)
    order: list[str] = []
    while upcoming and len(order) < limit:
        _, stream, at = heappop(upcoming)
        order.append(stream)
        if at + 1 < len(moments[stream]):
            heappush(upcoming, (moments[stream][at + 1], stream, at + 1))
    return order


def row_decoder(columns: Sequence[tuple[str, Type]], *, bools: bool) -> Callable[[Iterable[Any]], Row]:
    """A function from result tuples to rows. `bools`: the driver gives booleans as integers."""
    titles = [column for column, _ in columns]
    packed = [column for column, kind in columns if kind is Type.JSON]
    numbers = [column for column, kind in columns if bools and kind is Type.BOOL]

    def decode(values: Iterable[Any]) -> Row:
        row = dict(zip(titles, values, strict=True))
        for column in packed:
            if row[column] is not None:
                row[column] = unpack(row[column])
        for column in numbers:
            if row[column] is not None:
                row[column] = bool(row[column])
        return row

    return decode
