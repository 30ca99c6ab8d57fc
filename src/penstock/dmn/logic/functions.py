"""Function definitions and invocations."""

from collections.abc import Sequence
from typing import Any

from penstock.dmn import model
from penstock.dmn.logic.builder import Builder, Logic, Names
from penstock.expr.feel.compile.calls import External, invoke_named
from penstock.expr.feel.expression import Environment
from penstock.expr.feel.run import Run
from penstock.expr.feel.types import Type, fit_arguments
from penstock.expr.feel.values import Function


class BoxedFunction(Function):
    """A function whose body is a boxed expression, with the names that it sees."""

    __slots__ = ("_body", "_names")

    def __init__(
        self, name: str, parameters: Sequence[str], types: Sequence[Type | None], body: Logic, names: Names, result: Any
    ) -> None:
        super().__init__(name, parameters, types, result)
        self._body = body
        self._names = names

    def call(self, run: Run, args: Sequence[Any]) -> Any:
        values = fit_arguments(self, args)
        run.enter()
        try:
            return self._body({**self._names, **dict(zip(self.parameters, values, strict=True))}, run)
        finally:
            run.leave()


def function(builder: Builder, boxed: model.FunctionBox, environment: Environment) -> Logic:
    return named_function(builder, "function", boxed, environment)


def named_function(builder: Builder, name: str, boxed: model.FunctionBox, environment: Environment) -> Logic:
    """The logic that gives the function as a value."""
    parameters = [parameter.name for parameter in boxed.parameters]
    types = [builder.type_of(parameter.type_ref, parameter) for parameter in boxed.parameters]
    if boxed.kind is not model.FunctionKind.FEEL:
        external = External(name, parameters, types)
        return lambda names, run: external
    body = builder.build(boxed.body, environment.extended(parameters))
    result = None if boxed.body is None else builder.type_of(boxed.body.type_ref, boxed)
    return lambda names, run: BoxedFunction(name, parameters, types, body, names, result)


def invocation(builder: Builder, boxed: model.Invocation, environment: Environment) -> Logic:
    target = builder.build(boxed.function, environment)
    bindings = [(each.parameter.name, builder.build(each.value, environment)) for each in boxed.bindings]

    def invoked(names: Names, run: Run) -> Any:
        called = target(names, run)
        args = {name: logic(names, run) for name, logic in bindings}
        return invoke_named(run, called, args)

    return invoked
