"""FEEL, the Friendly Enough Expression Language (DMN 1.5 chapter 10): parsed once, run as closures, bounded.

    >>> evaluate("for i in 1..3 return i * factor", {"factor": 2})
    [Decimal('2'), Decimal('4'), Decimal('6')]

There is no error at run time: what has no value is null, and a message says why. An evaluation that would take too long
or make too much (`run`) is null as a whole.
"""

from collections.abc import Mapping
from typing import Any

from penstock.expr.feel.convert import cells, from_feel, to_feel
from penstock.expr.feel.expression import Environment, Expression, UnaryTests
from penstock.expr.feel.lexer import FeelSyntaxError
from penstock.expr.feel.run import Exhausted, FeelError, Run
from penstock.expr.feel.temporal import YearsMonths

__all__ = [
    "Environment",
    "Exhausted",
    "Expression",
    "FeelError",
    "FeelSyntaxError",
    "Run",
    "UnaryTests",
    "YearsMonths",
    "evaluate",
    "from_feel",
    "to_feel",
]


def evaluate(text: str, variables: Mapping[str, Any] | None = None, now_ns: int | None = None) -> Any:
    """The value of one expression, parsed for this once. Raises FeelSyntaxError, FeelError for a variable of no FEEL
    type, Exhausted."""
    names = {name: to_feel(value) for name, value in (variables or {}).items()}
    run = Run(now_ns, cells(names))
    return from_feel(Environment(names).expression(text).evaluate(names, run))
