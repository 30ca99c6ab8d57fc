"""Running executions (Camunda 7 `/execution`). Kept executions (event scopes) are not shown, as in Camunda.

`activity_id` is where the execution stands: null while executions below it act. A unit passes many places, and only
the last one of each execution is written; a unit that begins and ends an instance writes nothing at all.
"""

from penstock.engine import events
from penstock.store.protocol import Change, DeleteWhere, RowChange, UpdateWhere
from penstock.views.unit import Unit, View

TABLE = "execution"


def _insert(
    unit: Unit,
    id: str,
    parent: str | None,
    kind: events.ExecutionKind,
    activity: str | None = None,
    business_key: str | None = None,
) -> None:
    row = {
        **unit.common,
        "id": id,
        "parent_id": parent,
        "kind": kind.value,
        "activity_id": activity,
        "suspended": unit.suspended,
        "business_key": business_key,
    }
    unit.executions.append(RowChange(TABLE, Change.INSERT, row))


def _reparent(unit: Unit, children: list[str], parent: str) -> None:
    shard = unit.shard
    for child in children:
        unit.executions.append(RowChange(TABLE, Change.UPDATE, {"shard": shard, "id": child, "parent_id": parent}))


def _remove(unit: Unit, id: str) -> None:
    unit.places.pop(id, None)
    unit.executions.append(RowChange(TABLE, Change.DELETE, {"shard": unit.shard, "id": id}))


def instance_started(unit: Unit, event: events.InstanceStarted, index: int) -> None:
    _insert(unit, unit.instance, None, events.ExecutionKind.INSTANCE, business_key=event.business_key)


def created(unit: Unit, event: events.ExecutionCreated, index: int) -> None:
    if event.kind is events.ExecutionKind.KEPT:
        return
    unit.places[event.parent] = None
    _insert(unit, event.execution, event.parent, event.kind, event.activity)


def moved(unit: Unit, event: events.ExecutionMoved, index: int) -> None:
    _reparent(unit, [event.execution], event.parent)


def folded(unit: Unit, event: events.ExecutionFolded, index: int) -> None:
    _remove(unit, event.execution)
    _reparent(unit, event.children, event.into)
    unit.places[event.into] = event.activity


def expanded(unit: Unit, event: events.ExecutionExpanded, index: int) -> None:
    _insert(unit, event.execution, event.scope, events.ExecutionKind.PATH, event.activity)
    _reparent(unit, event.children, event.execution)
    unit.places[event.scope] = None
    unit.places[event.execution] = event.activity


def revived(unit: Unit, event: events.ExecutionRevived, index: int) -> None:
    _insert(unit, event.execution, event.parent, events.ExecutionKind.SCOPE, event.activity)


def ended(unit: Unit, event: events.ExecutionEnded, index: int) -> None:
    _remove(unit, event.execution)


def placed(unit: Unit, event: events.ActivityStarted | events.PathPlaced, index: int) -> None:
    unit.places[event.execution] = event.activity


def detached(unit: Unit, event: events.PathDetached, index: int) -> None:
    _insert(unit, event.execution, None, events.ExecutionKind.PATH, event.activity)
    _reparent(unit, event.children, event.execution)
    unit.places[event.source] = None
    unit.places[event.execution] = event.activity


def attached(unit: Unit, event: events.PathAttached, index: int) -> None:
    _remove(unit, event.execution)
    _reparent(unit, event.children, event.into)
    unit.places[event.into] = event.activity


def migrated(unit: Unit, event: events.InstanceMigrated, index: int) -> None:
    definition = {name: unit.common[name] for name in ("definition_id", "definition_key")}
    unit.executions.append(UpdateWhere(TABLE, "instance_id", (unit.instance,), definition))


def activity_migrated(unit: Unit, event: events.ActivityMigrated, index: int) -> None:
    if not event.kept and not event.composite:
        unit.places[event.execution] = event.activity


def suspension_set(unit: Unit, event: events.SuspensionSet, index: int) -> None:
    unit.executions.append(UpdateWhere(TABLE, "instance_id", (unit.instance,), {"suspended": event.suspended}))


def business_key_set(unit: Unit, event: events.BusinessKeySet, index: int) -> None:
    values = {"shard": unit.shard, "id": unit.instance, "business_key": event.business_key}
    unit.executions.append(RowChange(TABLE, Change.UPDATE, values))


def finish(unit: Unit) -> None:
    if unit.ended:
        if not unit.started:
            unit.changes.append(DeleteWhere(TABLE, "instance_id", (unit.instance,)))
        return
    changes = unit.changes
    if unit.executions:
        changes.extend(unit.executions)
    shard = unit.shard
    for id, activity in unit.places.items():
        changes.append(RowChange(TABLE, Change.UPDATE, {"shard": shard, "id": id, "activity_id": activity}))


VIEW = View(
    TABLE,
    {
        events.InstanceStarted: instance_started,
        events.ExecutionCreated: created,
        events.ExecutionMoved: moved,
        events.ExecutionFolded: folded,
        events.ExecutionExpanded: expanded,
        events.ExecutionEnded: ended,
        events.ExecutionRevived: revived,
        events.ActivityStarted: placed,
        events.PathPlaced: placed,
        events.PathDetached: detached,
        events.PathAttached: attached,
        events.InstanceMigrated: migrated,
        events.ActivityMigrated: activity_migrated,
        events.SuspensionSet: suspension_set,
        events.BusinessKeySet: business_key_set,
    },
    finish,
)
