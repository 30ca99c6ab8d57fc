"""Objects of the engine that expressions and scripts may touch: `execution`, `task`, `externalTask`, …

There is no attribute access by name on Python objects anywhere in `expr`: a host object says itself which properties
and methods exist, and everything else is an error.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class HostObject:
    """An object of the engine as an expression sees it.

    `properties`: name → function without arguments that gives the value (`execution.processInstanceId`).
    `methods`: name → (function, fewest arguments, most arguments) (`execution.getVariable('x')`).
    Both give and take native values (`penstock.expr.values`).
    """

    __slots__ = ("methods", "name", "properties")

    def __init__(
        self,
        name: str,
        properties: Mapping[str, Callable[[], Any]],
        methods: Mapping[str, tuple[Callable[..., Any], int, int]],
    ) -> None:
        self.name = name
        self.properties = properties
        self.methods = methods


class Resolver(Protocol):
    """Where an expression's names come from."""

    def lookup(self, name: str) -> Any:
        """The native value of variable, host object or bean `name`; raises KeyError when there is none."""
        ...

    def now_ms(self) -> int:
        """The present of this unit of work, in milliseconds since the epoch (`now()`, `dateTime()`)."""
        ...
