"""The queues of a channel: there is no fan-out on SQS, so what is published to the channel goes to the queue of each group.

Tags say which queues those are (`bus.aws.queues`).
"""

from collections.abc import Sequence

from penstock.bus.aws.queues import Queues, queue_name
from penstock.bus.protocol import DEFAULT_GROUP, Channel

LISTED_MAX = 1_000
"""Queues per answer, by SQS."""


class ChannelQueues(Queues):
    """Knows them all."""

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes what does not exist."""
        for channel in channels:
            for group in channel.groups:
                await self.url(channel.name, group)
            if not channel.groups and not await self.urls(channel.name):
                await self.url(channel.name, DEFAULT_GROUP)

    async def urls(self, channel: str) -> list[str]:
        """The addresses of the queues of all groups of a channel, as SQS lists them now."""
        self._forget_if_missing()
        found: dict[str, str] = {}
        own = queue_name(channel, DEFAULT_GROUP)
        for address in await self._listed(own):
            name = address.rpartition("/")[2]
            if name == own or (await self.tags(address))[0] == channel:
                found[name] = address
        # SQS lists what was made here with some delay.
        made = (url for url in self._urls.values() if self._tags.get(url, ("", ""))[0] == channel)
        found.update({url.rpartition("/")[2]: url for url in made})
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
