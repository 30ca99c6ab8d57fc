"""FEEL over the envelope of a message: what a bridge takes out of it.

Names that are only a path (`data.orderId`), as almost all are, are looked up without the cost of FEEL; the result is the
same. What has no value is null.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from penstock.api import values
from penstock.base.errors import MessageUnreadable, PenstockError
from penstock.expr import feel
from penstock.expr.feel.convert import cells
from penstock.expr.values import TypedValue

NAMES = (
    *("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"),
    *("correlationid", "causationid", "partitionkey", "traceparent", "tracestate"),
    *("headers", "broker", "task", "variables"),
)
"""What expressions may speak of: attributes of the event and usual extensions, its data, `headers`, `broker`; of what
goes out, `task` and `variables`."""

_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")
_WORDS = frozenset({"null", "true", "false"})
_ENVIRONMENT = feel.Environment(NAMES)
_LISTED = object()


class Term:
    """One expression. Raises ValueError for what is no FEEL."""

    __slots__ = ("_code", "_path", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._code = _ENVIRONMENT.expression(text)
        except feel.FeelSyntaxError as error:
            raise ValueError(str(error)) from None
        self._path = tuple(text.split(".")) if _PATH.match(text) and text not in _WORDS else ()

    def value(self, envelope: Mapping[str, Any]) -> Any:
        """Its value as Python has it: JSON's types, moments, durations. Raises MessageUnreadable when it takes too long."""
        if self._path:
            found = _followed(envelope, self._path)
            if found is not _LISTED:
                return found
        return self._evaluated(envelope)

    def _evaluated(self, envelope: Mapping[str, Any]) -> Any:
        try:
            names = {name: feel.to_feel(envelope.get(name)) for name in {*NAMES, *envelope}}
            run = feel.Run(None, cells(names))
            return _plain(feel.from_feel(self._code.evaluate(names, run)))
        except (feel.FeelError, feel.Exhausted) as error:
            raise MessageUnreadable(f"the mapping {self.text!r} cannot be evaluated: {error}") from error

    def text_of(self, envelope: Mapping[str, Any]) -> str | None:
        """Its value as a text; None for null."""
        value = self.value(envelope)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        if isinstance(value, list | dict):
            raise MessageUnreadable(f"the mapping {self.text!r} gives {type(value).__name__}, where a text is needed")
        return str(value)

    def __repr__(self) -> str:
        return f"Term({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Mappings(msgspec.Struct, frozen=True):
    """Names with the expressions that give their values."""

    terms: Mapping[str, Term] = {}

    def __bool__(self) -> bool:
        return bool(self.terms)

    def values(self, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """Plain values by name."""
        return {name: term.value(envelope) for name, term in self.terms.items()}

    def variables(self, envelope: Mapping[str, Any]) -> dict[str, TypedValue]:
        """Process variables by name, typed as untyped values of the REST API are. Raises MessageUnreadable."""
        found = {}
        for name, term in self.terms.items():
            try:
                found[name] = values.read({"value": term.value(envelope)}, name)
            except PenstockError as error:
                raise MessageUnreadable(f"the variable {name!r} ({term.text}): {error.message}") from error
        return found


def _followed(at: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if type(at) is not dict:
            # A path through a list is one of each of its items: FEEL's business.
            return (
                _LISTED if isinstance(at, list) or (at is not None and not isinstance(at, str | int | float)) else None
            )
        at = at.get(name)
    return at


def _plain(value: Any) -> Any:
    """Without decimals, which JSON and process variables do not have."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    iso = getattr(value, "isoformat", None)
    return iso() if iso is not None else str(value)
