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
from penstock.expr import juel
from penstock.expr.feel.compile.scope import FIRST, Code, Frame
from penstock.expr.feel.compile.tests import INPUT_SLOT
from penstock.expr.feel.expression import Expression
from penstock.expr.feel.lexer import FeelSyntaxError
from penstock.expr.feel.run import Exhausted, FeelError, shown

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

    __slots__ = ("_expression", "code", "language", "name", "text")

    def __init__(self, text: str, language: Language, name: str) -> None:
        self.text = text
        self.language = language
        self.name = name
        self._expression: Expression | None = None
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
        return self.code


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
    try:
        return from_feel(text.expression.evaluate(FeelNames(scope.lookup, scope.run), scope.run))
    except (FeelSyntaxError, FeelError, Exhausted) as error:
        raise _failed(text, error) from None


def passing(texts: Sequence[Text | None], scope: Scope, value: Any) -> list[int]:
    """The places of the FEEL tests that a value passes; None is a test that every value passes. Raises DecisionFailed."""
    found: list[int] = []
    frame: Frame = [FeelNames(scope.lookup, scope.run), scope.run, *[None] * (FRAME_SLOTS - FIRST)]
    at: Text | None = None
    try:
        frame[INPUT_SLOT] = to_feel(value)
        for place, at in enumerate(texts):
            if at is None or (at.code or at.read_tests())(frame) is True:
                found.append(place)
    except (FeelSyntaxError, FeelError, Exhausted) as error:
        raise _failed(at, error) from None
    return found


def _juel(text: Text, scope: Scope) -> Any:
    source = text.text.strip()
    if not source.startswith(("${", "#{")):
        source = f"${{{source}}}"
    try:
        return juel.parse(source).evaluate(scope)
    except ExpressionFailed as error:
        raise _failed(text, error) from None


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
