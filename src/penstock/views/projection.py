"""From the log to the views: a pure function of events, and the shortening of many changes to few.

Projecting the same rows of the log again gives the same changes, ids included. `coalesce` may be given any run of
changes that begins where the last one ended: the rows come out the same however the log is cut into runs.
"""

from collections.abc import Iterable
from typing import Any, get_args

from penstock.base.errors import PenstockError
from penstock.engine.events import AnyEvent, InstanceEvents, LogRow
from penstock.store.protocol import AnyChange, Change, DeleteWhere, RowChange, UpdateWhere
from penstock.views import VIEWS
from penstock.views.unit import Handler, Unit

DISPATCH: dict[type[Any], tuple[Handler, ...]] = {
    kind: tuple(view.handlers[kind] for view in VIEWS if kind in view.handlers) for kind in get_args(AnyEvent)
}
"""Event class → the handlers of all views; events that no view shows have none."""

_FINISH = tuple(view.finish for view in VIEWS if view.finish is not None)
_OWNERS = tuple((view.table, owner) for view in VIEWS for owner in view.owners)


def project(row: LogRow) -> list[AnyChange]:
    """What one row of the log changes in the views, in order.

    Raises PenstockError, with the ids to find it by, for an event that cannot be applied.
    """
    changes: list[AnyChange] = []
    for unit in row.units:
        _project_unit(unit, changes)
    if row.deleted:
        deleted = tuple(row.deleted)
        changes.extend(DeleteWhere(table, owner, deleted) for table, owner in _OWNERS)
    return changes


def project_all(rows: Iterable[LogRow]) -> list[AnyChange]:
    """What several rows of the log change together, coalesced."""
    changes: list[AnyChange] = []
    for row in rows:
        changes.extend(project(row))
    return coalesce(changes)


def _project_unit(events: InstanceEvents, changes: list[AnyChange]) -> None:
    dispatch = DISPATCH
    index = -1
    try:
        unit = Unit(events, changes)
        for index, event in enumerate(events.events):
            for handle in dispatch[type(event)]:
                handle(unit, event, index + events.first)
        for finish in _FINISH:
            finish(unit)
    except Exception as error:
        what = type(events.events[index]).__name__ if index >= 0 else "the header"
        raise PenstockError(
            f"the views cannot apply {what} (event {index} of revision {events.revision} of instance {events.instance}):"
            f" {type(error).__name__}: {error}",
            instance=events.instance,
            revision=events.revision,
            index=index,
        ) from error


class _Where:
    """A DeleteWhere (`changes` None) or UpdateWhere whose values can grow."""

    __slots__ = ("changes", "column", "values")

    def __init__(self, change: DeleteWhere | UpdateWhere) -> None:
        self.column = change.column
        self.values: dict[Any, None] = dict.fromkeys(change.values)
        self.changes: dict[str, Any] | None = dict(change.changes) if isinstance(change, UpdateWhere) else None

    def commutes(self, other: "_Where") -> bool:
        """Whether both orders of the two leave the same rows."""
        mine, theirs = self.changes or {}, other.changes or {}
        if other.column in mine or self.column in theirs:
            return False
        if self.column == other.column and self.values.keys().isdisjoint(other.values):
            return True
        return all(column not in theirs or theirs[column] == value for column, value in mine.items())

    def clashes(self, row: RowChange, pending: RowChange | None) -> bool:
        """Whether `row`, which comes later, would come out otherwise if it were applied before."""
        values, column = row.values, self.column
        if row.change is Change.INSERT:
            return values.get(column) in self.values
        if row.change is Change.DELETE:
            return False
        if column in values and column != "id":
            return True
        if pending is not None and pending.change is Change.INSERT and pending.values.get(column) not in self.values:
            return False
        changes = self.changes
        return changes is not None and any(key in values and values[key] != value for key, value in changes.items())


class _Pending:
    """The changes of one table that have not been handed out: rows first, then wheres.

    A row change that comes after a where is moved before it when that makes no difference, else all so far is
    handed out first.
    """

    __slots__ = ("handed_out", "rows", "stored", "table", "wheres")

    def __init__(self, table: str) -> None:
        self.table = table
        self.rows: dict[str, RowChange] = {}
        self.stored: set[str] = set()
        """Keys that the store may hold although their pending change is an INSERT."""
        self.wheres: list[_Where] = []
        self.handed_out = False

    def add_row(self, row: RowChange, out: list[AnyChange]) -> None:
        id = row.values["id"]
        if self.wheres:
            pending = self.rows.get(id)
            if any(where.clashes(row, pending) for where in self.wheres):
                self.hand_out(out, None)
        rows, change = self.rows, row.change
        before = rows.get(id)
        if before is None:
            rows[id] = row
        elif change is Change.UPDATE:
            if before.change is not Change.DELETE:
                rows[id] = RowChange(self.table, before.change, {**before.values, **row.values})
        elif change is Change.INSERT:
            if before.change is not Change.INSERT:
                self.stored.add(id)
            rows[id] = row
        elif before.change is Change.INSERT and id not in self.stored:
            del rows[id]
        else:
            rows[id] = row

    def add_where(self, change: DeleteWhere | UpdateWhere) -> None:
        new = _Where(change)
        for where in reversed(self.wheres):
            if where.column == new.column and where.changes == new.changes:
                where.values.update(new.values)
                return
            if not where.commutes(new):
                break
        self.wheres.append(new)

    def hand_out(self, out: list[AnyChange], begun: set[str] | None) -> None:
        """`begun`: process instances all of whose rows are in this run: wheres on them are applied here and now."""
        begun_here = begun if begun and not self.handed_out else None
        for where in self.wheres if begun_here else ():
            if where.column == "instance_id":
                self._apply(where, {value for value in where.values if value in begun})  # type: ignore[operator]
        out.extend(self.rows.values())
        for where in self.wheres:
            if not where.values:
                continue
            values = tuple(where.values)
            if where.changes is None:
                out.append(DeleteWhere(self.table, where.column, values))
            else:
                out.append(UpdateWhere(self.table, where.column, values, where.changes))
        self.stored.update(self.rows)
        self.rows = {}
        self.wheres = []
        self.handed_out = True

    def _apply(self, where: _Where, instances: set[str]) -> None:
        if not instances:
            return
        changes = where.changes
        for id, row in list(self.rows.items()):
            if row.change is not Change.INSERT or row.values.get("instance_id") not in instances:
                continue
            if changes is None:
                del self.rows[id]
            else:
                self.rows[id] = RowChange(self.table, Change.INSERT, {**row.values, **changes})
        for instance in instances:
            del where.values[instance]


def coalesce(changes: Iterable[AnyChange]) -> list[AnyChange]:
    """Fewer changes with the same effect on VIEW tables, grouped by table: at most one per row, unless a DeleteWhere or
    UpdateWhere in between forbids it; set-based changes of one kind become one.

    Takes for granted what `project` keeps: rows are keyed by `id`, a row whose first change in the run is an INSERT was
    not there before, and so was no row of an instance whose `process_instance` row is inserted in the run.
    The given changes are left as they are.
    """
    out: list[AnyChange] = []
    tables: dict[str, _Pending] = {}
    begun: set[str] = set()
    for change in changes:
        table = change.table
        pending = tables.get(table)
        if pending is None:
            pending = tables[table] = _Pending(table)
        if type(change) is RowChange:
            if table == "process_instance" and change.change is Change.INSERT:
                begun.add(change.values["id"])
            pending.add_row(change, out)
        else:
            pending.add_where(change)  # type: ignore[arg-type]
    for pending in tables.values():
        pending.hand_out(out, begun)
    return out
