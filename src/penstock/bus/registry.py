"""Which adapter an address belongs to. A new broker is one row here."""

from collections.abc import Mapping
from importlib import import_module
from urllib.parse import urlsplit

import msgspec

from penstock.base.clock import Clock
from penstock.base.errors import BusFailed, DriverMissing
from penstock.bus.protocol import Bus


class Adapter(msgspec.Struct, frozen=True):
    """`package` has a module `bus` with a function `make_bus(url, clock)`; `extra` brings its driver, the module `driver`."""

    package: str
    driver: str | None = None
    extra: str | None = None


KAFKA = Adapter("kafka", "aiokafka", "kafka")
RABBITMQ = Adapter("rabbitmq", "aio_pika", "rabbitmq")
REDIS = Adapter("redis_streams", "redis", "redis")
NATS = Adapter("nats", "nats", "nats")
SQS = Adapter("sqs", "aiobotocore", "sqs")
SNS = Adapter("sns", "aiobotocore", "sns")
ACTIVEMQ = Adapter("activemq", "proton", "activemq")
WEBHOOK = Adapter("webhook")

ADAPTERS = {
    "memory": Adapter("memory"),
    "kafka": KAFKA,
    "amqp": RABBITMQ,
    "amqps": RABBITMQ,
    "redis": REDIS,
    "rediss": REDIS,
    "nats": NATS,
    "sqs+http": SQS,
    "sqs+https": SQS,
    "sns+http": SNS,
    "sns+https": SNS,
    "activemq": ACTIVEMQ,
    "http": WEBHOOK,
    "https": WEBHOOK,
}


def make_bus(url: str, clock: Clock, headers: Mapping[str, str] | None = None) -> Bus:
    """The bus that `url` names, not yet opened (`await bus.open()`). `headers`: of an HTTP endpoint.

    Raises BusFailed for a scheme or option that does not exist, DriverMissing with the command that installs it.
    """
    scheme = urlsplit(url).scheme
    adapter = ADAPTERS.get(scheme)
    if adapter is None:
        known = ", ".join(f"{name}://" for name in ADAPTERS)
        raise BusFailed(f"there is no bus for addresses that begin with {scheme}://: use one of {known}")
    try:
        module = import_module(f"penstock.bus.{adapter.package}.bus")
    except ModuleNotFoundError as error:
        if adapter.driver is None or (error.name or "").split(".")[0] != adapter.driver:
            raise
        raise DriverMissing(
            f"{scheme}:// needs the package {adapter.driver}, which is not installed: pip install 'penstock[{adapter.extra}]'"
        ) from error
    bus: Bus = module.make_bus(url, clock, headers) if adapter is WEBHOOK else module.make_bus(url, clock)
    return bus
