"""How a worker reaches its engine: over HTTP (`http.aio`), or within the process (`penstock.embedded`)."""

from typing import Protocol

from penstock.worker.http.wire import Answer, Ask


class Connection(Protocol):
    """What one request after another goes over."""

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        ...

    async def exchange(self, ask: Ask) -> Answer:
        """The whole answer. Raises ConnectionLost."""
        ...

    def say_goodbye(self) -> None:
        """Tells the engine that nobody waits any more; what it has locked for this request it gives back."""
        ...

    def close(self) -> None:
        """Ends it now."""
        ...


class Pool(Protocol):
    """Sends requests, a bounded number at a time."""

    async def send(self, ask: Ask) -> Answer:
        """Raises ConnectionLost."""
        ...

    async def connect(self) -> Connection:
        """A connection of the caller's own. Raises ConnectionLost."""
        ...

    async def close(self) -> None:
        """Ends every connection."""
        ...


class Network(Protocol):
    """Where the engine is."""

    @property
    def url(self) -> str:
        """As people may see it: without passwords."""
        ...

    def pool(self, connections_max: int) -> Pool:
        """A pool of its own for whoever asks."""
        ...
