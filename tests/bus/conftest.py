"""Real brokers, one for the whole run each."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from penstock.testing.bus_control import BrokerControl
from support.brokers.kafka import kafka
from support.brokers.local import enter


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[BrokerControl]:
    """A node of Kafka."""
    with ExitStack() as stack:
        yield enter(stack, "Kafka", kafka())
