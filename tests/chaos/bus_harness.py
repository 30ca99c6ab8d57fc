"""Bridges on a real broker, under load and under kills: `python tests/chaos/bus_harness.py --bus kafka --case kills`.

    kills    the server, the broker, the database and an outside service are killed at random moments while orders go through
             a process that is started by a message, sends two requests, waits for a message and says that it is finished:
             nothing is lost, nothing is doubled, and an outside effect has one extra attempt at most for each kill
    restart  messages, one in ten of them twice, start instances; the broker is restarted half-way: 0 lost, 0 doubled
    speed    messages that lie in the channel start instances: how many a second, and what that costs
    slow     a producer ten times faster than the consumer: the server's memory stays within MEMORY_BYTES
    tasks    as `speed`, with three requests to an outside service one after another in each instance
    quiet    one message at a time: how long until its instance is committed

The seed decides what is killed when; the machine decides what it is doing then.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

import asyncpg
from bus_checks import check_path, check_starts
from bus_models import FINISHED, PATH, PATH_SECTIONS, SLOW, SLOW_MS, STEP, WAITS, WORK, WORKED, order, payment, starts
from bus_site import AGAIN_S, Site, site

from penstock.base.errors import BusFailed
from penstock.bus.cloudevents import read
from penstock.bus.protocol import Done, Message, Subscribe

BUSES = ("kafka", "rabbitmq", "redis", "nats", "activemq", "sqs", "sns")
"""The bus in memory ends with its process: there is nothing to kill."""

DUPLICATED = 10
"""One message in so many comes twice."""

IN_FLIGHT_MAX = 100
PROGRESS_MAX_S = 30.0
TOLD_KILLS = 10
STALLED_S = 150.0
SLOW_BYTES = 10_000
SLOW_FASTER = 10
MEMORY_BYTES = 256 * 1024 * 1024
"""How much the server may grow by what lies in its channels: the windows of what is given out (32 MiB each) and fetched ahead
(as much), and what the engine has in hand."""
REST_S = 2.0
"""After it was filled a broker still has something to do."""
QUIET_MESSAGES = 200


@dataclass(frozen=True)
class Plan:
    """What to do."""

    bus: str
    case: str
    messages: int
    kills: int
    seed: int


# ---------------------------------------------------------------------------------------------- kills


@dataclass
class Load:
    """Sends orders and their payments, a bounded number at a time, and hears which have finished."""

    site: Site
    chance: random.Random
    sent: set[str] = field(default_factory=set)
    finished: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    stopping: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self) -> None:
        self.tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._listen())]

    def check(self) -> None:
        """Raises what a task has failed with."""
        for task in self.tasks:
            if task.done():
                task.result()

    async def _send(self) -> None:
        for number in count(1):
            if self.stopping:
                return
            if len(self.sent) - len(self.finished) >= IN_FLIGHT_MAX:
                await asyncio.sleep(0.05)
                continue
            keys = [f"order-{number}-{of}" for of in range(self.chance.randint(1, 10))]
            first, then = [order(key) for key in keys], [payment(key) for key in keys]
            if self.chance.random() < 0.3:
                first, then = then, first
            for messages in (first, then):
                twice = [each for each in messages if self.chance.randrange(DUPLICATED) == 0]
                await self.site.publish([*messages, *twice])
                self.sent.update(keys)
                await asyncio.sleep(self.chance.uniform(0, 0.1))

    async def _listen(self) -> None:
        subscription = None
        while True:
            try:
                if subscription is None:
                    subscription = await self.site.bus.subscribe(Subscribe(channel=FINISHED))
                deliveries = await subscription.receive(200, 500)
                for delivery in deliveries:
                    event = read(delivery, "test").event
                    self.finished[event.data["orderId"]].add(event.id)
                await subscription.settle([Done(delivery) for delivery in deliveries])
            except BusFailed:
                await asyncio.sleep(AGAIN_S)

    async def progress(self, seconds: float) -> None:
        """Until one more has finished; for so long at most."""
        before, end_s = len(self.finished), time.monotonic() + seconds
        while len(self.finished) == before and time.monotonic() < end_s:
            self.check()
            await asyncio.sleep(0.05)

    async def finish(self) -> None:
        """Sends no more; until all have finished."""
        self.stopping = True
        since_s, before = time.monotonic(), -1
        while len(self.finished) < len(self.sent) or not self.tasks[0].done():
            self.check()
            if len(self.finished) > before:
                since_s, before = time.monotonic(), len(self.finished)
            lost = sorted(self.sent - self.finished.keys())
            assert time.monotonic() - since_s < STALLED_S, f"{len(lost)} of {len(self.sent)} do not end: {lost[:10]}"
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def kills(plan: Plan, at: Site) -> str:
    """See the module."""
    chance = random.Random(plan.seed)
    at.configure(PATH_SECTIONS)
    await _serve(at, PATH)
    at.service.spawn()
    load = Load(at, chance)
    load.begin()
    killed: list[tuple[float, float, str]] = []
    began_s = time.monotonic()
    victims: dict[str, Callable[[], Awaitable[None]]] = {
        "server": at.crash_server,
        "broker": at.crash_broker,
        "database": at.crash_database,
        "service": at.crash_service,
    }
    try:
        await load.progress(PROGRESS_MAX_S)
        while len(killed) < plan.kills:
            await asyncio.sleep(chance.uniform(0.05, 1.5))
            # Each in turn, from one that the seed says; sometimes two at once.
            names = list(victims)
            chosen = [names[(plan.seed + len(killed)) % len(names)]]
            if chance.random() < 0.2:
                chosen.append(chance.choice([name for name in names if name not in chosen]))
            from_s = time.monotonic()
            await asyncio.gather(*(victims[name]() for name in chosen))
            killed += [(from_s, time.monotonic(), name) for name in chosen]
            await load.progress(PROGRESS_MAX_S)
            if len(killed) % TOLD_KILLS < len(chosen):
                print(f"  {len(killed)} kills, {len(load.finished)} of {len(load.sent)} orders finished", flush=True)
        await load.finish()
        await at.wait_ended(len(load.sent), STALLED_S)
        await _settled(at)
        code = at.server.terminate()
        assert code == 0, f"SIGTERM ended the server with {code}"
        at.service.kill()
    finally:
        await load.close()
    counted = await check_path(at, load.sent, load.finished, killed)
    assert b"defect" not in at.server.log.read_bytes(), at.server.tail()
    said = ", ".join(f"{number} {what}" for what, number in counted.items())
    return f"{len(killed)} kills in {time.monotonic() - began_s:.0f} s: 0 lost, 0 doubled; {said}"


async def _settled(at: Site) -> None:
    """What comes late, copies and answers, has been taken."""
    end_s = time.monotonic() + STALLED_S
    for channel in ("orders", "payments", "work.replies", "work.requests"):
        while True:
            with suppress(BusFailed):
                if not (await at.bus.lag(channel, "penstock")).waiting:
                    break
            assert time.monotonic() < end_s, f"messages of {channel} are not settled"
            await asyncio.sleep(0.2)


# ---------------------------------------------------------------------------------------------- starts


def _orders(number: int) -> tuple[list[str], list[Message]]:
    """Keys, and their messages with one in ten twice, the copy some way behind."""
    keys = [f"order-{each}" for each in range(number)]
    messages = [order(key) for key in keys]
    return keys, [*messages, *messages[::DUPLICATED]]


async def restart(plan: Plan, at: Site) -> str:
    """See the module."""
    keys, messages = _orders(plan.messages)
    at.configure(starts("single"))
    await _serve(at, STEP)
    began_s = time.monotonic()
    half = len(messages) // 2
    await at.publish(messages[:half])
    publishing = asyncio.create_task(at.publish(messages[half:]))
    await at.wait_ended(plan.messages // 4, STALLED_S)
    await at.broker.stop()
    await at.broker.start()
    await publishing
    await at.wait_ended(plan.messages, STALLED_S)
    seconds = time.monotonic() - began_s
    await check_starts(at, keys)
    return f"{len(messages)} messages about {plan.messages} orders, one restart, in {seconds:.0f} s: 0 lost, 0 doubled"


async def speed(plan: Plan, at: Site) -> str:
    """See the module."""
    return await _measured(plan, at, STEP, starts("single"))


async def tasks(plan: Plan, at: Site) -> str:
    """See the module."""
    at.service.spawn()
    return await _measured(plan, at, WORKED, starts("worked") + WORK)


async def _measured(plan: Plan, at: Site, model: str, sections: str) -> str:
    """From the first start to the last end as their instances tell; what precedes the first is not in."""
    at.configure("")
    await _serve(at, model)
    keys, _ = _orders(plan.messages)
    await at.publish([order(key) for key in keys])
    await asyncio.sleep(REST_S)
    before = at.cpu_s()
    at.configure(sections)
    await at.wait_ended(plan.messages, STALLED_S)
    cost = {name: (now - before[name]) * 1e6 / plan.messages for name, now in at.cpu_s().items()}
    await check_starts(at, keys)
    connection = await asyncpg.connect(at.database.url())
    try:
        first, last = await connection.fetchrow("SELECT min(started_ms), max(ended_ms) FROM process_instance")
    finally:
        await connection.close()
    rate = plan.messages / ((last - first) / 1000)
    return f"{rate:.0f}/s; µs CPU a message: " + ", ".join(f"{name} {each:.0f}" for name, each in cost.items())


async def slow(plan: Plan, at: Site) -> str:
    """See the module."""
    at.configure(starts("slow"))
    await _serve(at, SLOW)
    await at.publish([order(f"warm-{number}", SLOW_BYTES) for number in range(100)])
    await at.wait_ended(100, STALLED_S)
    before = highest = at.server_rss_bytes()
    began_s = time.monotonic()
    for start in range(0, plan.messages, 100):
        await at.publish([order(f"order-{number}", SLOW_BYTES) for number in range(start, start + 100)])
        highest = max(highest, at.server_rss_bytes())
        due_s = (start + 100) * SLOW_MS / 1000 / SLOW_FASTER
        await asyncio.sleep(max(0, began_s + due_s - time.monotonic()))
    published_s = time.monotonic() - began_s
    taken = await at.ended() - 100
    for _ in range(50):
        highest = max(highest, at.server_rss_bytes())
        await asyncio.sleep(0.2)
    grown = highest - before
    assert taken < plan.messages // 2, f"the consumer was not slower: it has taken {taken} of {plan.messages} by then"
    assert grown <= MEMORY_BYTES, f"the server has grown by {grown / 2**20:.0f} MiB"
    return (
        f"{plan.messages} messages of {SLOW_BYTES} bytes in {published_s:.0f} s, {taken} of them taken by then: the server has "
        f"grown by {grown / 2**20:.0f} MiB, from {before / 2**20:.0f}"
    )


async def quiet(plan: Plan, at: Site) -> str:
    """See the module."""
    at.configure(starts("waits"))
    await _serve(at, WAITS)
    connection = await asyncpg.connect(at.database.url())
    found: list[float] = []
    try:
        looking = await connection.prepare("SELECT count(*) FROM instance")
        for number in range(min(plan.messages, QUIET_MESSAGES)):
            began_s = time.monotonic()
            await at.publish([order(f"order-{number}")])
            while await looking.fetchval() <= number:
                assert time.monotonic() - began_s < STALLED_S, f"message {number} starts nothing"
                await asyncio.sleep(0.001)
            if number >= 10:
                found.append((time.monotonic() - began_s) * 1000)
            await asyncio.sleep(0.02)
    finally:
        await connection.close()
    found.sort()
    return f"publish → committed: p50 {statistics.median(found):.1f} ms, p90 {found[len(found) * 9 // 10]:.1f} ms"


CASES = {"kills": kills, "restart": restart, "speed": speed, "tasks": tasks, "slow": slow, "quiet": quiet}


# ---------------------------------------------------------------------------------------------- a run


async def _serve(at: Site, model: str) -> None:
    at.server.spawn()
    await at.server.ready()
    await at.deploy(model)


async def run(plan: Plan, folder: Path) -> str:
    """Runs the plan; returns a report. Raises AssertionError."""
    print(f"buses: {plan}", flush=True)
    async with site(plan.bus, folder) as at:
        try:
            return f"buses: {plan.bus}, {plan.case}, seed {plan.seed}: {await CASES[plan.case](plan, at)}"
        except AssertionError as error:
            error.add_note(f"seed {plan.seed}")
            raise


async def main(plans: Sequence[Plan]) -> None:
    """The runs one after another, each in a folder of its own."""
    for plan in plans:
        with tempfile.TemporaryDirectory(prefix="penstock-buses-") as name:
            print(await run(plan, Path(name)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bus", choices=BUSES, action="append", help="all, unless said")
    parser.add_argument("--case", choices=CASES, action="append", help="all, unless said")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1_000_000)
    asyncio.run(
        main(
            [
                Plan(bus, case, given.messages, given.kills, seed)
                for bus in given.bus or BUSES
                for case in given.case or CASES
            ]
        )
    )
