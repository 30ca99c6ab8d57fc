"""Variables from the command line: `NAME=VALUE` or `NAME:TYPE=VALUE`."""

import json
import math
from collections.abc import Iterable
from typing import Any

TYPES = {
    name.lower(): name
    for name in ("String", "Integer", "Long", "Short", "Double", "Boolean", "Date", "Json", "Xml", "Bytes", "Null")
}
"""Types that may be stated, in any case."""

_NUMBERS = ("Integer", "Long", "Short", "Double")


def parse(texts: Iterable[str] | None) -> dict[str, dict[str, Any]]:
    """Camunda's `VariableValueDto` by name. Raises ValueError that says which text is wrong and why."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        name, _, stated = name.partition(":")
        if not equals or not name:
            raise ValueError(f"{text!r} is no variable: write NAME=VALUE or NAME:TYPE=VALUE")
        if name in found:
            raise ValueError(f"the variable {name!r} is given twice")
        found[name] = _typed(name, stated, value) if stated else _guessed(value)
    return found


def _typed(name: str, stated: str, text: str) -> dict[str, Any]:
    kind = TYPES.get(stated.lower())
    if kind is None:
        raise ValueError(
            f"the variable {name!r} has the unknown type {stated!r}: use one of {', '.join(TYPES.values())}"
        )
    value: Any = text
    if kind in _NUMBERS:
        try:
            value = float(text) if kind == "Double" else int(text)
        except ValueError:
            raise ValueError(f"{text!r} is no {kind}, for the variable {name!r}") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{text!r} is no finite number, for the variable {name!r}")
    elif kind == "Boolean":
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{text!r} is neither true nor false, for the variable {name!r}")
        value = text.lower() == "true"
    elif kind == "Null":
        value = None
    return {"value": value, "type": kind}


def _guessed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return {"value": text, "type": "String"}
    if value is None:
        return {"value": None, "type": "Null"}
    if isinstance(value, bool):
        return {"value": value, "type": "Boolean"}
    if isinstance(value, int):
        if -(2**31) <= value < 2**31:
            return {"value": value, "type": "Integer"}
        return {"value": value, "type": "Long"} if -(2**63) <= value < 2**63 else {"value": text, "type": "String"}
    if isinstance(value, float):
        return {"value": value, "type": "Double"} if math.isfinite(value) else {"value": text, "type": "String"}
    if isinstance(value, str):
        return {"value": value, "type": "String"}
    return {"value": text, "type": "Json"}


def _no_constant(text: str) -> Any:
    raise ValueError(text)
