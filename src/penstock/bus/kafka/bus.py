"""The bus on Kafka: `kafka://[user:password@]host:port[,host:port…][?option=value]`, options in `connection.Options`."""

from penstock.base.clock import Clock
from penstock.bus.adapter.bus import AdapterBus
from penstock.bus.address import parse_address
from penstock.bus.kafka.connection import DEFAULT_PORT, Connection, Options
from penstock.bus.kafka.producer import Producer
from penstock.bus.kafka.subscription import KafkaSubscription
from penstock.bus.kafka.topics import Topics
from penstock.bus.protocol import Bus, HeaderStyle, Subscribe


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for a `kafka:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORT)
    return KafkaBus(Connection(address, address.options(Options)), clock)


class KafkaBus(AdapterBus):
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = "ce_"
    groups_span_channels = True

    def __init__(self, connection: Connection, clock: Clock) -> None:
        topics = Topics(connection, clock)
        producer = Producer(connection, topics, clock)
        super().__init__([topics, producer], topics, producer, connection.options.message_bytes_max, clock)
        self._connection = connection

    def _subscription(self, to: Subscribe, dead_letter_channel: str) -> KafkaSubscription:
        return KafkaSubscription(self._connection, self._producer, to, dead_letter_channel, self._clock)
