"""Item definitions as FEEL types (DMN 1.5 §7.3.3)."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock.dmn import model
from penstock.expr.feel.expression import Environment, UnaryTests
from penstock.expr.feel.lexer import FeelSyntaxError
from penstock.expr.feel.run import Run
from penstock.expr.feel.types import ANY, BY_NAME, ContextOf, FunctionOf, ListOf, Type

DEPTH_MAX = 50


class Constrained(Type):
    """A type with allowed values. Of a list each item is tested, unless `as_whole`."""

    def __init__(self, name: str, base: Type, tests: UnaryTests, as_whole: bool) -> None:
        super().__init__(name)
        self.base = base
        self.tests = tests
        self.as_whole = as_whole

    def holds(self, value: Any) -> bool:
        if not self.base.holds(value):
            return False
        values = value if type(value) is list and not self.as_whole else [value]
        run = Run(input_cells=len(values))
        return all(self.tests.matches({}, run, each) for each in values)

    def conforms_to(self, other: Type) -> bool:
        return other is self or self.base.conforms_to(other)

    def convert(self, value: Any) -> Any:
        return self.base.convert(value)

    def item(self) -> Type | None:
        return self.base.item()

    def unconstrained(self) -> Type:
        return self.base.unconstrained()


class Referred(Type):
    """A type by its name, found when it is first needed: item definitions may refer to later ones, and to themselves."""

    def __init__(self, name: str, find: Callable[[], Type | None]) -> None:
        super().__init__(name)
        self._find = find
        self._found: Type | None = None
        self._depth = 0

    @property
    def target(self) -> Type:
        if self._found is None:
            self._found = self._find() or ANY
        return self._found

    def holds(self, value: Any) -> bool:
        return self.target.holds(value)

    def conforms_to(self, other: Type) -> bool:
        if self._depth > DEPTH_MAX:
            return True
        self._depth += 1
        try:
            return other is self or self.target.conforms_to(other.target if isinstance(other, Referred) else other)
        finally:
            self._depth -= 1

    def convert(self, value: Any) -> Any:
        return self.target.convert(value)

    def item(self) -> Type | None:
        return self.target.item()

    def unconstrained(self) -> Type:
        return Referred(self.name, lambda: self.target.unconstrained())


class Types(Mapping[str, Type]):
    """The types of one model by name: its own, those of imported models by `import.name`, and FEEL's."""

    def __init__(self, definitions: model.Definitions, imported: Callable[[str, str], Type | None]) -> None:
        self._definitions = {item.name: item for item in definitions.items}
        self._prefixes = definitions.prefixes
        self._import_names = {each.name: each.namespace for each in definitions.imports}
        self._imported = imported
        self._known: dict[str, Type] = {}
        self._building: set[str] = set()
        self.environment = Environment()

    def __getitem__(self, name: str) -> Type:
        found = self.find(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Any:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)

    def get(self, name: str, default: Any = None) -> Any:
        return self.find(name) or default

    def find(self, name: str) -> Type | None:
        """The type that a reference names; None when there is none."""
        name = name.strip()
        if name in self._known:
            return self._known[name]
        if name in self._definitions:
            return self._own(name)
        found = self._qualified(name) or BY_NAME.get(name)
        if found is not None:
            self._known[name] = found
        return found

    def _own(self, name: str) -> Type | None:
        if name in self._building:
            return Referred(name, lambda: self._known.get(name))
        self._building.add(name)
        made = self._made(self._definitions[name])
        self._building.discard(name)
        self._known[name] = made
        return made

    def _qualified(self, name: str) -> Type | None:
        """`import.name`, `prefix:name`, `{namespace}name`; `feel:number` is FEEL's."""
        if name.startswith("{"):
            namespace, _, local = name[1:].partition("}")
            return self._imported(namespace, local) or BY_NAME.get(local)
        if ":" in name:
            prefix, _, local = name.partition(":")
            namespace = self._prefixes.get(prefix, self._import_names.get(prefix, ""))
            return self._imported(namespace, local) or self.find(local)
        for import_name, namespace in self._import_names.items():
            local = name.removeprefix(import_name + ".") if import_name else name
            if (local != name or not import_name) and (found := self._imported(namespace, local)) is not None:
                return found
        return None

    def _made(self, item: model.ItemDefinition) -> Type:
        made = self._base(item)
        if item.allowed:
            made = self._constrained(item.name, made, item.allowed, as_whole=False)
        if item.is_collection:
            made = ListOf(made)
            made.name = item.name
        if item.constraint:
            made = self._constrained(item.name, made, item.constraint, as_whole=True)
        return made

    def _base(self, item: model.ItemDefinition) -> Type:
        if item.components:
            made = ContextOf({each.name: self._made(each) for each in item.components})
            made.name = item.name
            return made
        if item.function is not None:
            parameters = [self._type(each.type_ref) for each in item.function.parameters]
            return FunctionOf(parameters, self._type(item.function.result_ref))
        return self._type(item.type_ref)

    def _type(self, type_ref: str) -> Type:
        return (self.find(type_ref) if type_ref else None) or ANY

    def _constrained(self, name: str, base: Type, text: str, as_whole: bool) -> Type:
        try:
            return Constrained(name, base, self.environment.tests(text), as_whole)
        except FeelSyntaxError:
            return base
