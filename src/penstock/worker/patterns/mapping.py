"""From a task to a call and from an answer to variables, by expressions.

Which language they are in is not known here: whoever makes a worker brings it (`Language`). `penstock worker run` brings
FEEL, which belongs to the engine's side of the house; a worker alone needs nothing of it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from penstock.worker.errors import WorkerError

Names = Mapping[str, Any]
Expression = Callable[[Names], Any]
"""Its value for these names (Python values as in JSON; moments, too). Raises MappingFailed."""


class Language(Protocol):
    """Reads expressions."""

    def compile(self, text: str) -> Expression:
        """Raises ValueError for what is no expression."""
        ...


class MappingFailed(WorkerError):
    """An expression has no value, or none that can be used at its place."""


_HOLE = re.compile(r"\{([^{}]*)\}")


class Template:
    """A text with expressions in braces; `{{` and `}}` are braces. `encode`: how a value is written.

    The text may hold secrets: messages show expressions only.
    """

    def __init__(self, text: str, language: Language, encode: Callable[[str], str]) -> None:
        self._encode = encode
        self._parts: list[str | tuple[str, Expression]] = []
        # Doubled braces step aside while the holes are looked for.
        rest = text.replace("{{", "\0").replace("}}", "\1")
        last = 0
        for hole in _HOLE.finditer(rest):
            self._parts += [_plain(rest[last : hole.start()]), (hole[1], language.compile(hole[1]))]
            last = hole.end()
        self._parts.append(_plain(rest[last:]))

    def fill(self, names: Names) -> str:
        """The text. Raises MappingFailed when a part of it is null."""
        return "".join(part if isinstance(part, str) else self._encode(_value(*part, names)) for part in self._parts)

    def fill_or_none(self, names: Names) -> str | None:
        """As `fill`; None for a template that is one expression, and null."""
        match self._parts:
            case ["", (_, only), ""] if only(names) is None:
                return None
        return self.fill(names)


def escaped(text: str) -> str:
    """A text as a template in which nothing is an expression."""
    return text.replace("{", "{{").replace("}", "}}")


def _value(text: str, expression: Expression, names: Names) -> str:
    found = expression(names)
    if found is None or isinstance(found, Mapping | list):
        raise MappingFailed(f"{text!r} is {'null' if found is None else 'no single value'}")
    return plain(found)


def _plain(text: str) -> str:
    if "{" in text or "}" in text:
        raise ValueError("there is a brace without its other half; write {{ or }} for a brace")
    return text.replace("\0", "{").replace("\1", "}")


def segment(text: str) -> str:
    """A value as part of one segment of a path."""
    if text in (".", "..", ""):
        raise MappingFailed(f"a part of a path may not be {text!r}")
    return quote(text, safe="")


def plain(value: Any) -> str:
    """A single value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def each(expressions: Mapping[str, Expression], names: Names) -> dict[str, Any]:
    """The values by name."""
    return {name: expression(names) for name, expression in expressions.items()}
