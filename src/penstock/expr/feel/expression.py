"""Parsed expressions and unary tests, and the environment in which they are parsed."""

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.builtins import LIBRARY
from penstock.expr.feel.compile.accepted import Accepted, accepted
from penstock.expr.feel.compile.compiler import Compiler
from penstock.expr.feel.compile.scope import FIRST, Code, FrameSize, Locals, new_frame
from penstock.expr.feel.compile.table import TABLE
from penstock.expr.feel.compile.tests import INPUT_SLOT, tests
from penstock.expr.feel.functions import Library
from penstock.expr.feel.lexer import FeelSyntaxError
from penstock.expr.feel.names import Names
from penstock.expr.feel.parser import PROPERTIES, Parser, Vocabulary
from penstock.expr.feel.run import Exhausted, Run
from penstock.expr.feel.types import Type

TOO_DEEP = "a value or an expression is nested too deeply"


class Compiled:
    """Code with the frame it needs. `steps`: what running it once costs, where it may be run many times."""

    __slots__ = ("_size", "code", "steps", "text")

    def __init__(self, text: str, code: Code, size: FrameSize) -> None:
        self.text = text
        self.code = code
        self.steps = 0
        self._size = size

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    @property
    def slots(self) -> int:
        """How many slots a frame for `code` has."""
        return self._size.slots


class Expression(Compiled):
    """A parsed expression."""

    __slots__ = ()

    def evaluate(self, names: Mapping[str, Any], run: Run) -> Any:
        """The value (a FEEL value, `values`); null with a message in `run` where there is none. Raises Exhausted.

        `names`: FEEL values by name.
        """
        try:
            return self.code(new_frame(names, run, self._size))
        except RecursionError:
            raise Exhausted(TOO_DEEP) from None

    def call(self, names: Mapping[str, Any], run: Run, args: Iterable[Any]) -> Any:
        """The value where the expression is a function's body; `args` are the values of its parameters."""
        frame = new_frame(names, run, self._size)
        for slot, value in enumerate(args, FIRST):
            frame[slot] = value
        return self.code(frame)


class UnaryTests(Compiled):
    """A parsed cell of a decision table. `accepted`: what it accepts of numbers and texts, where that is known."""

    __slots__ = ("accepted",)

    def __init__(self, text: str, code: Code, size: FrameSize, accepted: Accepted | None) -> None:
        super().__init__(text, code, size)
        self.accepted = accepted

    def matches(self, names: Mapping[str, Any], run: Run, value: Any) -> bool:
        """Whether the input `value` passes. Raises Exhausted."""
        frame = new_frame(names, run, self._size)
        frame[INPUT_SLOT] = value
        try:
            return self.code(frame) is True
        except RecursionError:
            raise Exhausted(TOO_DEEP) from None


class Environment:
    """What texts may speak of: global names, properties, types, functions."""

    def __init__(
        self,
        names: Iterable[str] = (),
        properties: Iterable[str] = (),
        types: Mapping[str, Type] | None = None,
        library: Library = LIBRARY,
        strict_methods: bool = False,
    ) -> None:
        self.strict_methods = strict_methods
        self.known = frozenset(names)
        self.types = types or {}
        self.library = library
        self._properties = Names([*PROPERTIES, *properties])
        self._vocabulary = Vocabulary(Names([*library.functions, *self.known]), self._properties, self.types)

    def extended(self, names: Iterable[str]) -> "Environment":
        """The same with more global names."""
        made = Environment.__new__(Environment)
        made.known = self.known.union(names)
        made.types, made.library, made._properties = self.types, self.library, self._properties
        made.strict_methods = self.strict_methods
        made._vocabulary = Vocabulary(Names([*self.library.functions, *made.known]), self._properties, self.types)
        return made

    def expression(self, text: str, parameters: Iterable[str] = ()) -> Expression:
        """Parses an expression, with `parameters` when it is the body of a function. Raises FeelSyntaxError."""
        names = tuple(parameters)
        vocabulary = self.extended(names)._vocabulary if names else self._vocabulary
        scope = Locals()
        for name in names:
            scope = scope.with_name(name)
        try:
            node = Parser(text, vocabulary).expression()
            return self._compiled(text, node, scope)
        except RecursionError:
            raise FeelSyntaxError(TOO_DEEP, 0) from None

    def _compiled(self, text: str, node: tree.Node, scope: Locals) -> Expression:
        compiler = Compiler(self.library.functions, self.known, TABLE, self.strict_methods)
        code, steps = compiler.weighed(node, scope)
        made = Expression(text, code, compiler.size)
        made.steps = steps
        return made

    def tests(self, text: str) -> UnaryTests:
        """Parses unary tests. Raises FeelSyntaxError."""
        try:
            return self._tests(text, Parser(text, self._vocabulary).unary_tests())
        except RecursionError:
            raise FeelSyntaxError(TOO_DEEP, 0) from None

    def test_list(self, text: str) -> list[UnaryTests]:
        """Parses unary tests, each for itself. Raises FeelSyntaxError."""
        try:
            parsed = Parser(text, self._vocabulary).unary_tests()
            return [self._tests(text, tree.Tests((test,))) for test in parsed.tests]
        except RecursionError:
            raise FeelSyntaxError(TOO_DEEP, 0) from None

    def _tests(self, text: str, node: tree.Tests) -> UnaryTests:
        compiler = Compiler(self.library.functions, self.known, TABLE, self.strict_methods)
        compiler.size.need(INPUT_SLOT + 1)
        return UnaryTests(text, tests(compiler, node), compiler.size, accepted(node))
