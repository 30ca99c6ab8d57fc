"""Comparisons, `between`, `in`, `instance of`, `and`, `or`."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.compile.compiler import Compiler
from penstock.expr.feel.compile.scope import Code, Frame, Locals
from penstock.expr.feel.equality import at_most, compare, member
from penstock.expr.feel.types import NULL
from penstock.expr.feel.values import type_name

_PLAIN = (Decimal, str)


def comparison(compiler: Compiler, node: tree.Comparison, scope: Locals) -> Code:
    left = compiler.code(node.left, scope)
    if isinstance(node.right, tree.Constant) and type(node.right.value) in _PLAIN:
        return _WITH_CONSTANT[node.operator](left, node.right.value)
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


def _equals(left: Code, constant: Any) -> Code:
    kind = type(constant)

    def equals(frame: Frame) -> bool | None:
        value = left(frame)
        return value == constant if type(value) is kind else _compared(frame, "=", value, constant)

    return equals


def _differs(left: Code, constant: Any) -> Code:
    kind = type(constant)

    def differs(frame: Frame) -> bool | None:
        value = left(frame)
        return value != constant if type(value) is kind else _compared(frame, "!=", value, constant)

    return differs


def _less(left: Code, constant: Any) -> Code:
    kind = type(constant)

    def less(frame: Frame) -> bool | None:
        value = left(frame)
        return value < constant if type(value) is kind else _compared(frame, "<", value, constant)

    return less


def _at_most(left: Code, constant: Any) -> Code:
    kind = type(constant)

    def not_more(frame: Frame) -> bool | None:
        value = left(frame)
        return value <= constant if type(value) is kind else _compared(frame, "<=", value, constant)

    return not_more


def _more(left: Code, constant: Any) -> Code:
    kind = type(constant)

    def more(frame: Frame) -> bool | None:
        value = left(frame)
        return value > constant if type(value) is kind else _compared(frame, ">", value, constant)

    return more


def _at_least(left: Code, constant: Any) -> Code:
    kind = type(constant)

    def not_less(frame: Frame) -> bool | None:
        value = left(frame)
        return value >= constant if type(value) is kind else _compared(frame, ">=", value, constant)

    return not_less


_WITH_CONSTANT: dict[str, Callable[[Code, Any], Code]] = {
    "=": _equals,
    "!=": _differs,
    "<": _less,
    "<=": _at_most,
    ">": _more,
    ">=": _at_least,
}


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
    if all(isinstance(test, tree.Constant) and type(test.value) in _PLAIN for test in node.tests):
        return _one_of(value, [test.value for test in node.tests if isinstance(test, tree.Constant)])
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


def three_valued(decisive: bool, values: Sequence[bool | None]) -> bool | None:
    """`decisive` if one value is, null if one is no boolean, else the opposite (§10.3.2.15, table 48)."""
    if any(value is decisive for value in values):
        return decisive
    return not decisive if all(type(value) is bool for value in values) else None
