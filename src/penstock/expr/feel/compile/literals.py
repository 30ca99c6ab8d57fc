"""Lists, contexts, ranges."""

from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.builtins.conversion import checked_range
from penstock.expr.feel.compile.compiler import Compiler
from penstock.expr.feel.compile.scope import Code, Frame, Locals
from penstock.expr.feel.run import FeelError
from penstock.expr.feel.values import comparison_range


def list_(compiler: Compiler, node: tree.ListLiteral, scope: Locals) -> Code:
    constants = [item.value for item in node.items if isinstance(item, tree.Constant)]
    if constants and len(constants) == len(node.items):
        return lambda frame: constants
    items = [compiler.code(item, scope) for item in node.items]

    def made(frame: Frame) -> list[Any]:
        frame[1].make_list(len(items))
        return [item(frame) for item in items]

    return made


def context(compiler: Compiler, node: tree.ContextLiteral, scope: Locals) -> Code:
    entries: list[tuple[str, int, Code]] = []
    for key, value in node.entries:
        entries.append((key, scope.depth, compiler.code(value, scope)))
        scope = scope.with_name(key)
    compiler.size.need(scope.depth)

    def made(frame: Frame) -> dict[str, Any]:
        frame[1].make_list(len(entries))
        found: dict[str, Any] = {}
        for key, slot, code in entries:
            found[key] = frame[slot] = code(frame)
        return found

    return made


def interval(compiler: Compiler, node: tree.Interval, scope: Locals) -> Code:
    low, high = compiler.code(node.start, scope), compiler.code(node.end, scope)

    def made(frame: Frame) -> Any:
        try:
            return checked_range(low(frame), node.start_included, high(frame), node.end_included)
        except FeelError as error:
            frame[1].note(str(error))
            return None

    return made


def unary_range(compiler: Compiler, node: tree.UnaryRange, scope: Locals) -> Code:
    endpoint = compiler.code(node.endpoint, scope)
    return lambda frame: comparison_range(node.operator, endpoint(frame))
