"""Queues: which a channel needs, making them, and how far a group is behind on them.

Names have hyphens instead of dots. The queue named as the channel is that of DEFAULT_GROUP, every other group has a queue
`<channel>-<group>`. Tags say of each queue that was made here which channel and group it is for; what is published to the
channel goes to all of them.
"""

from collections.abc import Sequence

from penstock.base.errors import BusFailed
from penstock.bus.protocol import DEFAULT_GROUP, Channel, Lag
from penstock.bus.sqs.connection import Connection, is_missing

CHANNEL_TAG = "penstock-channel"
GROUP_TAG = "penstock-group"
RETENTION_S = 1_209_600
"""Fourteen days, the most that SQS keeps a message."""
LISTED_MAX = 1_000
"""Queues per answer, by SQS."""
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def queue_name(channel: str, group: str) -> str:
    """The queue of a group."""
    name = channel if group == DEFAULT_GROUP else f"{channel}-{group}"
    return name.replace(".", "-")


class Queues:
    """Makes queues and looks at them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._urls: dict[str, str] = {}
        self._tags: dict[str, tuple[str | None, str | None]] = {}
        self._generation = 0

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes what does not exist."""
        for channel in channels:
            for group in channel.groups:
                await self._make(channel.name, group)
            if not channel.groups and not await self.urls(channel.name):
                await self._make(channel.name, DEFAULT_GROUP)

    async def url(self, channel: str, group: str) -> str:
        """The address of a queue that was made."""
        await self._make(channel, group)
        return self._urls[queue_name(channel, group)]

    async def urls(self, channel: str) -> list[str]:
        """The addresses of the queues of all groups of a channel, as SQS lists them now."""
        self._forget_if_missing()
        found: dict[str, str] = {}
        own = queue_name(channel, DEFAULT_GROUP)
        for address in await self._listed(own):
            name = address.rpartition("/")[2]
            if name == own or await self._is_of(channel, address):
                found[name] = address
        # SQS lists what was made here with some delay.
        found.update({name: url for name, url in self._urls.items() if self._tags.get(url, ("", ""))[0] == channel})
        return list(found.values())

    async def _listed(self, prefix: str) -> list[str]:
        addresses: list[str] = []
        page: dict[str, str] = {}
        while True:
            listed = await self._connection.ask("list_queues", 0, QueueNamePrefix=prefix, MaxResults=LISTED_MAX, **page)
            addresses += listed.get("QueueUrls", [])
            if not listed.get("NextToken"):
                return addresses
            page = {"NextToken": listed["NextToken"]}

    async def _is_of(self, channel: str, address: str) -> bool:
        if address not in self._tags:
            tags = (await self._connection.ask("list_queue_tags", QueueUrl=address)).get("Tags", {})
            self._tags[address] = (tags.get(CHANNEL_TAG), tags.get(GROUP_TAG))
        return self._tags[address][0] == channel

    async def _make(self, channel: str, group: str) -> None:
        self._forget_if_missing()
        name = queue_name(channel, group)
        if name in self._urls:
            return
        address = await self._find(name)
        if address is None:
            attributes = {"MessageRetentionPeriod": str(RETENTION_S)}
            tags = {CHANNEL_TAG: channel, GROUP_TAG: group}
            made = await self._connection.ask("create_queue", QueueName=name, Attributes=attributes, tags=tags)
            address = str(made["QueueUrl"])
            self._tags[address] = (channel, group)
        self._urls[name] = address

    def _forget_if_missing(self) -> None:
        if self._generation != self._connection.generation:
            self._generation = self._connection.generation
            self._urls.clear()
            self._tags.clear()

    async def _find(self, name: str) -> str | None:
        try:
            return str((await self._connection.ask("get_queue_url", QueueName=name))["QueueUrl"])
        except BusFailed as failed:
            if is_missing(failed.__cause__):
                self._generation = self._connection.generation
                return None
            raise

    async def lag(self, channel: str, group: str) -> Lag:
        """What is on the queue, given out or delayed. SQS itself does not tell ages."""
        url = await self.url(channel, group)
        answer = await self._connection.ask("get_queue_attributes", QueueUrl=url, AttributeNames=list(COUNTS))
        attributes = answer.get("Attributes", {})
        return Lag(sum(int(attributes.get(name, 0)) for name in COUNTS), None)
