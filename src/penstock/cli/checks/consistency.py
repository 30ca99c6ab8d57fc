"""`penstock doctor --deep`: whether the parts of a store agree with each other.

Every live instance is read, its events are replayed up to its revision and compared, and so are the rows by which its
waiting work is found. A server may work meanwhile: what has moved between two looks is looked at again.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from penstock.cli.checks.finding import Found, failed, ok
from penstock.engine import codec
from penstock.engine.apply import apply
from penstock.engine.events import InstanceEvents, unpack
from penstock.engine.state import Instance
from penstock.store.inspection import Inspection
from penstock.store.protocol import StoredInstance
from penstock.store.query import Query, one_of

INSTANCES_AT_ONCE = 500
LOG_ROWS_AT_ONCE = 256
SHOWN_MAX = 20
"""Findings of one kind that are listed."""

LOOKS = 3
"""How often rows that do not fit are looked at, because a server may be at work."""

REPAIR = "keep the file for analysis and restore a backup; the log before the first difference is sound"


async def consistency(inspection: Inspection) -> AsyncIterator[Found]:
    """Everything that does not fit together."""
    problems = [f"page check: {text}" for text in await inspection.check_pages()]
    yield _summed("pages", problems, "the database finds nothing wrong with its files")
    states: dict[str, Instance] = {}
    problems = [text async for text in _states(inspection, states)]
    yield _summed("states", problems, f"all {len(states)} live instances can be read")
    problems = [text async for text in _replayed(inspection, states)]
    yield _summed("log", problems, "replaying the log leads to the same states")
    problems = [text async for text in _ready_rows(inspection, list(states))]
    yield _summed("work", problems, "tasks, jobs and subscriptions are those of the live instances")


def _summed(check: str, problems: list[str], fine: str) -> Found:
    if not problems:
        return ok(check, fine)
    more = f" … and {len(problems) - SHOWN_MAX} more" if len(problems) > SHOWN_MAX else ""
    return failed(check, "; ".join(problems[:SHOWN_MAX]) + more, REPAIR)


async def _states(inspection: Inspection, states: dict[str, Instance]) -> AsyncIterator[str]:
    last: StoredInstance | None = None
    while found := await inspection.live_instances(last, INSTANCES_AT_ONCE):
        last = found[-1]
        for stored in found:
            try:
                state = codec.decode(stored.head, dict(stored.chunks))
            except (msgspec.DecodeError, ValueError) as error:
                yield f"instance {stored.id} cannot be decoded: {error}"
                continue
            if (state.id, state.revision, state.definition) != (stored.id, stored.revision, stored.definition):
                yield f"instance {stored.id} at revision {stored.revision} holds {state.id} at {state.revision}"
            states[state.id] = state


async def _replayed(inspection: Inspection, states: Mapping[str, Instance]) -> AsyncIterator[str]:
    """Applies the log as it comes; units that come too early (other streams) wait for their turn."""
    replayed: dict[str, Instance] = {}
    early: dict[str, dict[int, list[InstanceEvents]]] = {}
    positions: dict[str, int] = {}
    while entries := await inspection.read_log(positions, LOG_ROWS_AT_ONCE):
        for entry in entries:
            positions[entry.stream] = entry.position
            for unit in unpack(entry.payload).units:
                if unit.instance in states:
                    early.setdefault(unit.instance, {}).setdefault(unit.revision, []).append(unit)
                    _apply_next(replayed, early[unit.instance], states[unit.instance].revision, unit)
    for id, state in states.items():
        found = replayed.get(id)
        reached = found.revision if found is not None else 0
        if found is None or reached != state.revision:
            yield f"the log of instance {id} ends at revision {reached}, its state is at {state.revision}"
        elif _plain(found) != _plain(state):
            yield f"the log of instance {id} leads to another state than the stored one"


def _plain(state: Instance) -> Any:
    """What must be the same; which numbers give the order of children is not: release 0.1 gave none."""
    state.places = 0
    for x in state.executions.values():
        x.place = 0
    return msgspec.to_builtins(state)


def _apply_next(
    replayed: dict[str, Instance], waiting: dict[int, list[InstanceEvents]], up_to: int, unit: InstanceEvents
) -> None:
    state = replayed.get(unit.instance)
    if state is None:
        if 1 not in waiting:
            return
        first = waiting[1][0]
        state = replayed[unit.instance] = Instance(
            id=first.instance, root=first.root, definition=first.definition, tenant=first.tenant
        )
    while state.revision < up_to and (parts := waiting.get(state.revision + 1)) and not parts[-1].goes_on:
        for part in waiting.pop(state.revision + 1):
            for event in part.events:
                apply(state, event, part.at_ms)
        state.revision, state.definition = parts[-1].revision, parts[-1].definition


async def _ready_rows(inspection: Inspection, ids: list[str]) -> AsyncIterator[str]:
    for at in range(0, len(ids), INSTANCES_AT_ONCE):
        wrong = dict.fromkeys(ids[at : at + INSTANCES_AT_ONCE], "")
        for _ in range(LOOKS):
            wrong = await _mismatches(inspection, list(wrong))
            if not wrong:
                break
        for text in wrong.values():
            yield text
    known = set(ids)
    for table in ("external_task", "job", "event_subscription", "user_task"):
        async for text in _orphans(inspection, table, known):
            yield text


async def _mismatches(inspection: Inspection, ids: list[str]) -> dict[str, str]:
    """Instance id → what is wrong with its rows."""
    before = await inspection.load(ids)
    rows = {table: await _ids_by_instance(inspection, table, ids) for table in _WAITING}
    after = await inspection.load(ids)
    found = {}
    for id, stored in before.items():
        if id not in after or after[id].revision != stored.revision:
            # Moved on while we looked: the next look tells.
            if id in after:
                found[id] = f"instance {id} is changed too often to be compared with its rows"
            continue
        state = codec.decode(stored.head, dict(stored.chunks))
        for table, field in _WAITING.items():
            expected = set(getattr(state, field))
            there = rows[table].get(id, set())
            if expected != there:
                found[id] = (
                    f"instance {id}: {table} lacks {len(expected - there)} rows and has {len(there - expected)} too many"
                )
    return found


_WAITING = {
    "external_task": "external_tasks",
    "job": "jobs",
    "event_subscription": "subscriptions",
    "user_task": "tasks",
}
"""Table of ready rows → field of the state."""


async def _ids_by_instance(inspection: Inspection, table: str, ids: list[str]) -> dict[str, set[str]]:
    query = Query(table, (one_of("instance_id", ids),), columns=("id", "instance_id"))
    found: dict[str, set[str]] = {}
    for row in await inspection.rows(query):
        found.setdefault(row["instance_id"], set()).add(row["id"])
    return found


async def _orphans(inspection: Inspection, table: str, known: set[str]) -> AsyncIterator[str]:
    """Rows of instances that do not live."""
    rows = await inspection.rows(Query(table, columns=("id", "instance_id")))
    strangers = {row["instance_id"] for row in rows if row["instance_id"] is not None} - known
    for at in range(0, len(strangers), INSTANCES_AT_ONCE):
        some = sorted(strangers)[at : at + INSTANCES_AT_ONCE]
        # Those that have begun since the states were read live.
        lost = set(some) - set(await inspection.load(some))
        still = await _ids_by_instance(inspection, table, sorted(lost)) if lost else {}
        for instance in sorted(still):
            yield f"{table} has {len(still[instance])} rows of instance {instance}, which is over"
