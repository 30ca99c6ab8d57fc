"""What a worker may be told."""

import os
import socket

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one worker; `Worker` says what they mean."""

    worker_id: str
    shares_id: bool
    concurrency: int
    threads: int
    long_poll_ms: int
    grace_ms: int
    use_priority: bool
    results_variable: str

    def __post_init__(self) -> None:
        for name, least in (("concurrency", 1), ("threads", 1), ("long_poll_ms", 0), ("grace_ms", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)} and must be at least {least}")
        if not self.worker_id:
            raise ValueError("worker_id is empty")
        if not self.results_variable:
            raise ValueError("results_variable is empty")


def own_id(name: str) -> str:
    """A worker id that no other process has: name, host, process id, and a random part."""
    return f"{name}-{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
