"""Which message is being taken in: what leaves in the same unit of work names it as its cause."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_MESSAGE: ContextVar[str | None] = ContextVar("penstock_cause", default=None)


@contextmanager
def caused_by(message: str) -> Iterator[None]:
    """What this task has the engine do meanwhile is caused by the event `message` (its CloudEvents id)."""
    token = _MESSAGE.set(message or None)
    try:
        yield
    finally:
        _MESSAGE.reset(token)


def cause() -> str | None:
    """The id of the event that is being taken in; None: there is none."""
    return _MESSAGE.get()
