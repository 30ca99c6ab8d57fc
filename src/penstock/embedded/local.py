"""An engine in this process: what a server puts together, without the server."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from penstock.base.errors import BadRequest, PenstockError
from penstock.cli.settings import BadSettings, ServerSettings, load_delegates, without_password
from penstock.embedded.delegates import Delegate
from penstock.embedded.place import Sender, not_started
from penstock.worker.http.wire import Answer, Ask
from penstock.worker.network import Network

if TYPE_CHECKING:
    from penstock.embedded.here import Pool
    from penstock.embedded.mounted import ASGI
    from penstock.runtime.node import Node


class Local:
    """See `place.Place`. `delegates`: by name, go before those of the file, and may grow until it is opened. `name`: of the
    node."""

    here = True

    def __init__(self, settings: ServerSettings, delegates: Mapping[str, Delegate], name: str | None) -> None:
        self.settings = settings
        self._delegates = delegates
        self._name = name
        self.url = without_password(settings.store)
        self.alone = settings.store.startswith(("sqlite:", "memory:"))
        self._node: Node | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """See `Place`: what is opened first is closed last."""
        from penstock.cli.assembly import assemble
        from penstock.cli.projecting import projecting
        from penstock.embedded.here import Here
        from penstock.embedded.logs import to_logging

        to_logging()
        settings = self.settings
        try:
            delegates = {**load_delegates(settings), **self._delegates}
            assembled = await assemble(stack, settings, delegates, self._name)
        except BadSettings as error:
            raise BadRequest(str(error)) from None
        await stack.enter_async_context(projecting(settings))
        self._node, self._here = assembled.node, Here(assembled.node)
        stack.callback(self._closed)

    def _closed(self) -> None:
        self._node = None

    @property
    def _open_node(self) -> "Node":
        if self._node is None:
            raise not_started()
        return self._node

    def register(self, name: str, delegate: Delegate) -> None:
        """Has a node that runs call `delegate` from now on, too."""
        if self._node is not None:
            self._node.delegates.register(name, delegate)

    def network(self) -> Network:
        """See `Place`."""
        return self._here

    def sender(self) -> Sender:
        """See `Place`."""
        if self._node is None:
            raise not_started()
        return _Inside(self._here.pool(0))

    def app(self) -> "ASGI":
        """See `Place`. Which other origins may call is for the application to say in which it is mounted."""
        from penstock.api.app import create_app

        return create_app(self._open_node, any_origin=False)

    def health(self) -> Mapping[str, Any]:
        """See `Place`."""
        return self._open_node.health()


class _Inside:
    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self.refused: PenstockError | None = None

    async def send(self, ask: Ask) -> Answer:
        return await self._pool.send(ask, self._seen)

    def _seen(self, error: PenstockError) -> None:
        self.refused = error
