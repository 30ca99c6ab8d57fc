"""Two nodes on one PostgreSQL share the bridges' work."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bridge_models import CHARGE, PAYMENT, SHIPPED, USER
from site_of_tests import Site, plain, until
from test_intake import ORDERS, PAYMENTS
from test_requests import EVENTS, HASTY, reply

from penstock.base.clock import SystemClock
from penstock.bridge.rows import SLOTS
from penstock.store.postgresql.store import PostgresqlStore
from penstock.store.query import Op, Query, Where

Sites = tuple[Site, Site]
MORE = HASTY.replace('"PT0.6S"', '"PT1S"').replace("retries = 2", "retries = 9")


@pytest.fixture
async def sites(postgres_url: str, tmp_path: Path) -> AsyncIterator[Sites]:
    stores = [PostgresqlStore(postgres_url, SystemClock()) for _ in range(2)]
    for store in stores:
        await store.open()
    made = [Site(store, f"memory://{tmp_path.name}", tmp_path / "penstock.toml") for store in stores]
    for site in made:
        await site.bus.open()
    yield made[0], made[1]
    for site in made:
        await site.close()
    for store in stores:
        await store.close()


async def start(sites: Sites, sections: str, *models: bytes) -> None:
    for number, site in enumerate(sites):
        await site.start(sections, *(models if number == 0 else ()))


async def test_a_group_shares_the_messages_and_each_has_one_effect(sites: Sites) -> None:
    await start(sites, ORDERS, USER)
    for number in range(200):
        await sites[0].event("orders", "OrderAccepted", {"orderId": f"A{number}", "amount": 1}, id=f"id-{number}")
    for number in range(0, 200, 5):
        await sites[0].event("orders", "OrderAccepted", {"orderId": f"A{number}", "amount": 1}, id=f"id-{number}")

    async def taken() -> bool:
        return sum(site.counts().total() for site in sites) == 240

    await until(taken)
    counts = sites[0].counts() + sites[1].counts()
    assert counts == {"started": 200, "duplicate": 40}
    assert len(await sites[0].instances("order", 200)) == 200


async def test_nodes_share_the_slots_and_one_takes_over_when_the_other_goes(sites: Sites) -> None:
    await start(sites, EVENTS, SHIPPED)

    async def shared() -> bool:
        shares = [site.bridges._slots.mine() or frozenset() for site in sites]
        assert not shares[0] & shares[1]
        return len(shares[0]) == len(shares[1]) == SLOTS // 2

    await until(shared)
    for number in range(40):
        await sites[number % 2].start_instance("shipping", f"K{number}", weight=number)
    events = await sites[0].received("parcels", 120)
    assert all(count == 1 for count in Counter(event.id for event in events).values())
    for number in range(40):
        kinds = [event.type for event in events if event.correlationid == f"K{number}"]
        assert kinds == ["ParcelPacked", "CustomerNotified", "ParcelShipped"]

    async def counted() -> bool:
        published = [site.bridges.links["events"].publisher.published for site in sites]
        return sum(published) == 120 and all(published)

    await until(counted)
    await sites[0].bridges.close()
    for number in range(10):
        await sites[1].start_instance("shipping", f"L{number}", weight=1)
    await sites[1].received("parcels", 30)


async def test_a_node_without_connections_holds_no_slot(sites: Sites) -> None:
    await start(sites, EVENTS, SHIPPED)
    sites[0].file.write_text("")

    async def given_back() -> bool:
        return not any(site.bridges.links or site.bridges._slots.mine() for site in sites)

    await until(given_back)

    async def free() -> bool:
        return not await sites[0].node.store.rows(Query("lease", (Where("name", Op.LIKE, "bus-slot:%"),)))

    await until(free)


async def test_each_attempt_is_requested_once(sites: Sites) -> None:
    await start(sites, MORE, CHARGE)
    instances = [await sites[number % 2].start_instance("charge", f"K{number}") for number in range(10)]
    first = await sites[0].received("charge.requests", 10)
    second = await sites[0].received("charge.requests", 10)
    assert sorted(request.subject for request in first) == sorted(request.subject for request in second)
    assert len({request.id for request in (*first, *second)}) == 20
    for request in second:
        await reply(sites[1], request, "completed")
    for instance in instances:
        await sites[0].at(instance, "t")


async def test_an_early_message_is_delivered_once_whichever_node_is_waited_on(sites: Sites) -> None:
    await start(sites, PAYMENTS, PAYMENT)
    await sites[0].publish(*(plain("payments", {"orderId": f"A{number}", "sum": 1}) for number in range(20)))

    async def kept() -> bool:
        return await sites[0].bridges.early.waiting() == 20

    await until(kept)
    instances = await asyncio.gather(
        *(sites[number % 2].start_instance("payment", f"A{number}") for number in range(20))
    )
    for instance in instances:
        await sites[0].ended(instance)
    assert await sites[1].bridges.early.waiting() == 0
