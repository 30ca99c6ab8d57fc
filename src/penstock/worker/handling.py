"""Marks the methods of a class that do the tasks of topics.

class Payments:
    def __init__(self, ledger: Ledger) -> None: ...

    @handles("charge-card", lock_duration_ms=60_000)
    def charge(self, order: Order) -> Receipt: ...

worker.include(Payments(ledger))
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__penstock_topic__"


def handles(topic: str, **options: Any) -> Callable[[F], F]:
    """The method that follows does the tasks of this topic. `options`: those of `Worker.task`."""

    def mark(method: F) -> F:
        setattr(method, _MARK, {"topic": topic, **options})
        return method

    return mark


def methods(service: object) -> list[tuple[Callable[..., Any], Mapping[str, Any]]]:
    """The marked methods of an object, bound to it, with what they were marked with; in the order of their names. What a
    subclass overrides is marked as in the class above."""
    found: list[tuple[Callable[..., Any], Mapping[str, Any]]] = []
    for name in sorted(dir(type(service))):
        marked = next(
            (vars(kind)[name] for kind in type(service).__mro__ if hasattr(vars(kind).get(name), _MARK)), None
        )
        if marked is None:
            continue
        method = getattr(service, name)
        if not inspect.ismethod(method) and not callable(method):
            raise TypeError(f"{type(service).__name__}.{name} is marked with @handles(…) and cannot be called")
        found.append((method, getattr(marked, _MARK)))
    return found
