"""All bridges of one node, as `penstock.toml` says; changed while they run when the file changes."""

import asyncio
import logging
import os
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.base.errors import BusFailed, PenstockError
from penstock.bridge.arrival import Arrivals
from penstock.bridge.attempts import Attempts
from penstock.bridge.callbacks import CallbackTaker
from penstock.bridge.config import CALLBACK, BadBridges, Bridge, Config, Connection, Topic, read
from penstock.bridge.consuming import Consumed
from penstock.bridge.early import Early
from penstock.bridge.intake import Intake
from penstock.bridge.link import Link, Reading
from penstock.bridge.outbox import Publisher
from penstock.bridge.readings import BusReadings
from penstock.bridge.replies import Replies
from penstock.bridge.requests import Requests
from penstock.bridge.rows import OUTBOX, Positions
from penstock.bridge.slots import Slots
from penstock.bridge.watch import Watch
from penstock.bus.protocol import Bus, Subscribe, dead_letter_channel
from penstock.bus.registry import make_bus
from penstock.runtime.letters import Place
from penstock.runtime.node import Node
from penstock.store.protocol import Change, Row, RowChange

REPLY_ATTEMPTS = 5
TELL_EVERY_S = 0.02
"""Other nodes are told of messages in their slots no more often than this."""

logger = logging.getLogger(__name__)


class Bridges:
    """See the module. `file`: the configuration; None: there is none, and nothing to watch."""

    def __init__(self, node: Node, file: Path | None, environment: Mapping[str, str] | None = None) -> None:
        self._node = node
        self._file = file
        self._environment = os.environ if environment is None else environment
        self.config = Config()
        self._letters = node.letters
        positions = Positions(node.clock)
        self.requests = Requests(node.ids, positions)
        self._arrivals = Arrivals(node)
        self.early = Early(node, Arrivals(node, patient=False), positions)
        self.attempts = Attempts(node, self.requests)
        self._slots = Slots(node, self._wake)
        self.links: dict[str, Link] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._watch = Watch(file, self.reload) if file is not None else None
        self._running: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()
        self._started = False

    # ------------------------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Begins with what the file says. Raises BadBridges, and BusFailed for a connection that can never be."""
        if self._file is None:
            return
        node = self._node
        node.watch(OUTBOX, self._written)
        node.hear(OUTBOX, self._wake)
        node.bus_readings = BusReadings(lambda: self.links, node.store, node.clock).take
        await self._apply(read(self._file, self._environment))
        self._started = True
        self.early.start()
        self.attempts.start()
        if self._watch is not None:
            self._watch.start()

    async def close(self) -> None:
        """Finishes what was received, gives back what is leased. The node still takes commands meanwhile."""
        if not self._started:
            return
        self._started = False
        if self._watch is not None:
            await self._watch.close()
        await self.attempts.close()
        await self.early.close()
        await asyncio.gather(*(link.close() for link in self.links.values()))
        self.links.clear()
        self._letters.buses, self._letters.places = {}, ()
        self._node.callbacks.takers = {}
        await self._slots.close()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._telling is not None:
            self._telling.cancel()

    async def reload(self) -> None:
        """Follows the file. What makes no sense is logged, and everything goes on as before."""
        assert self._file is not None
        try:
            await self._apply(read(self._file, self._environment))
        except (BadBridges, BusFailed) as error:
            logger.error("the bridges go on as they were: %s", error.message)

    def reload_soon(self) -> None:
        """As `reload`, for a signal."""
        if self._watch is not None:
            self._watch.look()

    # ------------------------------------------------------------------------------------------ configuration

    async def _apply(self, config: Config) -> None:
        async with self._changing:
            if config == self.config:
                return
            made = {
                name: make_bus(connection.url, self._node.clock, connection.headers)
                for name, connection in config.connections.items()
                if name not in self.links or self.links[name].connection != connection
            }
            before, self.config = self.config, config
            await self._drop(config, made)
            self.requests.topics = config.topics
            self.requests.connections = frozenset(config.connections)
            self.requests.endpoints = {name: found for name, found in config.connections.items() if found.is_endpoint}
            self._node.callbacks.takers = {
                name: CallbackTaker(name, found, Replies(self._node, self.requests, f"{CALLBACK}:{name}", found.scheme))
                for name, found in self.requests.endpoints.items()
                if found.callback is not None
            }
            if config.connections:
                self._slots.start()
            else:
                await self._slots.close()
            self._node.connect(self.requests if config.topics else None)
            self.early.bridges = {bridge.name: bridge for bridge in config.bridges}
            self.early.schemes = {name: connection.scheme for name, connection in config.connections.items()}
            for name, bus in made.items():
                self._link(name, config.connections[name], bus)
            for name, link in self.links.items():
                await link.read(self._readings(name))
            self._letters.buses = {name: link.bus for name, link in self.links.items()}
            self._letters.places = _places(config)
            if before != Config():
                logger.info("the bridges have changed: %s", _counts(config))

    async def _drop(self, config: Config, made: Mapping[str, Bus]) -> None:
        gone = [name for name in self.links if name not in config.connections or name in made]
        for name in gone:
            await self.links.pop(name).close()

    def _link(self, name: str, connection: Connection, bus: Bus) -> None:
        publisher = Publisher(self._node, name, bus, self._slots, sent=self._sent, refused=self._refused)
        self.links[name] = link = Link(name, connection, bus, publisher)
        link.start()

    def _readings(self, connection: str) -> dict[tuple[str, str], Reading]:
        scheme = self.config.connections[connection].scheme
        found: dict[tuple[str, str], Reading] = {}
        for place, bridges in self._by_place(connection).items():
            found[place] = self._of_bridges(bridges, scheme)
        for (channel, group), topics in self._by_reply(connection).items():
            found[channel, group] = self._of_replies(topics, channel, group, scheme)
        return found

    def _by_reply(self, connection: str) -> dict[tuple[str, str], list[Topic]]:
        found: dict[tuple[str, str], list[Topic]] = {}
        for topic in self.config.topics.values():
            if topic.connection == connection and topic.reply not in (None, CALLBACK):
                found.setdefault((topic.reply, topic.group), []).append(topic)
        return found

    def _by_place(self, connection: str) -> dict[tuple[str, str], list[Bridge]]:
        found: dict[tuple[str, str], list[Bridge]] = {}
        for bridge in self.config.bridges:
            if bridge.connection == connection:
                found.setdefault((bridge.channel, bridge.group), []).append(bridge)
        return found

    def _of_bridges(self, bridges: Sequence[Bridge], scheme: str) -> Reading:
        first = bridges[0]
        to = Subscribe(
            channel=first.channel,
            group=first.group,
            max_unsettled=max(bridge.max_unsettled for bridge in bridges),
            lease_ms=max(bridge.lease_ms for bridge in bridges),
            dead_letter=first.dead_letter,
        )
        name = first.name if len(bridges) == 1 else f"{first.connection}.{first.channel}.{first.group}"
        attempts = max(bridge.attempts for bridge in bridges)
        intake = Intake(bridges, scheme, self._arrivals, self.early)
        return Reading(Consumed(name=name, to=to, attempts=attempts), list(bridges), intake.take)

    def _of_replies(self, topics: Sequence[Topic], channel: str, group: str, scheme: str) -> Reading:
        replies = Replies(self._node, self.requests, channel, scheme)
        to = Subscribe(channel=channel, group=group, lease_ms=max(topic.lease_ms for topic in topics))
        consumed = Consumed(name=f"{topics[0].connection}.{channel}.{group}", to=to, attempts=REPLY_ATTEMPTS)
        return Reading(consumed, None, replies.take)

    # ------------------------------------------------------------------------------------------ the outbox

    def _written(self, change: RowChange) -> None:
        """This node has committed something that is to be published."""
        if change.change is not Change.INSERT:
            return
        mine = self._slots.mine()
        if mine is not None and change.values["slot"] not in mine:
            if self._telling is None:
                self._telling = asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell)
            return
        link = self.links.get(change.values["connection"])
        if link is not None:
            link.publisher.wake()

    def _tell(self) -> None:
        self._telling = None
        self._begin(self._notify())

    async def _notify(self) -> None:
        try:
            await self._node.store.notify([OUTBOX])
        except PenstockError as error:
            logger.debug("other nodes find what is to be published by themselves: %s", error.message)

    def _wake(self) -> None:
        for link in self.links.values():
            link.publisher.wake()

    async def _sent(self, rows: Sequence[Row]) -> None:
        """The broker has them: tasks whose event needs no answer are done."""
        for row in rows:
            if row["external_task_id"] is not None and not row["timeout_ms"]:
                self._begin(self.attempts.complete(row["instance_id"], row["external_task_id"]))

    async def _refused(self, row: Row, reason: str) -> None:
        message = f"The broker refuses the message: {reason}"
        await self.attempts.fail_refused(row["external_task_id"], message, request=row["id"])

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _places(config: Config) -> list[Place]:
    found = [Place(bridge.connection, bridge.dead_letter, bridge.channel) for bridge in config.bridges]
    found += [
        Place(topic.connection, dead_letter_channel(topic.reply), topic.reply)
        for topic in config.topics.values()
        if topic.reply not in (None, CALLBACK)
    ]
    return list(dict.fromkeys(found))


def _counts(config: Config) -> str:
    return f"{len(config.connections)} connections, {len(config.bridges)} bridges, {len(config.topics)} topics"
