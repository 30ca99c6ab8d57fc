"""Which slots of the outbox are this node's: shared evenly among the nodes that live, by leases."""

import asyncio
import logging
from collections.abc import Callable

from penstock.base.errors import PenstockError
from penstock.bridge.rows import SLOTS
from penstock.runtime.node import Node
from penstock.store.query import Op, Query, Where

LEASE_MS = 10_000
RENEW_S = 3.0
_MARGIN_MS = 1_000
"""A lease is not relied upon in its last moment: what is under way ends before somebody else begins."""

NODE, SLOT = "bus-node:", "bus-slot:"

logger = logging.getLogger(__name__)


class Slots:
    """The slots of one node. A store of its own has no other node: all are its own. `gained`: told when there are more."""

    def __init__(self, node: Node, gained: Callable[[], None]) -> None:
        self._node = node
        self._gained = gained
        self._mine: frozenset[int] = frozenset()
        self._until_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Takes part in the sharing; a node that publishes nothing must not hold any. A second call does nothing."""
        if self._node.shared and self._task is None:
            self._task = asyncio.create_task(self._run(), name="penstock-bus-slots")

    async def close(self) -> None:
        """Gives the slots back."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        names = [NODE + self._node.name, *(_name(slot) for slot in self._mine)]
        self._mine = frozenset()
        try:
            await self._node.store.release_leases(names, self._node.name)
        except PenstockError as error:
            logger.info("slots of the outbox stay until their leases expire: %s", error.message)

    def mine(self) -> frozenset[int] | None:
        """The slots that are this node's now; None: all there are."""
        if not self._node.shared:
            return None
        return self._mine if self._node.clock.monotonic_s() < self._until_s else frozenset()

    async def _run(self) -> None:
        while True:
            try:
                await self.renew()
            except PenstockError as error:
                logger.warning("the slots of the outbox cannot be leased: %s", error.message)
            except Exception:
                logger.exception("defect: the slots of the outbox cannot be leased")
            await asyncio.sleep(RENEW_S)

    async def renew(self) -> None:
        """Takes this node's share, gives back what is more."""
        node, store = self._node, self._node.store
        began_s = node.clock.monotonic_s()
        await store.claim_leases([NODE + node.name], node.name, LEASE_MS, node.clock.now_ms())
        wanted = await self._share()
        surplus = self._mine - wanted
        if surplus:
            self._mine -= surplus
            await store.release_leases([_name(slot) for slot in surplus], node.name)
        claimed = await store.claim_leases([_name(slot) for slot in wanted], node.name, LEASE_MS, node.clock.now_ms())
        before, self._mine = self._mine, frozenset(int(name.removeprefix(SLOT)) for name in claimed)
        self._until_s = began_s + (LEASE_MS - _MARGIN_MS) / 1000
        if self._mine - before:
            self._gained()

    async def _share(self) -> frozenset[int]:
        where = (Where("name", Op.LIKE, f"{NODE}%"), Where("expires_ms", Op.GT, self._node.clock.now_ms()))
        rows = await self._node.store.rows(Query("lease", where, columns=("owner",)))
        nodes = sorted({row["owner"] for row in rows} | {self._node.name})
        place = nodes.index(self._node.name)
        return frozenset(range(place, SLOTS, len(nodes)))


def _name(slot: int) -> str:
    return f"{SLOT}{slot}"
