"""What logs do not say, whatever their level is."""

import logging

_WIRE = frozenset(
    {
        "aio_pika",
        "aiobotocore",
        "aiokafka",
        "aiormq",
        "aiosmtplib",
        "asyncssh",
        "botocore",
        "httpcore",
        "httpx",
        "nats",
        "proton",
        "redis",
        "urllib3",
    }
)
"""Libraries that write out at the level debug what goes over the wire: headers, bodies, credentials."""


def is_safe(record: logging.LogRecord) -> bool:
    """A filter for handlers: what a library says of its traffic would show variables and secrets."""
    return record.levelno > logging.DEBUG or record.name.partition(".")[0] not in _WIRE
