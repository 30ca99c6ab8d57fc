"""The rows of a batch: itself, its parts, its job definitions and jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from penstock.base.ids import Ids, shard_of
from penstock.engine.events import JobKind
from penstock.runtime.batches.kinds import TEMPLATES, NewBatch, Template
from penstock.runtime.definitions import beside
from penstock.runtime.protocol import Settings
from penstock.store.protocol import AnyChange, Change, DeleteWhere, Row, RowChange

BATCH, PART = "batch", "batch_part"
REPROCESSING, REPROCESSED = "reprocessing", "reprocessed"
"""Only of batches that reprocess: what was asked for, and what each share has come to."""


def encoded(template: Template) -> bytes:
    """The stored form of a template."""
    return msgspec.msgpack.encode(template)


def template_of(row: Row) -> Any:
    """What a batch (a row of `batch`) does to each thing."""
    return msgspec.msgpack.decode(row["configuration"], type=TEMPLATES[JobKind(row["type"])])


def batch_row(new: NewBatch, ids: Ids, settings: Settings, now_ms: int) -> Row:
    """The row of a new batch."""
    per_job = new.things_per_job or settings.invocations_per_batch_job
    return {
        "id": new.id or ids.new(),
        "type": new.type.value,
        "total_jobs": -(-len(new.ids) // per_job),
        "jobs_created": 0,
        "jobs_per_seed": new.jobs_per_seed or settings.batch_jobs_per_seed,
        "invocations_per_job": per_job,
        "seed_job_definition_id": ids.new(),
        "monitor_job_definition_id": ids.new(),
        "job_definition_id": ids.new(),
        "configuration": encoded(new.template),
        "suspended": False,
        "tenant_id": new.tenant,
        "user_id": new.user,
        "started_ms": now_ms,
        "execution_started_ms": None,
        "ended_ms": None,
        "removal_ms": None,
    }


def parts_of(batch: Row, targets: Sequence[str], ids: Ids) -> Iterator[AnyChange]:
    """What each seed job of the batch will make execution jobs for."""
    size = batch["jobs_per_seed"] * batch["invocations_per_job"]
    for number, at in enumerate(range(0, len(targets), size)):
        values = {"id": ids.new(), "batch_id": batch["id"], "number": number, "ids": list(targets[at : at + size])}
        yield RowChange(PART, Change.INSERT, values)


def job_definitions_of(batch: Row) -> Iterator[AnyChange]:
    """The job definitions by which clients find and suspend the jobs of a batch."""
    for column, type in (
        ("seed_job_definition_id", JobKind.BATCH_SEED.value),
        ("monitor_job_definition_id", JobKind.BATCH_MONITOR.value),
        ("job_definition_id", batch["type"]),
    ):
        values = {
            "id": batch[column],
            "type": type,
            "configuration": batch["id"],
            "suspended": False,
            "tenant_id": batch["tenant_id"],
        }
        yield RowChange("job_definition", Change.INSERT, values)


def definition_ids(batch: Row) -> list[str]:
    """Ids of the three job definitions."""
    return [batch[name] for name in ("seed_job_definition_id", "monitor_job_definition_id", "job_definition_id")]


def share_done(batch: Row, ids: Ids, retried: Sequence[str], size: int, now_ms: int) -> RowChange:
    """What one execution job has come to: `retried` of the `size` things that it was for; the others did not need it."""
    values = {
        "id": ids.new(),
        "batch_id": batch["id"],
        "ids": list(retried),
        "retried": len(retried),
        "skipped": size - len(retried),
        "done_ms": now_ms,
    }
    return RowChange(REPROCESSED, Change.INSERT, values)


def forgotten(batch: str) -> list[AnyChange]:
    """The end of what is known of a batch beside its own row."""
    return [DeleteWhere(REPROCESSING, "id", [batch]), DeleteWhere(REPROCESSED, "batch_id", [batch])]


def new_job(
    batch: Row,
    kind: str,
    definition: str,
    ids: Ids,
    retries: int,
    now_ms: int,
    *,
    payload: dict[str, Any] | None = None,
    due_ms: int | None = None,
) -> Row:
    """The row of a job of the batch."""
    id = beside(ids, batch["id"])
    return {
        "shard": shard_of(id),
        "id": id,
        "definition_id": None,
        "tenant_id": batch["tenant_id"],
        "activity_id": None,
        "job_definition_id": definition,
        "kind": kind,
        "configuration": batch["id"],
        "due_ms": due_ms,
        "retries": retries,
        "priority": 0,
        "exclusive": False,
        "suspended": batch["suspended"],
        "created_ms": now_ms,
        "payload": payload,
    }
