"""When history may be removed: everything below a root process instance goes with it (Camunda 7's strategy `end`), so the
moment is kept with the root alone and looked up for what is shown."""

from collections.abc import Sequence

from penstock.runtime.protocol import Engine
from penstock.store.protocol import Row
from penstock.store.query import Query, not_null, one_of
from penstock.store.tables import TABLES

_SHOWN = frozenset(name for name, table in TABLES.items() if {"root_id", "removal_ms"} <= table.columns.keys())


async def rows(engine: Engine, query: Query) -> list[Row]:
    """The rows of a query, each with the moment at which it may be removed."""
    found = await engine.rows(query)
    if query.table not in _SHOWN or not found:
        return found
    await _fill(engine, found)
    return found


async def _fill(engine: Engine, found: Sequence[Row]) -> None:
    roots = sorted({row["root_id"] for row in found if row.get("root_id") is not None and "removal_ms" in row})
    if not roots:
        return
    ended = (one_of("id", roots), not_null("removal_ms"))
    query = Query("process_instance", ended, columns=("id", "removal_ms"))
    removals = {row["id"]: row["removal_ms"] for row in await engine.rows(query)}
    for row in found:
        # What belongs to no process (a decision evaluated on its own) has a moment of its own.
        if row.get("definition_id", "") is not None:
            row["removal_ms"] = removals.get(row.get("root_id"))
