"""From query parameters and query bodies to `store.query`: each resource declares a table of what it understands.

    TASKS = Selection(
        "task",
        filters={
            "name": text("name"),
            "nameLike": like("name"),
            "processInstanceIdIn": ids("instance_id"),
            "active": when(eq("suspended", False)),
            "dueBefore": moment("due_ms", Op.LT),
            "variables": variables(EXECUTION_LINK),
        },
        sortings={"created": Order("created_ms")},
    )
    rows = await request.engine.rows(TASKS.get(request))

Unknown parameters and properties are ignored. Errors are Camunda's: a value that cannot be converted is 400
`InvalidRequestException`; an unknown criterion in a body's `sorting` is 400 `NotValidException`.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec

from penstock.api import dates, problems, removal, values
from penstock.api.dto import as_text
from penstock.api.http import Request
from penstock.base.ids import shard_of
from penstock.expr.values import NULL, TypedValue
from penstock.store.query import AllOf, AnyOf, Exists, Group, Not, Op, Order, Query, Term, Where, eq, one_of

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_NOTHING = AnyOf(())
_INTEGER_MAX = 2**31


class Kind(Enum):
    """How the value of a parameter is read: from text in a query string, from JSON in a body."""

    TEXT = "java.lang.String"
    BOOLEAN = "java.lang.Boolean"
    INTEGER = "java.lang.Integer"
    LONG = "java.lang.Long"
    DATE = "java.util.Date"
    LIST = "list"
    VARIABLES = "variables"


class Context(msgspec.Struct, frozen=True):
    """What terms may depend on besides their own value: the present and the other parameters of the same (sub)query."""

    now_ms: int
    given: Mapping[str, Any]


Make = Callable[[Any, Context], Iterable[Term]]


class Filter(msgspec.Struct, frozen=True):
    """One parameter: how it is read and which terms it makes (all of them must hold)."""

    kind: Kind
    make: Make


def text(column: str, op: Op = Op.EQ) -> Filter:
    """A text that the column must equal."""
    return Filter(Kind.TEXT, lambda value, _: (Where(column, op, value),))


def like(column: str) -> Filter:
    """A pattern with `%` and `_`."""
    return text(column, Op.LIKE)


def texts(column: str, op: Op = Op.IN) -> Filter:
    """A list of texts (comma-separated in a query string) that the column must be one of."""
    return Filter(Kind.LIST, lambda value, _: (Where(column, op, tuple(value)),))


def identifier(column: str = "id") -> Filter:
    """The id of something that lives in an instance: adds the shard, so that one partition is read."""
    return Filter(Kind.TEXT, lambda value, _: by_id(value, column))


def identifiers(column: str = "id") -> Filter:
    """As `identifier`, for a list."""
    return Filter(Kind.LIST, lambda value, _: by_ids(value, column))


def when(*terms: Term) -> Filter:
    """A flag: with `true` the terms hold; `false` is no condition."""
    return Filter(Kind.BOOLEAN, lambda value, _: terms if value else ())


def flag(column: str) -> Filter:
    """A boolean that the column must equal, either way."""
    return Filter(Kind.BOOLEAN, lambda value, _: (eq(column, value),))


def integer(column: str, op: Op = Op.EQ, kind: Kind = Kind.INTEGER) -> Filter:
    """A whole number to compare with."""
    return Filter(kind, lambda value, _: (Where(column, op, value),))


def moment(column: str, op: Op) -> Filter:
    """A date to compare with."""
    return Filter(Kind.DATE, lambda value, _: (Where(column, op, value),))


def custom(kind: Kind, make: Make) -> Filter:
    """Anything else: `make(value, context)` gives the terms."""
    return Filter(kind, make)


def modifier() -> Filter:
    """A flag that only changes what other parameters mean (read from `Context.given`)."""
    return Filter(Kind.BOOLEAN, lambda _value, _context: ())


def tenants(column: str = "tenant_id", including_without: str | None = None) -> Filter:
    """`tenantIdIn`; `including_without` names the flag that also lets rows without a tenant in."""

    def make(value: Sequence[str], context: Context) -> Iterable[Term]:
        among = one_of(column, value)
        if including_without and context.given.get(including_without):
            return (AnyOf((among, Where(column, Op.IS_NULL))),)
        return (among,)

    return Filter(Kind.LIST, make)


def by_id(value: str, column: str = "id") -> Sequence[Term]:
    """Terms that find a row by an id of an instance's things. Anything that is no such id matches nothing."""
    shard = shard_or_none(value)
    return (_NOTHING,) if shard is None else (eq("shard", shard), eq(column, value))


def by_ids(found: Sequence[str], column: str = "id") -> Sequence[Term]:
    """As `by_id`, for several."""
    pairs = [(shard_or_none(value), value) for value in found]
    shards = sorted({shard for shard, _ in pairs if shard is not None})
    if not shards:
        return (_NOTHING,)
    return (one_of("shard", shards), one_of(column, [value for shard, value in pairs if shard is not None]))


def shard_or_none(value: str) -> int | None:
    """The shard of an id of ours (a UUID, or `activityId:uuid`); None for any other text."""
    return shard_of(value) if _UUID.fullmatch(value[-36:]) else None


# ------------------------------------------------------------------------------------------ variables


class VariableCondition(msgspec.Struct, frozen=True):
    """`name op value`: one condition on a variable."""

    name: str
    operator: str
    value: TypedValue


_OPERATORS = {
    "eq": Op.EQ,
    "neq": Op.NE,
    "gt": Op.GT,
    "gteq": Op.GE,
    "lt": Op.LT,
    "lteq": Op.LE,
    "like": Op.LIKE,
    "notLike": Op.NOT_LIKE,
}
_WHOLE = ("Integer", "Short", "Long")
_ORDERING = (Op.GT, Op.GE, Op.LT, Op.LE)
Refuse = Callable[[str], problems.Problem]


def variables(
    link: Sequence[tuple[str, str]],
    where: Sequence[Term] = (),
    *,
    refuse: Refuse = problems.not_valid,
    names_ignore_case: str = "variableNamesIgnoreCase",
    values_ignore_case: str = "variableValuesIgnoreCase",
) -> Filter:
    """`variables=name_op_value,…` (text only) or `[{"name", "operator", "value"}]` (JSON types).

    `link`: pairs (column of `variable`, column of the row). `where`: further terms on the variable.
    `refuse`: how this resource refuses comparisons that make no sense for the value.
    """

    def make(conditions: Sequence[VariableCondition], context: Context) -> Iterable[Term]:
        for condition in conditions:
            yield variable_term(
                condition,
                link,
                where,
                refuse=refuse,
                ignore_name_case=bool(context.given.get(names_ignore_case)),
                ignore_value_case=bool(context.given.get(values_ignore_case)),
            )

    return Filter(Kind.VARIABLES, make)


def variable_term(
    condition: VariableCondition,
    link: Sequence[tuple[str, str]],
    where: Sequence[Term] = (),
    *,
    refuse: Refuse = problems.not_valid,
    ignore_name_case: bool = False,
    ignore_value_case: bool = False,
) -> Term:
    """A variable with this name exists for the row and compares so. Whole numbers and Doubles compare with each other."""
    op = _OPERATORS.get(condition.operator)
    if op is None:
        raise problems.invalid(400, f"Invalid variable comparator specified: {condition.operator}")
    kind = condition.value.type
    if kind in ("Bytes", "File", "Object", "Json", "Xml"):
        raise refuse(f"Variables of type {kind} cannot be used to query")
    if op in _ORDERING and kind in ("Boolean", "Null"):
        what = "null" if kind == "Null" else "boolean values"
        word = {Op.GT: "greater than", Op.GE: "greater than or equal", Op.LT: "less than", Op.LE: "less than or equal"}
        raise refuse(f"Cannot use {what} in '{word[op]}' condition")
    if op in (Op.LIKE, Op.NOT_LIKE) and kind != "String":
        raise refuse("Only string values can be used in a 'like' condition")
    named = Where("name", Op.EQ, condition.name.lower() if ignore_name_case else condition.name, ignore_name_case)
    if op is Op.NE:
        compared: Term = Not(value_term(Op.EQ, condition.value, lower=ignore_value_case))
    else:
        compared = value_term(op, condition.value, lower=ignore_value_case)
    return Exists("variable", link, (named, compared, *where))


def value_term(op: Op, value: TypedValue, *, lower: bool = False) -> Term:
    """The value of the row of `variable` compares so with `value`."""
    kind, raw = value.type, value.value
    if raw is None:
        return eq("type", "Null") if kind == "Null" else AllOf((eq("type", kind), _is_empty(kind)))
    if kind in _WHOLE or kind == "Double":
        return _number_term(op, raw)
    if kind == "Boolean":
        return AllOf((eq("type", kind), Where("long_value", op, int(bool(raw)))))
    if kind == "Date":
        return AllOf((eq("type", kind), Where("long_value", op, raw)))
    assert isinstance(raw, str)
    return AllOf((eq("type", kind), Where("text_value", op, raw.lower() if lower else raw, lower)))


def _is_empty(kind: str) -> Term:
    column = "text_value" if kind == "String" else "double_value" if kind == "Double" else "long_value"
    return Where(column, Op.IS_NULL)


def _number_term(op: Op, value: int | float) -> Term:
    """Whole numbers live in `long_value`, Doubles in `double_value`; both compare with either."""
    doubles = AllOf((eq("type", "Double"), Where("double_value", op, float(value))))
    whole: Term
    if value == math.floor(value):
        limit, whole_op = int(value), op
    elif op is Op.EQ:
        return doubles
    else:
        limit, whole_op = math.floor(value), {Op.GT: Op.GT, Op.GE: Op.GT, Op.LT: Op.LE, Op.LE: Op.LE}[op]
    if -(2**63) <= limit < 2**63:
        whole = Where("long_value", whole_op, limit)
    else:
        whole = AllOf(()) if (limit < 0) == (op in (Op.GT, Op.GE)) and op is not Op.EQ else _NOTHING
    return AnyOf((AllOf((one_of("type", _WHOLE), whole)), doubles))


def _variables_of_text(name: str, value: str) -> list[VariableCondition]:
    found = []
    for item in value.split(","):
        parts = item.split("_", 2)
        if len(parts) < 3 or not parts[2]:
            raise _bad_parameter(name, item, "variable query parameter has to have format KEY_OPERATOR_VALUE.")
        found.append(VariableCondition(parts[0], parts[1], _value_of_text(parts[2])))
    return found


def _value_of_text(text: str) -> TypedValue:
    """What a text is compared as: a date in the API's format is a Date, `null` and nothing are Null (Camunda 7
    `ConditionQueryParameterDto.resolveValue`, which reads every text as a date first)."""
    if text in ("", "null"):
        return NULL
    moment_ms = dates.parse(text)
    return TypedValue("String", text) if moment_ms is None else TypedValue("Date", moment_ms)


def _variables_of_json(value: Any) -> list[VariableCondition]:
    if not isinstance(value, list):
        raise problems.unreadable()
    found = []
    for item in value:
        if not isinstance(item, Mapping):
            raise problems.unreadable()
        operator = item.get("operator")
        if operator is None:
            raise problems.engine("A variable condition has no 'operator'.", None)
        value = item.get("value")
        typed = _value_of_text(value) if isinstance(value, str) else values.read({"value": value})
        found.append(VariableCondition(as_text(item.get("name") or ""), as_text(operator), typed))
    return found


# ------------------------------------------------------------------------------------------ reading values


def _bad_parameter(name: str, value: str, why: str) -> problems.Problem:
    return problems.invalid(400, f"Cannot set query parameter '{name}' to value '{value}': {why}")


def _of_text(name: str, kind: Kind, value: str) -> Any:
    """A value from a query string; None when it is no condition. Raises 400."""
    if kind is Kind.TEXT:
        return value
    if kind is Kind.LIST:
        return value.split(",")
    if value == "":
        return None
    if kind is Kind.VARIABLES:
        return _variables_of_text(name, value)
    if kind is Kind.DATE:
        found: Any = dates.parse(value)
        if found is None:
            raise _bad_parameter(name, value, f'Cannot convert value "{value}" to java type {kind.value}')
        return found
    if kind is Kind.BOOLEAN:
        found = {"true": True, "false": False}.get(value.lower())
    else:
        found = whole(value, kind)
    if found is None:
        raise _bad_parameter(name, value, f"Cannot convert value {value} to java type {kind.value}")
    return found


def whole(value: str, kind: Kind = Kind.INTEGER) -> int | None:
    """A Java Integer or Long; None for anything else."""
    digits = value[1:] if value[:1] in "+-" else value
    if not (digits.isascii() and digits.isdigit() and len(digits) < 25):
        return None
    bound = _INTEGER_MAX if kind is Kind.INTEGER else 2**63
    return int(value) if -bound <= int(value) < bound else None


def _of_json(kind: Kind, value: Any) -> Any:
    """A value from a body; None when it is no condition. Raises 400 with an empty message, as unreadable JSON."""
    if kind is Kind.VARIABLES:
        return _variables_of_json(value)
    if kind is Kind.LIST:
        if not isinstance(value, list) or any(isinstance(item, list | dict) for item in value):
            raise problems.unreadable()
        return [as_text(item) for item in value if item is not None]
    if isinstance(value, list | dict):
        raise problems.unreadable()
    if kind is Kind.TEXT:
        return as_text(value)
    if kind is Kind.BOOLEAN:
        if isinstance(value, bool):
            return value
        found: Any = {"true": True, "false": False}.get(as_text(value).lower())
    elif kind is Kind.DATE:
        if value == "":
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            found = value if -(2**63) <= value < 2**63 else None
        else:
            found = dates.parse(as_text(value))
    else:
        found = whole(as_text(int(value) if isinstance(value, float) else value), kind)
    if found is None:
        raise problems.unreadable()
    return found


# ------------------------------------------------------------------------------------------ the whole query


class Selection(msgspec.Struct, frozen=True):
    """What a resource's list understands. `always` holds for every query; `first` orders when no sorting is asked for."""

    table: str
    filters: Mapping[str, Filter]
    sortings: Mapping[str, Order | Sequence[Order]] = {}
    always: Sequence[Term] = ()
    first: Sequence[Order] = ()

    def get(self, request: Request) -> Query:
        """The query of a GET: filters, `sortBy` and `sortOrder`, `firstResult` and `maxResults`."""
        order = self._order_of_text(request)
        return self._query(request, self.where_of_text(request), order)

    def post(self, request: Request, body: Mapping[str, Any] | None = None) -> Query:
        """The query of a POST: filters, `orQueries` and `sorting` in the body, the page in the query string."""
        found = request.object() if body is None else body
        where = self.where_of_json(found, request.engine.clock.now_ms())
        return self._query(request, where, self.order_of_json(found.get("sorting")))

    def where_of_text(self, request: Request) -> list[Term]:
        """The conditions of a query string. Raises 400."""
        given: dict[str, Any] = {}
        for name, texts_ in request.query.items():
            declared = self.filters.get(name)
            if declared is not None:
                value = _of_text(name, declared.kind, texts_[0])
                if value is not None:
                    given[name] = value
        return [*self.always, *self._terms(given, request.engine.clock.now_ms())]

    def where_of_json(self, body: Mapping[str, Any], now_ms: int) -> list[Term]:
        """The conditions of a body. Raises 400."""
        terms = [*self.always, *self._terms(self._given(body), now_ms)]
        alternatives = body.get("orQueries")
        if alternatives is not None:
            if not isinstance(alternatives, list):
                raise problems.unreadable()
            for query in alternatives:
                if not isinstance(query, Mapping):
                    raise problems.unreadable()
                terms.extend(self._any(self._given(query), now_ms))
        return terms

    def order_of_json(self, sorting: Any) -> list[Order]:
        """The order of a body's `sorting`. Raises 400 `NotValidException`."""
        if sorting is None:
            return list(self.first)
        if not isinstance(sorting, list):
            raise problems.unreadable()
        order: list[Order] = []
        for item in sorting:
            if not isinstance(item, Mapping):
                raise problems.unreadable()
            found = self.sortings.get(as_text(item.get("sortBy") or ""))
            direction = item.get("sortOrder")
            if found is None:
                raise problems.not_valid(
                    "You should call any of the orderBy methods first before specifying a direction: "
                    "currentOrderingProperty is null"
                )
            if direction not in ("asc", "desc"):
                raise problems.not_valid(
                    "Invalid query: call asc() or desc() after using orderByXX(): direction is null"
                )
            order.extend(directed(found, direction == "desc"))
        return order or list(self.first)

    def _given(self, body: Mapping[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name, raw in body.items():
            declared = self.filters.get(name)
            if declared is not None and raw is not None:
                value = _of_json(declared.kind, raw)
                if value is not None:
                    given[name] = value
        return given

    def _terms(self, given: Mapping[str, Any], now_ms: int) -> Iterable[Term]:
        context = Context(now_ms, given)
        for name, value in given.items():
            yield from self.filters[name].make(value, context)

    def _any(self, given: Mapping[str, Any], now_ms: int) -> Iterable[Term]:
        """An `orQueries` element: one of its conditions; each variable condition is one of its own."""
        context = Context(now_ms, given)
        alternatives: list[Term] = []
        for name, value in given.items():
            declared = self.filters[name]
            terms = list(declared.make(value, context))
            if declared.kind is Kind.VARIABLES:
                alternatives.extend(terms)
            elif terms:
                alternatives.append(terms[0] if len(terms) == 1 else AllOf(terms))
        if alternatives:
            yield AnyOf(alternatives)

    def _order_of_text(self, request: Request) -> list[Order]:
        by, direction = request.text("sortBy"), request.text("sortOrder")
        if by is not None and by not in self.sortings:
            raise problems.invalid(400, f"Cannot set query parameter 'sortBy' to value '{by}'")
        if direction is not None and direction not in ("asc", "desc"):
            raise problems.invalid(400, f"Cannot set query parameter 'sortOrder' to value '{direction}'")
        if (by is None) != (direction is None):
            raise problems.invalid(400, "Only a single sorting parameter specified. sortBy and sortOrder required")
        return list(self.first) if by is None else directed(self.sortings[by], direction == "desc")

    def _query(self, request: Request, where: Sequence[Term], order: Sequence[Order]) -> Query:
        offset, limit = page(request)
        return Query(self.table, where, order, offset, limit)


def directed(found: Order | Sequence[Order], descending: bool) -> list[Order]:
    """The criteria in the asked direction."""
    orders = (found,) if isinstance(found, Order) else found
    return [msgspec.structs.replace(order, descending=descending) for order in orders]


def page(request: Request) -> tuple[int | None, int | None]:
    """(offset, limit) of `firstResult` and `maxResults`. A page that begins before the first row is cut, as in SQL."""
    first, most = request.integer("firstResult"), request.integer("maxResults")
    if first is not None and first < 0:
        return None, (None if most is None else first + most)
    return first, most


async def listed(request: Request, query: Query, write: Callable[[Mapping[str, Any]], Any]) -> list[Any]:
    """The rows of the query, each as `write` makes it."""
    return [write(row) for row in await removal.rows(request.engine, query)]


async def counted(request: Request, query: Query) -> dict[str, int]:
    """`{"count": n}`."""
    return {"count": await request.engine.count(query)}


def grouped(selection: Selection, request: Request, columns: Sequence[str]) -> Group:
    """A group over the rows that a GET selects."""
    return Group(selection.table, columns, selection.where_of_text(request))
