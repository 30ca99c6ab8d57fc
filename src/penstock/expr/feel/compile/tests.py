"""Unary tests: the cells of a decision table (DMN 1.5 §10.3.2.8, rules 10 to 17).

A cell that names `?` is a condition; any other expression gives a value that the input is compared with, a list or range
that it must be in, or a boolean that decides by itself.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.compile.compiler import Compiler
from penstock.expr.feel.compile.scope import FIRST, Code, Frame, Locals
from penstock.expr.feel.equality import COMPARISONS, ORDERED, includes, member
from penstock.expr.feel.values import comparison_range

INPUT = "?"
INPUT_SLOT = FIRST
SCOPE = Locals().with_name(INPUT)


def tests(compiler: Compiler, node: tree.Tests) -> Code:
    """Whether the input in `INPUT_SLOT` passes: True, or anything else."""
    codes = [_test(compiler, test) for test in node.tests]
    if not codes:
        return lambda frame: True
    if node.negated:
        return _none_of(codes)
    return codes[0] if len(codes) == 1 else _any_of(codes)


def _any_of(codes: list[Code]) -> Code:
    return lambda frame: any(code(frame) is True for code in codes)


def _none_of(codes: list[Code]) -> Code:
    return lambda frame: not any(code(frame) is True for code in codes)


def _test(compiler: Compiler, node: tree.Node) -> Code:
    if isinstance(node, tree.Constant):
        return _equals(node.value)
    if isinstance(node, tree.UnaryRange) and isinstance(node.endpoint, tree.Constant):
        return _compares(node.operator, node.endpoint.value)
    if isinstance(node, tree.Interval) and _is_plain_interval(node):
        return _inside(node)
    code = compiler.code(node, SCOPE)
    return _condition(code) if mentions_input(node) else _value(code)


def _equals(constant: Any) -> Code:
    kind = type(constant)
    if kind in ORDERED:

        def equals(frame: Frame) -> bool:
            value = frame[INPUT_SLOT]
            return type(value) is kind and value == constant

        return equals
    return lambda frame: member(frame[INPUT_SLOT], constant, frame[1])


def _compares(operator: str, constant: Any) -> Code:
    kind = type(constant)
    range_ = comparison_range(operator, constant)
    if kind not in ORDERED:
        return lambda frame: includes(range_, frame[INPUT_SLOT], frame[1])
    holds = COMPARISONS[operator]

    def compares(frame: Frame) -> bool | None:
        value = frame[INPUT_SLOT]
        return holds(value, constant) if type(value) is kind else includes(range_, value, frame[1])

    return compares


def _is_plain_interval(node: tree.Interval) -> bool:
    ends = (node.start, node.end)
    if not all(isinstance(end, tree.Constant) and type(end.value) is Decimal for end in ends):
        return False
    low, high = (end.value for end in ends if isinstance(end, tree.Constant))
    return bool(low <= high)


def _inside(node: tree.Interval) -> Code:
    low, high = (end.value for end in (node.start, node.end) if isinstance(end, tree.Constant))
    starts = COMPARISONS["<=" if node.start_included else "<"]
    ends = COMPARISONS["<=" if node.end_included else "<"]

    def inside(frame: Frame) -> bool:
        value = frame[INPUT_SLOT]
        return type(value) is Decimal and starts(low, value) and ends(value, high)

    return inside


def _condition(code: Code) -> Code:
    def condition(frame: Frame) -> Any:
        found = code(frame)
        return found if type(found) is bool or found is None else member(frame[INPUT_SLOT], found, frame[1])

    return condition


def _value(code: Code) -> Code:
    def value(frame: Frame) -> Any:
        found = code(frame)
        given = frame[INPUT_SLOT]
        if type(found) is bool and type(given) is not bool:
            return found
        return member(given, found, frame[1])

    return value


def mentions_input(node: tree.Node) -> bool:
    """Whether `?` is somewhere in the expression."""
    stack: list[Any] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, tree.Name):
            if item.name == INPUT:
                return True
        elif isinstance(item, tree.Node):
            stack.extend(_parts(item))
        elif isinstance(item, tuple | list):
            stack.extend(item)
    return False


def _parts(node: tree.Node) -> Iterator[Any]:
    return (getattr(node, field) for field in node.__struct_fields__)
