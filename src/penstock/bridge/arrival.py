"""The effect of a message on the engine: an instance starts, or one that waits goes on. Exactly one per key."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from penstock.api.subscriptions import Wanted, executions, receivers, starts
from penstock.base.errors import MismatchingCorrelation, NotFound, NullValue, PenstockError
from penstock.bridge.cause import caused_by
from penstock.bridge.rules import Arrival
from penstock.engine.commands import Command, StartInstance, TriggerMessage
from penstock.runtime.committer import AlreadyTaken
from penstock.runtime.node import Node
from penstock.store.protocol import AnyChange

SEARCHES_MAX = 5
"""How often a receiver is looked for whose place another message has taken meanwhile."""


class Outcome(StrEnum):
    """What became of a message."""

    STARTED = "started"
    CORRELATED = "correlated"
    DUPLICATE = "duplicate"
    """It had its effect before."""
    NOBODY = "nobody"
    """Nobody waits for it."""


class Definitions:
    """The newest versions of processes, each looked up once; for messages that were received before it was made."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._found: dict[tuple[str, str | None], asyncio.Task[str | None]] = {}

    async def latest(self, key: str, tenant: str | None) -> str:
        """Raises NotFound."""
        task = self._found.get((key, tenant))
        if task is None:
            task = self._found[key, tenant] = asyncio.ensure_future(self._node.latest(key, tenant))
        found = await asyncio.shield(task)
        if found is None:
            raise NotFound(f"no process with the key '{key}' is deployed{'' if tenant is None else f' for {tenant}'}")
        return found


class Arrivals:
    """Takes messages in for one node. `patient`: one whose service may start no more now waits; else LimitReached."""

    def __init__(self, node: Node, *, patient: bool = True) -> None:
        self.engine = node
        self._patient = patient

    async def take(self, arrival: Arrival, definitions: Definitions, rows: Sequence[AnyChange] = ()) -> Outcome:
        """The message's effect, durable when it returns; `rows` are written with it. Raises what the engine raises."""
        effect = self._start if arrival.bridge.start is not None else self._correlate
        try:
            return await effect(arrival, definitions, rows)
        except AlreadyTaken:
            return Outcome.DUPLICATE
        except (PenstockError, TooManyReceivers):
            # The engine looks for the key last: what it says of a message that had its effect is of no interest.
            if await self.has_taken(arrival):
                return Outcome.DUPLICATE
            raise

    async def _start(self, arrival: Arrival, definitions: Definitions, rows: Sequence[AnyChange]) -> Outcome:
        bridge = arrival.bridge
        definition = await definitions.latest(bridge.start or "", bridge.tenant)
        command = StartInstance(
            definition=definition, business_key=arrival.business_key, variables=dict(arrival.variables)
        )
        await self._execute(arrival, command, rows)
        return Outcome.STARTED

    async def _correlate(self, arrival: Arrival, definitions: Definitions, rows: Sequence[AnyChange]) -> Outcome:
        for _ in range(SEARCHES_MAX):
            command = await self._receiver(arrival)
            if command is None:
                break
            try:
                await self._execute(arrival, command, rows)
            except (MismatchingCorrelation, NotFound, NullValue):
                continue  # it has gone on with something else
            return Outcome.CORRELATED
        return Outcome.DUPLICATE if await self.has_taken(arrival) else Outcome.NOBODY

    async def has_taken(self, arrival: Arrival) -> bool:
        """Whether the message had its effect before."""
        if arrival.key is None:
            return False
        return await self.engine.store.read_inbox(arrival.key, self.engine.clock.now_ms()) is not None

    async def _receiver(self, arrival: Arrival) -> Command | None:
        """Executions come before start events, as in Camunda's `POST /message`. Raises MismatchingCorrelation."""
        wanted = _wanted(arrival)
        found = executions(await receivers(self, wanted))
        begins = [] if found else await starts(self, wanted)
        if len(found) > 1 or len(begins) > 1:
            raise TooManyReceivers(
                f"{len(found) or len(begins)} {'executions' if found else 'processes'} wait for the message "
                f"'{wanted.name}' and fit: map a business key or correlation_keys that tell them apart"
            )
        if found:
            row = found[0]
            return TriggerMessage(
                instance=row["instance_id"],
                execution=row["execution_id"],
                name=wanted.name,
                variables=dict(arrival.variables),
            )
        if begins:
            return StartInstance(
                definition=begins[0]["definition_id"],
                start_event=begins[0]["activity_id"],
                business_key=arrival.business_key,
                variables={**arrival.correlation_keys, **arrival.variables},
            )
        return None

    async def _execute(self, arrival: Arrival, command: Command, rows: Sequence[AnyChange]) -> None:
        expires_ms = self.engine.clock.now_ms() + arrival.bridge.dedup_window_ms
        with caused_by(arrival.event):
            await self.engine.take_in(command, key=arrival.key, expires_ms=expires_ms, rows=rows, patient=self._patient)


class TooManyReceivers(Exception):
    """A message fits more than one receiver; the text says how many."""


def _wanted(arrival: Arrival) -> Wanted:
    return Wanted(
        type="message",
        name=arrival.bridge.message or "",
        tenant=arrival.bridge.tenant,
        tenant_matters=arrival.bridge.tenant is not None,
        business_key=arrival.business_key,
        variables=arrival.correlation_keys,
    )
