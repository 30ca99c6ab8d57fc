"""The bus on SQS: `sqs+https://[key:secret@]host[:port][?option=value]`, options in `bus.aws.connection.Options`.

Without a key in the address AWS' own ways of finding one apply (environment, profile, role of the machine).
"""

from penstock.base.clock import Clock
from penstock.bus.address import parse_address
from penstock.bus.aws.bus import AwsBus
from penstock.bus.aws.connection import Connection, Options
from penstock.bus.protocol import Bus
from penstock.bus.sqs.producer import QueueProducer
from penstock.bus.sqs.queues import ChannelQueues


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for an `sqs+http:` or `sqs+https:` address, not yet opened."""
    address = parse_address(url, None)
    address.only_host()
    return SqsBus(Connection(address, address.options(Options)), clock)


class SqsBus(AwsBus):
    """See `bus.protocol.Bus`."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        queues = ChannelQueues(connection)
        super().__init__([connection], connection, queues, QueueProducer(connection, queues, clock), clock)
