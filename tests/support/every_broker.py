"""Every broker there is, each started once for a run, and all at the same time: they mostly wait."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest

from penstock.testing.bus_control import BrokerControl
from support.brokers.activemq import activemq
from support.brokers.kafka import kafka
from support.brokers.local import NoBroker
from support.brokers.nats import nats
from support.brokers.rabbitmq import rabbitmq
from support.brokers.redis_streams import redis_streams
from support.brokers.sns import sns
from support.brokers.sqs import sqs


class MemoryControl(BrokerControl):
    """The bus in memory of this process."""

    url = "memory://every-broker"

    async def stop(self) -> None:
        """Not needed here."""

    async def start(self) -> None:
        """Not needed here."""


@contextmanager
def memory() -> Iterator[BrokerControl]:
    """Nothing to start."""
    yield MemoryControl()


BROKERS: Mapping[str, Callable[[], AbstractContextManager[BrokerControl]]] = {
    "memory": memory,
    "kafka": kafka,
    "rabbitmq": rabbitmq,
    "redis": redis_streams,
    "nats": nats,
    "activemq": activemq,
    "sqs": sqs,
    "sns": sns,
}


class Started:
    """Brokers that are starting, or run."""

    def __init__(self, names: Collection[str], stack: ExitStack, pool: ThreadPoolExecutor) -> None:
        stacks = {name: stack.enter_context(ExitStack()) for name in names}
        self._starting: dict[str, Future[BrokerControl]] = {
            name: pool.submit(each.enter_context, BROKERS[name]()) for name, each in stacks.items()
        }

    def get(self, name: str) -> BrokerControl:
        """The broker, running. Where it cannot be had the test is skipped, loudly, or fails in continuous integration."""
        try:
            return self._starting[name].result()
        except NoBroker as missing:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{name}: {missing}")
            pytest.skip(f"NOTHING OF {name.upper()} IS TESTED: {missing}")


@contextmanager
def started(names: Collection[str]) -> Iterator[Started]:
    """These brokers; they and their data go at the end."""
    with ExitStack() as stack, ThreadPoolExecutor(max(1, len(names))) as pool:
        yield Started(names, stack, pool)
