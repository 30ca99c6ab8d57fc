"""A bus whose groups have queues of SQS."""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.bus.adapter.bus import AdapterBus, Opened
from penstock.bus.aws.connection import Connection
from penstock.bus.aws.producer import Producer
from penstock.bus.aws.queues import Queues
from penstock.bus.aws.subscription import QueueSubscription
from penstock.bus.protocol import Subscribe


class AwsBus(AdapterBus):
    """See `bus.protocol.Bus`. `connection`: to SQS."""

    _producer: Producer

    def __init__(
        self, opened: Sequence[Opened], connection: Connection, queues: Queues, producer: Producer, clock: Clock
    ) -> None:
        super().__init__(opened, queues, producer, connection.options.message_bytes_max, clock)
        self._connection = connection
        self._queues = queues

    def _subscription(self, to: Subscribe, dead_letter_channel: str) -> QueueSubscription:
        return QueueSubscription(self._connection, self._queues, self._producer, to, dead_letter_channel, self._clock)
