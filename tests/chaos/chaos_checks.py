"""What must hold after all kills: everything acknowledged is there, and everything is there once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from chaos_load import ROWS, Journal

from penstock.base.clock import SystemClock
from penstock.engine import events as ev
from penstock.engine.apply import replay
from penstock.store import open_store
from penstock.store.protocol import LogEntry, Store
from penstock.store.query import Query
from penstock.store.tables import TABLES, Sort

Tables = Mapping[str, list[dict[str, Any]]]

LEFT_OVER = ("instance", "instance_chunk", "external_task", "job", "event_subscription", "user_task")
"""Tables of what is live: empty when every instance has ended (the model has no start timers or messages)."""


async def check(url: str, journal: Journal) -> dict[str, int]:
    """Checks the store at `url`, which no server uses any more. Raises AssertionError; returns what was counted."""
    assert not journal.wrong, "answers that must not be:\n" + "\n".join(journal.wrong[:20])
    before, log = await _read(url)
    counted = check_history(before, journal)
    check_log(log)
    for table in LEFT_OVER:
        left = await _count(url, table)
        assert left == 0, f"{left} rows are left in {table}"
    await _rebuild(url)
    after, _ = await _read(url)
    for name in before:
        assert before[name] == after[name], (
            f"the view {name} differs from the one rebuilt from the log{_difference(before[name], after[name])}"
        )
    return counted | {"log rows": len(log), "view rows": sum(len(rows) for rows in before.values())}


def check_history(tables: Tables, journal: Journal) -> dict[str, int]:
    """The views against the journal."""
    instances = {row["id"]: row for row in tables["process_instance"]}
    keys = Counter(row["business_key"] for row in instances.values())
    twice = [key for key, number in keys.items() if number > 1]
    assert not twice, f"started twice: {twice[:20]}"
    for key, id in journal.started.items():
        assert id in instances, f"the instance {id} ({key}) was acknowledged and is lost"
        assert instances[id]["business_key"] == key
    missing = [key for key in journal.keyed if keys[key] != 1]
    assert not missing, f"sent with Idempotency-Key and not there once: {missing[:20]}"
    unknown = keys.keys() - journal.started.keys() - journal.lost
    assert not unknown, f"nobody has started {unknown}"
    for row in instances.values():
        assert row["state"] == "COMPLETED" and row["ended_ms"] is not None, f"not completed: {row}"

    activities: dict[str, Counter[str]] = {id: Counter() for id in instances}
    for row in tables["activity_instance"]:
        assert row["ended_ms"] is not None and not row["canceled"], f"not completed: {row}"
        activities[row["instance_id"]][row["activity_id"]] += 1
    for id, rows in activities.items():
        assert rows == ROWS, f"instance {id} ran {dict(rows)}"

    values: dict[tuple[str, str], list[Any]] = {}
    for row in tables["variable"]:
        value = row["text_value"] if row["type"] == "String" else row["long_value"]
        values.setdefault((row["instance_id"], row["name"]), []).append(value)
    for id, row in instances.items():
        assert values.get((id, "customer")) == [f"customer of {row['business_key']}"]
        assert values.get((id, "amount")) == [41]
        assert values.get((id, "checked")) == [42]
    for (id, topic), tokens in journal.tokens.items():
        (value,) = values[id, f"by_{topic}"]
        assert value in tokens, f"{id} has {value} by {topic}, but {tokens} were sent"
    for task, (id, topic, token) in journal.completed.items():
        assert values[id, f"by_{topic}"] == [token], (
            f"external task {task} of {id} was acknowledged with {token}, there is {values[id, f'by_{topic}']}"
        )

    tasks = Counter(row["external_task_id"] for row in tables["external_task_log"] if row["state"] == "successful")
    again = {task: number for task, number in tasks.items() if number != 1}
    assert not again, f"external tasks that succeeded more than once: {again}"
    assert not journal.completed.keys() - tasks.keys(), "an acknowledged completion has no success log"
    assert len(tasks) == 3 * len(instances)
    jobs = Counter(row["job_id"] for row in tables["job_log"] if row["state"] == "successful")
    assert set(jobs.values()) <= {1}, "a job ran twice"
    assert len(jobs) == 2 * len(instances)
    failed = [row for row in tables["job_log"] if row["state"] == "failed"]
    assert not failed, f"jobs failed: {failed[:3]}"
    assert not tables["incident"], tables["incident"][:3]
    return {"instances": len(instances), "external tasks": len(tasks), "jobs": len(jobs)}


def check_log(log: Sequence[LogEntry]) -> None:
    """Streams without gaps; each instance's revisions without gaps, and its events lead to its end."""
    streams: dict[str, int] = {}
    units: dict[str, list[ev.InstanceEvents]] = {}
    for entry in log:
        assert entry.position == streams.get(entry.stream, 0) + 1, f"stream {entry.stream} jumps to {entry.position}"
        streams[entry.stream] = entry.position
        for unit in ev.unpack(entry.payload).units:
            if unit.definition is not None and unit.revision > 0 and unit.events:
                units.setdefault(unit.instance, []).append(unit)
    ended = 0
    for id, found in units.items():
        if not any(isinstance(event, ev.InstanceStarted) for unit in found for event in unit.events):
            continue
        found.sort(key=lambda unit: unit.revision)
        assert [unit.revision for unit in found] == list(range(1, len(found) + 1)), f"revisions of {id}"
        assert replay(found).ended, f"the events of {id} do not lead to its end"
        ended += 1
    assert ended


async def _read(url: str) -> tuple[Tables, list[LogEntry]]:
    store: Store = open_store(url, SystemClock())
    await store.open()
    try:
        tables = {name: await store.rows(Query(name)) for name, table in TABLES.items() if table.sort is Sort.VIEW}
        log: list[LogEntry] = []
        after: dict[str, int] = {}
        while found := await store.read_log(after, 1_000):
            log += found
            for entry in found:
                after[entry.stream] = max(after.get(entry.stream, 0), entry.position)
        return tables, log
    finally:
        await store.close()


async def _count(url: str, table: str) -> int:
    if url.startswith("sqlite:"):
        connection = sqlite3.connect(urlsplit(url).path[1:])
        try:
            (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        finally:
            connection.close()
        return int(number)
    database = await asyncpg.connect(url)
    try:
        return int(await database.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await database.close()


async def _rebuild(url: str) -> None:
    command = [sys.executable, "-m", "penstock.cli", "db", "rebuild-views", "--store", url]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=dict(os.environ)
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode(errors="replace")


def _difference(before: Sequence[Any], after: Sequence[Any]) -> str:
    lost = [row for row in before if row not in after][:2]
    new = [row for row in after if row not in before][:2]
    return f": {len(before)} and {len(after)} rows\n kept up to date: {lost}\n rebuilt: {new}"
