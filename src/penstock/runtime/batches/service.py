"""Making batches, running their jobs, suspending and deleting them. See the package."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from penstock.base.clock import Clock
from penstock.base.errors import BadUserRequest, EntitySuspended, Failure, NotFound
from penstock.engine import commands as c
from penstock.engine.events import InstanceEvents, JobCreated, JobDeleted, JobExecuted, JobKind
from penstock.runtime.batches.kinds import NewBatch, Reprocessing
from penstock.runtime.batches.rows import (
    BATCH,
    PART,
    batch_row,
    definition_ids,
    forgotten,
    job_definitions_of,
    new_job,
    parts_of,
    share_done,
    template_of,
)
from penstock.runtime.batches.work import PLANS, Reads, Work
from penstock.runtime.definitions import Plan, beside, incident_closed, start_job_events, start_job_facts
from penstock.runtime.executor import Request
from penstock.runtime.protocol import Settings
from penstock.runtime.ready import JOB
from penstock.store.protocol import AnyChange, Change, DeleteWhere, JobCheck, Row, RowChange, Store, UpdateWhere
from penstock.store.query import Op, Query, Where, eq, is_null, not_null, one_of

PARTS_AHEAD = 2
"""Parts of a batch with a stated pace whose execution jobs may wait when its seed job makes the next ones."""

Make = Callable[[], Awaitable[Plan]]
"""Reads what it needs, and says what to write."""


class Write(Protocol):
    """Commits rows and events that follow from no step."""

    async def __call__(
        self,
        rows: Sequence[AnyChange] = (),
        *,
        events: Sequence[InstanceEvents] = (),
        jobs: Sequence[JobCheck] = (),
        deleted: Sequence[str] = (),
    ) -> None: ...


class Batches:
    """The batches of one node."""

    def __init__(
        self,
        store: Store,
        reads: Reads,
        clock: Clock,
        settings: Settings,
        *,
        write: Write,
        write_made: Callable[[Make, Sequence[JobCheck]], Awaitable[None]],
        change: Callable[[Make], Awaitable[None]],
        run: Callable[[Request], Awaitable[Any]],
        execute: Callable[[c.Command], Awaitable[Any]],
    ) -> None:
        """`write_made`: what follows from rows as they were read, read again when a suspension has changed meanwhile;
        `change`: such a change; `run`: a unit of work with what is written beside it; `execute`: a command by itself."""
        self._store = store
        self._reads = reads
        self._ids = reads.ids
        self._clock = clock
        self._settings = settings
        self._write = write
        self._write_made = write_made
        self._change = change
        self._run = run
        self._execute = execute
        self._leads = {JobKind.BATCH_SEED.value: self._seed, JobKind.BATCH_MONITOR.value: self._monitor}

    # ------------------------------------------------------------------------------------------ making, ending

    async def create(self, new: NewBatch, events: Sequence[InstanceEvents] = ()) -> Row:
        """Makes a batch with its seed job. Returns its row."""
        now_ms = self._clock.now_ms()
        batch = batch_row(new, self._ids, self._settings, now_ms)
        seed = self._seed_job(batch, 0, now_ms)
        rows = [
            RowChange(BATCH, Change.INSERT, batch),
            *parts_of(batch, new.ids, self._ids),
            *job_definitions_of(batch),
            RowChange(JOB, Change.INSERT, seed),
            *new.rows,
        ]
        await self._write(rows, events=[*events, self._created(seed, now_ms)])
        return batch

    async def suspend(self, id: str, suspended: bool, events: Sequence[InstanceEvents] = ()) -> None:
        """Suspends or activates a batch with its jobs, those too that a seed job is making. Raises BadUserRequest when
        there is none."""

        async def make() -> Plan:
            batch = await self._batch(id)
            if batch is None:
                raise BadUserRequest(f"Unable to {'suspend' if suspended else 'activate'} batch with id '{id}'")
            definitions = tuple(definition_ids(batch))
            values = {"suspended": suspended}
            rows: list[AnyChange] = [
                RowChange(BATCH, Change.UPDATE, {"id": id, **values}),
                UpdateWhere("job_definition", "id", definitions, values),
                UpdateWhere(JOB, "job_definition_id", definitions, values),
            ]
            return Plan(rows, list(events), [])

        await self._change(make)

    async def delete(self, id: str, *, cascade: bool, events: Sequence[InstanceEvents] = ()) -> None:
        """Ends a batch before it is done; `cascade`: it goes from history as well. Raises BadUserRequest."""
        batch = await self._batch(id)
        if batch is None:
            raise BadUserRequest(f"Unable to delete batch with id '{id}'")
        now_ms = self._clock.now_ms()
        jobs = await self._jobs_of(batch)
        rows = [*self._ended(batch, now_ms, cascade), DeleteWhere(JOB, "job_definition_id", definition_ids(batch))]
        deleted = await self._logged_jobs(batch) if cascade else []
        await self._write(rows, events=[*events, *(self._deleted(job, now_ms) for job in jobs)], deleted=deleted)

    async def delete_history(self, id: str, events: Sequence[InstanceEvents] = ()) -> None:
        """Deletes an ended batch from history. Raises BadUserRequest when there is none."""
        rows = await self._store.rows(Query(BATCH, (eq("id", id), not_null("ended_ms"))))
        if not rows:
            raise BadUserRequest(f"Unable to delete historic batch with id '{id}'")
        deleted = await self._logged_jobs(rows[0])
        await self._write([DeleteWhere(BATCH, "id", [id]), *forgotten(id)], deleted=deleted, events=events)

    async def clean_up(self) -> None:
        """Deletes ended batches that are past their removal time from history."""
        past = (Where("removal_ms", Op.LE, self._clock.now_ms()), not_null("ended_ms"))
        for row in await self._store.rows(Query(BATCH, past, columns=("id",))):
            await self.delete_history(row["id"])

    def _ended(self, batch: Row, now_ms: int, gone: bool) -> list[AnyChange]:
        id = batch["id"]
        end = RowChange(BATCH, Change.UPDATE, {"id": id, "ended_ms": now_ms, "configuration": None})
        return [
            *([DeleteWhere(BATCH, "id", [id]), *forgotten(id)] if gone else [end]),
            DeleteWhere(PART, "batch_id", [id]),
            DeleteWhere("job_definition", "id", definition_ids(batch)),
        ]

    # ------------------------------------------------------------------------------------------ jobs

    async def run_job(self, job: Row, checks: Sequence[JobCheck]) -> None:
        """Runs a job of a batch. Raises what its work raises: then nothing has changed."""
        if job["kind"] in self._leads:
            await self._write_made(lambda: self._lead(job), checks)
            return
        try:
            await self._work(job, checks)
        except (NotFound, EntitySuspended) as error:
            # For a job of an instance these mean that there is nothing to do, now; a batch has failed.
            raise Failure(error.message) from error

    def _done(self, job: Row, now_ms: int) -> Plan:
        executed = JobExecuted(
            job=job["id"], log=beside(self._ids, job["id"]), retries=job["retries"], **start_job_facts(job)
        )
        gone = RowChange(JOB, Change.DELETE, {"shard": job["shard"], "id": job["id"]})
        return Plan([gone], [start_job_events(job, executed, now_ms, *incident_closed(job, resolved=True))], [])

    def _add_jobs(self, plan: Plan, jobs: Sequence[Row], now_ms: int) -> None:
        plan.rows += [RowChange(JOB, Change.INSERT, job) for job in jobs]
        plan.events += [self._created(job, now_ms) for job in jobs]

    async def _lead(self, job: Row) -> Plan:
        """What a seed or monitor job does; nothing when its batch has gone."""
        now_ms = self._clock.now_ms()
        plan = self._done(job, now_ms)
        batch = await self._batch(job["configuration"])
        if batch is not None:
            await self._leads[job["kind"]](batch, job, plan, now_ms)
        return plan

    async def _seed(self, batch: Row, job: Row, plan: Plan, now_ms: int) -> None:
        """The execution jobs of one part, and the job that leads on: at once, or when a stated pace says."""
        number = job["payload"]["part"]
        pace_ms = _pace_ms(batch)
        due_ms = None if pace_ms is None else _next_ms(job["due_ms"] or now_ms, pace_ms, now_ms)
        if pace_ms is not None and await self._waiting(batch) >= PARTS_AHEAD * batch["jobs_per_seed"]:
            # They would all run at once when what holds them up has gone.
            self._add_jobs(plan, [self._seed_job(batch, number, now_ms, due_ms)], now_ms)
            return
        parts = await self._store.rows(
            Query(PART, (eq("batch_id", batch["id"]), one_of("number", (number, number + 1))))
        )
        jobs: list[Row] = []
        for part in parts:
            if part["number"] == number:
                jobs = self._execution_jobs(batch, part["ids"], now_ms)
                plan.rows.append(RowChange(PART, Change.DELETE, {"id": part["id"]}))
        created = batch["jobs_created"] + len(jobs)
        more = any(part["number"] > number for part in parts)
        lead = self._seed_job(batch, number + 1, now_ms, due_ms) if more else self._monitor_job(batch, now_ms, None)
        jobs.append(lead)
        self._add_jobs(plan, jobs, now_ms)
        plan.rows.append(RowChange(BATCH, Change.UPDATE, {"id": batch["id"], "jobs_created": created}))

    def _execution_jobs(self, batch: Row, ids: Sequence[str], now_ms: int) -> list[Row]:
        size = batch["invocations_per_job"]
        shares = (ids[at : at + size] for at in range(0, len(ids), size))
        definition, retries = batch["job_definition_id"], self._settings.default_retries
        return [
            new_job(batch, batch["type"], definition, self._ids, retries, now_ms, payload={"ids": list(share)})
            for share in shares
        ]

    async def _waiting(self, batch: Row) -> int:
        """How many execution jobs of the batch are there and may still run."""
        where = (eq("job_definition_id", batch["job_definition_id"]), Where("retries", Op.GT, 0))
        return await self._store.count(Query(JOB, where))

    def _seed_job(self, batch: Row, number: int, now_ms: int, due_ms: int | None = None) -> Row:
        definition, retries, kind = batch["seed_job_definition_id"], self._settings.default_retries, JobKind.BATCH_SEED
        payload = {"part": number}
        return new_job(batch, kind.value, definition, self._ids, retries, now_ms, payload=payload, due_ms=due_ms)

    def _monitor_job(self, batch: Row, now_ms: int, due_ms: int | None) -> Row:
        definition, retries = batch["monitor_job_definition_id"], self._settings.default_retries
        return new_job(batch, JobKind.BATCH_MONITOR.value, definition, self._ids, retries, now_ms, due_ms=due_ms)

    async def _monitor(self, batch: Row, job: Row, plan: Plan, now_ms: int) -> None:
        """The end of the batch, or another look later."""
        if await self._store.count(Query(JOB, (eq("job_definition_id", batch["job_definition_id"]),))):
            self._add_jobs(plan, [self._monitor_job(batch, now_ms, now_ms + self._settings.batch_poll_ms)], now_ms)
        else:
            plan.rows += self._ended(batch, now_ms, False)

    async def _work(self, job: Row, checks: Sequence[JobCheck]) -> None:
        now_ms = self._clock.now_ms()
        done = self._done(job, now_ms)
        batch = await self._batch(job["configuration"])
        if batch is None:
            await self._write(done.rows, events=done.events, jobs=checks)
            return
        work: Work = await PLANS[JobKind(batch["type"])](self._reads, template_of(batch), job["payload"]["ids"], now_ms)
        for command in work.alone:
            await self._execute(command)
        rows, events = [*done.rows, *work.rows], [*done.events, *work.events]
        if work.retried is not None:
            rows.append(share_done(batch, self._ids, work.retried, len(job["payload"]["ids"]), now_ms))
        if batch["execution_started_ms"] is None:
            rows.append(RowChange(BATCH, Change.UPDATE, {"id": batch["id"], "execution_started_ms": now_ms}))
        if work.commands:
            together = c.Together(commands=tuple(work.commands), user=batch["user_id"], logged=False)
            await self._run(Request(together, jobs=checks, rows=rows, events=events))
        else:
            await self._write(rows, events=events, jobs=checks, deleted=work.deleted)

    # ------------------------------------------------------------------------------------------ small things

    async def _batch(self, id: str) -> Row | None:
        rows = await self._store.rows(Query(BATCH, (eq("id", id), is_null("ended_ms"))))
        return rows[0] if rows else None

    async def _jobs_of(self, batch: Row) -> list[Row]:
        return await self._store.rows(Query(JOB, (one_of("job_definition_id", definition_ids(batch)),)))

    async def _logged_jobs(self, batch: Row) -> list[str]:
        """Ids of the jobs that history knows of the batch."""
        of_batch = (one_of("job_definition_id", definition_ids(batch)),)
        rows = await self._reads.rows(Query("job_log", of_batch, columns=("job_id",)))
        return list(dict.fromkeys(row["job_id"] for row in rows))

    def _created(self, job: Row, now_ms: int) -> InstanceEvents:
        event = JobCreated(
            job=job["id"],
            retries=job["retries"],
            exclusive=False,
            log=beside(self._ids, job["id"]),
            **start_job_facts(job),
        )
        return start_job_events(job, event, now_ms, first=True)

    def _deleted(self, job: Row, now_ms: int) -> InstanceEvents:
        event = JobDeleted(
            job=job["id"], log=beside(self._ids, job["id"]), retries=job["retries"], **start_job_facts(job)
        )
        return start_job_events(job, event, now_ms, *incident_closed(job, resolved=False))


def _next_ms(due_ms: int, pace_ms: int, now_ms: int) -> int:
    """When the next part is due after one that was due at `due_ms` and runs now. One that is a little late does not delay
    the others; one that is later than a whole pace, because nobody was there, makes no others follow more quickly."""
    return due_ms + pace_ms if now_ms - due_ms < pace_ms else now_ms + pace_ms


def _pace_ms(batch: Row) -> int | None:
    """How long after one part of the batch the next one follows; None: at once."""
    if batch["type"] != JobKind.REPROCESSING.value:
        return None
    template: Reprocessing = template_of(batch)
    return template.pace_ms
