"""Looking, running, pausing. Holds nothing: everything is in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec

from penstock.base.errors import BadRequest, BadUserRequest, NotFound
from penstock.engine.events import JobKind
from penstock.identity.changes import OPERATOR, Operation, Property
from penstock.runtime.batches.kinds import NewBatch
from penstock.runtime.batches.kinds import Reprocessing as Template
from penstock.runtime.batches.rows import BATCH, REPROCESSED, REPROCESSING
from penstock.runtime.protocol import Engine
from penstock.runtime.ready import JOB
from penstock.runtime.reprocessing.groups import Groups
from penstock.runtime.reprocessing.pace import pace_of
from penstock.runtime.reprocessing.runs import Run, Tally, counted, run_of, stored, tallies
from penstock.runtime.reprocessing.selection import INCIDENT, TYPES, Selection, conditions, failed
from penstock.store.protocol import Change, Row, RowChange
from penstock.store.query import Op, Order, Query, Term, Where, eq, is_null, one_of

ITEMS_MAX = 100_000
"""Things of one run, and things that a look at a selection groups."""
RETRIES_MAX = 1_000
RATE_MIN, RATE_MAX = 0.01, 100_000.0
SHARES_AT_ONCE = 20
"""Shares whose incidents are counted with one query."""


class Look(msgspec.Struct, frozen=True):
    """What a run would be about. `count`: how many fit, counted by the store; of those, `groups` has looked at the oldest
    ITEMS_MAX."""

    count: int
    groups: Groups
    definitions: Mapping[str, Row]
    """Rows of `process_definition` by id: key and version."""


class Reprocessing:
    """Bulk retries on one node."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------------------------------------ before

    async def look(self, selection: Selection, limit: int | None = None) -> Look:
        """What fits; `limit`: only the oldest so many. Changes nothing. Raises BadRequest."""
        check(selection)
        groups = Groups()
        most = ITEMS_MAX if limit is None else min(limit, ITEMS_MAX)
        async for page in failed(self._engine, selection, most):
            groups.add(page)
        count = groups.count
        if limit is None and count == ITEMS_MAX:
            count = await self._engine.count(Query(INCIDENT, conditions(selection)))
        return Look(count, groups, await self._definitions(groups))

    async def _definitions(self, groups: Groups) -> Mapping[str, Row]:
        ids = {group.definition for group in groups.largest(len(groups)) if group.definition is not None}
        query = Query("process_definition", (one_of("id", sorted(ids)),), columns=("id", "key", "version"))
        return {row["id"]: row for row in await self._engine.rows(query)} if ids else {}

    # ------------------------------------------------------------------------------------------ making one

    async def start(
        self,
        selection: Selection,
        *,
        retries: int = 1,
        rate: float | None = None,
        limit: int | None = None,
        user: str | None = None,
    ) -> Run | None:
        """Gives `retries` to what fits now, at most `rate` per second, the oldest first; `limit`: only the oldest so many.
        None when nothing fits. Returns when the run is durable. Raises BadRequest, BadUserRequest."""
        check(selection)
        _check_order(retries, rate)
        ids = await self._targets(selection, limit)
        if not ids:
            return None
        now_ms, id, pace = self._engine.clock.now_ms(), self._engine.ids.new(), pace_of(len(ids), rate)
        values = {"id": id, "filter": stored(selection), "total": len(ids), "retries": retries, "rate": rate}
        asked = {**values, "started_ms": now_ms}
        new = NewBatch(
            type=JobKind.REPROCESSING,
            ids=ids,
            template=Template(retries=retries, pace_ms=pace.pace_ms, user=user),
            user=user,
            id=id,
            things_per_job=pace.things_per_job,
            jobs_per_seed=pace.jobs_per_seed,
            rows=(RowChange(REPROCESSING, Change.INSERT, asked),),
        )
        batch = await self._engine.create_batch(new, _logged(asked))
        return run_of(asked, batch, Tally(), 0, now_ms)

    async def _targets(self, selection: Selection, limit: int | None) -> list[str]:
        """Ids of jobs and external tasks, each once."""
        most = ITEMS_MAX + 1 if limit is None else min(limit, ITEMS_MAX + 1)
        found: dict[str, None] = {}
        async for page in failed(self._engine, selection, most):
            found.update((one.id, None) for one in page)
        if len(found) > ITEMS_MAX:
            raise BadUserRequest(
                f"More than {ITEMS_MAX} fit, which is the most of one run: narrow the filter, or set a limit and run again"
            )
        return list(found)

    # ------------------------------------------------------------------------------------------ those there are

    async def runs(self, most: int) -> list[Run]:
        """The latest runs, the newest first."""
        order = (Order("started_ms", descending=True), Order("id", descending=True))
        return await self._read(await self._engine.rows(Query(REPROCESSING, (), order, limit=most)))

    async def run(self, id: str, *, failed_again: bool = False) -> Run:
        """One run; `failed_again`: with how many of those that were retried stand still again. Raises NotFound."""
        found = await self._read(await self._engine.rows(Query(REPROCESSING, (eq("id", id),))))
        if not found:
            raise NotFound(f"There is no run '{id}'")
        if not failed_again:
            return found[0]
        return msgspec.structs.replace(found[0], failed_again=await self._failed_again(found[0]))

    async def _read(self, asked: Sequence[Row]) -> list[Run]:
        ids = [row["id"] for row in asked]
        if not ids:
            return []
        batches = {row["id"]: row for row in await self._engine.rows(Query(BATCH, (one_of("id", ids),)))}
        done = counted(await self._engine.groups(tallies(ids)))
        stuck = await self._stuck(list(batches.values()))
        now_ms = self._engine.clock.now_ms()
        return [
            run_of(row, batches[row["id"]], done.get(row["id"], Tally()), stuck.get(row["id"], 0), now_ms)
            for row in asked
            if row["id"] in batches
        ]

    async def _stuck(self, batches: Sequence[Row]) -> dict[str, int]:
        """How many things are in jobs of these batches that have no retries left themselves; when that is the seed job, all
        that remain."""
        running = [row for row in batches if row["ended_ms"] is None]
        definitions = [row[name] for row in running for name in ("job_definition_id", "seed_job_definition_id")]
        where = (one_of("job_definition_id", definitions), is_null("instance_id"), eq("retries", 0))
        found: dict[str, int] = {}
        for row in await self._engine.rows(Query(JOB, where, columns=("configuration", "payload"))):
            things = len(row["payload"]["ids"]) if "ids" in row["payload"] else ITEMS_MAX
            found[row["configuration"]] = found.get(row["configuration"], 0) + things
        return found

    async def _failed_again(self, run: Run) -> int:
        count, after = 0, ""
        while True:
            where = (eq("batch_id", run.id), Where("id", Op.GT, after))
            query = Query(REPROCESSED, where, (Order("id"),), limit=SHARES_AT_ONCE, columns=("id", "ids"))
            shares = await self._engine.rows(query)
            if not shares:
                return count
            ids = [id for share in shares for id in share["ids"]]
            again: tuple[Term, ...] = (
                one_of("configuration", ids),
                is_null("ended_ms"),
                one_of("type", TYPES),
                Where("created_ms", Op.GE, run.started_ms),
            )
            count += await self._engine.count(Query(INCIDENT, again)) if ids else 0
            after = shares[-1]["id"]

    # ------------------------------------------------------------------------------------------ meanwhile

    async def pause(self, id: str, paused: bool, *, user: str | None = None) -> Run:
        """Pauses a run, or lets it go on. Raises NotFound, BadUserRequest when it has ended."""
        await self._under_way(id)
        await self._engine.suspend_batch(id, paused, user=user)
        return await self.run(id)

    async def cancel(self, id: str, *, user: str | None = None) -> Run:
        """Ends a run: what it has not reached yet stays as it is. Raises NotFound, BadUserRequest when it has ended."""
        await self._under_way(id)
        await self._engine.delete_batch(id, cascade=False, user=user)
        return await self.run(id)

    async def _under_way(self, id: str) -> None:
        run = await self.run(id)
        if run.ended_ms is not None:
            raise BadUserRequest(f"The run '{id}' has ended: it is {run.state.value}")


def check(selection: Selection) -> None:
    """Raises BadRequest for a selection that makes no sense."""
    stated = stored(selection).keys() - {"everything"}
    if not stated and not selection.everything:
        raise BadRequest("The filter has no condition: state one, or say that everything is meant")
    if stated and selection.everything:
        raise BadRequest("The filter says that everything is meant and has conditions: leave one of them out")
    if selection.definition_version is not None and selection.definition_key is None:
        raise BadRequest("A version is one of a process definition: state its key as well")
    if selection.incident_type not in (None, *TYPES):
        raise BadRequest(f"The incident type is {selection.incident_type!r}: it can be {' or '.join(TYPES)}")
    for name in ("topic", "definition_key", "definition_id", "activity", "error", "business_key", "tenant"):
        if getattr(selection, name) == "":
            raise BadRequest("A condition is an empty text, which is no condition: leave it out")
    if selection.instances is not None and not 1 <= len(selection.instances) <= ITEMS_MAX:
        raise BadRequest(f"Name 1 to {ITEMS_MAX} process instances, or none")


def _check_order(retries: int, rate: float | None) -> None:
    if not 1 <= retries <= RETRIES_MAX:
        raise BadRequest(f"retries is {retries}: give a number from 1 to {RETRIES_MAX}")
    if rate is not None and not (isfinite(rate) and RATE_MIN <= rate <= RATE_MAX):
        raise BadRequest(f"The rate is {rate:g} per second: give a number from {RATE_MIN:g} to {RATE_MAX:g}")


def _logged(asked: Mapping[str, Any]) -> Operation:
    """What the operation log says of a new run."""
    conditions = ", ".join(f"{name}={value}" for name, value in asked["filter"].items())
    rate = asked["rate"]
    properties = [
        Property("nrOfInstances", str(asked["total"])),
        Property("async", "true"),
        Property("retries", str(asked["retries"])),
        Property("ratePerSecond", None if rate is None else f"{rate:g}"),
        Property("filter", conditions[:4_000]),
    ]
    return Operation(
        type="RetryFailedWork", entity="Batch", category=OPERATOR, properties=properties, batch=asked["id"]
    )
