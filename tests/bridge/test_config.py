"""The sections of `penstock.toml`: what they give, and what is said of what makes no sense."""

import logging
import tomllib
from pathlib import Path

import pytest
from bridge_models import USER
from site_of_tests import Site

from penstock.base.errors import BusFailed
from penstock.bridge.config import BadBridges, Config, parse, read
from penstock.bridge.mapping import Term

CONNECTION = '[connections.events]\nurl = "memory://x"\n'
BRIDGE = CONNECTION + '[[bridge]]\nconnection = "events"\nchannel = "orders"\n'
TOPIC = CONNECTION + '[topic."charge-card"]\nconnection = "events"\n'


def config(text: str, **environment: str) -> Config:
    return parse(tomllib.loads(text), "penstock.toml", environment)


def test_the_shape_that_others_rely_on() -> None:
    found = config(
        """
[connections.events]
url = "kafka://user:${SECRET}@127.0.0.1:9092"
[[bridge]]
connection = "events"
channel = "orders"
group = "penstock"
event = "OrderAccepted"
start = "order"
id = "data.paymentId"
dedup_window = "P7D"
business_key = "data.orderId"
variables = { amount = "data.amount" }
dead_letter = "orders.dead"
[topic."charge-card"]
connection = "events"
request = "charge-card.requests"
reply = "charge-card.replies"
timeout = "PT30S"
""",
        SECRET="s3cret",
    )
    (bridge,) = found.bridges
    assert found.connections["events"].url == "kafka://user:s3cret@127.0.0.1:9092"
    assert "s3cret" not in repr(found)
    assert (bridge.start, bridge.events, bridge.dedup_window_ms) == ("order", {"OrderAccepted"}, 7 * 86_400_000)
    assert bridge.business_key == Term("data.orderId") and bridge.dead_letter == "orders.dead"
    topic = found.topics["charge-card"]
    assert (topic.channel, topic.reply, topic.timeout_ms) == ("charge-card.requests", "charge-card.replies", 30_000)
    assert (topic.retries, topic.retry_timeout_ms) == (3, 10_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[connections.a]\nurl = "ftp://x"\n',
            "[connections.a]: url begins with ftp://, which no bus has: use one of",
        ),
        ('[connections.a]\nurl = "${NOT_THERE}"\n', "url names ${NOT_THERE}, which the environment does not have"),
        ('[connections.a]\nhost = "x"\n', "[connections.a]: Object"),
        ("connections = 3\n", "connections must be a section of sections"),
        (BRIDGE + 'start = "x"\ndedup_window = "PT0S"\n', 'say delivery = "at-least-once" for that'),
        (BRIDGE + 'start = "x"\nlease = "PT0S"\n', "give a duration that is more than nothing"),
        (BRIDGE + 'start = "x"\ndead_letter = "orders"\n', "dead_letter is the channel itself"),
        (TOPIC + 'request = "a"\nreply = "a"\n', "request and reply are one channel"),
        (TOPIC + 'request = "a"\nreply = "b"\ntimeout = "PT0S"\n', "give a duration that is more than nothing"),
        ('[bridge]\nconnection = "a"\n', "bridges are written as [[bridge]]"),
        ('[[bridge]]\nconnection = "a"\nchannel = "c"\nstart = "p"\n', "there is no connection 'a'"),
        (BRIDGE, "[[bridge]] number 1 (channel 'orders'): say one of start"),
        (BRIDGE + 'start = "p"\nmessage = "m"\n', "say one of start"),
        (BRIDGE + 'start = "p"\ncorelation = 1\n', "unknown field `corelation`; there are: connection, channel"),
        (BRIDGE + 'start = "p"\nbusiness_key = "data."\n', "business_key is no FEEL:"),
        (BRIDGE + 'start = "p"\nvariables = { a = "1 +" }\n', "variables.a is no FEEL:"),
        (BRIDGE + 'start = "p"\ndedup_window = "7 days"\n', "dedup_window is '7 days'"),
        (BRIDGE + 'start = "p"\ndedup_window = "-P7D"\n', "Write a duration such as PT30S"),
        (BRIDGE + 'start = "p"\ndelivery = "maybe"\n', "delivery is 'maybe'"),
        (BRIDGE + 'start = "p"\ndead_letter = "a b"\n', "dead_letter is 'a b': channels have letters"),
        (BRIDGE + 'start = "p"\ncorrelation_keys = { a = "b" }\n', "correlation_keys are for a bridge with message"),
        (
            BRIDGE + 'start = "p"\n' + BRIDGE.removeprefix(CONNECTION) + 'start = "p"\n',
            "two bridges are named 'events.orders.penstock.p'",
        ),
        (
            BRIDGE + 'start = "p"\n' + BRIDGE.removeprefix(CONNECTION) + 'start = "q"\ndead_letter = "d"\n',
            "must have one dead_letter",
        ),
        (TOPIC, 'say one of request = "channel"'),
        (TOPIC + 'request = "r"\n', 'a request needs reply = "channel"'),
        (TOPIC + 'publish = "r"\n', 'publish needs event = "type'),
        (TOPIC + 'request = "r"\nreply = "s"\ntimeout = "soon"\n', "timeout is 'soon'"),
        (
            BRIDGE + 'start = "p"\n' + TOPIC.removeprefix(CONNECTION) + 'request = "r"\nreply = "orders"\n',
            "which a bridge reads in the same group",
        ),
    ],
)
def test_what_makes_no_sense_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadBridges) as refused:
        config(text)
    assert refused.value.message.startswith("penstock.toml")
    assert said in refused.value.message


def test_a_file_that_is_no_toml_is_named_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text("[connections.a]\nurl = \n")
    with pytest.raises(BadBridges, match="line 2"):
        read(file, {})


async def test_a_server_does_not_start_with_what_makes_no_sense(site: Site) -> None:
    with pytest.raises(BadBridges):
        await site.start("[[bridge]]\n", USER)


async def test_a_connection_that_can_never_be_is_said_at_the_start(site: Site) -> None:
    with pytest.raises(BusFailed, match="unknown option"):
        await site.start('[connections.other]\nurl = "memory://x?speed=9"\n')


async def test_a_change_that_makes_no_sense_changes_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    await site.start("", USER)
    before = site.bridges.config
    site.write("[[bridge]]\n")
    with caplog.at_level(logging.ERROR):
        await site.bridges.reload()
    assert site.bridges.config is before
    assert "the bridges go on as they were" in caplog.text and "[[bridge]] number 1" in caplog.text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("data.a.b", 3),
        ("data.list.b", [1, 2]),
        ("data.nothing.b", None),
        ("data.text.b", None),
        ("data.a.b + 1.5", 4.5),
        ("count(data.list)", 2),
        ('if type = "T" then "yes" else "no"', "yes"),
        ('string join(["x", subject], "-")', "x-s"),
        ("null", None),
        ("tenantid", "t"),
        ("headers.h", "v"),
    ],
)
def test_mappings_are_feel_over_the_envelope(text: str, value: object) -> None:
    envelope = {
        "type": "T",
        "subject": "s",
        "tenantid": "t",
        "headers": {"h": "v"},
        "data": {"a": {"b": 3}, "list": [{"b": 1}, {"b": 2}], "text": "x"},
    }
    term = Term(text)
    assert term.value(envelope) == value
    assert term._evaluated(envelope) == value or text == "tenantid"
