"""Runs workloads on stores and collects what they cost."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from penstock.base.clock import SystemClock
from penstock.base.errors import PenstockError
from penstock.bench import machine, models
from penstock.bench.postgres import NoPostgres, Postgres, PostgresFailed
from penstock.bench.server import Server, ServerFailed
from penstock.store import open_store

DEFAULT_STORE = "sqlite"
"""SQLite in a temporary folder."""

GENERATOR_SHARE_MAX = 0.2
"""What the generator may take of the machine before it falsifies the result."""

LOG_ROWS = 500

UNITS_PER_INSTANCE = {"W1": 1, "W2": 4}
"""Starts and completes that one instance takes."""

Say = Callable[[str], None]


class BenchFailed(Exception):
    """The measurement could not be made."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure. `stores`: addresses, or `sqlite` for a temporary file."""

    stores: Sequence[str]
    postgres: bool
    workloads: Sequence[str]
    seconds: float
    warmup_s: float
    connections: int
    in_flight: int
    processes: int = 1
    profile: str | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One workload on one store. CPU times are microseconds per instance, as log bytes are; None: cannot be known here.
    Costs count work that was done, in instances' worth; `rate` counts instances that have ended.

    `wall_s` ends when the views had caught up, of which `catch_up_s` came after the last answer. `other_share`: what
    processes that have nothing to do with it took of the machine meanwhile.
    """

    store: str
    workload: str
    instances: int
    wall_s: float
    catch_up_s: float
    rate: float
    requests: int
    overloaded: int
    errors: int
    first_error: str
    latency_ms: dict[str, dict[str, float]]
    server_us: float | None
    database_us: float | None
    generator_us: float
    generator_share: float
    other_share: float | None
    log_bytes: float | None
    cores: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class _Place(msgspec.Struct, frozen=True):
    """A store to measure on. `pid`: the database's first process."""

    name: str
    url: str
    pid: int | None


def run(plan: Plan, say: Say) -> list[Result]:
    """Measures; `say` hears of progress. Raises BenchFailed."""
    results = []
    try:
        for store in (*plan.stores, *(("postgres",) if plan.postgres else ())):
            for workload in plan.workloads:
                with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder, _place(store, folder) as place:
                    say(f"{workload} on {place.name}: {plan.warmup_s:g} s warm-up, {plan.seconds:g} s measured …")
                    results.append(_measure(plan, workload, place, Path(folder)))
    except (ServerFailed, NoPostgres, PostgresFailed) as error:
        raise BenchFailed(str(error)) from None
    except PenstockError as error:
        raise BenchFailed(error.message) from None
    return results


@contextmanager
def _place(store: str, folder: str) -> Iterator[_Place]:
    if store == "postgres":
        with Postgres() as server:
            yield _Place("postgresql", server.url(), server.pid)
    elif store == DEFAULT_STORE:
        yield _Place("sqlite", f"sqlite:///{folder}/bench.db", None)
    else:
        parts = urlsplit(store)
        pid = None
        if parts.scheme.startswith("postgres") and parts.hostname in ("127.0.0.1", "::1", "localhost"):
            pid = machine.listener(parts.port or 5432) if machine.has_proc() else None
        yield _Place(parts.scheme, store, pid)


def _measure(plan: Plan, workload: str, place: _Place, folder: Path) -> Result:
    key, model = (models.W1_KEY, models.W1) if workload == "W1" else (models.W2_KEY, models.W2)
    log_before = _log(place.url, None)
    processes = plan.processes if place.url.startswith("postgres") else 1
    profile = None if plan.profile is None else f"{plan.profile}.{place.name}.{workload}"
    with Server(place.url, processes, folder, profile) as server:
        server.deploy(key, model)
        before = server.finished(key)
        found, costs, wall_s = _load(plan, workload, place, server, key)
        finished = server.finished(key) - before
        if server.stop() != 0:
            raise ServerFailed(f"the server did not end well: {server.said()}")
    done, warmed_up = found["instances"], found["warmed_up"]
    acknowledged = done + warmed_up["instances"]
    if finished < acknowledged:
        raise ServerFailed(f"{acknowledged} instances were acknowledged as ended, but the history has {finished}")
    # Instances' worth of work: what was begun and not ended has cost something, too.
    units = UNITS_PER_INSTANCE[workload]
    worth, all_units = found["units"] / units, found["units"] + warmed_up["units"]
    log = _log(place.url, log_before[0]) if log_before is not None else None
    server_s, database_s, busy_s = costs

    def each_us(seconds: float | None) -> float | None:
        return seconds * 1e6 / worth if seconds is not None and worth else None

    cores = machine.cores()
    other_s = None
    if busy_s is not None:
        other_s = max(0.0, busy_s - (server_s or 0) - (database_s or 0) - found["cpu_s"])
    return Result(
        store=place.name,
        workload=workload,
        instances=done,
        wall_s=wall_s,
        catch_up_s=wall_s - found["wall_s"],
        rate=done / wall_s,
        requests=found["requests"],
        overloaded=found["overloaded"],
        errors=found["errors"],
        first_error=found["first_error"],
        latency_ms=found["latency_ms"],
        server_us=each_us(server_s),
        database_us=each_us(database_s),
        generator_us=each_us(found["cpu_s"]) or 0.0,
        generator_share=found["cpu_s"] / (found["wall_s"] * cores),
        other_share=None if other_s is None else other_s / (wall_s * cores),
        log_bytes=log[1] * units / all_units if log is not None and all_units else None,
        cores=cores,
    )


Costs = tuple[float | None, float | None, float | None]
"""CPU seconds of server, database, whole machine."""


W2_CONNECTIONS = 256
"""W2 is bound by its instances in flight, not by its connections: with 64, most of these would wait for one."""


def _load(plan: Plan, workload: str, place: _Place, server: Server, key: str) -> tuple[dict[str, Any], Costs, float]:
    """What the generator found, what it cost, and how long it took until the views had everything."""
    generator = subprocess.Popen(
        [sys.executable, "-m", "penstock.bench.generator"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with generator:
        assert generator.stdin is not None and generator.stdout is not None
        orders = {
            "host": server.host,
            "port": server.port,
            "workload": workload,
            "path": f"/engine-rest/process-definition/key/{key}/start",
            "connections": plan.connections if workload == "W1" else max(plan.connections, W2_CONNECTIONS),
            "warmup_s": plan.warmup_s,
            "seconds": plan.seconds,
            "topics": models.TOPICS,
            "in_flight": plan.in_flight,
        }
        try:
            generator.stdin.write(json.dumps(orders) + "\n")
            generator.stdin.flush()
            _heard(generator.stdout.readline(), server)
            before, began_s = _costs(server, place), time.monotonic()
            found = _heard(generator.stdout.readline(), server)
            server.finished(key)
            wall_s, after = time.monotonic() - began_s, _costs(server, place)
        except BaseException:
            generator.kill()
            raise
    spent = [None if a is None or b is None else a - b for a, b in zip(after, before, strict=True)]
    return found, (spent[0], spent[1], spent[2]), wall_s


def _heard(line: str, server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line) if line else {"failed": "it ended without a word"}
    if "failed" in found:
        raise ServerFailed(f"the load generator gave up: {found['failed']}\n{server.said()}")
    return found


def _costs(server: Server, place: _Place) -> Costs:
    if not machine.has_proc():
        return None, None, None
    database_s = machine.cpu_s(place.pid) if place.pid is not None else None
    return machine.cpu_s(server.process.pid), database_s, machine.busy_s()


def _log(url: str, after: dict[str, int] | None) -> tuple[dict[str, int], int] | None:
    """(positions of the log, bytes beyond `after`: None counts nothing); None for a store that ends with its server."""
    if url.startswith("memory:"):
        return None

    async def read() -> tuple[dict[str, int], int]:
        store = open_store(url, SystemClock())
        await store.open()
        try:
            heads = await store.heads()
            at = dict(heads if after is None else after)
            size_bytes = 0
            while entries := await store.read_log(at, LOG_ROWS):
                for entry in entries:
                    size_bytes += len(entry.payload)
                    at[entry.stream] = max(at.get(entry.stream, 0), entry.position)
            return heads, size_bytes
        finally:
            await store.close()

    return asyncio.run(read())
