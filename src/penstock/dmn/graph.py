"""The decision requirements graph over all models that are loaded together: who needs whom, and by which name."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from penstock.dmn import model
from penstock.dmn.types import Types
from penstock.expr.feel.types import Type

MODELS_MAX = 100

Key = tuple[str, str]
"""Namespace and id of a node."""


class Need(msgspec.Struct, frozen=True):
    """A node that another one requires. `prefix` is the name of the import that it comes by, None for its own model."""

    key: Key
    node: model.Node
    prefix: str | None


class Graph:
    """Models by namespace; the first one is the main one."""

    def __init__(self, models: Iterable[model.Definitions]) -> None:
        self.models: dict[str, model.Definitions] = {}
        for each in models:
            self.models.setdefault(each.namespace, each)
        self.main = next(iter(self.models.values()))
        self.types = {namespace: Types(each, self._imported_type) for namespace, each in self.models.items()}

    def _imported_type(self, namespace: str, name: str) -> Type | None:
        types = self.types.get(namespace)
        return None if types is None else types.find(name)

    def nodes(self) -> Iterator[tuple[Key, model.Node]]:
        """All nodes of all models, the main one first."""
        for namespace, each in self.models.items():
            for id_, node in each.nodes.items():
                yield (namespace, id_), node

    def named(self, name: str, kinds: tuple[type, ...]) -> tuple[Key, model.Node] | None:
        """The first node of this name, or of this id, and one of the kinds. `{namespace}name` names the model."""
        namespace, _, local = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
        found = [
            (key, node)
            for key, node in self.nodes()
            if isinstance(node, kinds) and (not namespace or key[0] == namespace)
        ]
        for key, node in found:
            if local in (node.name, node.variable.name):
                return key, node
        return next(((key, node) for key, node in found if node.id == local), None)

    def resolve(self, namespace: str, href: str) -> Need | None:
        """The node behind a reference of a model: `#id`, `namespace#id`, or a bare id."""
        target, separator, id_ = href.rpartition("#")
        target = target if separator and target else namespace
        owner = self.models.get(target)
        if owner is None or id_ not in owner.nodes:
            return None
        prefix = None if target == namespace else self._prefix(namespace, target)
        return Need((target, id_), owner.nodes[id_], prefix)

    def _prefix(self, namespace: str, target: str) -> str:
        for each in self.models[namespace].imports:
            if each.namespace == target:
                return each.name
        return ""

    def needs(self, namespace: str, hrefs: Iterable[str]) -> list[Need]:
        """The nodes behind references; those that lead nowhere are left out."""
        found = (self.resolve(namespace, href) for href in hrefs)
        return [need for need in found if need is not None]

    def words(self) -> list[str]:
        """All names that may follow a dot somewhere."""
        found: list[str] = []
        for each in self.models.values():
            found += [node.variable.name for node in each.nodes.values()]
            for item in each.items:
                found += _components(item)
        return found


def _components(item: model.ItemDefinition) -> Iterator[str]:
    for each in item.components:
        yield each.name
        yield from _components(each)


def entry_names(boxed: object) -> Iterator[str]:
    """The names of context entries, columns and outputs in a boxed expression."""
    stack: list[object] = [boxed]
    while stack:
        item = stack.pop()
        if isinstance(item, model.Variable | model.OutputClause):
            yield item.name
        elif isinstance(item, model.Record):
            stack += [getattr(item, field) for field in item.__struct_fields__]
        elif isinstance(item, tuple):
            stack += item
        elif isinstance(item, Mapping):
            stack += item.values()
