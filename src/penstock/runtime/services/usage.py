"""What the services have taken of the engine, asked of the store now and then: instances, open tasks, nodes."""

import asyncio
import logging
from collections import Counter

from penstock.base.clock import Clock
from penstock.base.errors import PenstockError, ViewsBehind
from penstock.runtime.protocol import Engine
from penstock.runtime.services.admission import Account, Admission
from penstock.runtime.telemetry.counters import Counters
from penstock.store.protocol import Store
from penstock.store.query import Group, Op, Query, Where, is_null

LOOK_EVERY_S = 1.0
PAUSE_FACTOR = 20
"""Asking never takes more than 5 % of the time."""

FIRST_S = 1.0
"""How long a start waits for views that are behind; then it begins with what they have."""

LEASE_MS = 10_000
NODE = "service-node:"
"""Names of the leases by which nodes that share the limits are counted."""

logger = logging.getLogger(__name__)


class Usage:
    """Keeps the accounts of `admission` up to date. `name`: of this node; `shared`: there may be others."""

    def __init__(self, engine: Engine, store: Store, admission: Admission, *, name: str, shared: bool) -> None:
        self._engine = engine
        self._store = store
        self._admission = admission
        self._name = name
        self._shared = shared
        self._nodes = 1
        self._task: asyncio.Task[None] | None = None

    @property
    def _clock(self) -> Clock:
        return self._engine.clock

    @property
    def _counters(self) -> Counters:
        return self._engine.counters

    async def start(self) -> None:
        """Asks once, then goes on asking. Raises StoreFailed."""
        try:
            async with asyncio.timeout(FIRST_S):
                await self._count_instances(self._engine)
        except (TimeoutError, ViewsBehind):
            await self._count_instances(self._store)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="penstock-services")

    async def close(self) -> None:
        """Stops, and leaves its part of the limits to the other nodes."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if self._shared:
            try:
                await self._store.release_leases([NODE + self._name], self._name)
            except PenstockError as error:
                logger.info("the other nodes take over this one's part of limits a little later: %s", error.message)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self.look()
            except PenstockError as error:
                logger.warning("limits of services rest on older numbers: %s", error.message)
            except Exception:
                logger.exception("defect: limits of services rest on older numbers")
            await asyncio.sleep(max(LOOK_EVERY_S, PAUSE_FACTOR * (loop.time() - began_s)))

    async def look(self) -> None:
        """Asks now. Raises StoreFailed."""
        accounts = self._admission.accounts.values()
        if not accounts:
            return
        await self._count_nodes()
        for account in accounts:
            account.nodes = self._nodes
        await self._count_tasks([account for account in accounts if account.service.topics])
        try:
            await self._count_instances(self._engine)
        except ViewsBehind as behind:
            logger.info("limits of services rest on older numbers: %s", behind.message)

    async def _count_nodes(self) -> None:
        if not self._shared:
            return
        now_ms = self._clock.now_ms()
        await self._store.claim_leases([NODE + self._name], self._name, LEASE_MS, now_ms)
        # Names that begin so: ";" comes after ":".
        alive = (
            Where("name", Op.GE, NODE),
            Where("name", Op.LT, NODE[:-1] + ";"),
            Where("expires_ms", Op.GT, now_ms),
        )
        self._nodes = max(1, await self._store.count(Query("lease", alive)))

    async def _count_tasks(self, accounts: list[Account]) -> None:
        if not accounts:
            return
        admitted = {account.service.name: account.admitted for account in accounts}
        loads = await self._engine.loads()
        for account in accounts:
            account.open_tasks = sum(loads[topic].open for topic in account.service.topics if topic in loads)
            account.admitted_since = account.admitted - admitted[account.service.name]

    async def _count_instances(self, views: Engine | Store) -> None:
        """The engine's views have everything that was committed, the store's may not yet."""
        self._admission.learn()
        accounts = list(self._admission.accounts.values())
        before = [(account.balance(self._counters), account.moved(self._counters)) for account in accounts]
        rows = await views.groups(Group("process_instance", ("definition_key",), (is_null("ended_ms"),)))
        running: Counter[str] = Counter()
        for row in rows:
            owner = self._admission.owner(row["definition_key"] or "")
            if owner is not None:
                running[owner.name] += row["count"]
        for account, (balance, moved) in zip(accounts, before, strict=True):
            self._take(account, running[account.service.name], balance, account.moved(self._counters) - moved, views)

    def _take(self, account: Account, running: int, balance: int, moved: int, views: Engine | Store) -> None:
        """`running` was read while `moved` instances started or ended here. A node that is alone keeps the number that it
        has, which is exact, unless that cannot be right (a migration has taken instances to another service)."""
        exact = views is self._engine and not moved
        wrong = abs(running - (account.running + balance - account.before)) > moved
        if self._shared or exact or wrong or not account.measured:
            account.running, account.before = running, balance
        account.measured |= exact
