"""Python values as variables and back, by the rules of the worker SDK: what a test sees is what a worker sees."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.api import values as api
from penstock.expr.values import TypedValue
from penstock.worker import values as wire
from penstock.worker.values import WireValue


def typed(variables: Any) -> dict[str, TypedValue]:
    """Variables for a command. `variables`: None, a mapping, a Struct or a dataclass. Raises InvalidVariable."""
    return api.read_all(wire.write_all(variables))


def on_the_wire(variables: Mapping[str, TypedValue]) -> dict[str, WireValue]:
    """Variables as a worker gets them."""
    written = msgspec.json.encode(api.write_all(variables, deserialize=False))
    return msgspec.json.decode(written, type=dict[str, WireValue])


def native(variables: Mapping[str, TypedValue]) -> dict[str, Any]:
    """Variables as Python values."""
    return wire.read_all(on_the_wire(variables))
