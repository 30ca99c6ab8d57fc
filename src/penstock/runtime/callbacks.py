"""Where those call back that work was given to over HTTP (`bridge.callbacks` takes it, `/penstock/v1/callbacks` brings it)."""

from collections.abc import Mapping
from typing import Any, Protocol

from penstock.base.errors import NotFound


class TakeCallback(Protocol):
    """What a connection does with a call back."""

    async def __call__(self, token: str, report: Mapping[str, Any]) -> str:
        """Its effect, once however often it comes. Raises NotFound for a token that was never given, CallbackLate, and what
        the engine raises."""
        ...


class Callbacks:
    """By the name of the connection."""

    def __init__(self) -> None:
        self.takers: Mapping[str, TakeCallback] = {}

    async def take(self, connection: str, token: str, report: Mapping[str, Any]) -> str:
        """See `TakeCallback`."""
        taker = self.takers.get(connection)
        if taker is None:
            raise NotFound("nobody was told to call back here")
        return await taker(token, report)
