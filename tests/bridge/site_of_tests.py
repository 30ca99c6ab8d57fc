"""One node, its bridges, and a bus to speak to them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from penstock.base.clock import SystemClock
from penstock.base.ids import UuidSource
from penstock.bridge.bridges import Bridges
from penstock.bus.cloudevents import STRUCTURED_TYPE, CloudEvent, read, structured
from penstock.bus.dead_letters import DeadMessage, read_dead_letter
from penstock.bus.memory.broker import MemoryBroker, named_broker
from penstock.bus.protocol import Bus, Delivery, Done, Message, Subscribe
from penstock.bus.registry import make_bus
from penstock.engine.commands import StartInstance
from penstock.engine.state import Instance
from penstock.runtime.node import Node
from penstock.runtime.protocol import Deploy, Resource, Settings
from penstock.store.protocol import Row, Store
from penstock.store.query import Query, eq, is_null, not_null

T = TypeVar("T")
PATIENCE_S = 40.0
"""A broker waits for a dead consumer; machines are paused."""


async def until(look: Callable[[], Awaitable[T]], what: str = "") -> T:
    """The first answer of `look` that is something."""
    end_s = asyncio.get_running_loop().time() + PATIENCE_S
    while not (found := await look()):
        assert asyncio.get_running_loop().time() < end_s, f"it did not happen: {what}"
        await asyncio.sleep(0.02)
    return found


class MemoryControl:
    """Stops and starts a broker in memory."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    async def stop(self) -> None:
        self._broker.stop()

    async def start(self) -> None:
        self._broker.start()


class Site:
    """`url`: of the connection `events`; `file`: the configuration."""

    def __init__(self, store: Store, url: str, file: Path, *, name: str | None = None) -> None:
        self.clock = SystemClock()
        self.url = url
        self.file = file
        self.node = Node(
            store, clock=self.clock, ids=UuidSource(self.clock), settings=Settings(execute_jobs=False), name=name
        )
        self.bridges = Bridges(self.node, file, {"BUS": url, "TOKEN": "t-1"})
        self.bus: Bus = make_bus(url, self.clock)

    async def start(self, sections: str, *models: bytes) -> None:
        """Deploys, and starts with this configuration of bridges and topics."""
        self.write(sections)
        await self.node.start()
        for number, model in enumerate(models):
            await self.deploy(model, number)
        await self.bridges.start()

    async def deploy(self, model: bytes, number: int = 0) -> None:
        resource = Resource(f"{number}.bpmn", model)
        await self.node.deploy(Deploy(name="d", resources=[resource]))

    def write(self, sections: str) -> None:
        self.file.write_text(f'[connections.events]\nurl = "${{BUS}}"\n{sections}', encoding="utf-8")

    async def close(self) -> None:
        await self.bridges.close()
        await self.node.close()
        await self.bus.close()

    async def restart_bridges(self) -> None:
        """As a new process would, on the same store."""
        await self.bridges.close()
        self.bridges = Bridges(self.node, self.file, {"BUS": self.url, "TOKEN": "t-1"})
        await self.bridges.start()

    def counts(self) -> Counter[str]:
        """What became of the messages that were received."""
        links = self.bridges.links.values()
        return sum((consumer.counts for link in links for _, consumer in link.consumers.values()), Counter())

    # -- the bus

    async def publish(self, *messages: Message) -> None:
        refused = [answer for answer in await self.bus.publish(messages) if answer is not None]
        assert not refused, refused[:3]

    async def event(
        self, channel: str, type: str, data: Any, *, id: str | None = None, key: str | None = None, **more: Any
    ) -> None:
        event = CloudEvent(
            id=id or self.node.ids.new(),
            source="/test",
            type=type,
            data=data,
            subject=more.pop("subject", None),
            extensions=more,
        )
        await self.publish(structured(event, channel, key=key))

    async def received(self, channel: str, number: int, group: str = "penstock") -> list[CloudEvent]:
        """The events that come on a channel, until there are so many."""
        return [read(delivery, "memory").event for delivery in await self.deliveries(channel, number, group)]

    async def deliveries(self, channel: str, number: int, group: str = "penstock") -> Sequence[Delivery]:
        subscription = await self.bus.subscribe(Subscribe(channel=channel, group=group))
        found: list[Delivery] = []

        async def enough() -> bool:
            more = await subscription.receive(100, 200)
            await subscription.settle([Done(delivery) for delivery in more])
            found.extend(more)
            return len(found) >= number

        try:
            await until(enough, f"{number} messages on {channel}, there are {len(found)}")
        finally:
            await subscription.close()
        return found

    async def dead(self, channel: str, number: int = 1) -> list[DeadMessage]:
        return [read_dead_letter(delivery) for delivery in await self.deliveries(channel, number)]

    @property
    def broker(self) -> MemoryControl:
        """What may be done to the broker in memory."""
        return MemoryControl(named_broker(self.url.partition("://")[2], self.clock))

    async def clean_outbox(self) -> None:
        """All of it is published."""

        async def empty() -> bool:
            return not await self.node.store.count(Query("outbox"))

        await until(empty, "the outbox is empty")

    # -- the engine

    async def start_instance(self, key: str, business_key: str | None = None, **variables: Any) -> str:
        from penstock.expr.values import from_native

        definition = await self.node.latest(key, None)
        assert definition is not None
        native = {name: from_native(value) for name, value in variables.items()}
        command = StartInstance(definition=definition, business_key=business_key, variables=native)
        started: str = await self.node.execute(command)
        return started

    async def instances(self, key: str, number: int | None = None) -> list[Row]:
        """Instances of a process, ended ones too; waits until there are `number`."""

        async def look() -> list[Row]:
            return await self.node.rows(Query("process_instance", (eq("definition_key", key),)))

        if number is None:
            return await look()

        async def enough() -> list[Row]:
            found = await look()
            return found if len(found) >= number else []

        return await until(enough, f"{number} instances of {key}")

    async def ended(self, instance: str) -> Row:
        async def look() -> Row | None:
            where = (eq("id", instance), not_null("ended_ms"))
            rows = await self.node.rows(Query("process_instance", where))
            return rows[0] if rows else None

        found = await until(look, f"{instance} ends")
        assert found is not None
        return found

    async def at(self, instance: str, activity: str) -> Instance:
        """The instance, once it is there."""

        async def look() -> Instance | None:
            where = (eq("instance_id", instance), eq("activity_id", activity), is_null("ended_ms"))
            rows = await self.node.rows(Query("activity_instance", where))
            return await self.node.instance(instance) if rows else None

        found = await until(look, f"{instance} is at {activity}")
        assert found is not None
        return found

    async def tasks(self, **where: Any) -> list[Row]:
        return await self.node.store.rows(Query("external_task", [eq(name, value) for name, value in where.items()]))

    async def task(self, instance: str) -> Row:
        async def look() -> list[Row]:
            return await self.tasks(instance_id=instance)

        return (await until(look, "a task"))[0]


def plain(channel: str, data: Any, *, key: str | None = None, headers: Mapping[str, str] | None = None) -> Message:
    """A message that is no CloudEvent."""
    return Message(channel=channel, body=msgspec.json.encode(data), key=key, headers=headers or {})


__all__ = ["STRUCTURED_TYPE", "Site", "plain", "until"]
