"""The same stories on every broker: memory, Kafka, RabbitMQ, Redis, NATS, ActiveMQ, SQS, SNS."""

import asyncio
from pathlib import Path

import pytest
from bridge_models import CHARGE, PAYMENT, SHIPPED, TICKET, USER
from site_of_tests import Site
from stories import (
    SECTIONS,
    events_leave_in_order,
    messages_reach_who_waits_also_later,
    messages_start_and_duplicates_do_not,
    tasks_go_out_and_answers_come_in,
    what_cannot_be_taken_is_kept_and_replayed,
)

from penstock.base.clock import SystemClock
from penstock.bus import dead_letters
from penstock.store.memory.store import MemoryStore
from penstock.testing.bus_control import BrokerControl
from support.every_broker import BROKERS, Started

QUIET_MS = 1_000


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass over dead letters ends sooner: the broker is near."""
    defaults = {**dead_letters.replay.__kwdefaults__, "quiet_ms": QUIET_MS}
    monkeypatch.setattr(dead_letters.replay, "__kwdefaults__", defaults)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("broker", BROKERS)
async def test_all_that_bridges_do(broker: str, started_brokers: Started, tmp_path: Path) -> None:
    control = started_brokers.get(broker)
    site = Site(MemoryStore(SystemClock()), control.url, tmp_path / "penstock.toml")
    await site.bus.open()
    try:
        await _all_stories(site, control)
    finally:
        await site.close()


async def _all_stories(site: Site, broker: BrokerControl) -> None:
    await site.start(SECTIONS, USER, PAYMENT, TICKET, CHARGE, SHIPPED)
    async with asyncio.TaskGroup() as together:
        for story in (
            messages_start_and_duplicates_do_not(site, ordered=broker.keeps_order),
            messages_reach_who_waits_also_later(site),
            what_cannot_be_taken_is_kept_and_replayed(site),
            tasks_go_out_and_answers_come_in(site),
            events_leave_in_order(site, ordered=broker.keeps_order),
        ):
            together.create_task(story)
    await site.clean_outbox()
