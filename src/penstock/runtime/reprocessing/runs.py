"""Runs: what was asked for, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from penstock.runtime.batches.rows import REPROCESSED
from penstock.runtime.reprocessing.selection import Selection
from penstock.store.protocol import Row
from penstock.store.query import Group, one_of


class RunState(StrEnum):
    """How a run is. COMPLETED: everything has been given retries, or did not need them any more."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELED = "canceled"


class Tally(msgspec.Struct):
    """What the shares of a run have come to so far."""

    retried: int = 0
    skipped: int = 0
    last_ms: int = 0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `skipped`: solved, or given retries by somebody else, before their turn came; `failed`: in jobs of the batch
    that need a person (`GET /job?batchId=…`); `remaining`: neither retried nor skipped; `per_second`: retried since the start, on
    average; `failed_again`: retried ones that have an open incident again, None where nobody has looked."""

    id: str
    state: RunState
    selection: Selection
    retries: int
    rate: float | None
    total: int
    retried: int
    skipped: int
    failed: int
    remaining: int
    per_second: float
    user: str | None
    started_ms: int
    ended_ms: int | None
    failed_again: int | None = None


def tallies(runs: Sequence[str]) -> Group:
    """What gives the tallies of several runs."""
    return Group(REPROCESSED, ("batch_id", "retried", "skipped"), (one_of("batch_id", runs),), maxima=("done_ms",))


def counted(groups: Sequence[Row]) -> dict[str, Tally]:
    """The tallies by run."""
    found: dict[str, Tally] = {}
    for row in groups:
        tally = found.setdefault(row["batch_id"], Tally())
        tally.retried += row["retried"] * row["count"]
        tally.skipped += row["skipped"] * row["count"]
        tally.last_ms = max(tally.last_ms, row["max_done_ms"])
    return found


def run_of(asked: Row, batch: Row, tally: Tally, failed: int, now_ms: int) -> Run:
    """A run out of its row of `reprocessing`, its batch, and what is counted of it."""
    remaining = asked["total"] - tally.retried - tally.skipped
    state = _state(batch, remaining)
    ended_ms = tally.last_ms if state is RunState.COMPLETED else batch["ended_ms"]
    took_ms = (ended_ms or now_ms) - asked["started_ms"]
    return Run(
        id=asked["id"],
        state=state,
        selection=read(asked["filter"]),
        retries=asked["retries"],
        rate=asked["rate"],
        total=asked["total"],
        retried=tally.retried,
        skipped=tally.skipped,
        failed=min(failed, remaining),
        remaining=remaining,
        per_second=tally.retried * 1000 / max(took_ms, 1),
        user=batch["user_id"],
        started_ms=asked["started_ms"],
        ended_ms=ended_ms,
    )


def _state(batch: Row, remaining: int) -> RunState:
    if remaining == 0:
        return RunState.COMPLETED
    if batch["ended_ms"] is not None:
        return RunState.CANCELED
    return RunState.PAUSED if batch["suspended"] else RunState.RUNNING


def stored(selection: Selection) -> Mapping[str, Any]:
    """A selection as it is kept."""
    found: Mapping[str, Any] = msgspec.to_builtins(selection)
    return found


def read(selection: Mapping[str, Any]) -> Selection:
    """A selection that was kept."""
    return msgspec.convert(selection, Selection)
