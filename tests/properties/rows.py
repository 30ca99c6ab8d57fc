"""Rows that follow from the log, in plain tables: the views, and the ready rows by which work is found and locked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ledger import Ledger

from penstock.engine import events as ev
from penstock.engine.definition import Definition
from penstock.engine.state import Instance, Phase
from penstock.runtime.ready import ready_rows
from penstock.store.protocol import AnyChange, Change, DeleteWhere, RowChange
from penstock.views.columns import value_columns
from penstock.views.projection import coalesce, project

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]
"""Table → id → row."""


def change(rows: Rows, changes: Iterable[AnyChange]) -> None:
    """Makes the changes, in order. Asserts that a row is inserted once, and there when it is changed."""
    for one in changes:
        table = rows.setdefault(one.table, {})
        if isinstance(one, RowChange):
            _change_row(table, one)
        elif isinstance(one, DeleteWhere):
            for id in [id for id, row in table.items() if row.get(one.column) in one.values]:
                del table[id]
        else:
            for row in table.values():
                if row.get(one.column) in one.values:
                    row.update(one.changes)


def _change_row(table: dict[str, Row], one: RowChange) -> None:
    id = one.values["id"]
    if one.change is Change.INSERT:
        assert id not in table, f"{one.table} {id} is inserted twice"
        table[id] = dict(one.values)
    elif one.change is Change.DELETE:
        table.pop(id, None)
    elif id in table:
        table[id].update(one.values)


class Projection:
    """Everything that is read about the instances of one run."""

    def __init__(self) -> None:
        self.views: Rows = {}
        self.ready: Rows = {}
        self.log: list[ev.LogRow] = []

    def read(self, unit: ev.InstanceEvents, instance: Instance, definition: Definition) -> None:
        """Takes in one unit; `instance` is as it is afterwards."""
        row = ev.unpack(ev.pack(ev.LogRow([unit])))
        self.log.append(row)
        change(self.views, project(row))
        change(self.ready, ready_rows(unit, instance, definition))

    def check(self, instances: Mapping[str, Instance], ledgers: Mapping[str, Ledger]) -> None:
        """What is shown as live, and what can be found and locked, is what is live."""
        shown, ready = _live_rows(self.views, instances), self.ready
        for table, wanted in _wanted_views(instances, ledgers).items():
            _same(table, shown[table], wanted)
        for table, wanted in _wanted_ready(instances).items():
            _same(table, ready.get(table, {}), wanted)

    def check_cuts(self, cuts: Iterable[int]) -> None:
        """The views are the same however the log is cut into bulks; `cuts`: how many rows each bulk has."""
        rows: Rows = {}
        at = 0
        for size in cuts:
            bulk = self.log[at : at + size]
            at += size
            change(rows, coalesce([one for row in bulk for one in project(row)]))
        for table, found in self.views.items():
            assert rows.get(table, {}) == found, f"the view {table} depends on how the log is cut"


def _same(table: str, found: Mapping[str, Row], wanted: Mapping[str, Row]) -> None:
    assert found.keys() == wanted.keys(), (
        f"{table} has {sorted(found.keys() - wanted.keys())} too many and lacks {sorted(wanted.keys() - found.keys())}"
    )
    for id, row in wanted.items():
        wrong = {name: (found[id].get(name), value) for name, value in row.items() if found[id].get(name) != value}
        assert not wrong, f"{table} {id}: (row, live) {wrong}"


def _live_rows(views: Rows, instances: Mapping[str, Instance]) -> Rows:
    def those(table: str, live: Any) -> dict[str, Row]:
        return {id: row for id, row in views.get(table, {}).items() if live(row)}

    def running(row: Row) -> bool:
        return row["ended_ms"] is None if "ended_ms" in row else True

    return {
        "process_instance": those("process_instance", running),
        "execution": those("execution", lambda row: True),
        "activity_instance": those("activity_instance", running),
        "task": those("task", lambda row: row["live"]),
        "variable": those("variable", lambda row: row["live"] and row["instance_id"] in instances),
        "incident": those("incident", running),
    }


def _wanted_views(instances: Mapping[str, Instance], ledgers: Mapping[str, Ledger]) -> Rows:
    found: Rows = {name: {} for name in _live_rows({}, {})}
    for id, i in instances.items():
        found["process_instance"][id] = {
            "definition_id": i.definition,
            "business_key": i.business_key,
            "suspended": i.suspended,
            "super_instance_id": i.super_instance,
        }
        for activity_instance, activity in ledgers[id].open.items():
            found["activity_instance"][activity_instance] = {"activity_id": activity, "definition_id": i.definition}
        for task in i.tasks.values():
            found["task"][task.id] = {
                "execution_id": task.execution,
                "activity_instance_id": task.activity_instance,
                "task_key": task.key,
                "assignee": task.fields.get("assignee"),
                "owner": task.fields.get("owner"),
                "due_ms": task.fields.get("due_ms"),
                "definition_id": i.definition,
                "suspended": i.suspended,
            }
            for name, v in task.variables.items():
                found["variable"][v.id] = _variable(name, v, task.execution, task.id)
        for incident in i.incidents.values():
            found["incident"][incident.id] = {
                "execution_id": incident.execution,
                "activity_id": incident.activity,
                "configuration": incident.configuration,
                "type": incident.type,
                "cause_incident_id": incident.cause,
                "root_cause_incident_id": incident.root,
            }
        for x in i.executions.values():
            for name, v in x.variables.items():
                found["variable"][v.id] = _variable(name, v, x.id, None)
            if x.kind is not ev.ExecutionKind.KEPT:
                row = {"parent_id": x.parent, "suspended": i.suspended, "definition_id": i.definition}
                if x.phase is Phase.JOINING or (any((x.tasks, x.external_tasks, x.jobs, x.called)) and not x.children):
                    row["activity_id"] = x.activity
                found["execution"][x.id] = row
    return found


def _variable(name: str, v: Any, execution: str | None, task: str | None) -> Row:
    values = value_columns(v.value)
    return {"name": name, "type": v.value.type, "execution_id": execution, "task_id": task, **values}


def _wanted_ready(instances: Mapping[str, Instance]) -> Rows:
    found: Rows = {"external_task": {}, "job": {}, "event_subscription": {}, "user_task": {}}
    for i in instances.values():
        place = {"instance_id": i.id, "root_id": i.root, "definition_id": i.definition}
        for external in i.external_tasks.values():
            found["external_task"][external.id] = {
                **place,
                "execution_id": external.execution,
                "activity_id": external.activity,
                "activity_instance_id": external.activity_instance,
                "topic": external.topic,
                "priority": external.priority,
                "retries": external.retries,
                "suspended": i.suspended,
                "business_key": i.business_key,
            }
        for job in i.jobs.values():
            found["job"][job.id] = {
                **place,
                "execution_id": job.execution,
                "activity_id": job.activity,
                "kind": job.kind.value,
                "due_ms": job.due_ms,
                "retries": job.retries,
                "priority": job.priority,
                "flow": job.flow,
                # A job of a suspended instance may have been activated by itself.
                **({} if i.suspended else {"suspended": job.suspended}),
            }
        for s in i.subscriptions.values():
            found["event_subscription"][s.id] = {
                **place,
                "execution_id": s.execution,
                "activity_id": s.activity,
                "type": s.type,
                "name": s.name,
            }
        for task in i.tasks:
            found["user_task"][task] = dict(place)
    return found
