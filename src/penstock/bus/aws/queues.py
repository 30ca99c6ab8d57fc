"""The queues of groups: finding or making them, and how far a group is behind on its own.

Names have hyphens instead of dots. The queue named as the channel is that of DEFAULT_GROUP, every other group has a queue
`<channel>-<group>`. Tags say of each queue that was made here which channel and group it is for.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from penstock.base.errors import BusFailed
from penstock.bus.aws.connection import Connection, is_missing
from penstock.bus.protocol import DEFAULT_GROUP, Channel, Lag

CHANNEL_TAG = "penstock-channel"
GROUP_TAG = "penstock-group"
RETENTION_S = 1_209_600
"""Fourteen days, the most that SQS keeps a message."""
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def aws_name(channel: str) -> str:
    """What the channel is called where names have no dots."""
    return channel.replace(".", "-")


def queue_name(channel: str, group: str) -> str:
    """The queue of a group."""
    return aws_name(channel if group == DEFAULT_GROUP else f"{channel}-{group}")


class Queues(ABC):
    """Makes queues and looks at them. What a bus wants of them besides is in `_attributes`, `_found` and `_join`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._urls: dict[tuple[str, str], str] = {}
        self._tags: dict[str, tuple[str | None, str | None]] = {}
        self._generation = 0

    @abstractmethod
    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes what does not exist."""

    async def url(self, channel: str, group: str) -> str:
        """The address of a group's queue, which is made when it does not exist."""
        self._forget_if_missing()
        if (channel, group) not in self._urls:
            name = queue_name(channel, group)
            address = await self._find(name)
            if address is None:
                address = await self._make(name, channel, group)
            else:
                await self._found(address, channel, group)
            await self._join(name, channel)
            self._urls[channel, group] = address
        return self._urls[channel, group]

    async def _make(self, name: str, channel: str, group: str) -> str:
        attributes = {"MessageRetentionPeriod": str(RETENTION_S), **await self._attributes(name, channel)}
        tags = {CHANNEL_TAG: channel, GROUP_TAG: group}
        made = await self._connection.ask("create_queue", QueueName=name, Attributes=attributes, tags=tags)
        address = str(made["QueueUrl"])
        self._tags[address] = (channel, group)
        return address

    async def _find(self, name: str) -> str | None:
        try:
            return str((await self._connection.ask("get_queue_url", QueueName=name))["QueueUrl"])
        except BusFailed as failed:
            if is_missing(failed.__cause__):
                self._generation = self._known_generation()
                return None
            raise

    async def _attributes(self, name: str, channel: str) -> Mapping[str, str]:
        """Attributes of a queue that is made."""
        return {}

    async def _found(self, address: str, channel: str, group: str) -> None:  # noqa: B027
        """A queue that exists is used as it is."""

    async def _join(self, name: str, channel: str) -> None:  # noqa: B027
        """What is sent to the channel comes to the queue; it may do so already."""

    def _known_generation(self) -> int:
        return self._connection.generation

    def _forget_if_missing(self) -> None:
        if self._generation != self._known_generation():
            self._generation = self._known_generation()
            self._urls.clear()
            self._tags.clear()

    async def tags(self, address: str) -> tuple[str | None, str | None]:
        """The channel and the group that a queue is for, where it was made here."""
        if address not in self._tags:
            tags = (await self._connection.ask("list_queue_tags", QueueUrl=address)).get("Tags", {})
            self._tags[address] = (tags.get(CHANNEL_TAG), tags.get(GROUP_TAG))
        return self._tags[address]

    async def lag(self, channel: str, group: str) -> Lag:
        """What is on the queue, given out or delayed. SQS itself does not tell ages."""
        url = await self.url(channel, group)
        answer = await self._connection.ask("get_queue_attributes", QueueUrl=url, AttributeNames=list(COUNTS))
        attributes = answer.get("Attributes", {})
        return Lag(sum(int(attributes.get(name, 0)) for name in COUNTS), None)
