"""What a connector is."""

from collections.abc import Mapping
from typing import Any, Protocol


class Connector(Protocol):
    """Calls something outside. Nothing of the engine waits meanwhile but the activity itself."""

    async def call(self, inputs: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """Makes one call and returns what the output parameters see, both as native values by name.

        `key`: the same for every attempt of one activity instance, so that the other side can tell a repeated call. The
        caller bounds the time of the whole call by cancelling it.

        Raises ConnectorFailed when another try may succeed, ConnectorRefused when it would not.
        """
        ...
