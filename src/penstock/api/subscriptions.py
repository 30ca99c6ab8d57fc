"""Who waits for a message or signal: rows of `event_subscription`, narrowed by what the sender knows.

A few candidates are judged by their live state, which is always current; many by the views, which first catch up with
everything that was committed before the request.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from penstock.api import live
from penstock.api.querying import VariableCondition, by_id, variable_term
from penstock.engine.state import Instance
from penstock.expr.values import TypedValue
from penstock.runtime.protocol import Engine
from penstock.store.protocol import Row
from penstock.store.query import Exists, Order, Query, Term, eq, eq_or_null, is_null, not_null

LIVE_CANDIDATES_MAX = 32
"""How many candidates are loaded and judged one by one before the views are asked instead."""

_NUMBERS = frozenset({"Integer", "Short", "Long", "Double"})
_INSTANCE = (("instance_id", "instance_id"), ("execution_id", "instance_id"))
_LOCAL = (("instance_id", "instance_id"), ("execution_id", "execution_id"))


class Asking(Protocol):
    """Whoever asks: a request, or a bridge."""

    @property
    def engine(self) -> Engine: ...


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver must be. `tenant`: with `tenant_matters`, exactly this one (None: without a tenant)."""

    type: str
    name: str
    tenant: str | None = None
    tenant_matters: bool = False
    instance: str | None = None
    business_key: str | None = None
    variables: Mapping[str, TypedValue] = {}
    local_variables: Mapping[str, TypedValue] = {}

    @property
    def picky(self) -> bool:
        """Whether the state of the instance matters."""
        return self.business_key is not None or bool(self.variables) or bool(self.local_variables)


def _common(wanted: Wanted) -> list[Term]:
    terms: list[Term] = [eq("type", wanted.type), eq("name", wanted.name)]
    if wanted.tenant_matters:
        terms.append(eq_or_null("tenant_id", wanted.tenant))
    return terms


async def starts(request: Asking, wanted: Wanted) -> list[Row]:
    """Start events that wait: rows without an instance."""
    where = (*_common(wanted), is_null("instance_id"))
    return await request.engine.rows(Query("event_subscription", where, (Order("created_ms"), Order("id"))))


async def receivers(request: Asking, wanted: Wanted) -> list[Row]:
    """Executions that wait and fit, oldest first; those of suspended instances do not."""
    where = _common(wanted)
    where.extend((not_null("instance_id"),) if wanted.instance is None else by_id(wanted.instance, "instance_id"))
    order = (Order("created_ms"), Order("id"))
    few = LIVE_CANDIDATES_MAX + 1 if wanted.picky else None
    rows = await request.engine.rows(Query("event_subscription", where, order, None, few))
    if few is not None and len(rows) == few:
        rows = await request.engine.rows(Query("event_subscription", [*where, *_in_views(wanted)], order))
    found = []
    for row in rows:
        instance = await request.engine.instance(row["instance_id"])
        if instance is not None and not instance.suspended and _fits(instance, row["execution_id"], wanted):
            found.append(row)
    return found


def _in_views(wanted: Wanted) -> list[Term]:
    terms: list[Term] = []
    if wanted.business_key is not None:
        terms.append(Exists("process_instance", (("id", "instance_id"),), (eq("business_key", wanted.business_key),)))
    for link, variables in ((_INSTANCE, wanted.variables), (_LOCAL, wanted.local_variables)):
        for name, value in variables.items():
            terms.append(variable_term(VariableCondition(name, "eq", value), link))
    return terms


def _fits(instance: Instance, execution: str, wanted: Wanted) -> bool:
    if wanted.business_key is not None and instance.business_key != wanted.business_key:
        return False
    return _hold(wanted.variables, live.top(instance)) and (
        not wanted.local_variables or _hold(wanted.local_variables, live.local(instance, execution))
    )


def _hold(wanted: Mapping[str, TypedValue], present: Mapping[str, TypedValue]) -> bool:
    return all(name in present and same(value, present[name]) for name, value in wanted.items())


def same(one: TypedValue, other: TypedValue) -> bool:
    """Whether values are equal as Camunda's queries compare: numbers of any type with each other, else type and value."""
    if one.type in _NUMBERS and other.type in _NUMBERS:
        return one.value == other.value and one.value is not None
    return one.type == other.type and one.value == other.value


def executions(rows: Sequence[Row]) -> list[Row]:
    """One row per execution, in order."""
    return list({row["execution_id"]: row for row in reversed(rows)}.values())[::-1]
