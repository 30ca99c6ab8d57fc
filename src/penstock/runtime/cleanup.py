"""History cleanup: what is past its removal time goes, by a job (Camunda 7 `HistoryCleanupCmd`, `HistoryCleanupJobHandler`).

There is one such job at most. Without a batch window, which Penstock does not have, it runs when somebody asks for it and
sleeps (suspended, without due date) in between.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.base.ids import shard_of
from penstock.identity.changes import OPERATOR, Changes, MakeChanges, Operation, Present, Property, put, update
from penstock.store.protocol import Change, Row, RowChange
from penstock.store.query import Op, Query, Where, eq, is_null, not_null, one_of

CLEANUP = "history-cleanup"
"""Kind of the job."""

ROOTS_AT_ONCE = 500
"""Root process instances whose history goes in one commit."""


def schedule(immediately_due: bool, retries: int) -> MakeChanges:
    """Has history cleaned up now; not `immediately_due`: puts the job to sleep. The result is its row, None without one."""

    async def make(present: Present) -> Changes:
        job = await present.find("job", eq("kind", CLEANUP))
        if job is None and not immediately_due:
            return Changes(operations=[_asked(immediately_due)])
        if job is None:
            job = _new(present, retries)
            return Changes([put("job", job)], [_asked(immediately_due)], job)
        values = _awake(present.now_ms, retries) if immediately_due else asleep(retries)
        change = update("job", {"shard": job["shard"], "id": job["id"], **values})
        return Changes([change], [_asked(immediately_due)], {**job, **values})

    return make


def _new(present: Present, retries: int) -> Row:
    id = present.ids.new()
    return {
        **dict.fromkeys(_SHOWN),
        "shard": shard_of(id),
        "id": id,
        "kind": CLEANUP,
        "priority": 0,
        "exclusive": True,
        "created_ms": present.now_ms,
        **_awake(present.now_ms, retries),
    }


_SHOWN = (
    "job_definition_id",
    "instance_id",
    "definition_id",
    "definition_key",
    "execution_id",
    "message",
    "failed_activity_id",
    "tenant_id",
)
"""Columns that answers name and that such a job leaves empty."""


def _awake(now_ms: int, retries: int) -> dict[str, Any]:
    return {"due_ms": now_ms, "suspended": False, "retries": retries}


def asleep(retries: int) -> dict[str, Any]:
    """The columns of a job that has nothing to do."""
    return {"due_ms": None, "suspended": True, "retries": retries, "lease_owner": None, "lease_expires_ms": None}


def done(row: Mapping[str, Any], retries: int) -> RowChange:
    """The job after its work."""
    return RowChange("job", Change.UPDATE, {"shard": row["shard"], "id": row["id"], **asleep(retries)})


def due_roots(now_ms: int) -> Query:
    """Root process instances whose history may go, some of them."""
    return Query(
        "process_instance",
        (Where("removal_ms", Op.LE, now_ms), is_null("super_instance_id"), not_null("ended_ms")),
        limit=ROOTS_AT_ONCE,
        columns=("id",),
    )


def due_decisions(now_ms: int) -> Query:
    """Decisions that no process asked for and whose history may go, some of them."""
    return Query(
        "decision_instance",
        (Where("removal_ms", Op.LE, now_ms), is_null("definition_id")),
        limit=ROOTS_AT_ONCE,
        columns=("id",),
    )


def below(roots: Sequence[str]) -> Query:
    """Everything that goes with these roots."""
    return Query("process_instance", (one_of("root_id", roots),), columns=("id",))


def _asked(immediately_due: bool) -> Operation:
    value = "true" if immediately_due else "false"
    return Operation(
        type="CreateHistoryCleanupJobs",
        entity="Job",
        category=OPERATOR,
        properties=(Property("immediatelyDue", value),),
    )
