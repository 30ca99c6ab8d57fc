"""Constants, names and paths."""

from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.compile.compiler import Compiler
from penstock.expr.feel.compile.scope import Code, Frame, Locals
from penstock.expr.feel.properties import property_of
from penstock.expr.feel.run import Run


def constant(_compiler: Compiler, node: tree.Constant, _scope: Locals) -> Code:
    value = node.value
    return lambda frame: value


def name(compiler: Compiler, node: tree.Name, scope: Locals) -> Code:
    code = _global(compiler, node.name, scope)
    for local, slot in scope.entries:
        if local == node.name:
            code = _partial(slot) if local == "partial" else _slot(slot)
        elif local is None:
            code = _entry(slot, node.name, code)
    return code


def read_only(compiler: Compiler, node: tree.Node, scope: Locals) -> Code:
    """The code of an operand that is looked at and not kept: `partial` needs no copy there."""
    if isinstance(node, tree.Name) and node.name == "partial" and scope.entries:
        slots = [slot for local, slot in scope.entries if local == "partial"]
        if slots and all(local is not None for local, _ in scope.entries):
            return _slot(slots[-1])
    return compiler.code(node, scope)


def _partial(slot: int) -> Code:
    """The results of a loop so far; the loop goes on adding to its own list, so this is a copy."""

    def partial(frame: Frame) -> Any:
        value = frame[slot]
        if type(value) is not list:
            return value
        frame[1].make_list(len(value))
        return list(value)

    return partial


def _slot(slot: int) -> Code:
    return lambda frame: frame[slot]


def _entry(slot: int, name: str, otherwise: Code) -> Code:
    """A name in a filter: an entry of the item, when it has one of this name."""

    def entry(frame: Frame) -> Any:
        item = frame[slot]
        if type(item) is dict:
            return item[name] if name in item else otherwise(frame)
        return otherwise(frame)

    return entry


def _global(compiler: Compiler, name: str, scope: Locals) -> Code:
    function = compiler.function(name, scope)

    def variable(frame: Frame) -> Any:
        try:
            return frame[0][name]
        except KeyError:
            if function is None:
                _unknown(frame[1], name)
            return function

    return variable


def _unknown(run: Run, name: str) -> None:
    run.note(f"there is nothing called {name}")


def path(compiler: Compiler, node: tree.Path, scope: Locals) -> Code:
    base = compiler.code(node.base, scope)
    name = node.name

    def step(frame: Frame) -> Any:
        value = base(frame)
        if type(value) is dict and name in value:
            return value[name]
        return property_of(frame[1], value, name)

    return step
