"""What no store can keep is refused before the batch: NUL and lone surrogates in text, integers beyond 64 bits, size.

Commands are checked on the way in, and the answer names the variable. What expressions, scripts and delegates make
inside a unit is checked on its events, where it is a failure of the unit.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from penstock.base.errors import BadRequest, BoundExceeded, Failure, PenstockError
from penstock.engine import events as e
from penstock.engine.commands import Command
from penstock.expr.values import TypedValue

INT_MIN, INT_MAX = -(2**63), 2**63 - 1

DEPTH_MAX = 100
"""Deepest nesting of what a command carries."""

_NUL = "\0"

Fields = tuple[str, ...]
_COMMAND_FIELDS: dict[type[Any], Fields] = {}
_STRUCT_FIELDS: dict[type[Any], Fields] = {}


def check_command(command: Command, bytes_max: int) -> None:
    """Refuses a command that carries what cannot be stored. Raises BadRequest naming the variable or field."""
    kind = type(command)
    fields = _COMMAND_FIELDS.get(kind)
    if fields is None:
        fields = _COMMAND_FIELDS[kind] = tuple(kind.__struct_fields__)
    size = 0
    for field in fields:
        value = getattr(command, field)
        if not value or value is True:
            continue
        if type(value) is str and value.isascii() and _NUL not in value:
            # Most fields are ids: no call for them.
            size += len(value)
        else:
            size += _measure(value, field, 0, BadRequest)
    if size > bytes_max:
        raise BadRequest(
            f"The request carries {size} bytes of values, more than {bytes_max} (setting payload_bytes_max): keep large"
            " content elsewhere and pass a reference"
        )


def _measure(value: Any, name: str, depth: int, error: Callable[[str], PenstockError]) -> int:
    """Size in bytes (roughly) of `value`; raises `error` for what cannot be stored."""
    kind = type(value)
    if kind is str:
        return _text(value, name, error)
    if kind is dict:
        return _mapping(value, name, depth, error)
    if kind is TypedValue:
        return _typed(value, name, depth, error)
    if value is None or kind is bool or kind is float:
        return 8
    if isinstance(value, int):
        if not INT_MIN <= value <= INT_MAX:
            raise error(f"Variable '{name}': the integer {_shown(value)} does not fit into 64 bits")
        return 8
    if kind is bytes:
        return len(value)
    if isinstance(value, dict):
        return _mapping(value, name, depth, error)
    _check_depth(name, depth, error)
    if isinstance(value, str):
        return _text(str(value), name, error)
    if isinstance(value, list | tuple | set | frozenset):
        return sum(_measure(item, name, depth + 1, error) for item in value)
    if isinstance(value, msgspec.Struct):
        found = _STRUCT_FIELDS.get(kind)
        if found is None:
            found = _STRUCT_FIELDS[kind] = tuple(kind.__struct_fields__)
        return sum(_measure(getattr(value, field), name, depth + 1, error) for field in found)
    return 8


def _check_depth(name: str, depth: int, error: Callable[[str], PenstockError]) -> None:
    if depth > DEPTH_MAX:
        raise error(f"Variable '{name}' is nested deeper than {DEPTH_MAX} levels")


def _mapping(values: Mapping[Any, Any], name: str, depth: int, error: Callable[[str], PenstockError]) -> int:
    """The outermost mapping is one of variables: its keys are the names that an error says."""
    _check_depth(name, depth, error)
    size = 0
    for key, item in values.items():
        size += _measure(key, name, depth + 1, error)
        inner = key if depth == 0 else name
        if type(item) is TypedValue:
            size += _typed(item, inner, depth + 1, error)
        else:
            size += _measure(item, inner, depth + 1, error)
    return size


def _typed(value: TypedValue, name: str, depth: int, error: Callable[[str], PenstockError]) -> int:
    raw = value.value
    if type(raw) is not str:
        size = _measure(raw, name, depth + 1, error)
    elif raw.isascii() and _NUL not in raw:
        size = len(raw)
    else:
        size = _text(raw, name, error)
    if value.info:
        size += _measure(value.info, name, depth + 1, error)
    return size


def _text(text: str, name: str, error: Callable[[str], PenstockError]) -> int:
    if _NUL in text:
        raise error(f"Variable '{_printable(name)}' holds the character U+0000, which cannot be stored")
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as bad:
        raise error(
            f"Variable '{_printable(name)}' holds a lone surrogate at position {bad.start}: it is no text"
        ) from None


def _printable(name: str) -> str:
    return name.replace(_NUL, "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()[:200]


def _shown(value: int) -> str:
    return str(value) if abs(value) < 10**40 else "(too long to show)"


def clean(text: str | None, chars_max: int = 65_536) -> str | None:
    """`text` made storable: for messages of failures, which must never fail themselves."""
    if text is None:
        return None
    text = text[:chars_max]
    if _NUL not in text and text.isascii():
        return text
    return text.replace(_NUL, "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


_FREE_TEXT: dict[type[Any], Fields] = {
    e.InstanceStarted: ("business_key",),
    e.BusinessKeySet: ("business_key",),
    e.SubscriptionCreated: ("name",),
    e.ExternalTaskCreated: ("topic",),
    e.TaskCreated: ("name", "description", "assignee", "owner", "form_key"),
    e.TaskChanged: ("changes",),
    e.IdentityLinkAdded: ("user", "group"),
    e.JobCreated: ("due_ms", "priority", "payload"),
    e.IncidentOpened: ("message",),
    e.ExternalTaskFailed: ("error_message", "error_details"),
    e.DecisionEvaluated: ("inputs", "outputs"),
}
"""Events whose text a model's expressions can make: the fields to look at."""


def check_events(events: list[e.AnyEvent], bytes_max: int, setting: str = "setting payload_bytes_max") -> None:
    """Fails a unit whose events hold what cannot be stored. Raises Failure naming the variable."""
    for event in events:
        if type(event) is e.VariableSet:
            size = _typed(event.value, event.name, 0, Failure)
            if not event.name.isascii() or _NUL in event.name:
                _text(event.name, event.name, Failure)
            if size > bytes_max:
                raise BoundExceeded(f"Variable '{event.name}' has {size} bytes, more than {bytes_max} ({setting})")
        else:
            fields = _FREE_TEXT.get(type(event))
            if fields is not None:
                for field in fields:
                    value = getattr(event, field)
                    if value is not None and not (type(value) is str and value.isascii() and _NUL not in value):
                        _measure(value, field, 0, Failure)
