"""One evaluation of a model: the values of its nodes, each found once."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock.dmn.graph import Key, Need
from penstock.expr.feel.run import Run

NodeCode = Callable[["Evaluation"], Any]
DEPTH_MAX = 100
"""How many requirements may follow each other; each takes several Python frames."""


class Evaluation:
    """The inputs by node, and the values found so far.

    `given`: values of inputs, and of decisions that are not evaluated but given (a service's input decisions).
    """

    def __init__(self, codes: Mapping[Key, NodeCode], given: Mapping[Key, Any], run: Run) -> None:
        self._codes = codes
        self._values: dict[Key, Any] = dict(given)
        self._active: list[Key] = []
        self.run = run

    def value(self, key: Key) -> Any:
        """The value of a node. A node that needs itself is null."""
        if key in self._values:
            return self._values[key]
        if key in self._active or len(self._active) >= DEPTH_MAX:
            self.run.note(f"{key[1]} requires itself, or too much")
            return None
        self._active.append(key)
        found = self._codes[key](self)
        self._active.pop()
        self._values[key] = found
        return found

    def within(self, given: Mapping[Key, Any]) -> "Evaluation":
        """An evaluation of its own, of the same run, with other inputs: a decision service is called."""
        return Evaluation(self._codes, given, self.run)


def visible(evaluation: Evaluation, needs: list[Need]) -> dict[str, Any]:
    """The names that a node sees: what it requires, that of other models inside of a context per import."""
    names: dict[str, Any] = {}
    for need in needs:
        value = evaluation.value(need.key)
        name = need.node.variable.name
        if need.prefix:
            names.setdefault(need.prefix, {})[name] = value
        else:
            names[name] = value
    return names
