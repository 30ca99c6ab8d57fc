"""Which elements of the models the tests have visited."""

from collections.abc import Iterable

from penstock.engine.definition import BODY
from penstock.model.graph import Process


class Coverage:
    """Visited elements by process key. Versions of one process count together."""

    def __init__(self) -> None:
        self._elements: dict[str, dict[str, None]] = {}
        self._visited: dict[str, set[str]] = {}

    def add(self, process: Process, visited: Iterable[str]) -> None:
        """Counts elements of `process` as visited."""
        self._elements.setdefault(process.id, {}).update(dict.fromkeys(process.nodes))
        self._visited.setdefault(process.id, set()).update(element.removesuffix(BODY) for element in visited)

    def update(self, other: "Coverage") -> None:
        """Adds what another test has visited."""
        for key, elements in other._elements.items():
            self._elements.setdefault(key, {}).update(elements)
            self._visited.setdefault(key, set()).update(other._visited[key])

    @property
    def processes(self) -> list[str]:
        """Keys of the processes."""
        return sorted(self._elements)

    def visited(self, key: str) -> list[str]:
        """Ids of the elements that were visited, as they stand in the model."""
        return [element for element in self._elements[key] if element in self._visited[key]]

    def missed(self, key: str) -> list[str]:
        """Ids of the elements that were not."""
        return [element for element in self._elements[key] if element not in self._visited[key]]

    def percent(self, key: str | None = None) -> float:
        """How much was visited, of one process or of all; 100 for nothing at all."""
        keys = self.processes if key is None else [key]
        total = sum(len(self._elements[key]) for key in keys)
        return 100.0 * sum(len(self.visited(key)) for key in keys) / total if total else 100.0

    def report(self) -> list[str]:
        """Lines for people: a process each, with what was missed."""
        width = max((len(key) for key in self.processes), default=0)
        lines = []
        for key in self.processes:
            missed = self.missed(key)
            more = f"  not visited: {', '.join(missed)}" if missed else ""
            lines.append(f"{key:<{width}}  {self.percent(key):5.1f} %{more}")
        return lines
