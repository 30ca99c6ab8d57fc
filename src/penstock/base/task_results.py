"""`ProcessTaskResults`: what the steps of a process have found out, in a list that only grows; as JSON text.

    {"correlationId": …, "processMetadata": {…}, "taskResults": [{"taskId", "startTime", "endTime", "data"}, …]}

The engine and the worker SDK share this module: what counts as such a document, and how two versions of one become one.
A document has exactly these keys (`processMetadata` may be null, `data` may be left out, as JavaScript does with
`undefined`); anything else is an ordinary value, which nobody merges.

Entries are never changed, so a version is a prefix of every later one. A worker that writes the whole document has read
some version of it, appended, and knows nothing of what others have appended since. What it appended begins where the
version that it has read ended (`Seen`), so nothing has to be guessed: two entries that are alike are two entries.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.base.errors import Conflict

MARK = '"taskResults"'
"""A text without this is no such document: saves reading it."""

APPENDS = (b"penstock-results", b"append")
"""The header of fetchAndLock's answers by which a server says that it appends to results itself, and that it ends a poll
whose connection is closed."""


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """The version of a document that a worker was given: how many entries, and a digest of the text."""

    count: int
    digest: str


class StaleResults(Conflict):
    """A worker wrote a version of the results that contradicts what others have written meanwhile."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    taskId: str
    startTime: str | int | float | None
    endTime: str | int | float | None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    correlationId: msgspec.Raw
    processMetadata: dict[str, msgspec.Raw] | None
    taskResults: list[msgspec.Raw]


_document = msgspec.json.Decoder(_Document)
_entry = msgspec.json.Decoder(_Entry)


def _parse(text: str) -> _Document | None:
    """None: not of this shape."""
    if MARK not in text:
        return None
    try:
        found = _document.decode(text)
        for entry in found.taskResults:
            _entry.decode(entry)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return found


def is_results(text: str) -> bool:
    """Whether the text is a document of this shape."""
    return _parse(text) is not None


def seen(text: str) -> Seen | None:
    """What a worker that is given this text has seen; None when it is no such document."""
    found = _parse(text)
    return None if found is None else Seen(len(found.taskResults), _digest(text))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def merge(current: str, written: str, version: Seen | None) -> str:
    """What a variable that holds `current` holds after a worker has written `written`, knowing `version` (None: it was
    given no such document).

    `written` itself, as ever, unless both are such documents and the worker did not know `current`. Then what it has
    appended goes behind the entries of `current`. Raises StaleResults when it has changed something else meanwhile.
    """
    if version is not None and version.digest == _digest(current):
        return written
    theirs = _parse(current)
    ours = theirs and _parse(written)
    if theirs is None or ours is None:
        return written
    base = _base(theirs.taskResults, ours.taskResults, 0 if version is None else version.count)
    return _text(_header(theirs, ours), theirs.taskResults + ours.taskResults[base:])


def check_extends(current: str, written: str) -> None:
    """Raises StaleResults when both are such documents and `written` lacks or changes entries of `current`."""
    theirs = _parse(current)
    ours = theirs and _parse(written)
    if theirs is not None and ours is not None:
        _base(theirs.taskResults, ours.taskResults, len(theirs.taskResults))


def append(current: str | None, piece: str) -> str:
    """What a variable holds after the entries of `piece` were appended to `current`, whose other properties win.

    Raises StaleResults when one of them is not of this shape."""
    added = _parse(piece)
    if added is None:
        raise StaleResults("what is appended is not of the shape {correlationId, processMetadata, taskResults}")
    if current is None:
        return piece
    found = _parse(current)
    if found is None:
        raise StaleResults("what is there is not of the shape {correlationId, processMetadata, taskResults}")
    return _text(found, found.taskResults + added.taskResults)


def _base(theirs: list[msgspec.Raw], ours: list[msgspec.Raw], known: int) -> int:
    """How many of `ours` were read and not appended by this worker.

    `known` is a lower bound: a worker may have read a later version by itself. It has, if more entries are alike and its
    own come behind them. If nothing comes behind them, they are its own and look like those of others.
    """
    alike = 0
    for their, our in zip(theirs, ours, strict=False):
        if not _same_raw(their, our):
            break
        alike += 1
    if alike < known:
        raise StaleResults("the list does not begin with the entries that were there: results may only be appended")
    return alike if len(ours) > alike else known


def _header(theirs: _Document, ours: _Document) -> _Document:
    """The properties beside the list. What only one of them states is kept; two different values are a contradiction."""
    correlation, written = theirs.correlationId, ours.correlationId
    if bytes(correlation) == b"null":
        correlation = written
    elif bytes(written) != b"null" and not _same_raw(correlation, written):
        raise StaleResults(f"correlationId is {_shown(correlation)} and was written as {_shown(written)}")
    metadata = theirs.processMetadata
    if ours.processMetadata:
        metadata = dict(metadata or {})
        for name, value in ours.processMetadata.items():
            if not _same_raw(metadata.setdefault(name, value), value):
                raise StaleResults(
                    f"processMetadata.{name} is {_shown(metadata[name])} and was written as {_shown(value)}"
                )
    return _Document(correlation, metadata, [])


def _shown(value: msgspec.Raw) -> str:
    return bytes(value).decode()[:80]


def _text(header: _Document, entries: list[msgspec.Raw]) -> str:
    return msgspec.json.encode(_Document(header.correlationId, header.processMetadata, entries)).decode()


def _same_raw(one: msgspec.Raw, other: msgspec.Raw) -> bool:
    if bytes(one) == bytes(other):
        return True
    try:
        return _same(msgspec.json.decode(one), msgspec.json.decode(other))
    except (msgspec.DecodeError, RecursionError):
        return False


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON values as a client with IEEE doubles for numbers sees it: JavaScript writes 1.0 as 1, and the
    64-bit integers that it has read rounded."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or _rounded(one) == _rounded(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _rounded(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
