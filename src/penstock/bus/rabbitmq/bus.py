"""The bus on RabbitMQ: `amqp://[user:password@]host:port[,host:port…][/vhost][?option=value]`, options in
`connection.Options`; `amqps:` encrypts."""

from penstock.base.clock import Clock
from penstock.bus.adapter.bus import AdapterBus
from penstock.bus.address import parse_address
from penstock.bus.protocol import DEFAULT_LEASE_MS, Bus, HeaderStyle, Subscribe
from penstock.bus.rabbitmq.connection import DEFAULT_PORTS, Connection, Options
from penstock.bus.rabbitmq.producer import Producer
from penstock.bus.rabbitmq.queues import Queues
from penstock.bus.rabbitmq.subscription import RabbitSubscription


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for an `amqp:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORTS.get(url.partition(":")[0]))
    return RabbitBus(Connection(address, address.options(Options), DEFAULT_LEASE_MS), clock)


class RabbitBus(AdapterBus):
    """See `bus.protocol.Bus`. A connection for publishing, and one for each subscription: a broker that is short of memory
    stops those that publish."""

    header_style: HeaderStyle = "ce-"
    _producer: Producer

    def __init__(self, connection: Connection, clock: Clock) -> None:
        queues = Queues(connection)
        producer = Producer(connection, queues, clock)
        super().__init__([connection], queues, producer, connection.options.message_bytes_max, clock)
        self._connection = connection
        self._queues = queues

    def _subscription(self, to: Subscribe, dead_letter_channel: str) -> RabbitSubscription:
        connection = self._connection.another(to.lease_ms)
        return RabbitSubscription(connection, self._queues, self._producer, to, dead_letter_channel, self._clock)
