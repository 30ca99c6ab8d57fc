"""A clause's or rule's text in its expression language, and its value.

FEEL and JUEL are evaluated here; a script is a question (`ScriptCall`) that the caller answers.
"""

import enum
from collections.abc import Generator, Sequence
from typing import Any

import msgspec

from penstock.base.errors import DecisionFailed, ExpressionFailed
from penstock.dmn.camunda.feel import ENVIRONMENT, FeelNames, from_feel, to_feel
from penstock.dmn.camunda.scope import Scope
from penstock.dmn.languages import FEEL_UNTIL_1_5
from penstock.dmn.rule_index import Cell, ColumnIndex, places
from penstock.engine.trace import VALUE_CHARS_MAX, note_values
from penstock.expr import juel
from penstock.expr.feel.compile.accepted import Accepted
from penstock.expr.feel.compile.scope import FIRST, Code, Frame
from penstock.expr.feel.compile.tests import INPUT_SLOT
from penstock.expr.feel.expression import Expression
from penstock.expr.feel.lexer import FeelSyntaxError
from penstock.expr.feel.run import Exhausted, FeelError, shown
from penstock.expr.feel.texts import text as written
from penstock.expr.feel.values import type_name

FRAME_SLOTS = 16
"""What the tests of a column share; more local names than fit make a frame of their own."""


class ScriptCall(msgspec.Struct, frozen=True):
    """A question: the native value of a script. `names`: `penstock.expr.script.ScriptScope`'s source of variables."""

    language: str
    source: str
    names: Scope


Steps = Generator[ScriptCall, Any, Any]


class Language(enum.Enum):
    """How a text is evaluated."""

    FEEL = "feel"
    JUEL = "juel"
    SCRIPT = "script"


class Text:
    """A text that is not empty, in a language by the name `name`. FEEL is parsed when it is first needed: a file may be
    deployed whose expressions nobody ever reaches."""

    __slots__ = ("_accepted", "_expression", "code", "language", "name", "text")

    def __init__(self, text: str, language: Language, name: str) -> None:
        self.text = text
        self.language = language
        self.name = name
        self._expression: Expression | None = None
        self._accepted: Accepted | None = None
        self.code: Code | None = None
        """The text as FEEL unary tests, for a frame of `FRAME_SLOTS`; None until `read_tests`."""

    @property
    def expression(self) -> Expression:
        """The text as a FEEL expression. Raises FeelSyntaxError."""
        if self._expression is None:
            self._expression = ENVIRONMENT.expression(self.text)
        return self._expression

    def read_tests(self) -> Code:
        """Reads the text as FEEL unary tests. Raises FeelSyntaxError."""
        tests = ENVIRONMENT.tests(self.text)
        code, missing = tests.code, tests.slots - FRAME_SLOTS
        self.code = code if missing <= 0 else lambda frame: code([*frame, *[None] * missing])
        self._accepted = tests.accepted
        return self.code

    @property
    def cell(self) -> Accepted | Cell:
        """What an index of rules is told of it: text that is no FEEL fails when it is evaluated, if ever."""
        try:
            if self.code is None:
                self.read_tests()
        except FeelSyntaxError:
            return Cell.OPEN
        return self._accepted or Cell.OPEN


def text_of(text: str, language: str) -> Text | None:
    """The text to evaluate; None when there is none."""
    if not text.strip():
        return None
    name = language.strip()
    lower = name.lower()
    if not name or lower in FEEL_UNTIL_1_5:
        return Text(text, Language.FEEL, name)
    return Text(text, Language.JUEL if lower == "juel" else Language.SCRIPT, name)


def evaluate(text: Text, scope: Scope) -> Steps:
    """The native value of a text. Raises DecisionFailed."""
    if text.language is Language.SCRIPT:
        return (yield ScriptCall(text.name, text.text, scope))
    if text.language is Language.JUEL:
        return _juel(text, scope)
    names = FeelNames(scope.lookup, scope.run)
    try:
        return from_feel(text.expression.evaluate(names, scope.run))
    except (FeelSyntaxError, FeelError, Exhausted) as error:
        failure = _failed(text, error)
        failure.trace += [f"with {name} = {described(value)}" for name, value in names.items()]
        raise failure from None


class Column:
    """The cells of an input, in the order of the rules, that are all FEEL; None is one that every value passes."""

    __slots__ = ("_cells", "_index")

    def __init__(self, cells: Sequence[Text | None]) -> None:
        self._cells = cells
        self._index: ColumnIndex | None = None

    def passing(self, rules: int, scope: Scope, value: Any) -> int:
        """Those of a set of rules (`rule_index`) whose cells a native value passes. Raises DecisionFailed."""
        if self._index is None:
            self._index = ColumnIndex([Cell.ANY if cell is None else cell.cell for cell in self._cells])
        try:
            given = to_feel(value)
        except FeelError as error:
            raise _failed(None, error) from None
        sure, unsure = self._index.find(given)
        found = rules & sure
        if rules & unsure:
            found |= _evaluated(self._cells, rules & unsure, scope, given)
        return found


def _evaluated(cells: Sequence[Text | None], rules: int, scope: Scope, given: Any) -> int:
    frame: Frame = [FeelNames(scope.lookup, scope.run), scope.run, *[None] * (FRAME_SLOTS - FIRST)]
    frame[INPUT_SLOT] = given
    found = 0
    for place in places(rules):
        cell = cells[place]
        try:
            if cell is None or _is_true(cell, frame):
                found |= 1 << place
        except DecisionFailed as failure:
            failure.trace += [f"with the input value {described(given)}", f"at rule {place + 1}"]
            raise
    return found


def _is_true(cell: Text, frame: Frame) -> bool:
    try:
        return (cell.code or cell.read_tests())(frame) is True
    except (FeelSyntaxError, FeelError, Exhausted) as error:
        raise _failed(cell, error) from None


def _juel(text: Text, scope: Scope) -> Any:
    source = text.text.strip()
    if not source.startswith(("${", "#{")):
        source = f"${{{source}}}"
    try:
        expression = juel.parse(source)
    except ExpressionFailed as error:
        raise _failed(text, error) from None
    try:
        return expression.evaluate(scope)
    except ExpressionFailed as error:
        failure = _failed(text, error)
        note_values(failure, expression.names, scope)
        raise failure from None


def described(value: Any) -> str:
    """A FEEL value for a message."""
    try:
        return shown(f'"{value}"' if type(value) is str else written(value), VALUE_CHARS_MAX)
    except FeelError:
        return f"a {type_name(value)}"


def _failed(text: Text | None, error: Exception) -> DecisionFailed:
    if text is None:
        return DecisionFailed(str(error), java="FeelException")
    source = shown(text.text.strip())
    if text.language is Language.FEEL:
        return DecisionFailed(
            f"FEEL/SCALA-01008 Error while evaluating expression: failed to evaluate '{source}': {error}",
            java="FeelException",
        )
    return DecisionFailed(
        f"DMN-01002 Unable to evaluate expression for language '{text.name}': '{source}'. Cause: {error}"
    )
