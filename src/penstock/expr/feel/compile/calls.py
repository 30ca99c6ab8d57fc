"""Calls, and functions that an expression makes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.expr.feel import tree
from penstock.expr.feel.compile.compiler import Compiler
from penstock.expr.feel.compile.names import read_only
from penstock.expr.feel.compile.scope import Code, Frame, FrameSize, Locals
from penstock.expr.feel.functions import Builtin
from penstock.expr.feel.numbers import ArithmeticFailed
from penstock.expr.feel.run import Exhausted, FeelError, Run
from penstock.expr.feel.types import Type, fit_arguments
from penstock.expr.feel.values import Function, type_name


def call(compiler: Compiler, node: tree.Call, scope: Locals) -> Code:
    name = node.function.name if isinstance(node.function, tree.Name) else None
    builtin = compiler.function(name, scope) if name is not None else None
    keeps_nothing = builtin is not None and name in _REDUCERS
    args = [read_only(compiler, arg, scope) if keeps_nothing else compiler.code(arg, scope) for arg in node.args]
    if node.names is not None:
        return _named(compiler.code(node.function, scope), node.names, args)
    if builtin is not None:
        return _builtin(builtin, args)
    if compiler.strict_methods and isinstance(node.function, tree.Path):
        return _method(compiler.code(node.function.base, scope), node.function.name, args)
    return _positional(compiler.code(node.function, scope), args)


def _method(base: Code, name: str, args: Sequence[Code]) -> Code:
    """`a.f()` as FEEL-Scala has it: an error where `a` is no context."""

    def called(frame: Frame) -> Any:
        target = base(frame)
        if type(target) is not dict:
            raise Exhausted(f"a {type_name(target)} has no function {name}")
        return invoke(frame[1], target.get(name), [arg(frame) for arg in args])

    return called


_REDUCERS = frozenset({"count", "sum", "min", "max", "mean", "product", "list contains", "index of"})
"""Functions that do not keep the list they are given."""


def _builtin(builtin: Builtin, args: Sequence[Code]) -> Code:
    try:
        chosen: Callable[[Run, Sequence[Any]], Any] = builtin.choose(len(args))
    except FeelError as error:
        return _failing(str(error))

    def called(frame: Frame) -> Any:
        try:
            return chosen(frame[1], [arg(frame) for arg in args])
        except FeelError as error:
            frame[1].note(f"{builtin.name}: {error}")
        except ArithmeticFailed:
            frame[1].note(f"{builtin.name}: the result is no number in the range of FEEL")
        return None

    return called


def _failing(message: str) -> Code:
    def failing(frame: Frame) -> None:
        frame[1].note(message)

    return failing


def _positional(function: Code, args: Sequence[Code]) -> Code:
    def called(frame: Frame) -> Any:
        target = function(frame)
        values = [arg(frame) for arg in args]
        return invoke(frame[1], target, values)

    return called


def invoke(run: Run, target: Any, args: list[Any]) -> Any:
    """The value of a call; null with a message where it fails."""
    return _attempt(run, target, lambda function: function.call(run, args))


def _attempt(run: Run, target: Any, call: Callable[[Function], Any]) -> Any:
    try:
        if not isinstance(target, Function):
            raise FeelError(f"a {type_name(target)} cannot be called")
        return call(target)
    except FeelError as error:
        run.note(str(error))
    except ArithmeticFailed:
        run.note("a result is no number in the range of FEEL")
    return None


def _named(function: Code, names: Sequence[str], args: Sequence[Code]) -> Code:
    if len(set(names)) != len(names):
        return _failing("an argument is given twice")

    def called(frame: Frame) -> Any:
        target = function(frame)
        return invoke_named(frame[1], target, {name: arg(frame) for name, arg in zip(names, args, strict=True)})

    return called


def invoke_named(run: Run, target: Any, args: Mapping[str, Any]) -> Any:
    """The value of a call with arguments by name; null with a message where it fails."""
    return _attempt(run, target, lambda function: function.call_named(run, args))


class Closure(Function):
    """A function literal with the names that it sees."""

    __slots__ = ("_body", "_frame", "_size", "_start", "_steps")

    def __init__(
        self,
        parameters: Sequence[str],
        types: Sequence[Type | None],
        body: tuple[Code, int],
        frame: Frame,
        start: int,
        size: FrameSize,
    ) -> None:
        super().__init__("function", parameters, types)
        self._body, self._steps = body
        self._frame = frame[:start]
        self._start = start
        self._size = size

    def call(self, run: Run, args: Sequence[Any]) -> Any:
        values = fit_arguments(self, args)
        frame = [*self._frame, *values, *[None] * (self._size.slots - self._start - len(values))]
        frame[1] = run
        run.enter(self._steps)
        try:
            return self._body(frame)
        finally:
            run.leave()


class External(Function):
    """A function in Java or PMML, which is refused when it is called."""

    __slots__ = ()

    def call(self, run: Run, args: Sequence[Any]) -> Any:
        raise FeelError("external functions are not executed")


def function(compiler: Compiler, node: tree.FunctionLiteral, scope: Locals) -> Code:
    if node.body is None:
        external = External("function", node.parameters, node.types)
        return lambda frame: external
    start = scope.depth
    inner = scope
    for parameter in node.parameters:
        inner = inner.with_name(parameter)
    compiler.size.need(inner.depth)
    body = compiler.weighed(node.body, inner)
    return lambda frame: Closure(node.parameters, node.types, body, frame, start, compiler.size)
