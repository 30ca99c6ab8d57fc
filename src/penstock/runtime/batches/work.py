"""What an execution job does to its share of a batch: commands of one unit of work, or changes of history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from penstock.base.errors import BadUserRequest, Failure, NotFound
from penstock.base.ids import Ids
from penstock.engine import commands as c
from penstock.engine.events import InstanceEvents, JobKind, RemovalTimeSet
from penstock.engine.state import Instance
from penstock.expr.values import TypedValue
from penstock.runtime.batches.kinds import Correlation, HistoryDeletion, RemovalTime, Reprocessing, Restart
from penstock.runtime.batches.rows import BATCH
from penstock.store.protocol import AnyChange, Row, UpdateWhere
from penstock.store.query import Order, Query, eq, is_null, not_null, one_of
from penstock.views.columns import typed_value

DAY_MS = 86_400_000


class Work(msgspec.Struct):
    """What to do: `commands` in one unit, `alone` each in its own before that, and what is written beside them."""

    commands: list[c.Command] = []
    alone: list[c.Command] = []
    rows: list[AnyChange] = []
    events: list[InstanceEvents] = []
    deleted: list[str] = []
    retried: list[str] | None = None
    """Of a batch that reprocesses: what gets retries; the others of the share did not need them any more."""


class Reads(Protocol):
    """What work has to know."""

    ids: Ids

    async def rows(self, query: Query) -> list[Row]: ...

    async def instances(self, instances: Sequence[str]) -> Mapping[str, Instance]: ...


Plan = Callable[[Reads, Any, Sequence[str], int], Awaitable[Work]]


async def _deletion(reads: Reads, template: c.DeleteInstance, ids: Sequence[str], _: int) -> Work:
    living = await reads.instances(ids)
    return Work(commands=[msgspec.structs.replace(template, instance=id) for id in ids if id in living])


async def _migration(reads: Reads, template: c.MigrateInstance, ids: Sequence[str], _: int) -> Work:
    return Work(commands=[msgspec.structs.replace(template, instance=id) for id in ids])


async def _modification(reads: Reads, template: c.ModifyInstance, ids: Sequence[str], _: int) -> Work:
    living = await reads.instances(ids)
    for id in ids:
        if id not in living:
            raise Failure(
                f"ENGINE-13036 Process instance '{id}' cannot be modified. The process instance does not exist"
            )
    return Work(commands=[msgspec.structs.replace(template, instance=id) for id in ids])


async def _suspension(reads: Reads, template: c.SetSuspension, ids: Sequence[str], _: int) -> Work:
    living = await reads.instances(ids)
    return Work(commands=[msgspec.structs.replace(template, instance=id) for id in ids if id in living])


async def _variables(reads: Reads, template: c.SetVariables, ids: Sequence[str], _: int) -> Work:
    return Work(commands=[msgspec.structs.replace(template, instance=id, execution=id) for id in ids])


async def _external_retries(reads: Reads, template: c.SetExternalTaskRetries, ids: Sequence[str], _: int) -> Work:
    found = {row["id"]: row for row in await reads.rows(Query("external_task", (one_of("id", ids),)))}
    for id in ids:
        if id not in found:
            raise NotFound(f"Cannot find external task with id {id}: externalTask is null", external_task=id)
    return Work(
        commands=[msgspec.structs.replace(template, instance=found[id]["instance_id"], external_task=id) for id in ids]
    )


async def _job_retries(reads: Reads, template: c.ChangeJob, ids: Sequence[str], _: int) -> Work:
    work = Work()
    for row in await reads.rows(Query("job", (one_of("id", ids),), columns=("id", "instance_id"))):
        command = msgspec.structs.replace(template, instance=row["instance_id"] or "", job=row["id"])
        # A job without an instance has no unit of work that others could join.
        (work.commands if command.instance else work.alone).append(command)
    return work


async def _reprocessing(reads: Reads, template: Reprocessing, ids: Sequence[str], _: int) -> Work:
    """Whatever has been solved, or given retries by somebody else, since it was found is passed over."""
    still = (one_of("id", ids), eq("retries", 0))
    retried: list[str] = []
    work = Work(retried=retried)
    for row in await reads.rows(Query("external_task", still, columns=("id", "instance_id"))):
        work.commands.append(
            c.SetExternalTaskRetries(
                instance=row["instance_id"],
                external_task=row["id"],
                retries=template.retries,
                user=template.user,
                logged=False,
            )
        )
        retried.append(row["id"])
    for row in await reads.rows(Query("job", still, columns=("id", "instance_id"))):
        command = c.ChangeJob(
            instance=row["instance_id"] or "",
            job=row["id"],
            changes={"retries": template.retries},
            user=template.user,
            logged=False,
        )
        (work.commands if command.instance else work.alone).append(command)
        retried.append(row["id"])
    return work


async def _correlation(reads: Reads, template: Correlation, ids: Sequence[str], _: int) -> Work:
    living = await reads.instances(ids)
    return Work(
        commands=[
            c.TriggerMessage(
                instance=id,
                execution=found.execution,
                name=found.name or "",
                variables=template.variables,
                user=template.user,
            )
            for id in ids
            if id in living
            for found in living[id].subscriptions.values()
            if found.type == "message" and (template.name is None or found.name == template.name)
        ]
    )


async def _restart(reads: Reads, template: Restart, ids: Sequence[str], _: int) -> Work:
    return Work(commands=[await restart_of(reads, template, id) for id in ids])


async def restart_of(reads: Reads, template: Restart, instance: str) -> c.StartInstance:
    """The start that does again what an ended instance was. Raises BadUserRequest when there is none."""
    of_definition = (eq("id", instance), eq("definition_id", template.start.definition), not_null("ended_ms"))
    rows = await reads.rows(Query("process_instance", of_definition))
    if not rows:
        raise BadUserRequest("Historic process instance cannot be found: historicProcessInstanceId is null")
    read = _first_variables if template.initial_variables else _last_variables
    return msgspec.structs.replace(
        template.start,
        business_key=None if template.without_business_key else rows[0]["business_key"],
        variables=await read(reads, instance),
    )


async def _last_variables(reads: Reads, instance: str) -> dict[str, TypedValue]:
    where = (eq("instance_id", instance), eq("execution_id", instance), is_null("task_id"))
    rows = await reads.rows(Query("variable", where, (Order("created_ms"),)))
    return {row["name"]: typed_value(row["type"], row) for row in rows}


async def _first_variables(reads: Reads, instance: str) -> dict[str, TypedValue]:
    where = (
        eq("instance_id", instance),
        eq("execution_id", instance),
        eq("initial", True),
        eq("type", "variableUpdate"),
    )
    rows = await reads.rows(Query("detail", where, (Order("sequence"),)))
    return {row["name"]: typed_value(row["variable_type"], row) for row in rows}


async def _history_deletion(reads: Reads, template: HistoryDeletion, ids: Sequence[str], _: int) -> Work:
    query = Query("process_instance", (one_of("id", ids),), columns=("id", "ended_ms"))
    for row in await reads.rows(query):
        if row["ended_ms"] is None:
            raise BadUserRequest(
                f"Process instance is still running, cannot delete historic process instance: {row['id']}"
            )
    return Work(deleted=list(ids))


async def _removal_time(reads: Reads, template: RemovalTime, ids: Sequence[str], now_ms: int) -> Work:
    rows = await reads.rows(Query("process_instance", (one_of("id", ids),)))
    if template.hierarchical:
        roots = list(dict.fromkeys(row["root_id"] for row in rows))
        rows = await reads.rows(Query("process_instance", (one_of("root_id", roots),)))
    ends = {row["id"]: row["ended_ms"] for row in rows}
    days = await _times_to_live(reads, rows) if template.calculated else {}
    work = Work()
    for row in rows:
        lead = row["root_id"] if template.hierarchical else row["id"]
        at_ms = _calculated(ends.get(lead), days.get(row["definition_id"])) if template.calculated else template.at_ms
        work.events.append(_removed_at(row, row["id"], at_ms, now_ms))
    return work


def _removed_at(row: Row, id: str, at_ms: int | None, now_ms: int) -> InstanceEvents:
    return InstanceEvents(
        instance=id,
        root=row["root_id"],
        # Beyond every revision that the instance can have had: this is said of it, not done by it.
        revision=now_ms,
        at_ms=now_ms,
        definition=row["definition_id"],
        events=[RemovalTimeSet(at_ms)],
        tenant=row["tenant_id"],
    )


async def _times_to_live(
    reads: Reads, rows: Sequence[Row], table: str = "process_definition", column: str = "definition_id"
) -> dict[str, int | None]:
    ids = list(dict.fromkeys(row[column] for row in rows))
    query = Query(table, (one_of("id", ids),), columns=("id", "history_time_to_live"))
    return {row["id"]: row["history_time_to_live"] for row in await reads.rows(query)}


def _calculated(ended_ms: int | None, days: int | None) -> int | None:
    return None if ended_ms is None or days is None else ended_ms + days * DAY_MS


async def _batch_removal_time(reads: Reads, template: RemovalTime, ids: Sequence[str], _: int) -> Work:
    # Batches have no time to live of their own: a calculated removal time is none.
    at_ms = None if template.calculated else template.at_ms
    return Work(rows=[UpdateWhere(BATCH, "id", tuple(ids), {"removal_ms": at_ms})])


async def _decision_deletion(reads: Reads, template: HistoryDeletion, ids: Sequence[str], _: int) -> Work:
    return Work(deleted=list(ids))


async def _decision_removal_time(reads: Reads, template: RemovalTime, ids: Sequence[str], now_ms: int) -> Work:
    """Those that a process has asked for go with its root instance, so only the others have a time of their own."""
    alone = (one_of("id", ids), is_null("definition_id"))
    rows = {row["instance_id"]: row for row in await reads.rows(Query("decision_instance", alone))}
    days: dict[str, int | None] = {}
    if template.calculated:
        days = await _times_to_live(reads, list(rows.values()), "decision_definition", "decision_id")
    work = Work()
    for evaluation, row in rows.items():
        at_ms = (
            _calculated(row["evaluated_ms"], days.get(row["decision_id"])) if template.calculated else template.at_ms
        )
        work.events.append(_removed_at(row, evaluation, at_ms, now_ms))
    return work


PLANS: Mapping[JobKind, Plan] = {
    JobKind.INSTANCE_DELETION: _deletion,
    JobKind.INSTANCE_MIGRATION: _migration,
    JobKind.INSTANCE_MODIFICATION: _modification,
    JobKind.INSTANCE_SUSPENSION: _suspension,
    JobKind.SET_VARIABLES: _variables,
    JobKind.SET_EXTERNAL_TASK_RETRIES: _external_retries,
    JobKind.SET_JOB_RETRIES: _job_retries,
    JobKind.CORRELATE_MESSAGE: _correlation,
    JobKind.INSTANCE_RESTART: _restart,
    JobKind.HISTORY_DELETION: _history_deletion,
    JobKind.INSTANCE_REMOVAL_TIME: _removal_time,
    JobKind.BATCH_REMOVAL_TIME: _batch_removal_time,
    JobKind.DECISION_DELETION: _decision_deletion,
    JobKind.DECISION_REMOVAL_TIME: _decision_removal_time,
    JobKind.REPROCESSING: _reprocessing,
}
"""One row for each type of batch."""
