"""What every connection has: an address, options, and errors that are ours."""

from abc import ABC, abstractmethod

import msgspec

from penstock.base.errors import BusFailed, BusUnavailable
from penstock.bus.address import Address


class AdapterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What every address may have in its query.

    `message_bytes_max`: larger bodies are refused. `timeout_ms`: after which the broker counts as out of reach.
    """

    message_bytes_max: int = 16_000_000
    timeout_ms: int = 10_000


class AdapterConnection(ABC):
    """How the parts of an adapter reach the broker."""

    options: AdapterOptions

    def __init__(self, address: Address, options: AdapterOptions) -> None:
        self._address = address
        self.options = options
        self.timeout_s = options.timeout_ms / 1000

    def failed(self, error: BaseException) -> BusFailed:
        """The error as one of ours."""
        if isinstance(error, BusFailed):
            return error
        if self.is_passing(error):
            return self.unavailable(error)
        return BusFailed(f"{self._address} refused: {self.describe(error)}")

    def unavailable(self, error: BaseException) -> BusUnavailable:
        """The broker did not answer, or not in time."""
        return BusUnavailable(f"{self._address} is out of reach: {self.describe(error)}")

    @abstractmethod
    def is_passing(self, error: BaseException) -> bool:
        """Whether trying again may help."""

    def describe(self, error: BaseException) -> str:
        """In a line. Some errors have no text of their own."""
        return f"{type(error).__name__}: {error}".rstrip(": ")
