"""What a view is, and what its handlers get: one unit of work of one instance, and where to put row changes."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from penstock.base.ids import shard_of
from penstock.engine.events import AnyEvent, InstanceEvents
from penstock.store.protocol import AnyChange, Change, DeleteWhere, RowChange, UpdateWhere

SEQUENCE_BITS = 20
"""Low bits of `sequence` that hold the event's index within its unit; a unit's steps are bounded far below 2**20."""


@lru_cache(maxsize=4096)
def definition_parts(definition: str) -> tuple[str, int]:
    """Key and version of a definition id `key:version:uuid`."""
    key, version, _ = definition.rsplit(":", 2)
    return key, int(version)


def derived_id(at_ms: int, root: str, instance: str, revision: int, index: int, part: int = 0) -> str:
    """The id of a row that no event names: the same every time the log is projected.

    `index`: of the event in its unit; `part`: which of the event's rows. A UUID of version 7 (RFC 9562 §5.7) whose time
    is the unit's and whose counter is `index`, so that rows sort by creation; the rest is a hash, but for the
    root's last three digits at the end (the shard rule of `store.tables`).
    """
    digits = blake2b(f"{instance}:{revision}:{index}:{part}".encode(), digest_size=8).hexdigest()
    variant = "89ab"[int(digits[0], 16) & 3]
    at = f"{at_ms:012x}"
    return f"{at[:8]}-{at[8:]}-7{index & 0xFFF:03x}-{variant}{digits[1:4]}-{digits[4:13]}{root[-3:]}"


class Unit:
    """One unit of work while it is projected: its header, ready for rows, and the changes so far.

    `common`: the columns that begin every row of an instance. The other mutable attributes belong to the view that names
    them: they hold what must be known at the end of the unit.
    """

    __slots__ = (
        "at_ms",
        "changes",
        "common",
        "definition",
        "details",
        "ended",
        "executions",
        "fresh",
        "instance",
        "new_tasks",
        "operation",
        "places",
        "revision",
        "root",
        "shard",
        "started",
        "suspended",
    )

    def __init__(self, events: InstanceEvents, changes: list[AnyChange]) -> None:
        self.instance = events.instance
        self.root = root = events.root
        self.revision = events.revision
        self.at_ms = events.at_ms
        self.suspended = events.suspended
        self.definition = definition = events.definition
        self.shard = shard = shard_of(root)
        self.changes = changes
        self.common: dict[str, Any] = {
            "shard": shard,
            "root_id": root,
            "instance_id": events.instance,
            "definition_id": definition,
            "definition_key": definition_parts(definition)[0] if definition is not None else None,
            "tenant_id": events.tenant,
        }
        self.fresh: dict[tuple[str, str], dict[str, Any]] = {}
        self.started = False
        self.ended = False
        self.executions: list[AnyChange] = []
        self.places: dict[str, str | None] = {}
        self.details: list[dict[str, Any]] = []
        self.operation = events.operation
        self.new_tasks: set[str] = set()

    def sequence(self, index: int) -> int:
        """Orders the instance's events, also within a millisecond."""
        return self.revision << SEQUENCE_BITS | index

    def id(self, index: int, part: int = 0) -> str:
        """See `derived_id`."""
        return derived_id(self.at_ms, self.root, self.instance, self.revision, index, part)

    def insert(self, table: str, values: dict[str, Any]) -> None:
        """Adds a row; takes `values`, which begin with `common`, over."""
        self.fresh[table, values["id"]] = values
        self.changes.append(RowChange(table, Change.INSERT, values))

    def update(self, table: str, id: str, values: dict[str, Any]) -> None:
        """Sets columns of the row `id`; takes `values` over. A row of this very unit is inserted so at once: the set-based
        changes of a unit touch no column that a later event of it sets."""
        fresh = self.fresh.get((table, id))
        if fresh is not None:
            fresh.update(values)
            return
        values["shard"] = self.shard
        values["id"] = id
        self.changes.append(RowChange(table, Change.UPDATE, values))

    def delete(self, table: str, id: str) -> None:
        """Removes the row `id`."""
        self.fresh.pop((table, id), None)
        self.changes.append(RowChange(table, Change.DELETE, {"shard": self.shard, "id": id}))

    def update_all(self, table: str, changes: Mapping[str, Any]) -> None:
        """Sets columns of every row of the instance."""
        self.changes.append(UpdateWhere(table, "instance_id", (self.instance,), changes))

    def delete_where(self, table: str, column: str, value: str) -> None:
        """Removes every row whose column has this value."""
        self.changes.append(DeleteWhere(table, column, (value,)))


Handler = Callable[[Unit, Any, int], None]
"""Turns one event (and its index in the unit) into row changes."""


def removal_time(table: str) -> Handler:
    """Makes the handler by which all rows that a view has of the instance get its removal time."""

    def handle(unit: Unit, event: Any, index: int) -> None:
        unit.update_all(table, {"removal_ms": event.removal_ms})

    return handle


class View(NamedTuple):
    """A table that is projected from the log.

    `handlers`: event class → what the view makes of it. `finish`: called once at the end of each unit.
    `owners`: columns that hold the id with which a row is deleted: the process instance (or standalone task), or for rows
    without one the start timer or deployment.
    """

    table: str
    handlers: Mapping[type[AnyEvent], Handler]
    finish: Callable[[Unit], None] | None = None
    owners: tuple[str, ...] = ("instance_id",)
