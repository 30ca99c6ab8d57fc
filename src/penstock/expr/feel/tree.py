"""The syntax tree of an expression. `Compiler` turns it into closures; nothing else walks it."""

from typing import Any

import msgspec

from penstock.expr.feel.types import Type


class Node(msgspec.Struct, frozen=True):
    """Any expression."""


class Constant(Node, frozen=True):
    """A literal: number, text, boolean, null, `@"…"`."""

    value: Any


class Name(Node, frozen=True):
    """A variable, parameter or function."""

    name: str


class Path(Node, frozen=True):
    """`base.name`."""

    base: Node
    name: str


class Filter(Node, frozen=True):
    """`base[condition]`."""

    base: Node
    condition: Node


class Call(Node, frozen=True):
    """`function(a, b)` or, with `names`, `function(x: a, y: b)`."""

    function: Node
    args: tuple[Node, ...]
    names: tuple[str, ...] | None = None


class Arithmetic(Node, frozen=True):
    """`first + a - b …`: operators of one precedence, from left to right."""

    first: Node
    rest: list[tuple[str, Node]]


class Negation(Node, frozen=True):
    """`-operand`."""

    operand: Node


class Comparison(Node, frozen=True):
    """`left operator right`."""

    operator: str
    left: Node
    right: Node


class Between(Node, frozen=True):
    """`value between low and high`."""

    value: Node
    low: Node
    high: Node


class In(Node, frozen=True):
    """`value in test` or `value in (test, test)`."""

    value: Node
    tests: tuple[Node, ...]


class Logic(Node, frozen=True):
    """`a and b …` or `a or b …`."""

    is_and: bool
    items: list[Node]


class Conditional(Node, frozen=True):
    """`if condition then yes else no`."""

    condition: Node
    yes: Node
    no: Node


class Iterator(Node, frozen=True):
    """`name in domain`, or `name in domain..end`."""

    name: str
    domain: Node
    end: Node | None = None


class For(Node, frozen=True):
    """`for … return body`."""

    iterators: tuple[Iterator, ...]
    body: Node


class Quantified(Node, frozen=True):
    """`some … satisfies body`, `every … satisfies body`."""

    every: bool
    iterators: tuple[Iterator, ...]
    body: Node


class FunctionLiteral(Node, frozen=True):
    """`function(a: T, b) body`. `body` is None for an external one, which is refused when called."""

    parameters: tuple[str, ...]
    types: tuple[Type | None, ...]
    body: Node | None


class ListLiteral(Node, frozen=True):
    """`[a, b]`."""

    items: tuple[Node, ...]


class ContextLiteral(Node, frozen=True):
    """`{a: 1, b: a + 1}`: later entries see earlier ones."""

    entries: tuple[tuple[str, Node], ...]


class Interval(Node, frozen=True):
    """`[start..end)`."""

    start: Node
    start_included: bool
    end: Node
    end_included: bool


class UnaryRange(Node, frozen=True):
    """`< 10`: everything less."""

    operator: str
    endpoint: Node


class InstanceOf(Node, frozen=True):
    """`value instance of type`."""

    value: Node
    type: Type


class Tests(Node, frozen=True):
    """The cell of a decision table: one of the tests, or with `negated` none of them. No test at all is `-`."""

    tests: tuple[Node, ...]
    negated: bool = False
