"""The bus on NATS JetStream: `nats://[user:password@]host:port[,host:port…][?option=value]`, options in `connection.Options`."""

from collections.abc import Sequence

from penstock.base.clock import Clock
from penstock.bus.adapter.bus import AdapterBus
from penstock.bus.address import parse_address
from penstock.bus.nats.connection import DEFAULT_PORT, Connection, Options
from penstock.bus.nats.producer import Producer
from penstock.bus.nats.streams import Streams
from penstock.bus.nats.subscription import NatsSubscription
from penstock.bus.protocol import Bus, Channel, HeaderStyle, Subscribe


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for a `nats:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORT)
    return NatsBus(Connection(address, address.options(Options)), clock)


class NatsBus(AdapterBus):
    """See `bus.protocol.Bus`."""

    header_style: HeaderStyle = "ce-"

    def __init__(self, connection: Connection, clock: Clock) -> None:
        streams = Streams(connection, clock)
        producer = Producer(connection, streams, clock)
        super().__init__([connection, producer], streams, producer, connection.options.message_bytes_max, clock)
        self._connection = connection
        self._streams = streams

    def _channels_for(self, to: Subscribe) -> Sequence[Channel]:
        """The subscription makes its consumer itself: with its lease."""
        return ()

    def _subscription(self, to: Subscribe, dead_letter_channel: str) -> NatsSubscription:
        return NatsSubscription(self._connection, self._streams, self._producer, to, dead_letter_channel, self._clock)
