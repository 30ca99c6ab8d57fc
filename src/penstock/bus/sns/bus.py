"""The bus on SNS: `sns+https://[key:secret@]host[:port][?option=value]`, options in `Options`.

Without a key in the address AWS' own ways of finding one apply (environment, profile, role of the machine).
"""

import msgspec

from penstock.base.clock import Clock
from penstock.bus.address import Address, parse_address
from penstock.bus.aws import connection
from penstock.bus.aws.bus import AwsBus
from penstock.bus.aws.connection import Connection
from penstock.bus.protocol import Bus
from penstock.bus.sns.producer import TopicProducer
from penstock.bus.sns.topics import Topics


class Options(connection.Options, frozen=True, kw_only=True):
    """The query of the address: as for SQS, and `queues_host`, where SQS is, which holds the queues of groups: `host[:port]`.

    Left out: the address's own host, with `sqs.` in place of a `sns.` at its beginning.
    """

    queues_host: str | None = None


def make_bus(url: str, clock: Clock) -> Bus:
    """The bus for an `sns+http:` or `sns+https:` address, not yet opened."""
    address = parse_address(url, None)
    options = address.options(Options)
    return SnsBus(Connection(address, options), Connection(queues_address(address, options), options), clock)


def queues_address(address: Address, options: Options) -> Address:
    """Where SQS is."""
    own = address.only_host()
    host = options.queues_host or (f"sqs.{own.removeprefix('sns.')}" if own.startswith("sns.") else own)
    return msgspec.structs.replace(address, scheme=address.scheme.replace("sns+", "sqs+"), hosts=[host])


class SnsBus(AwsBus):
    """See `bus.protocol.Bus`."""

    def __init__(self, connection: Connection, queues: Connection, clock: Clock) -> None:
        topics = Topics(connection, queues)
        producer = TopicProducer(connection, queues, topics, clock)
        super().__init__([connection, queues], queues, topics, producer, clock)
