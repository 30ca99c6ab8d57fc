"""What a connector is."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Answer(dict[str, Any]):
    """What the output parameters of a connector see: native values by name.

    `causes`: names by which a model may turn this answer into a BPMN error (`errors.code_for`), the closest first.
    """

    causes: Sequence[str] = ()


class Connector(Protocol):
    """Calls something outside. Nothing of the engine waits meanwhile but the activity itself."""

    async def call(self, inputs: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """Makes one call and returns what the output parameters see, both as native values by name.

        `key`: the same for every attempt of one activity instance, so that the other side can tell a repeated call. The
        caller bounds the time of the whole call by cancelling it.

        Raises ConnectorFailed when another try may succeed, ConnectorRefused when it would not; the names of its `causes`
        may be mapped to BPMN errors.
        """
        ...

    async def close(self) -> None:
        """Gives back what the connector holds."""
        ...
