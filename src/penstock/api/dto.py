"""JSON bodies as records: camelCase on the wire, read as leniently as Jackson reads Camunda's DTOs."""

from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from penstock.api import problems

Int = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
"""A Java Integer."""

Long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A Java Long."""

SPAN_MS_MAX = 100 * 366 * 24 * 3_600_000
"""Longest span that a moment is moved by; longer ones mean "for ever" and would leave the calendar."""


class Body(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of request bodies. Every field needs a default; an explicit null means the default."""


B = TypeVar("B", bound=Body)

_decoders: dict[type[Body], msgspec.json.Decoder[Any]] = {}


def decode(content: bytes, kind: type[B]) -> B:
    """Reads a body. Raises 400 with an empty message, as Camunda does, for what is no JSON or does not fit."""
    if not content:
        return kind()
    refuse_nul(content)
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(content)  # type: ignore[no-any-return]
    except (msgspec.ValidationError, RecursionError):
        pass
    except msgspec.DecodeError:
        raise problems.unreadable() from None
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        raise problems.unreadable() from None
    return kind() if found is None else convert(found, kind)


def refuse_nul(content: bytes) -> None:
    """Refuses JSON with the character NUL in a text or name: no store can keep it. Raises 400."""
    if b"\\u0000" not in content:
        return
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        raise problems.unreadable() from None
    if _has_nul(found):
        raise problems.invalid(400, "The request contains the character NUL, which cannot be stored.")


def _has_nul(found: Any) -> bool:
    if isinstance(found, str):
        return "\x00" in found
    if isinstance(found, dict):
        return any("\x00" in name or _has_nul(value) for name, value in found.items())
    return isinstance(found, list) and any(_has_nul(item) for item in found)


def convert(found: Any, kind: type[B]) -> B:
    """As `decode`, from JSON that was read already."""
    if not isinstance(found, dict):
        raise problems.unreadable()
    values = {}
    for field in msgspec.structs.fields(kind):
        value = found.get(field.encode_name)
        if value is not None:
            values[field.name] = _coerce(value, field.type)
    try:
        return kind(**values)
    except TypeError:
        raise problems.unreadable() from None


def _coerce(value: Any, kind: Any) -> Any:
    """`value` as Jackson would take it for a property of type `kind`. Raises 400."""
    if get_origin(kind) is not None and type(None) in get_args(kind):
        if value is None:
            return None
        kind = next(k for k in get_args(kind) if k is not type(None))
    if get_origin(kind) is Annotated:
        number, meta = _scalar(value, get_args(kind)[0]), get_args(kind)[1]
        if not meta.ge <= number <= meta.le:
            raise problems.unreadable()
        return number
    if isinstance(kind, type) and issubclass(kind, Body):
        return convert(value, kind)
    origin = get_origin(kind)
    if origin is list:
        if not isinstance(value, list):
            raise problems.unreadable()
        return [_coerce(item, get_args(kind)[0]) for item in value]
    if origin is dict:
        if not isinstance(value, dict):
            raise problems.unreadable()
        return {key: _coerce(item, get_args(kind)[1]) for key, item in value.items()}
    return _scalar(value, kind)


def _scalar(value: Any, kind: Any) -> Any:
    if kind is Any:
        return value
    if isinstance(value, list | dict):
        raise problems.unreadable()
    if kind is str:
        return as_text(value)
    try:
        if kind is bool:
            if isinstance(value, str):
                return {"true": True, "false": False}[value.lower()]
            return bool(value)
        if kind is int:
            if isinstance(value, bool):
                raise ValueError
            return int(value)
        if kind is float:
            return float(value)
    except (ValueError, KeyError, OverflowError):
        raise problems.unreadable() from None
    return value


def as_text(value: Any) -> str:
    """A JSON scalar as Java writes it in text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)
