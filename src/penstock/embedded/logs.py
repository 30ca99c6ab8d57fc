"""Where the engine's structured log lines go inside a service: to `logging`, as all its others do."""

from collections.abc import MutableMapping
from typing import Any

import structlog


def to_logging() -> None:
    """Unless the service has set up structlog itself, whose default prints; it may still do so later."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, structlog.processors.format_exc_info, _one_line],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    what, trace = event.pop("event", ""), event.pop("exception", None)
    facts = ", ".join(f"{name}={value!r}" for name, value in event.items())
    line = f"{what}: {facts}" if facts else str(what)
    return line if trace is None else f"{line}\n{trace}"
