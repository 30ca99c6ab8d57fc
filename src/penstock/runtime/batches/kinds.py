"""The kinds of batches, and what each does to one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penstock.engine import commands as c
from penstock.engine.events import JobKind
from penstock.store.protocol import AnyChange


class Correlation(msgspec.Struct, frozen=True, kw_only=True):
    """A message for every execution of a process instance that waits for it; `name` None: for any message."""

    name: str | None = None
    variables: c.Variables = {}
    user: str | None = None


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """An ended instance begins again, at the places that `start.instructions` name."""

    start: c.StartInstance
    initial_variables: bool = False
    without_business_key: bool = False
    user: str | None = None


class HistoryDeletion(msgspec.Struct, frozen=True, kw_only=True):
    """An ended process instance, or an evaluated decision, goes from history."""

    user: str | None = None


class RemovalTime(msgspec.Struct, frozen=True, kw_only=True):
    """When history may be removed: at `at_ms`, never (None), or, `calculated`, as its definition says now.
    `hierarchical`: with all instances of the same root."""

    at_ms: int | None = None
    calculated: bool = False
    hierarchical: bool = False
    user: str | None = None


class Reprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs and external tasks that have no retries left get `retries`. `pace_ms`: one seed job's part every so often; None:
    as fast as can be."""

    retries: int
    pace_ms: int | None = None
    user: str | None = None


Template = (
    c.DeleteInstance
    | c.MigrateInstance
    | c.ModifyInstance
    | c.SetSuspension
    | c.SetVariables
    | c.SetExternalTaskRetries
    | c.ChangeJob
    | Correlation
    | Restart
    | HistoryDeletion
    | RemovalTime
    | Reprocessing
)
"""What is done to each thing; commands carry no id in it."""

TEMPLATES: Mapping[JobKind, type[Any]] = {
    JobKind.INSTANCE_DELETION: c.DeleteInstance,
    JobKind.INSTANCE_MIGRATION: c.MigrateInstance,
    JobKind.INSTANCE_MODIFICATION: c.ModifyInstance,
    JobKind.INSTANCE_SUSPENSION: c.SetSuspension,
    JobKind.SET_VARIABLES: c.SetVariables,
    JobKind.SET_EXTERNAL_TASK_RETRIES: c.SetExternalTaskRetries,
    JobKind.SET_JOB_RETRIES: c.ChangeJob,
    JobKind.CORRELATE_MESSAGE: Correlation,
    JobKind.INSTANCE_RESTART: Restart,
    JobKind.HISTORY_DELETION: HistoryDeletion,
    JobKind.INSTANCE_REMOVAL_TIME: RemovalTime,
    JobKind.BATCH_REMOVAL_TIME: RemovalTime,
    JobKind.DECISION_DELETION: HistoryDeletion,
    JobKind.DECISION_REMOVAL_TIME: RemovalTime,
    JobKind.REPROCESSING: Reprocessing,
}
"""Type of the batch and of its execution jobs → its template."""

KINDS: frozenset[str] = frozenset(
    {JobKind.BATCH_SEED.value, JobKind.BATCH_MONITOR.value, *(kind.value for kind in TEMPLATES)}
)
"""Kinds of jobs that belong to batches."""


class NewBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch to make. `ids`: what it is done to, in order, at least one. `id`: its own, where it is known before;
    `things_per_job`, `jobs_per_seed`: where the settings do not say them; `rows`: what is written with it."""

    type: JobKind
    ids: Sequence[str]
    template: Template
    user: str | None = None
    tenant: str | None = None
    id: str | None = None
    things_per_job: int | None = None
    jobs_per_seed: int | None = None
    rows: Sequence[AnyChange] = ()
