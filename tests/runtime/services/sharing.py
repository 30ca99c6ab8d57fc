"""What tests of services share."""

from collections.abc import Awaitable, Callable

from penstock.base.errors import LimitReached
from penstock.engine import commands as c
from penstock.runtime.node import Node
from penstock.runtime.services.services import Services

Share = Callable[[Node, str], Awaitable[Services]]
"""What the fixture `share` gives."""


async def start(node: Node, definition: str) -> str:
    """Starts an instance; its id. Raises LimitReached."""
    found: str = await node.execute(c.StartInstance(definition=definition))
    return found


async def started(node: Node, definition: str, most: int) -> int:
    """How many of `most` are let start, one after another."""
    for number in range(most):
        try:
            await start(node, definition)
        except LimitReached:
            return number
    return most
