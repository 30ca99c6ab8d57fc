"""What real workers would ask over the network: the cable register, the exchange, the warehouse, the measuring device.

What happens to a line depends on its address, so that every path of the model can be tried.
"""

import msgspec

LONGEST_LINE_M = 4_000
"""Beyond this the signal is too weak."""


class Address(msgspec.Struct):
    """Where the line ends. `line_m`: metres of cable to the exchange; None: the register does not know."""

    city: str
    line_m: int | None = None


class NoNetwork(Exception):
    """There is no cable at this address."""


def access_at(address: Address) -> str:
    """`free` when a port is free, `unclear` when somebody has to look. Raises NoNetwork."""
    if address.city == "Nowhere":
        raise NoNetwork(f"there is no cable in {address.city}")
    return "unclear" if address.line_m is None else "free"


def signal_db(address: Address, repaired: bool) -> int:
    """What the measuring device says: less than 10 is too weak. An amplifier, put in by a technician, helps."""
    return 10 + (LONGEST_LINE_M - (address.line_m or 0)) // 100 + (20 if repaired else 0)


def number_for(order_id: str) -> str:
    """The number that is reserved for an order: the same whenever it is asked for."""
    return f"+44 20 7946 {sum(order_id.encode()) % 10_000:04d}"
