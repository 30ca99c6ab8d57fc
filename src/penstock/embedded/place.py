"""Where an engine is: in this process, over a store of its own (`local.Local`), or a server's (`Remote`)."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

from penstock.base.errors import PenstockError
from penstock.embedded.delegates import Delegate
from penstock.worker.http import aio
from penstock.worker.http.wire import Address, Answer, Ask, Auth
from penstock.worker.network import Network

if TYPE_CHECKING:
    from penstock.embedded.mounted import ASGI

CONNECTIONS_MAX = 64


class Sender(Protocol):
    """Sends the requests of one call."""

    async def send(self, ask: Ask) -> Answer:
        """Raises ConnectionLost."""
        ...

    @property
    def refused(self) -> PenstockError | None:
        """The error that became the last answer, where that is known."""
        ...


class Place(Protocol):
    """See the module. Methods but `open` are for an engine that is open."""

    url: str
    """As people may see it."""
    here: bool
    """Whether it is in this process."""
    alone: bool
    """Whether nobody but this process works the store."""

    async def open(self, stack: AsyncExitStack) -> None:
        """Takes up work; `stack` ends it again. Raises PenstockError."""
        ...

    def register(self, name: str, delegate: Delegate) -> None:
        """Has models call `delegate` by this name from now on, if it is open. Only where it is in this process."""
        ...

    def network(self) -> Network:
        """For workers."""
        ...

    def sender(self) -> Sender:
        """For one call."""
        ...

    def app(self) -> "ASGI":
        """REST API and cockpit. Only where it is in this process."""
        ...

    def health(self) -> Mapping[str, Any]:
        """`ready`, and what is wrong."""
        ...


class Remote:
    """An engine in a server. Raises ValueError for what is no address."""

    here = False
    alone = False

    def __init__(self, url: str, auth: Auth | None) -> None:
        self._address = Address(url, None, auth)
        self.url = self._address.url
        self._pool: aio.Pool | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """See `Place`. The server need not be there yet."""
        self._pool = aio.Pool(self._address, CONNECTIONS_MAX)
        stack.push_async_callback(self._close)

    async def _close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def register(self, name: str, delegate: Delegate) -> None:
        """See `Place`."""
        raise NotImplementedError

    def network(self) -> Network:
        """See `Place`."""
        return aio.Network(self._address)

    def sender(self) -> Sender:
        """See `Place`."""
        if self._pool is None:
            raise not_started()
        return _Over(self._pool)

    def app(self) -> "ASGI":
        """See `Place`."""
        raise NotImplementedError

    def health(self) -> Mapping[str, Any]:
        """See `Place`: of the server nothing is known."""
        if self._pool is None:
            raise not_started()
        return {"ready": True, "node": self.url, "problems": {}}


class _Over:
    refused: PenstockError | None = None

    def __init__(self, pool: aio.Pool) -> None:
        self._pool = pool

    async def send(self, ask: Ask) -> Answer:
        return await self._pool.send(ask)


def not_started() -> RuntimeError:
    """What is raised by whatever needs an engine that is open."""
    return RuntimeError("the engine is not started: use `async with engine:`, or FastAPI(lifespan=engine.lifespan)")
