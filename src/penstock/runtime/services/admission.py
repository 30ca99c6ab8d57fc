"""Whether an instance may start now: what each service has taken of the engine, against what it may take.

Only starts are refused, and only those that somebody asks for from outside: what runs is never stopped half-way. Called
instances, timers, signals and restarts count and are not refused.

Nodes that share a store: each may take its part of what is left: 1/n of `starts_per_second`; of the instances that may
still start, half of that part until the store is asked again. They ask at different moments: half is what keeps all of them
together within the limit when one has asked again and the others still go by what they knew.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.base.errors import LimitReached
from penstock.engine.commands import Command, StartInstance
from penstock.runtime.services.config import Ownership, Service
from penstock.runtime.telemetry.counters import Counters

LOOK_AGAIN_S = 0.05
"""How often a message that waits looks whether there is room."""

ROOM_RETRY_S = 2
"""What a client is told when nobody knows when there will be room."""

ROUNDING = 1e-6
"""Of what adds up in small parts."""

OWNERS_MAX = 10_000
"""Definitions (ids) whose owner is remembered."""


class Place:
    """One start that was admitted. It takes a place of its own until it is counted as an instance, or has failed."""

    __slots__ = ("_account",)

    def __init__(self, account: "Account") -> None:
        self._account: Account | None = account
        account.reserved += 1

    def release(self) -> None:
        """The start was committed, or came to nothing. A second call does nothing."""
        if self._account is not None:
            self._account.reserved -= 1
            self._account = None


class Account:
    """What one service has taken on this node, and on all as far as is known.

    `running`: instances when the store was last asked (`measured`: and gave an exact answer); `before`: by how many more
    had started than ended here until then.
    `open_tasks`: likewise; `admitted_since`: starts since then. `nodes`: among how many the limits are shared. `refused`:
    starts by limit; `waiting`: messages that wait until they may start something.
    """

    def __init__(self, service: Service, clock: Clock) -> None:
        self.service = service
        self._clock = clock
        self.definitions: set[str] = set()
        self.running = 0
        self.before = 0
        self.measured = False
        self.open_tasks = 0
        self.admitted_since = 0
        self.nodes = 1
        self.reserved = 0
        self.admitted = 0
        self.refused: Counter[str] = Counter()
        self.waiting = 0
        self.queue = asyncio.Lock()
        self._counted = (-1.0, 0)
        self._balance = 0
        self._tokens = math.inf
        self._filled_s = clock.monotonic_s()

    def forget(self) -> None:
        """Other definitions may be the service's now."""
        self.definitions = set()
        self._counted = (-1.0, 0)

    def balance(self, counters: Counters) -> int:
        """By how many more instances have started than ended on this node. Added up once for each group commit: there may be
        many versions."""
        present = counters.batch_units.total, len(self.definitions)
        if present != self._counted:
            self._counted = present
            self._balance = sum(counters.started.get(id, 0) - counters.ended.get(id, 0) for id in self.definitions)
        return self._balance

    def moved(self, counters: Counters) -> int:
        """How many instances have started or ended on this node."""
        return sum(counters.started.get(id, 0) + counters.ended.get(id, 0) for id in self.definitions)

    def running_now(self, counters: Counters) -> int:
        """Running instances, as far as this node knows."""
        return max(0, self.running + self.balance(counters) - self.before)

    def admit(self, counters: Counters) -> Place:
        """Raises LimitReached."""
        self._check_open_tasks()
        self._check_running(counters)
        self._check_rate()
        self.admitted += 1
        self.admitted_since += 1
        return Place(self)

    def _check_open_tasks(self) -> None:
        most = self.service.max_open_tasks
        if most is None:
            return
        if self.admitted_since >= self._part(most - self.open_tasks):
            raise self._reached("max_open_tasks", f"{most} external tasks are open", ROOM_RETRY_S, LOOK_AGAIN_S)

    def _check_running(self, counters: Counters) -> None:
        most = self.service.max_running_instances
        if most is None:
            return
        if self.balance(counters) - self.before + self.reserved >= self._part(most - self.running):
            raise self._reached("max_running_instances", f"{most} process instances run", ROOM_RETRY_S, LOOK_AGAIN_S)

    def _part(self, left: int) -> int:
        """Of what is left by the store's numbers, what this node may take until it asks again."""
        return left if self.nodes == 1 else math.ceil(max(0, left) / (2 * self.nodes))

    def _check_rate(self) -> None:
        most = self.service.starts_per_second
        if most is None:
            return
        rate = most / self.nodes
        now_s = self._clock.monotonic_s()
        # What is not taken is kept for a second.
        self._tokens = min(max(1.0, rate), self._tokens + (now_s - self._filled_s) * rate)
        self._filled_s = now_s
        if self._tokens < 1 - ROUNDING:
            again_s = (1 - self._tokens) / rate
            raise self._reached(
                "starts_per_second", f"{most:g} process instances were started in a second", again_s, again_s
            )
        self._tokens -= 1

    def _reached(self, limit: str, what: str, retry_after_s: float, again_s: float) -> LimitReached:
        return LimitReached(
            f"The service '{self.service.name}' has what it may have of this engine: {what} ({limit}); "
            "try again in a moment",
            service=self.service.name,
            limit=limit,
            retry_after_s=max(1, math.ceil(retry_after_s)),
            again_s=again_s,
        )


class Admission:
    """The accounts of all services on this node. `known`: of the definitions (ids) seen, whose they are."""

    def __init__(self, clock: Clock, counters: Counters) -> None:
        self._clock = clock
        self._counters = counters
        self._known: dict[str, Account | None] = {}
        self._ownership = Ownership(())
        self.accounts: dict[str, Account] = {}

    def configure(self, services: Sequence[Service]) -> None:
        """From now on these; what is known of a service that stays is kept."""
        self._ownership = Ownership(services)
        self._known.clear()
        kept = self.accounts
        self.accounts = {service.name: kept.get(service.name) or Account(service, self._clock) for service in services}
        for service in services:
            account = self.accounts[service.name]
            account.service = service
            account.forget()
        self.learn()

    def owner(self, key: str) -> Service | None:
        """The service that owns definitions with this key."""
        return self._ownership.of(key)

    def account(self, definition: str) -> Account | None:
        """Of the owner of a definition (id)."""
        try:
            return self._known[definition]
        except KeyError:
            pass
        if len(self._known) >= OWNERS_MAX:
            self._known.clear()
        owner = self._ownership.of(key_of(definition))
        found = self._known[definition] = self.accounts[owner.name] if owner is not None else None
        if found is not None:
            found.definitions.add(definition)
        return found

    def learn(self) -> None:
        """Takes notice of definitions whose instances have started or ended on this node."""
        for counted in (self._counters.started, self._counters.ended):
            for definition in counted:
                if definition is not None:
                    self.account(definition)

    def admit(self, command: Command) -> Place | None:
        """A place for the instance that the command starts; None: nothing is limited. Raises LimitReached."""
        if type(command) is not StartInstance or command.start_job is not None:
            return None
        account = self.account(command.definition)
        if account is None:
            return None
        try:
            return account.admit(self._counters)
        except LimitReached as reached:
            account.refused[reached.limit] += 1
            raise

    async def wait(self, command: Command) -> Place | None:
        """As `admit`, but waits its turn: those of one service one after another."""
        if type(command) is not StartInstance:
            return None
        account = self.account(command.definition)
        if account is None:
            return None
        account.waiting += 1
        try:
            async with account.queue:
                while True:
                    try:
                        return account.admit(self._counters)
                    except LimitReached as reached:
                        await asyncio.sleep(reached.again_s)
        finally:
            account.waiting -= 1


def key_of(definition: str) -> str:
    """The key in a definition's id (`key:version:uuid`)."""
    return definition.rpartition(":")[0].rpartition(":")[0]
