"""The bus on ActiveMQ Artemis: `activemq://[user:password@]host:port[,host:port…][?option=value]`, options in
`connection.Options`.

The user must be allowed to send to the broker's management address: channels are made, and lag is asked for, over it.
"""

from penstock.base.clock import Clock
from penstock.bus.activemq.connection import DEFAULT_PORT, Connection, Options
from penstock.bus.activemq.producer import Producer
from penstock.bus.activemq.queues import Queues
from penstock.bus.activemq.subscription import ActiveMqSubscription
from penstock.bus.adapter.bus import AdapterBus
from penstock.bus.address import parse_address
from penstock.bus.protocol import Bus, HeaderStyle, Subscribe


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for an `activemq:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORT)
    return ActiveMqBus(Connection(address, address.options(Options)), clock)


class ActiveMqBus(AdapterBus):
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = "cloudEvents_"
    _producer: Producer

    def __init__(self, connection: Connection, clock: Clock) -> None:
        queues = Queues(connection, clock)
        producer = Producer(connection, queues, clock)
        super().__init__([connection], queues, producer, connection.options.message_bytes_max, clock)
        self._connection = connection
        self._queues = queues

    def _subscription(self, to: Subscribe, dead_letter_channel: str) -> ActiveMqSubscription:
        return ActiveMqSubscription(
            self._connection, self._queues, self._producer, to, dead_letter_channel, self._clock
        )
