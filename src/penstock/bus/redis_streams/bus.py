"""The bus on Redis: `redis://[user:password@]host:port[/database][?option=value]`, options in `connection.Options`.

What Redis has acknowledged is as durable as the server is configured to keep it (`appendonly`, `appendfsync`).
"""

from penstock.base.clock import Clock
from penstock.bus.adapter.bus import AdapterBus
from penstock.bus.address import parse_address
from penstock.bus.protocol import Bus, Subscribe
from penstock.bus.redis_streams.connection import DEFAULT_PORT, Connection, Options
from penstock.bus.redis_streams.producer import Producer
from penstock.bus.redis_streams.streams import Streams
from penstock.bus.redis_streams.subscription import RedisSubscription


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for a `redis:` address, not yet opened."""
    address = parse_address(url, DEFAULT_PORT)
    address.only_host()
    return RedisBus(Connection(address, address.options(Options)), clock)


class RedisBus(AdapterBus):
    """See `bus.protocol.Bus`."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        streams = Streams(connection, clock)
        producer = Producer(connection, streams, clock)
        super().__init__([connection], streams, producer, connection.options.message_bytes_max, clock)
        self._connection = connection

    def _subscription(self, to: Subscribe, dead_letter_channel: str) -> RedisSubscription:
        return RedisSubscription(self._connection, self._producer, to, dead_letter_channel, self._clock)
