"""Topics, and the queues that they feed.

A channel is the topic of that name, with hyphens instead of dots. Each group has a queue (`bus.aws.queues`) that is
subscribed to the topic with raw delivery and no filter; a queue that is made lets the topic send to it. Topic and queues
are in one account and region. A topic that is left with a queue fewer by a crash gets it when the group is declared again.

Topics are standard ones. FIFO topics would keep an order per key, but they know no delay of single messages, and hold up
what follows a message of its key until that is settled: a retry would hold up its key.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penstock.base.errors import BusFailed
from penstock.bus.aws.connection import Connection
from penstock.bus.aws.queues import Queues, aws_name, queue_name
from penstock.bus.protocol import DEFAULT_GROUP, Channel


class Topics(Queues):
    """Makes topics, and the queues of their groups."""

    def __init__(self, connection: Connection, queues: Connection) -> None:
        super().__init__(queues)
        self._topics_connection = connection
        self._arns: dict[str, str] = {}
        self._fed: set[str] = set()

    async def declare(self, channels: Sequence[Channel]) -> None:
        """Makes what does not exist."""
        for channel in channels:
            for group in channel.groups:
                await self.url(channel.name, group)
            if not channel.groups:
                await self.for_publishing(channel.name)

    async def for_publishing(self, channel: str) -> str:
        """The topic. One that nobody is subscribed to keeps its messages for DEFAULT_GROUP."""
        self._forget_if_missing()
        topic = await self._topic(channel)
        if channel not in self._fed:
            if not await self._subscriptions(topic):
                await self.url(channel, DEFAULT_GROUP)
            self._fed.add(channel)
        return topic

    async def _join(self, name: str, channel: str) -> None:
        topic = await self._topic(channel)
        endpoint = _queue_arn(topic, name)
        for subscription in await self._subscriptions(topic):
            if subscription.get("Endpoint") == endpoint:
                return await self._check_raw(str(subscription["SubscriptionArn"]), channel, name)
        raw = {"RawMessageDelivery": "true"}
        await self._topics_connection.ask(
            "subscribe", TopicArn=topic, Protocol="sqs", Endpoint=endpoint, Attributes=raw
        )
        return None

    async def _check_raw(self, subscription: str, channel: str, queue: str) -> None:
        """Of somebody else's making: what is wrapped by SNS cannot be told from what was sent so."""
        answer = await self._topics_connection.ask("get_subscription_attributes", SubscriptionArn=subscription)
        if str(answer["Attributes"].get("RawMessageDelivery", "false")).lower() != "true":
            raise BusFailed(
                f"the queue {queue} is subscribed to the topic {aws_name(channel)} without raw message delivery:"
                f" set RawMessageDelivery of {subscription} to true"
            )

    # -- what the queue must have

    async def _attributes(self, name: str, channel: str) -> Mapping[str, str]:
        return {"Policy": _policy(await self._topic(channel), name)}

    async def _found(self, address: str, channel: str, group: str) -> None:
        """A queue of ours that was made for `sqs:` gets what lets the topic send to it; a stranger's is never changed."""
        name = queue_name(channel, group)
        owner = await self.tags(address)
        if owner[0] is not None and owner != (channel, group):
            raise BusFailed(f"the queue {name} is that of the group {owner[1]} of the channel {owner[0]}")
        answer = await self._connection.ask("get_queue_attributes", QueueUrl=address, AttributeNames=["Policy"])
        if answer.get("Attributes", {}).get("Policy"):
            return
        policy = _policy(await self._topic(channel), name)
        if owner[0] is None:
            raise BusFailed(
                f"the queue {name} lets no topic send to it, and was not made here: its policy must be {policy}"
            )
        await self._connection.ask("set_queue_attributes", QueueUrl=address, Attributes={"Policy": policy})

    # -- topics

    async def _topic(self, channel: str) -> str:
        """Its ARN. SNS answers with that of an existing topic when one of this name is to be made."""
        if channel not in self._arns:
            made = await self._topics_connection.ask("create_topic", Name=aws_name(channel))
            self._arns[channel] = str(made["TopicArn"])
        return self._arns[channel]

    async def _subscriptions(self, topic: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: dict[str, str] = {}
        while True:
            listed = await self._topics_connection.ask("list_subscriptions_by_topic", 0, TopicArn=topic, **page)
            found += listed.get("Subscriptions", [])
            if not listed.get("NextToken"):
                return found
            page = {"NextToken": listed["NextToken"]}

    def _known_generation(self) -> int:
        return self._connection.generation + self._topics_connection.generation

    def _forget_if_missing(self) -> None:
        if self._generation != self._known_generation():
            self._arns.clear()
            self._fed.clear()
        super()._forget_if_missing()


def _queue_arn(topic: str, queue: str) -> str:
    """Of a queue in the topic's account and region: `arn:aws:sns:<region>:<account>:<topic>`."""
    partition, _, region, account = topic.split(":")[1:5]
    return f"arn:{partition}:sqs:{region}:{account}:{queue}"


def _policy(topic: str, queue: str) -> str:
    """Lets the topic send to the queue (SNS, "Subscribing an Amazon SQS queue to an Amazon SNS topic")."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": _queue_arn(topic, queue),
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": [statement]}).decode()
