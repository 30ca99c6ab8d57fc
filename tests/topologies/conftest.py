"""Real brokers, one of each for the whole run."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from penstock.testing.bus_control import BrokerControl
from support.brokers.local import enter
from support.brokers.nats import nats
from support.brokers.rabbitmq import rabbitmq

sys.path.append(str(Path(__file__).resolve().parents[1] / "docs"))  # pages are followed as there


@pytest.fixture(scope="session")
def events_broker() -> Iterator[BrokerControl]:
    """A server of NATS with JetStream."""
    with ExitStack() as stack:
        yield enter(stack, "NATS", nats())


@pytest.fixture(scope="session")
def work_broker() -> Iterator[BrokerControl]:
    """A node of RabbitMQ."""
    with ExitStack() as stack:
        yield enter(stack, "RabbitMQ", rabbitmq())
