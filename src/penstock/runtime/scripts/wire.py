"""Native values as JSON, as `prelude.js` reads and writes them.

Plain JSON is itself; the rest is `{"@": [kind, …]}`:
`number` (text of NaN and the infinities), `long` (text), `date` (ms since the epoch), `json` (data of a JsonNode),
`host` (name of a host object), `handle` (number, text: a value that a script can only pass on), `map` (an object that
itself has a key `@`).

Numbers come back as Camunda 7 with Nashorn has them: an integer of 32 bits is an Integer, everything else a Double.
A Long that a script was given and hands back untouched stays that Long, beyond 32 bits: JavaScript cannot say more.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.expr.host import HostObject
from penstock.expr.values import FileValue, Integer, JsonNode, OpaqueObject, XmlText

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Border:
    """Encodes and decodes the values of one script run; remembers what JavaScript cannot hold."""

    def __init__(self) -> None:
        self._handles: list[Any] = []
        self._longs: dict[float, int] = {}

    def encode(self, value: Any) -> Any:
        """A tree that `msgspec.json` writes. Raises TypeError for what is no native value."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, float):
            return value if math.isfinite(value) else {"@": ["number", _NUMBERS[str(value)]]}
        if isinstance(value, datetime):
            return {"@": ["date", (value - _EPOCH) // timedelta(milliseconds=1)]}
        if isinstance(value, JsonNode):
            return {"@": ["json", value.data]}
        if isinstance(value, HostObject):
            return {"@": ["host", value.name]}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.encode(item) for item in value]
        if isinstance(value, dict):
            mapping = {str(key): self.encode(item) for key, item in value.items()}
            return {"@": ["map", mapping]} if "@" in mapping else mapping
        return self._handle(value)

    def decode(self, wire: Any, *, inside: bool = False) -> Any:
        """The native value. Raises ValueError for what is none, and what a broken child sends."""
        if isinstance(wire, bool | str) or wire is None:
            return wire
        if isinstance(wire, int):
            return self._number(wire, inside)
        if isinstance(wire, float):
            return wire
        if isinstance(wire, list):
            return [self.decode(item, inside=True) for item in wire]
        if "@" not in wire:
            return {key: self.decode(item, inside=True) for key, item in wire.items()}
        return self._special(*wire["@"][:2])

    def _integer(self, value: int) -> int:
        if not -(2**31) <= value < 2**31:
            self._longs[float(value)] = int(value)
        return int(value)

    def _number(self, value: int, inside: bool) -> int | float:
        if -(2**31) <= value < 2**31:
            return Integer(value)
        known = self._longs.get(float(value))
        if known is not None:
            return known
        return value if inside and -(2**63) <= value < 2**63 else float(value)

    def _handle(self, value: Any) -> Any:
        if not isinstance(value, bytes | FileValue | XmlText | OpaqueObject):
            raise TypeError(f"a value of type {type(value).__name__} cannot be given to a script")
        text = value.text if isinstance(value, XmlText) else _TEXTS[type(value)]
        self._handles.append(value)
        return {"@": ["handle", len(self._handles) - 1, text]}

    def _special(self, kind: str, value: Any) -> Any:
        if kind == "handle":
            return self._handles[value]
        if kind == "long":
            number = int(value) if len(value) <= 20 else 2**63
            if not -(2**63) <= number < 2**63:
                raise ValueError("an integer beyond 64 bits cannot be a process variable")
            return number
        if kind == "date":
            try:
                return _EPOCH + timedelta(milliseconds=value)
            except OverflowError:
                raise ValueError("a Date beyond the year 9999 cannot be a process variable") from None
        if kind == "json":
            return JsonNode(value)
        if kind == "number":
            return float(value.replace("Infinity", "inf"))
        if kind == "map":
            return {key: self.decode(item, inside=True) for key, item in value.items()}
        raise ValueError(f"unknown kind of value {kind!r}")


_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_TEXTS = {bytes: "bytes", FileValue: "file", OpaqueObject: "object"}
