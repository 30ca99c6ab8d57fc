"""What a bridge makes of a message: whom it is for, and what it brings."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.base.errors import MessageUnreadable
from penstock.bridge.config import Bridge
from penstock.bus.cloudevents import Received
from penstock.bus.protocol import Delivery
from penstock.expr.values import TypedValue

KEY_CHARACTERS_MAX = 300
"""Longer ones are kept as their digest: databases bound what they can index."""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A message for the engine. `event`: its CloudEvents id, or what stands for it; `key`: under which it is taken in once;
    None: as often as it comes."""

    bridge: Bridge
    delivery: Delivery
    event: str
    key: str | None
    business_key: str | None
    correlation_keys: Mapping[str, TypedValue]
    variables: Mapping[str, TypedValue]


def wants(bridge: Bridge, received: Received) -> bool:
    """Whether the message is one of the bridge's events."""
    return not bridge.events or received.event.type in bridge.events


def read_arrival(bridge: Bridge, received: Received, envelope: Mapping[str, Any]) -> Arrival:
    """Reads the message as `bridge` says. Raises MessageUnreadable."""
    business_key = None
    if bridge.business_key is not None:
        business_key = bridge.business_key.text_of(envelope)
        if business_key is None:
            raise MessageUnreadable(f"the business key ({bridge.business_key.text}) is null")
    return Arrival(
        bridge=bridge,
        delivery=received.delivery,
        event=received.event.id,
        key=inbox_key(bridge.name, _id(bridge, received, envelope)) if bridge.exactly_once else None,
        business_key=business_key,
        correlation_keys=bridge.correlation_keys.variables(envelope),
        variables=bridge.variables.variables(envelope),
    )


def _id(bridge: Bridge, received: Received, envelope: Mapping[str, Any]) -> str:
    """CloudEvents `source` and `id`, else what the bridge maps, else the broker's id, which covers redelivery only."""
    if received.message_id is not None:
        return received.message_id
    if bridge.id is None and not received.event.id:
        raise MessageUnreadable(
            'the message has no id, nor does its broker give one: map it with id = "…" in the bridge, or say delivery ='
            ' "at-least-once" there'
        )
    if bridge.id is None:
        return f"{received.event.source}#{received.event.id}"
    found = bridge.id.text_of(envelope)
    if found is None:
        raise MessageUnreadable(f"the id ({bridge.id.text}) is null")
    return f"{received.event.source}#{found}"


def inbox_key(name: str, id: str) -> str:
    """The key of a message `id` in the inbox, for the bridge or topic `name`."""
    key = f"bus:{name}:{id}"
    if len(key) <= KEY_CHARACTERS_MAX and key.isprintable():
        return key
    return f"bus:sha256:{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"
