"""Kills a server under load, again and again, and checks that nothing acknowledged is lost and nothing is done twice.

    python tests/chaos/harness.py --store sqlite --kills 200 --seed 7
    python tests/chaos/harness.py --store postgresql --nodes 2 --kills 200

With one node, SIGKILL comes at random moments, also while the server starts. With two nodes on one database, one of
them is killed or paused (SIGSTOP, SIGCONT: it wakes after its leases have expired) while the other goes on.
The seed decides when what is done; the machine decides what the server is doing then.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos_checks import check
from chaos_load import Journal, Load
from chaos_server import JOB_LEASE_MS, Server

FINISH_MAX_S = 90.0
STORES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Plan:
    """What to do. `kills`: at least so many kills and pauses. `nodes`: servers on one database (PostgreSQL)."""

    store: str
    kills: int
    seed: int
    nodes: int = 1


async def run(plan: Plan, url: str, folder: Path) -> str:
    """Runs the plan on the empty store at `url`; returns a report. Raises AssertionError."""
    print(f"chaos: {plan}", flush=True)
    servers = [Server(f"node-{n + 1}", url, folder) for n in range(plan.nodes)]
    chance = random.Random(plan.seed)
    load = Load([server.url for server in servers], plan.seed)
    began_s = time.monotonic()
    try:
        for server in servers:
            server.spawn()
            await server.ready()
        await load.deploy()
        load.begin()
        kills = pauses = 0
        while kills + pauses < plan.kills:
            if plan.nodes > 1 and chance.random() < 0.4:
                await _pause(chance.choice(servers), chance)
                pauses += 1
            else:
                kills += await _kill(chance.choice(servers), chance)
            load.check()
        left = await load.finish(FINISH_MAX_S)
        codes = [server.terminate() for server in servers]
        assert left == 0, f"{left} instances never ended:\n" + "\n".join(server.tail() for server in servers)
        assert codes == [0] * len(servers), f"SIGTERM ended the servers with {codes}"
        counted = await check(url, load.journal)
    except AssertionError as error:
        error.add_note(f"seed {plan.seed}; " + "; ".join(f"output of {s.name}:\n{s.tail()}" for s in servers))
        raise
    finally:
        await load.close()
        for server in servers:
            if server.running:
                server.resume()
                server.kill()
    defects = [server.name for server in servers if b"defect" in server.log.read_bytes()]
    assert not defects, "\n".join(server.tail() for server in servers)
    return _report(plan, load.journal, servers, counted, kills, pauses, time.monotonic() - began_s)


async def _pause(server: Server, chance: random.Random) -> None:
    """Stops the process for a while; the longest outlasts the leases of its jobs."""
    await asyncio.sleep(chance.uniform(0.05, 2.0))
    server.pause()
    await asyncio.sleep(chance.choice([0.1, 0.5, 1.5 * JOB_LEASE_MS / 1000]))
    server.resume()


async def _kill(server: Server, chance: random.Random) -> int:
    """Kills the server at a random moment, sometimes once more while it starts; it is ready again afterwards. Returns
    how often it was killed."""
    await asyncio.sleep(chance.uniform(0.05, 2.0))
    server.kill()
    server.spawn()
    kills = 1
    if chance.random() < 0.2:
        await asyncio.sleep(chance.uniform(0.0, 1.5))
        server.kill()
        server.spawn()
        kills += 1
    await server.ready()
    return kills


def _report(
    plan: Plan,
    journal: Journal,
    servers: list[Server],
    counted: dict[str, int],
    kills: int,
    pauses: int,
    seconds: float,
) -> str:
    starts = [s for server in servers for s in server.starts_s[1:]] or [0.0]
    return (
        f"chaos: {plan.store}, seed {plan.seed}: {kills} kills, {pauses} pauses in {seconds:.0f} s; "
        f"{journal.requests} requests, {journal.lost_answers} without an answer; "
        f"{len(journal.started)} starts and {len(journal.completed)} completions acknowledged; "
        + ", ".join(f"{number} {what}" for what, number in counted.items())
        + f"; ready again after {statistics.median(starts):.2f} s (median), {max(starts):.2f} s (longest)"
    )


@asynccontextmanager
async def empty_store(store: str, folder: Path) -> AsyncIterator[str]:
    """The address of an empty store: a file in `folder`, or a durable PostgreSQL server of its own."""
    if store == "sqlite":
        yield f"sqlite:///{folder}/chaos.db"
        return
    from support.postgres import PostgresServer

    server = PostgresServer(durable=True)
    try:
        await asyncio.to_thread(server.start)
        yield server.url()
    finally:
        await asyncio.to_thread(server.remove)


async def main(plan: Plan) -> None:
    """One run, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="penstock-chaos-") as name:
        async with empty_store(plan.store, Path(name)) as url:
            print(await run(plan, url, Path(name)), flush=True)


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent.parent))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=STORES, default="sqlite")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--nodes", type=int, default=1)
    given = parser.parse_args()
    if given.nodes > 1 and given.store != "postgresql":
        parser.error("several nodes need --store postgresql")
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1_000_000)
    asyncio.run(main(Plan(given.store, given.kills, seed, given.nodes)))
