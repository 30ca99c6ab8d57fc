"""Where the names of a decision's expressions come from."""

from typing import Any

from penstock.expr.feel.run import Run
from penstock.expr.host import Resolver


class Scope:
    """Names of its own (results of required decisions, the input of a column), then those of the caller.

    It is a `penstock.expr.host.Resolver`. `run` carries the budget of the whole evaluation.
    """

    __slots__ = ("outer", "own", "run")

    def __init__(self, outer: Resolver, run: Run, own: dict[str, Any] | None = None) -> None:
        self.outer = outer
        self.run = run
        self.own = own if own is not None else {}

    def lookup(self, name: str) -> Any:
        """The native value; raises KeyError when there is none."""
        if name in self.own:
            return self.own[name]
        return self.outer.lookup(name)

    def now_ms(self) -> int:
        return self.outer.now_ms()

    def within(self, name: str, value: Any) -> "Scope":
        """A scope with one more name."""
        return Scope(self.outer, self.run, {**self.own, name: value})
