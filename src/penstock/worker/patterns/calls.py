"""What goes to an endpoint and what comes back, whatever kind of endpoint it is."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from penstock.base.errors import PenstockError

IDEMPOTENCY_KEY = "Idempotency-Key"
MESSAGE_CHARS_MAX = 500
"""How much of an answer is shown with a failure."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `target`: a path with its query, or the name of a function. `body`: JSON, or None for none.
    `headers`: of HTTP; functions get them as their client context. `what`: for messages, without values."""

    target: str
    what: str
    method: str = "POST"
    qualifier: str | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. `body`: what its JSON says, else its text; None for none. `error_type`, `error_message`: of a function
    that failed. `retry_after_ms`: how long the other side wants to be left alone."""

    status: int
    headers: Mapping[str, str] = {}
    body: Any = None
    error_type: str | None = None
    error_message: str | None = None
    retry_after_ms: int = 0

    @property
    def excerpt(self) -> str:
        """For a failure's details."""
        if self.error_type is not None:
            return f"{self.error_type}: {self.error_message or ''}"[:MESSAGE_CHARS_MAX]
        text = self.body if isinstance(self.body, str) else msgspec.json.encode(self.body).decode()
        return "" if self.body is None else text[:MESSAGE_CHARS_MAX]


class Unavailable(PenstockError):
    """The endpoint is out of order. `unclear`: the call may have been made."""

    def __init__(self, message: str, *, unclear: bool, retry_after_ms: int = 0) -> None:
        super().__init__(message)
        self.unclear = unclear
        self.retry_after_ms = retry_after_ms


class Caller(Protocol):
    """Makes the calls of one endpoint, in one event loop."""

    async def call(self, call: Call, timeout_s: float) -> Answer:
        """Raises Unavailable, and TaskFailure for a call that nobody could make."""
        ...

    async def close(self) -> None:
        """Gives back its connections."""
        ...
