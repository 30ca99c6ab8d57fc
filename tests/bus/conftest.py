"""Real brokers, one for the whole run each."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from penstock.testing.bus_control import BrokerControl
from support.brokers.activemq import activemq
from support.brokers.kafka import kafka
from support.brokers.local import enter
from support.brokers.nats import nats
from support.brokers.rabbitmq import rabbitmq
from support.brokers.redis_streams import redis_streams
from support.brokers.sns import sns
from support.brokers.sqs import sqs


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[BrokerControl]:
    """A node of Kafka."""
    with ExitStack() as stack:
        yield enter(stack, "Kafka", kafka())


@pytest.fixture(scope="session")
def redis_streams_broker() -> Iterator[BrokerControl]:
    """A server of Redis."""
    with ExitStack() as stack:
        yield enter(stack, "Redis", redis_streams())


@pytest.fixture(scope="session")
def nats_broker() -> Iterator[BrokerControl]:
    """A server of NATS with JetStream."""
    with ExitStack() as stack:
        yield enter(stack, "NATS", nats())


@pytest.fixture(scope="session")
def rabbitmq_broker() -> Iterator[BrokerControl]:
    """A node of RabbitMQ."""
    with ExitStack() as stack:
        yield enter(stack, "RabbitMQ", rabbitmq())


@pytest.fixture(scope="session")
def activemq_broker() -> Iterator[BrokerControl]:
    """A broker of ActiveMQ Artemis."""
    with ExitStack() as stack:
        yield enter(stack, "ActiveMQ", activemq())


@pytest.fixture(scope="session")
def sqs_broker() -> Iterator[BrokerControl]:
    """A server that speaks SQS."""
    with ExitStack() as stack:
        yield enter(stack, "SQS", sqs())


@pytest.fixture(scope="session")
def sns_broker() -> Iterator[BrokerControl]:
    """A server that speaks SNS and SQS."""
    with ExitStack() as stack:
        yield enter(stack, "SNS", sns())
