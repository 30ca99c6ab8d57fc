"""Helpers of these tests: rows in dicts with the meaning of `store.protocol`, and short ids."""

from collections.abc import Iterable
from typing import Any

from penstock.engine import events as ev
from penstock.store.protocol import AnyChange, Change, DeleteWhere, UpdateWhere
from penstock.store.tables import TABLES
from penstock.views.projection import coalesce, project

T0 = 1_767_225_600_000
DEFINITION = "order:3:00000000-0000-7000-8000-0000000000d1"


def uid(number: int, tail: str = "0a1") -> str:
    return f"00000000-0000-7000-8000-{number:09x}{tail}"


class Rows:
    """Tables as dicts: table → id → full row."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict[str, Any]]] = {}

    def apply(self, changes: Iterable[AnyChange]) -> "Rows":
        for change in changes:
            table = self.tables.setdefault(change.table, {})
            columns = TABLES[change.table].columns
            if isinstance(change, DeleteWhere):
                assert change.column in columns
                for id in [i for i, row in table.items() if row[change.column] in change.values]:
                    del table[id]
            elif isinstance(change, UpdateWhere):
                assert {change.column, *change.changes} <= columns.keys()
                for row in table.values():
                    if row[change.column] in change.values:
                        row.update(change.changes)
            else:
                assert change.values.keys() <= columns.keys(), change.values.keys() - columns.keys()
                id = change.values["id"]
                assert change.values["shard"] == int(id[-3:], 16) & 1023
                if change.change is Change.INSERT:
                    table[id] = {**dict.fromkeys(columns), **change.values}
                elif change.change is Change.DELETE:
                    table.pop(id, None)
                elif id in table:
                    table[id].update(change.values)
        return self

    def __getitem__(self, table: str) -> dict[str, dict[str, Any]]:
        return self.tables.get(table, {})

    def all(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {name: rows for name, rows in self.tables.items() if rows}

    def only(self, table: str) -> dict[str, Any]:
        (row,) = self[table].values()
        return row


def log_row(
    *units: list[Any], instance: str = uid(1), root: str | None = None, deleted: list[str] | None = None, first: int = 1
) -> ev.LogRow:
    """A log row of successive units of one instance; unit n happens n seconds after T0."""
    return ev.LogRow(
        [
            ev.InstanceEvents(
                instance, root or instance, number, T0 + 1000 * (number - 1), DEFINITION, list(unit), "acme"
            )
            for number, unit in enumerate(units, first)
        ],
        deleted or [],
    )


def shown(*rows: ev.LogRow) -> Rows:
    """The rows after these log rows; checked to be the same when they are projected in one run."""
    one_by_one, at_once = Rows(), Rows()
    changes: list[AnyChange] = []
    for row in rows:
        found = project(row)
        changes.extend(found)
        one_by_one.apply(found)
    at_once.apply(coalesce(changes))
    assert one_by_one.all() == at_once.all()
    return one_by_one
