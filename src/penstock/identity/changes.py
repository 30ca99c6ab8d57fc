"""What a change is that follows from no unit of work: of users, groups, tenants, authorizations, filters, or of what is
said about something that has ended."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from penstock.base.ids import Ids
from penstock.engine.events import AnyEvent
from penstock.store.protocol import AnyChange, Change, DeleteWhere, Row, RowChange
from penstock.store.query import Query, Term

ADMIN = "Admin"
OPERATOR = "Operator"
TASK_WORKER = "TaskWorker"
"""Categories of the operation log (Camunda 7 `UserOperationLogEntry.CATEGORY_…`)."""


class Reader(Protocol):
    """Where stored rows are read."""

    async def rows(self, query: Query) -> list[Row]:
        """The rows of the query, in order."""
        ...


class Property(msgspec.Struct, frozen=True):
    """One changed property as the operation log shows it."""

    name: str | None
    new: str | None = None
    old: str | None = None


class About(msgspec.Struct, frozen=True):
    """To what an event belongs that follows from no unit of work: a process instance or standalone task that may have
    ended, or an operation."""

    instance: str
    root: str
    definition: str | None = None
    tenant: str | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the operation log; it has a row for each property, and one without any. `about`: the process instance
    that it is about, which names the definition and tenant."""

    type: str
    entity: str
    category: str
    properties: Sequence[Property] = ()
    definition: str | None = None
    job_definition: str | None = None
    batch: str | None = None
    job: str | None = None
    deployment: str | None = None
    external_task: str | None = None
    about: About | None = None
    annotation: str | None = None
    tenant: str | None = None


class Changes(msgspec.Struct):
    """What is written, what the operation log says of it, and what the caller gets. `events`: such as the views alone
    show."""

    rows: Sequence[AnyChange] = ()
    operations: Sequence[Operation] = ()
    result: Any = None
    events: Sequence[tuple[About, AnyEvent]] = ()


class Present(msgspec.Struct, frozen=True):
    """What a change may know: the stored rows, where ids come from, and the moment."""

    reader: Reader
    ids: Ids
    now_ms: int

    async def find(self, table: str, *where: Term) -> Row | None:
        """The first row of `table` for which `where` holds."""
        found = await self.reader.rows(Query(table, where, limit=1))
        return found[0] if found else None

    async def all(self, table: str, *where: Term) -> list[Row]:
        """Every row of `table` for which `where` holds."""
        return await self.reader.rows(Query(table, where))


MakeChanges = Callable[[Present], Awaitable[Changes]]
"""Makes changes from what is stored now. Raises Refused. May be called several times: it does nothing by itself."""


def put(table: str, values: Mapping[str, Any]) -> RowChange:
    """A whole row."""
    return RowChange(table, Change.INSERT, values)


def update(table: str, values: Mapping[str, Any]) -> RowChange:
    """Some columns of the row that `values` names by its key."""
    return RowChange(table, Change.UPDATE, values)


def gone(table: str, **key: Any) -> RowChange:
    """The end of a row."""
    return RowChange(table, Change.DELETE, key)


def gone_where(table: str, column: str, value: Any) -> DeleteWhere:
    """The end of every row whose `column` is `value`."""
    return DeleteWhere(table, column, (value,))
