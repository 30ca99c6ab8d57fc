"""Dead letters: messages with the reason why nobody could take them, on a channel of their own; read, and replayed.

All of it rests on the contract of `bus.protocol`, so it is the same on every broker.
"""

from collections.abc import Callable, Sequence

import msgspec

from penstock.base.errors import BusFailed
from penstock.bus.bookkeeping import FOR_GROUP, ID
from penstock.bus.protocol import (
    DEFAULT_GROUP,
    Bus,
    Delivery,
    Done,
    Message,
    Retry,
    Settlement,
    Subscribe,
    Subscription,
)

REASON = "penstock-dead-reason"
CHANNEL = "penstock-dead-channel"
GROUP = "penstock-dead-group"
AT_MS = "penstock-dead-at-ms"
ATTEMPTS = "penstock-dead-attempts"
ORIGINAL_ID = "penstock-dead-id"

_OURS = frozenset((REASON, CHANNEL, GROUP, AT_MS, ATTEMPTS, ORIGINAL_ID))
REASON_CHARACTERS_MAX = 1_000
"""Brokers bound headers; a reason is for a person."""

AT_MS_MAX = 253_402_300_799_999
"""The end of the year 9999: later moments cannot be shown. (Anybody may write to a channel.)"""

READ_MESSAGES_MAX = 10_000
READ_BYTES_MAX = 256 * 1024 * 1024
BATCH_MESSAGES = 500
QUIET_MS = 2_000
"""A pass ends when nothing has come for so long."""
LOOKS_AGAIN = 5
"""How often it goes on all the same, because the broker says that there is more: its group may be changing (Kafka)."""


class DeadMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter. `id`: what the message had on `channel`, where it came from; `delivery`: as it lies here."""

    id: str
    channel: str
    group: str
    reason: str
    at_ms: int
    attempts: int
    delivery: Delivery


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass over dead letters did. `complete`: all that lay there was seen, not only the first READ_MESSAGES_MAX,
    or what a broker gave out whose group was changing."""

    seen: int
    matched: Sequence[DeadMessage]
    complete: bool


def dead_letter(delivery: Delivery, to: Subscribe, channel: str, reason: str, now_ms: int) -> Message:
    """The message that an adapter publishes to `channel` for `DeadLetter(delivery, reason)`."""
    notes = {
        REASON: _one_line(reason),
        CHANNEL: to.channel,
        GROUP: to.group,
        AT_MS: str(now_ms),
        ATTEMPTS: str(delivery.attempt),
        ORIGINAL_ID: delivery.id,
    }
    return Message(
        channel=channel,
        body=delivery.body,
        key=delivery.key,
        headers={**delivery.headers, **notes},
        content_type=delivery.content_type or "application/octet-stream",
    )


def read_dead_letter(delivery: Delivery) -> DeadMessage:
    """What a delivery of a dead-letter channel is. One that somebody else put there has empty fields."""
    headers = delivery.headers
    return DeadMessage(
        id=headers.get(ORIGINAL_ID, delivery.id),
        channel=headers.get(CHANNEL, ""),
        group=headers.get(GROUP, ""),
        reason=headers.get(REASON, ""),
        at_ms=min(_number(headers.get(AT_MS), 0), AT_MS_MAX),
        attempts=_number(headers.get(ATTEMPTS), 1),
        delivery=delivery,
    )


async def replay(
    bus: Bus,
    channel: str,
    matches: Callable[[DeadMessage], bool],
    *,
    dry_run: bool = False,
    group: str = DEFAULT_GROUP,
    quiet_ms: int = QUIET_MS,
) -> Replay:
    """Publishes the dead letters of `channel` that match to where they came from, for the group that could not take them
    and with the id that they had, and takes them away here.

    A dry run only says what would be: it settles nothing. Of one channel one pass at a time may run per group; a crash in
    between can replay a message twice, with the same id, which receivers recognise. At most READ_MESSAGES_MAX are looked
    at in one pass. Raises BusUnavailable.
    """
    if bus.groups_span_channels:
        # On a log every group has all dead letters: this one is of nobody else.
        group = f"{group}.{channel}"
    bounds = Subscribe(
        channel=channel, group=group, max_unsettled=READ_MESSAGES_MAX, max_unsettled_bytes=READ_BYTES_MAX
    )
    subscription = await bus.subscribe(bounds)
    try:
        found, complete = await _read(bus, bounds, subscription, quiet_ms)
        matched = [letter for letter in found if letter.channel and matches(letter)]
        if not dry_run:
            replayed = await _replay(bus, subscription, found, matched)
            await _see_them_go(bus, bounds, subscription, replayed, len(found) - len(replayed), quiet_ms)
        return Replay(seen=len(found), matched=matched, complete=complete)
    finally:
        await subscription.close()


async def _read(
    bus: Bus, bounds: Subscribe, subscription: Subscription, quiet_ms: int
) -> tuple[list[DeadMessage], bool]:
    found: dict[str, DeadMessage] = {}
    size = looks = 0
    while len(found) < READ_MESSAGES_MAX and size < READ_BYTES_MAX:
        batch = await subscription.receive(BATCH_MESSAGES, quiet_ms)
        if not batch:
            # `waiting` has what is given out where the broker can tell; where it cannot, this asks for less.
            complete = (await bus.lag(bounds.channel, bounds.group)).waiting <= len(found)
            looks += 1
            if complete or looks > LOOKS_AGAIN:
                return list(found.values()), complete
        found.update({delivery.id: read_dead_letter(delivery) for delivery in batch})
        size += sum(len(delivery.body) for delivery in batch)
    return list(found.values()), False


async def _replay(
    bus: Bus, subscription: Subscription, found: Sequence[DeadMessage], matched: Sequence[DeadMessage]
) -> set[str]:
    """Those that stay are put back behind the others: on a log what is settled must not wait for what is not. Returns the
    ids, here, of those that were replayed."""
    refused: set[str] = set()
    for start in range(0, len(matched), BATCH_MESSAGES):
        part = matched[start : start + BATCH_MESSAGES]
        answers = await bus.publish([_again(letter) for letter in part])
        refused.update(letter.delivery.id for letter, answer in zip(part, answers, strict=True) if answer)
        await subscription.settle(
            [Done(letter.delivery) for letter, answer in zip(part, answers, strict=True) if not answer]
        )
    replayed = {letter.delivery.id for letter in matched} - refused
    stay: list[Settlement] = [Retry(letter.delivery) for letter in found if letter.delivery.id not in replayed]
    await subscription.settle(stay)
    if refused:
        raise BusFailed(f"{len(refused)} dead letters could not be replayed: the broker refused them; they are kept")
    return replayed


async def _see_them_go(
    bus: Bus, bounds: Subscribe, subscription: Subscription, replayed: set[str], staying: int, quiet_ms: int
) -> None:
    """What was settled while the group changed (Kafka) comes again, and is settled again. (One that stays may have been put
    back or not: it is left as it comes.)"""
    for _ in range(LOOKS_AGAIN):
        if not replayed or (await bus.lag(bounds.channel, bounds.group)).waiting <= staying:
            return
        batch = await subscription.receive(BATCH_MESSAGES, quiet_ms)
        await subscription.settle([Done(delivery) for delivery in batch if delivery.id in replayed])


def _again(letter: DeadMessage) -> Message:
    delivery = letter.delivery
    headers = {name: value for name, value in delivery.headers.items() if name not in _OURS}
    return Message(
        channel=letter.channel,
        body=delivery.body,
        key=delivery.key,
        # One that never had an id gets that of its dead letter: the same, however often it is replayed.
        headers={**headers, ID: letter.id or delivery.id, FOR_GROUP: letter.group},
        content_type=delivery.content_type or "application/octet-stream",
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:REASON_CHARACTERS_MAX]


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else otherwise
