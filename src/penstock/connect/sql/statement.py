"""A statement with `:name` for values: never put together of texts, so that no value can become SQL."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from penstock.base.errors import ConnectorRefused

STATEMENT_CHARS_MAX = 100_000
KEY = "idempotencyKey"
"""A parameter that every statement may use: the same in each attempt of one activity instance."""

_TOKEN = re.compile(
    r"""
      (?P<text>  [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' )
    | (?P<name>  "(?:[^"]|"")*" | `[^`]*` )
    | (?P<line>  --[^\n]* )
    | (?P<block> /\* )
    | (?P<quote> \$(?P<tag>[A-Za-z_]\w*)?\$ )
    | (?P<cast>  ::|:= )
    | (?P<place> :(?P<key>[A-Za-z_]\w*) )
    | (?P<word>  [A-Za-z_]\w*(?:\$\w*)* )
    """,
    re.VERBOSE | re.DOTALL,
)


class Statement(msgspec.Struct, frozen=True):
    """`text` as the database reads it, and the names of the values, in order."""

    text: str
    names: tuple[str, ...]


def numbered(number: int) -> str:
    """PostgreSQL's `$1`."""
    return f"${number}"


def questioned(number: int) -> str:
    """SQLite's `?1`."""
    return f"?{number}"


def read(text: str, write: Callable[[int], str]) -> Statement:
    """Replaces each `:name` outside of texts, quoted names and comments by what the database has for it; a name that comes
    twice is one value. Raises ConnectorRefused."""
    if len(text) > STATEMENT_CHARS_MAX:
        raise ConnectorRefused(f"The statement has more than {STATEMENT_CHARS_MAX} characters")
    if "\0" in text:
        raise ConnectorRefused("The statement has a NUL character in it")
    names: dict[str, int] = {}
    pieces: list[str] = []
    at = 0
    while (found := _TOKEN.search(text, at)) is not None:
        end = found.end()
        if found["block"]:
            end = _block_end(text, end)
        elif found["quote"]:
            closing = text.find(found["quote"], end)
            end = len(text) if closing < 0 else closing + len(found["quote"])
        pieces.append(text[at : found.start()])
        if found["place"]:
            pieces.append(write(names.setdefault(found["key"], len(names) + 1)))
        else:
            pieces.append(text[found.start() : end])
        at = end
    return Statement("".join((*pieces, text[at:])), tuple(names))


def values(statement: Statement, parameters: Mapping[str, Any], key: str) -> list[Any]:
    """The value of each name. Raises ConnectorRefused for one that is missing, or that no place is for."""
    known = {KEY: key, **parameters}
    missing = [name for name in statement.names if name not in known]
    if missing:
        raise ConnectorRefused(f"The statement has :{missing[0]}, which the input parameter 'parameters' does not have")
    unused = [name for name in parameters if name not in statement.names]
    if unused:
        raise ConnectorRefused(f"The statement has no :{unused[0]}, which is in the input parameter 'parameters'")
    return [known[name] for name in statement.names]


def _block_end(text: str, at: int) -> int:
    """The end of a comment, which may have others in it."""
    depth = 1
    for found in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return len(text)
