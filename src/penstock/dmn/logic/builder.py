"""From boxed expressions to `Logic`: a function of the visible names and the run."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock.dmn import model
from penstock.dmn.languages import FEEL
from penstock.expr.feel.expression import Environment, Expression
from penstock.expr.feel.lexer import FeelSyntaxError
from penstock.expr.feel.run import FeelError, Run, shown
from penstock.expr.feel.types import Type, fit

Names = Mapping[str, Any]
Logic = Callable[[Names, Run], Any]
Build = Callable[["Builder", Any, Environment], Logic]


class Problems:
    """What is wrong with a model that can be used in other parts: an expression that cannot be read is null."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, where: model.Record, message: str) -> None:
        place = f"line {where.line}: " if where.line else ""
        self.found.append(f"{place}{message}")


def _charged(expression: Expression) -> Logic:
    """The logic of a long text, which a loop or a function around it may evaluate many times."""

    def evaluate(names: Names, run: Run) -> Any:
        run.spend(expression.steps)
        return expression.evaluate(names, run)

    return evaluate


class Builder:
    """Builds the logic of one model. `types` gives the type that a reference names, or None."""

    def __init__(
        self, table: Mapping[type, Build], types: Callable[[str], Type | None], language: str, problems: Problems
    ) -> None:
        self._table = table
        self._language = language
        self.types = types
        self.problems = problems

    def build(self, boxed: model.Boxed | None, environment: Environment) -> Logic:
        """The logic of an expression, its result made to fit the type it declares."""
        if boxed is None:
            return nothing
        logic = self._table[type(boxed)](self, boxed, environment)
        return self.typed(logic, boxed.type_ref, boxed)

    def typed(self, logic: Logic, type_ref: str, where: model.Record) -> Logic:
        """The logic with its result made to fit a type; null where it does not."""
        of = self.type_of(type_ref, where)
        return logic if of is None else lambda names, run: fitted(of, logic(names, run), run)

    def type_of(self, type_ref: str, where: model.Record) -> Type | None:
        """The type that a reference names; None where there is no reference, or nothing behind it."""
        if not type_ref:
            return None
        found = self.types(type_ref)
        if found is None:
            self.problems.add(where, f'there is no type "{type_ref}"')
        return found

    def expression(self, literal: model.Literal, environment: Environment) -> Expression | None:
        """The parsed text; None for one that is no FEEL, which is noted."""
        language = literal.language or self._language
        if language and language.lower().rstrip() not in FEEL:
            self.problems.add(literal, f'"{language}" is no expression language here')
            return None
        try:
            return environment.expression(literal.text)
        except FeelSyntaxError as error:
            self.problems.add(literal, f"{error.message} (at {error.position} of {shown(literal.text)!r})")
            return None

    def text(self, literal: model.Literal, environment: Environment) -> Logic:
        """A text as logic."""
        expression = self.expression(literal, environment)
        if expression is None:
            return unreadable(literal.text)
        return _charged(expression) if expression.steps > 1 else expression.evaluate


def fitted(of: Type, value: Any, run: Run) -> Any:
    """The value as one of a type; null with a message when it does not fit."""
    try:
        return fit(of, value)
    except FeelError as error:
        run.note(str(error))
        return None


def nothing(_names: Names, run: Run) -> None:
    """The logic that is not there."""
    run.note("there is no expression")


def unreadable(text: str) -> Logic:
    """The logic of a text that is no FEEL."""

    def failed(_names: Names, run: Run) -> None:
        run.note(f"no FEEL: {shown(text)!r}")

    return failed
