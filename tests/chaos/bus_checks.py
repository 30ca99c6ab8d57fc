"""What must hold after a run over a bus: each message had its effect once, and each outside effect at most one extra attempt
for each time that something was killed under it."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from bus_models import LEASE_S, ORDERS, PATH_ACTIVITIES, PATH_REQUESTS, PATH_TASKS, PAYMENTS, REPLIES, REQUESTS
from bus_site import Site
from chaos_checks import LEFT_OVER, _count, _difference, _read, _rebuild, check_log

from penstock.bus.dead_letters import DeadMessage, replay
from penstock.bus.protocol import dead_letter_channel

EMPTY = (*LEFT_OVER, "outbox", "early_message")
SETTLED_S = 60.0
FELT_S = 3.0 * LEASE_S
"""A lease, what it takes the broker to notice, and as much again on a machine that has much else to do."""

Killed = Sequence[tuple[float, float, str]]
"""When something was killed, when it was there again, and what."""


async def check_path(
    site: Site, keys: Collection[str], finished: Mapping[str, set[str]], killed: Killed
) -> dict[str, int]:
    """Checks all that is left when the server has gone. `finished`: the ids of the last event of each order."""
    url = site.database.url()
    tables, log = await _read(url)
    _once(tables["process_instance"], keys)
    _activities(tables["activity_instance"], len(keys))
    _work(tables, len(keys))
    wrong = {key: ids for key, ids in finished.items() if len(ids) != 1}
    assert finished.keys() == set(keys) and not wrong, f"finished more than once: {list(wrong.items())[:5]}"
    for table in EMPTY:
        left = await _count(url, table)
        assert left == 0, f"{left} rows are left in {table}"
    check_log(log)
    await _rebuild(url)
    after, _ = await _read(url)
    for name, rows in tables.items():
        assert rows == after[name], f"the view {name} is not what the log gives{_difference(rows, after[name])}"
    attempts, extra = check_attempts(site.service.journal, len(keys) * PATH_REQUESTS, killed)
    letters = await check_letters(site)
    return {"instances": len(keys), "attempts outside": attempts, "of them extra": extra, "late answers kept": letters}


def _once(rows: Sequence[Mapping[str, Any]], keys: Collection[str]) -> None:
    found = Counter(row["business_key"] for row in rows)
    lost = [key for key in keys if key not in found]
    assert not lost, f"{len(lost)} orders are lost: {lost[:10]}"
    doubled = [key for key, number in found.items() if number > 1]
    assert not doubled, f"{len(doubled)} orders are doubled: {doubled[:10]}"
    assert len(found) == len(keys), f"nobody has sent {found.keys() - set(keys)}"
    open_ones = [row for row in rows if row["state"] != "COMPLETED"]
    assert not open_ones, f"not completed: {open_ones[:3]}"


def _activities(rows: Sequence[Mapping[str, Any]], instances: int) -> None:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        found[row["instance_id"]][row["activity_id"]] += 1
    assert len(found) == instances
    for instance, activities in found.items():
        assert activities == PATH_ACTIVITIES, f"the instance {instance} ran {dict(activities)}"


def _work(tables: Mapping[str, Sequence[Mapping[str, Any]]], instances: int) -> None:
    tasks = Counter(row["external_task_id"] for row in tables["external_task_log"] if row["state"] == "successful")
    assert set(tasks.values()) == {1} and len(tasks) == PATH_TASKS * instances
    jobs = Counter(row["job_id"] for row in tables["job_log"] if row["state"] == "successful")
    assert set(jobs.values()) == {1} and len(jobs) == instances
    assert not tables["incident"], tables["incident"][:3]


def check_attempts(journal: Path, tasks: int, killed: Killed) -> tuple[int, int]:
    """Each attempt of an effect after its first one has a kill between it and the one before. (attempts, extra ones)"""
    moments: dict[str, list[float]] = defaultdict(list)
    for line in journal.read_text().splitlines():
        moment, task, _ = line.split()
        moments[task].append(float(moment))
    assert len(moments) == tasks, f"{len(moments)} effects of {tasks}"
    for task, found in moments.items():
        for before, after in pairwise(found):
            assert _killed(killed, before, after), (
                f"{task} was worked at {before} and at {after}, and nothing was killed"
            )
        assert len(found) - 1 <= _killed(killed, found[0], found[-1]), f"{task} was worked at {found}"
    attempts = sum(map(len, moments.values()))
    return attempts, attempts - tasks


def _killed(killed: Killed, from_s: float, to_s: float) -> int:
    """How many kills were felt in that time: until the leases of whatever died have ended."""
    return sum(began <= to_s and ended + FELT_S >= from_s for began, ended, _ in killed)


async def check_letters(site: Site) -> int:
    """Nothing was refused but answers that came too late; how many those are."""
    found: list[DeadMessage] = []
    for channel in (ORDERS, PAYMENTS, REQUESTS, REPLIES):
        read = await replay(site.bus, dead_letter_channel(channel), lambda letter: True, dry_run=True)
        found += read.matched
    wrong = [letter for letter in found if letter.channel != REPLIES or not letter.reason.startswith("late:")]
    assert not wrong, f"dead letters: {[(letter.channel, letter.reason) for letter in wrong[:5]]}"
    return len(found)


async def check_starts(site: Site, keys: Collection[str]) -> None:
    """Each order has started one instance, which has ended, and the channel is empty."""
    end_s = time.monotonic() + SETTLED_S
    while (lag := await site.bus.lag(ORDERS, "penstock")).waiting:
        assert time.monotonic() < end_s, f"{lag.waiting} messages are not settled"
    assert site.server.terminate() == 0
    tables, log = await _read(site.database.url())
    _once(tables["process_instance"], keys)
    check_log(log)
