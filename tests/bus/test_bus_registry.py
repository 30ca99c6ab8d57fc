"""Addresses, the registry, and the helpers of adapters."""

import asyncio
import sys

import msgspec
import pytest

from penstock.base.clock import SystemClock
from penstock.base.errors import BusFailed, DriverMissing
from penstock.bus.address import parse_address
from penstock.bus.bookkeeping import copy_headers, read_headers, refusals
from penstock.bus.protocol import Delivery, Message, Subscribe
from penstock.bus.registry import make_bus
from penstock.bus.window import Window


class Options(msgspec.Struct):
    """Of a test."""

    timeout_ms: int = 5


def delivery(number: int = 1, body: bytes = b"x") -> Delivery:
    """Any delivery."""
    return Delivery(
        id=f"c/{number}",
        channel="c",
        body=body,
        key="k",
        headers={"a": "b"},
        content_type="text/plain",
        published_at_ms=7,
        attempt=2,
        metadata={},
        receipt=number,
    )


def test_an_address_is_taken_apart() -> None:
    address = parse_address("kafka://us%40er:p%2Fw@one,two:1,[::1],[::2]:3/v%2Fhost?timeout_ms=9", 9092)
    assert (address.user, address.password, address.path) == ("us@er", "p/w", "v/host")
    assert list(address.hosts) == ["one:9092", "two:1", "[::1]:9092", "[::2]:3"]
    assert address.options(Options).timeout_ms == 9
    assert "p/w" not in str(address)


@pytest.mark.parametrize(("query", "named"), [("colour=x", "colour"), ("timeout_ms=soon", "timeout_ms")])
def test_options_that_do_not_fit_are_named(query: str, named: str) -> None:
    with pytest.raises(BusFailed, match=named) as refused:
        parse_address(f"kafka://user:secret@host?{query}", 1).options(Options)
    assert "secret" not in refused.value.message


def test_an_unknown_scheme_names_those_that_exist() -> None:
    with pytest.raises(BusFailed, match="kafka://"):
        make_bus("mqtt://host", SystemClock())


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("penstock.bus.kafka")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    with pytest.raises(DriverMissing, match=r"pip install 'penstock\[kafka\]'"):
        make_bus("kafka://host", SystemClock())


def test_a_copy_keeps_its_notes_and_the_receiver_does_not_see_them() -> None:
    notes = read_headers(copy_headers(delivery(), attempt=3, not_before_ms=9).items())
    assert (notes.id, notes.attempt, notes.not_before_ms, notes.published_at_ms) == ("c/1", 3, 9, 7)
    assert (notes.content_type, dict(notes.headers)) == ("text/plain", {"a": "b"})


@pytest.mark.parametrize("value", ["", "-1", "x", "9" * 30, "²"])
def test_notes_that_somebody_else_wrote_badly_count_as_absent(value: str) -> None:
    notes = read_headers([("penstock-attempt", value), ("penstock-not-before-ms", value)])
    assert (notes.attempt, notes.not_before_ms) == (1, 0)


def test_a_refusal_holds_back_its_key_on_its_channel() -> None:
    def message(body: bytes, key: str | None, channel: str = "c") -> Message:
        return Message(channel=channel, body=body, key=key)

    large = bytes(100)
    answers = refusals(
        [message(large, "k"), message(b"", "k"), message(b"", "k", "d"), message(large, None), message(b"", None)], 50
    )
    assert [answer is None for answer in answers] == [False, False, True, False, True]


async def test_a_window_counts_messages_and_bytes() -> None:
    window = Window(Subscribe(channel="c", max_unsettled=3, max_unsettled_bytes=10))
    window.give_out([delivery(1), delivery(2)])
    assert window.room() == 1
    window.give_out([delivery(2, bytes(9))])
    assert window.room() == 0
    assert await window.wait_room(1) == 0
    waiting = asyncio.ensure_future(window.wait_room(60_000))
    await asyncio.sleep(0)
    assert window.release(2)
    assert not window.release(2)
    assert await waiting == 2
    window.pause()
    assert window.room() == 0
    window.forget_all()
    window.resume()
    assert window.room() == 3
