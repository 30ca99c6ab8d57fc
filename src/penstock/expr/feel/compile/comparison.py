"""Comparisons, `between`, `in`, `instance of`, `and`, `or`."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.compile.compiler import Compiler
from penstock.expr.feel.compile.scope import Code, Frame, Locals
from penstock.expr.feel.equality import COMPARISONS, ORDERED, at_most, compare, member, three_valued
from penstock.expr.feel.types import NULL
from penstock.expr.feel.values import type_name


def comparison(compiler: Compiler, node: tree.Comparison, scope: Locals) -> Code:
    left = compiler.code(node.left, scope)
    if isinstance(node.right, tree.Constant) and type(node.right.value) in ORDERED:
        return _with_constant(node.operator, left, node.right.value)
    return _general(node.operator, left, compiler.code(node.right, scope))


def _general(operator: str, left: Code, right: Code) -> Code:
    def general(frame: Frame) -> bool | None:
        return _compared(frame, operator, left(frame), right(frame))

    return general


def _compared(frame: Frame, operator: str, a: Any, b: Any) -> bool | None:
    found = compare(operator, a, b, frame[1])
    if found is None:
        frame[1].note(f"{type_name(a)} {operator} {type_name(b)} has no value")
    return found


def _with_constant(operator: str, left: Code, constant: Any) -> Code:
    kind, holds = type(constant), COMPARISONS[operator]

    def compared(frame: Frame) -> bool | None:
        value = left(frame)
        return holds(value, constant) if type(value) is kind else _compared(frame, operator, value, constant)

    return compared


def between(compiler: Compiler, node: tree.Between, scope: Locals) -> Code:
    value, low, high = (compiler.code(part, scope) for part in (node.value, node.low, node.high))

    def inside(frame: Frame) -> bool | None:
        middle = value(frame)
        found = three_valued(False, [at_most(low(frame), middle), at_most(middle, high(frame))])
        if found is None:
            frame[1].note("between compares values of different types")
        return found

    return inside


def contained(compiler: Compiler, node: tree.In, scope: Locals) -> Code:
    value = compiler.code(node.value, scope)
    if all(isinstance(test, tree.Constant) and type(test.value) in ORDERED for test in node.tests):
        return _one_of(value, [test.value for test in node.tests if isinstance(test, tree.Constant)])
    if len(node.tests) == 1 and isinstance(node.tests[0], tree.ListLiteral):
        listed = [item.value for item in node.tests[0].items if isinstance(item, tree.Constant)]
        if len(listed) == len(node.tests[0].items) and all(type(item) in ORDERED for item in listed):
            return _in_list(value, listed)
    tests = [compiler.code(test, scope) for test in node.tests]

    def is_in(frame: Frame) -> bool | None:
        wanted = value(frame)
        run = frame[1]
        if len(tests) == 1:
            return member(wanted, tests[0](frame), run)
        return three_valued(True, [member(wanted, test(frame), run) for test in tests])

    return is_in


def _one_of(value: Code, constants: Sequence[Any]) -> Code:
    texts = frozenset(constant for constant in constants if type(constant) is str)
    numbers = frozenset(constant for constant in constants if type(constant) is Decimal)
    plain = texts if not numbers else numbers if not texts else None
    kind = str if not numbers else Decimal

    def is_one_of(frame: Frame) -> bool | None:
        wanted = value(frame)
        if plain is not None and type(wanted) is kind:
            return wanted in plain
        return three_valued(True, [member(wanted, constant, frame[1]) for constant in constants])

    return is_one_of


def _in_list(value: Code, constants: list[Any]) -> Code:
    known = frozenset(constants)

    def is_in_list(frame: Frame) -> bool | None:
        wanted = value(frame)
        return wanted in known if type(wanted) in ORDERED else member(wanted, constants, frame[1])

    return is_in_list


def instance_of(compiler: Compiler, node: tree.InstanceOf, scope: Locals) -> Code:
    value, of = compiler.code(node.value, scope), node.type.unconstrained()

    def is_instance(frame: Frame) -> bool:
        found = value(frame)
        return of is NULL if found is None else of.holds(found)

    return is_instance


def logic(compiler: Compiler, node: tree.Logic, scope: Locals) -> Code:
    items = [compiler.code(item, scope) for item in node.items]
    decisive = not node.is_and

    def combined(frame: Frame) -> bool | None:
        unknown = False
        for item in items:
            value = item(frame)
            if type(value) is not bool:
                unknown = True
            elif value is decisive:
                return decisive
        return None if unknown else not decisive

    return combined
