"""The store: reachable, of this release, set up so that nothing is lost."""

from collections.abc import AsyncIterator, Iterator
from time import perf_counter

from penstock.base.clock import SystemClock
from penstock.cli.checks.finding import Found, failed, ok, warning
from penstock.store.inspection import Facts, Inspection, Setting

SKEW_MS = 1_000
ROUND_TRIP_SLOW_MS = 5.0
ROUND_TRIPS = 10


def described(facts: Facts) -> Iterator[Found]:
    """What follows from the facts alone."""
    servers = (
        "no server uses it" if not facts.nodes else f"{facts.nodes} servers use it" if facts.nodes > 1 else "in use"
    )
    yield ok("store", f"{facts.database}, {facts.size_bytes / 1024**2:.1f} MB, {servers}")
    yield _schema(facts)
    yield from (_setting(setting) for setting in facts.settings)


def _schema(facts: Facts) -> Found:
    text = f"schema {facts.schema}, this release has {facts.known_schema}"
    if facts.schema > facts.known_schema:
        return failed("schema", text, "the store belongs to a newer release: install that one")
    if not facts.schema:
        return warning("schema", "the store is empty", "penstock db migrate, or the first penstock up, sets it up")
    if facts.schema < facts.known_schema:
        return warning("schema", text, "make a backup; the next penstock up, or penstock db migrate, brings it up")
    return ok("schema", text)


def _setting(setting: Setting) -> Found:
    text = f"{setting.name} = {setting.value}"
    if setting.advice is None:
        return ok("setting", text)
    return (failed if setting.fatal else warning)("setting", text, setting.advice)


async def clock(inspection: Inspection) -> AsyncIterator[Found]:
    """The database's clock, and how far away it is."""
    best: tuple[float, int] | None = None
    for _ in range(ROUND_TRIPS):
        began_s = perf_counter()
        before_ms = SystemClock().now_ms()
        facts = await inspection.facts()
        took_ms = (perf_counter() - began_s) * 1_000
        if facts.now_ms is None:
            return
        # The database's clock was read between the two.
        skew_ms = max(0, before_ms - facts.now_ms, facts.now_ms - SystemClock().now_ms())
        if best is None or took_ms < best[0]:
            best = (took_ms, skew_ms)
    assert best is not None
    text = f"the database's clock and this machine's differ by {best[1]} ms"
    if best[1] > SKEW_MS:
        yield warning("clock", text, "let NTP set both: history shows the time of the node that wrote it")
    else:
        yield ok("clock", text)
    began_s = perf_counter()
    for _ in range(ROUND_TRIPS):
        await inspection.epoch()
    trip_ms = (perf_counter() - began_s) * 1_000 / ROUND_TRIPS
    text = f"an answer of the database takes {trip_ms:.2f} ms"
    if trip_ms > ROUND_TRIP_SLOW_MS:
        yield warning("distance", text, "every commit takes several: run servers near the database")
    else:
        yield ok("distance", text)
