"""Dead letters over REST: listed, counted, replayed; and what bridges show as metrics."""

import msgspec
import pytest
from bridge_models import PAYMENT, USER
from site_of_tests import Site, plain, until
from test_intake import ORDERS, PAYMENTS

from penstock.api.app import create_app
from penstock.api.http import Request

PATH = "/penstock/v1/dead-letters"


async def ask(site: Site, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    """The answer of the REST API."""
    where, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": where,
        "query_string": query.encode(),
        "raw_path": where.encode(),
    }
    request = Request(site.node, scope, None, {b"content-type": b"application/json"})
    request.content = b"" if body is None else msgspec.json.encode(body)
    response = await create_app(site.node).respond(request)
    assert response is not None
    return response.status, msgspec.json.decode(response.body)


async def wait_dead(site: Site, number: int) -> None:
    async def dead() -> bool:
        return site.counts()["dead"] == number

    await until(dead, f"{number} dead letters")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass over dead letters ends sooner: the broker is in memory."""
    from penstock.bus import dead_letters

    monkeypatch.setattr(dead_letters.replay, "__kwdefaults__", {**dead_letters.replay.__kwdefaults__, "quiet_ms": 50})


@pytest.mark.usefixtures("quick")
async def test_dead_letters_are_listed_and_replayed_when_the_cause_is_mended(site: Site) -> None:
    await site.start(ORDERS.replace('event = "OrderAccepted"', ""), USER)
    for number in range(4):
        await site.publish(plain("orders", {"id": f"A{number}", "amount": 1}))
    await site.event("orders", "OrderAccepted", {"orderId": "good", "amount": "x" * 10_000}, id="good")
    await wait_dead(site, 4)
    status, found = await ask(site, "GET", f"{PATH}?channel=orders&maxResults=3")
    assert (status, found["count"], found["complete"]) == (200, 4, True)
    letters = found["deadLetters"]
    assert isinstance(letters, list) and len(letters) == 3
    assert letters[0]["body"] == '{"id":"A0","amount":1}' and "business key" in letters[0]["reason"]
    assert (letters[0]["connection"], letters[0]["deadLetterChannel"]) == ("events", "orders.dead")
    assert (await ask(site, "GET", f"{PATH}?reason=nothing+like+it"))[1]["count"] == 0

    counted = await ask(site, "POST", f"{PATH}/replay", {"channel": "orders", "dryRun": True})
    assert counted == (200, {"matched": 4, "replayed": 0, "complete": True})
    site.write(ORDERS.replace('event = "OrderAccepted"', "").replace('"data.orderId"', '"data.id"'))

    async def changed() -> bool:
        return site.bridges.config.bridges[0].business_key.text == "data.id"  # type: ignore[union-attr]

    await until(changed)
    done = await ask(site, "POST", f"{PATH}/replay", {"reason": "BUSINESS key"})
    assert done == (200, {"matched": 4, "replayed": 4, "complete": True})
    rows = await site.instances("order", 5)
    assert sorted(row["business_key"] for row in rows) == ["A0", "A1", "A2", "A3", "good"]
    assert (await ask(site, "GET", PATH))[1]["count"] == 0


@pytest.mark.usefixtures("quick")
async def test_a_message_that_came_too_early_can_be_replayed(site: Site) -> None:
    await site.start(PAYMENTS + 'early = "PT0S"\n', PAYMENT)
    await site.event("payments", "P", {"orderId": "A", "sum": 5}, id="one")
    await wait_dead(site, 1)
    instance = await site.start_instance("payment", "A")
    assert (await ask(site, "POST", f"{PATH}/replay", {}))[1]["replayed"] == 1
    await site.ended(instance)


@pytest.mark.parametrize("query", ["maxResults=0", "maxResults=x", "since=yesterday", "connection=nowhere"])
async def test_what_makes_no_sense_is_refused(site: Site, query: str) -> None:
    await site.start(ORDERS, USER)
    status, problem = await ask(site, "GET", f"{PATH}?{query}")
    assert status == 400 and problem["type"] == "urn:penstock:bad-request"


async def test_without_bridges_there_are_no_dead_letters(site: Site) -> None:
    await site.start("", USER)
    assert (await ask(site, "GET", PATH))[1] == {"deadLetters": [], "count": 0, "complete": True}


async def test_a_broker_that_is_away_is_a_503(site: Site) -> None:
    await site.start(ORDERS, USER)
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1})
    await site.instances("order", 1)
    await site.broker.stop()
    assert (await ask(site, "GET", PATH))[0] == 503
    await site.broker.start()


async def test_metrics_say_what_waits_and_what_became_of_messages(site: Site) -> None:
    await site.start(ORDERS + PAYMENTS, USER)
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1}, id="one")
    await site.event("orders", "OrderAccepted", {"orderId": "A", "amount": 1}, id="one")
    await site.publish(plain("payments", {"orderId": "A", "sum": 1}))

    async def taken() -> bool:
        lag = await site.bus.lag("orders", "penstock")
        return site.counts().total() == 3 and lag.waiting == 0

    await until(taken)
    found = {read.metric.name: read.values for read in await site.node.measure()}
    bridge = "events.orders.penstock.OrderAccepted.order"
    assert found["penstock_bus_messages_total"][bridge, "started"] == 1
    assert found["penstock_bus_messages_total"][bridge, "duplicate"] == 1
    assert found["penstock_bus_lag_messages"][bridge,] == 0
    assert found["penstock_early_messages"]["PaymentReceived",] == 1
