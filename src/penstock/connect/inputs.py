"""Input parameters, read and checked. Messages name the parameter, never its value."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penstock.base.errors import ConnectorRefused
from penstock.expr.coerce import Problem
from penstock.expr.spin import json_of
from penstock.expr.values import FileValue, JsonNode, XmlText

TEXT_CHARS_MAX = 10_000_000


def text_of(name: str, value: Any) -> str | None:
    """The text; None when there is none or it is empty. Raises ConnectorRefused."""
    if isinstance(value, XmlText):
        value = value.text
    elif isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        value = str(value)
    elif isinstance(value, JsonNode) and isinstance(value.data, str):
        value = value.data
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ConnectorRefused(f"The input parameter '{name}' must be text, but is {kind_of(value)}")
    return value


def required(name: str, inputs: Mapping[str, Any], connector: str) -> str:
    """The text. Raises ConnectorRefused when it is missing or blank."""
    found = text_of(name, inputs.get(name))
    if found is None or not found.strip():
        raise ConnectorRefused(f"The input parameter '{name}' of the {connector} is missing")
    return found


def choice(name: str, inputs: Mapping[str, Any], known: Sequence[str], otherwise: str | None, connector: str) -> str:
    """One of `known`; `otherwise` when it is not said. Raises ConnectorRefused."""
    found = text_of(name, inputs.get(name)) or otherwise
    if found is None:
        raise ConnectorRefused(f"The input parameter '{name}' of the {connector} is missing: use {', '.join(known)}")
    if found.strip().lower() not in known:
        raise ConnectorRefused(f"The input parameter '{name}' of the {connector} must be one of {', '.join(known)}")
    return found.strip().lower()


def flag(name: str, inputs: Mapping[str, Any], otherwise: bool) -> bool:
    """True or false, also as text. Raises ConnectorRefused."""
    found = text_of(name, inputs.get(name))
    if found is None:
        return otherwise
    if found.strip().lower() not in ("true", "false"):
        raise ConnectorRefused(f"The input parameter '{name}' must be true or false")
    return found.strip().lower() == "true"


def mapping_of(name: str, value: Any) -> dict[str, Any]:
    """A map, also as a JSON object in text; keys are texts. Raises ConnectorRefused."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise ConnectorRefused(f"The input parameter '{name}' must be a map, or a JSON object as text") from None
    if isinstance(value, JsonNode):
        value = value.data
    if not isinstance(value, Mapping):
        raise ConnectorRefused(f"The input parameter '{name}' must be a map, but is {kind_of(value)}")
    return {str(key): item for key, item in value.items()}


def several(name: str, value: Any) -> list[Any]:
    """The items of a list; of a text, what commas or semicolons part. One value is a list of it."""
    if value is None or value == "":
        return []
    if isinstance(value, JsonNode):
        value = value.data
    if isinstance(value, str):
        return [part.strip() for part in value.replace(";", ",").split(",") if part.strip()]
    if isinstance(value, list | tuple):
        return list(value)
    return [value]


def content_of(name: str, value: Any) -> bytes:
    """Bytes: of a File or Bytes variable, of text in UTF-8, or JSON of a map or list. Raises ConnectorRefused."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, FileValue):
        return value.content
    if isinstance(value, JsonNode | Mapping | list | tuple):
        return json_bytes(name, value)
    try:
        return (text_of(name, value) or "").encode()
    except UnicodeEncodeError:
        raise ConnectorRefused(
            f"The input parameter '{name}' has half of a character in it (a lone surrogate)"
        ) from None


def json_bytes(name: str, value: Any) -> bytes:
    """The JSON of a value. Raises ConnectorRefused."""
    try:
        return msgspec.json.encode(json_of(value))
    except Problem as problem:
        raise ConnectorRefused(f"The input parameter '{name}' is no JSON: {problem.message}") from None
    except UnicodeEncodeError:
        raise ConnectorRefused(
            f"The input parameter '{name}' has half of a character in it (a lone surrogate)"
        ) from None


def kind_of(value: Any) -> str:
    """What a value is, for messages."""
    return type(value).__name__
