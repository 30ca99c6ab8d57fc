"""The compiler: one function per node of the tree, found in a table."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.compile.scope import Code, FrameSize, Locals
from penstock.expr.feel.functions import Builtin
from penstock.expr.feel.lexer import FeelSyntaxError

HEIGHT_MAX = 120
"""Deepest tree: each level is one Python frame or two when it runs."""
NODES_PER_STEP = 8
"""How much of an expression takes about as long as the step of a loop."""

Emit = Callable[["Compiler", Any, Locals], Code]


class Compiler:
    """Compiles one text.

    `builtins`: functions by name. `known`: the global names, which hide functions of the same name.
    `strict_methods`: `a.f()` gives the evaluation up where `a` is no context, instead of being null.
    """

    def __init__(
        self,
        builtins: Mapping[str, Builtin],
        known: Collection[str],
        table: Mapping[type, Emit],
        strict_methods: bool = False,
    ) -> None:
        self.strict_methods = strict_methods
        self.builtins = builtins
        self.known = known
        self.size = FrameSize()
        self._table = table
        self._height = 0
        self._nodes = 0

    def code(self, node: tree.Node, scope: Locals) -> Code:
        """The closure of an expression. Raises FeelSyntaxError when the tree is too deep."""
        self._height += 1
        self._nodes += 1
        if self._height > HEIGHT_MAX:
            raise FeelSyntaxError(f"an expression is nested at most {HEIGHT_MAX} deep", 0)
        self.size.need(scope.depth + 1)
        made = self._table[type(node)](self, node, scope)
        self._height -= 1
        return made

    def weighed(self, node: tree.Node, scope: Locals) -> tuple[Code, int]:
        """The closure of what is run many times, and the steps that one time takes: at least one."""
        before = self._nodes
        code = self.code(node, scope)
        return code, max(1, (self._nodes - before) // NODES_PER_STEP)

    def function(self, name: str, scope: Locals) -> Builtin | None:
        """The built-in function that a name means here, unless something hides it."""
        if name in self.known or any(local == name for local, _ in scope.entries):
            return None
        return self.builtins.get(name)
