"""`+ - * / **` and negation."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from penstock.expr.feel import arithmetic, tree
from penstock.expr.feel.compile.compiler import Compiler
from penstock.expr.feel.compile.scope import Code, Frame, Locals
from penstock.expr.feel.numbers import CONTEXT, ArithmeticFailed
from penstock.expr.feel.run import FeelError

Fast = Callable[[Decimal, Decimal], Decimal]

_FAST: dict[str, Fast] = {"+": CONTEXT.add, "-": CONTEXT.subtract, "*": CONTEXT.multiply, "/": CONTEXT.divide}


def operations(compiler: Compiler, node: tree.Arithmetic, scope: Locals) -> Code:
    first = compiler.code(node.first, scope)
    rest = [(operator, compiler.code(operand, scope)) for operator, operand in node.rest]
    if len(rest) == 1:
        operator, operand = rest[0]
        return _one(operator, first, operand)
    return _chain(first, rest)


def _one(operator: str, left: Code, right: Code) -> Code:
    fast = _FAST.get(operator)
    if fast is None:
        return _chain(left, [(operator, right)])

    def operation(frame: Frame) -> Any:
        a = left(frame)
        b = right(frame)
        try:
            if type(a) is Decimal and type(b) is Decimal:
                return fast(a, b)
            return arithmetic.apply(frame[1], operator, a, b)
        except FeelError as error:
            frame[1].note(str(error))
        except ArithmeticFailed:
            frame[1].note(f"{a} {operator} {b} is no number")
        return None

    return operation


def _chain(first: Code, rest: Sequence[tuple[str, Code]]) -> Code:
    steps = [(operator, _FAST.get(operator), operand) for operator, operand in rest]

    def chain(frame: Frame) -> Any:
        value = first(frame)
        for operator, fast, operand in steps:
            other = operand(frame)
            try:
                if fast is not None and type(value) is Decimal and type(other) is Decimal:
                    value = fast(value, other)
                else:
                    value = arithmetic.apply(frame[1], operator, value, other)
            except FeelError as error:
                frame[1].note(str(error))
                value = None
            except ArithmeticFailed:
                frame[1].note(f"{value} {operator} {other} is no number")
                value = None
        return value

    return chain


def negation(compiler: Compiler, node: tree.Negation, scope: Locals) -> Code:
    operand = compiler.code(node.operand, scope)

    def negate(frame: Frame) -> Any:
        try:
            return arithmetic.negated(operand(frame))
        except FeelError as error:
            frame[1].note(str(error))
            return None

    return negate
