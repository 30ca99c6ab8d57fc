"""What a node is put together from, for a server and for an engine inside a service."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from penstock.base.clock import SystemClock
from penstock.base.errors import PenstockError, StoreFailed
from penstock.base.ids import UuidSource
from penstock.bridge.bridges import Bridges
from penstock.bridge.watch import Watch
from penstock.cli.settings import ServerSettings, load_connections, without_password
from penstock.runtime.node import Node
from penstock.runtime.services.services import Services
from penstock.store import open_store


class Assembled:
    """A node that runs, with what follows the configuration file."""

    def __init__(self, node: Node, bridges: Bridges, watch: Watch | None) -> None:
        self.node = node
        self._bridges = bridges
        self._watch = watch

    def reload(self) -> None:
        """The file is read again, whether or not it has changed."""
        self._bridges.reload_soon()
        if self._watch is not None:
            self._watch.look()

    async def drain(self) -> None:
        """Bridges settle what they have taken while the node still takes it."""
        await self._bridges.close()
        await self.node.drain()


async def assemble(
    stack: AsyncExitStack,
    settings: ServerSettings,
    delegates: Mapping[str, Callable[..., Any]],
    name: str | None = None,
) -> Assembled:
    """Opens the store, and starts the node with its services and bridges; `stack` closes what was opened, the first of it
    last. `name`: of the node. Raises BadSettings, StoreFailed, BadBridges, BadServices, BusFailed."""
    clock = SystemClock()
    connections = load_connections(settings)
    store = open_store(settings.store, clock)
    try:
        await store.open()
    except PenstockError as error:
        raise StoreFailed(f"{without_password(settings.store)}: {error.message}") from None
    stack.push_async_callback(store.close)
    node = Node(
        store,
        clock=clock,
        ids=UuidSource(clock),
        settings=settings.node,
        delegates=delegates,
        connections=connections,
        name=name,
    )
    stack.push_async_callback(node.close)
    await node.start()
    file = Path(settings.config) if settings.config is not None else None
    services, bridges = Services(node, file), Bridges(node, file)
    stack.push_async_callback(services.close)
    await services.start()
    stack.push_async_callback(bridges.close)
    await bridges.start()
    watch = Watch(file, services.reload) if file is not None else None
    if watch is not None:
        stack.push_async_callback(watch.close)
        watch.start()
    return Assembled(node, bridges, watch)
