"""Queries as data: what REST asks of the tables, understood by every store.

Text compares by code point, `like` is case-sensitive with `%` and `_` as wildcards and `\\` as escape.

Truth is two-valued: a comparison with a null on either side does not hold, negative ones (NE, NOT_IN, NOT_LIKE) included
(use IS_NULL), and `Not` of what does not hold does. A null sorts first ascending and last descending, as in Camunda 7
on its default database (H2); groups likewise.

A name that does not exist raises LookupError; a value or an operator that does not fit its column ValueError.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec


class Op(StrEnum):
    """Comparison operators of a `Where`."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    LIKE = "like"
    NOT_LIKE = "not_like"
    IN = "in"
    NOT_IN = "not_in"
    IS_NULL = "is_null"
    NOT_NULL = "not_null"


class Where(msgspec.Struct, frozen=True, tag=True):
    """`column op value`. `lower`: compare case-insensitively (text only). `value` is a sequence for IN and NOT_IN."""

    column: str
    op: Op
    value: Any = None
    lower: bool = False


class AnyOf(msgspec.Struct, frozen=True, tag=True):
    """At least one of the terms holds; with no term nothing does."""

    terms: "Sequence[Term]"


class AllOf(msgspec.Struct, frozen=True, tag=True):
    """Every term holds; with no term everything does."""

    terms: "Sequence[Term]"


class Not(msgspec.Struct, frozen=True, tag=True):
    """The term does not hold: `Not(eq("name", "x"))` finds rows without a name too, `ne` would not."""

    term: "Term"


class Exists(msgspec.Struct, frozen=True, tag=True):
    """A row of `table` exists whose columns equal the outer row's (`link`: pairs of inner column, outer column)
    and for which every term of `where` holds."""

    table: str
    link: Sequence[tuple[str, str]]
    where: "Sequence[Term]" = ()


Term = Where | AnyOf | AllOf | Not | Exists


class Order(msgspec.Struct, frozen=True):
    """One sort criterion: a column, or, with `table`, that column of the first linked row (see `Exists`)."""

    column: str
    descending: bool = False
    lower: bool = False
    table: str | None = None
    link: Sequence[tuple[str, str]] = ()
    where: Sequence[Term] = ()


class Query(msgspec.Struct, frozen=True):
    """Rows of `table` for which all of `where` hold.

    `offset`, `limit`: None means from the start, without end. A limit of 0 or less gives no row.
    Without `order` rows come in the order of their key.
    `columns`: None means all.
    """

    table: str
    where: Sequence[Term] = ()
    order: Sequence[Order] = ()
    offset: int | None = None
    limit: int | None = None
    columns: Sequence[str] | None = None


class Group(msgspec.Struct, frozen=True):
    """`SELECT columns, count(*) … GROUP BY columns`; each result row has the columns and `count`.

    `maxima`: columns whose greatest value is added as `max_<column>`; `minima` likewise `min_<column>`.
    """

    table: str
    columns: Sequence[str]
    where: Sequence[Term] = ()
    maxima: Sequence[str] = ()
    minima: Sequence[str] = ()


def eq(column: str, value: Any) -> Where:
    """`column = value`."""
    return Where(column, Op.EQ, value)


def one_of(column: str, values: Sequence[Any]) -> Where:
    """`column IN values`; an empty sequence matches nothing."""
    return Where(column, Op.IN, tuple(values))


def eq_or_null(column: str, value: Any) -> Where:
    """`column = value`; for None, `column IS NULL`."""
    return is_null(column) if value is None else eq(column, value)


def is_null(column: str) -> Where:
    """`column IS NULL`."""
    return Where(column, Op.IS_NULL)


def not_null(column: str) -> Where:
    """`column IS NOT NULL`."""
    return Where(column, Op.NOT_NULL)
