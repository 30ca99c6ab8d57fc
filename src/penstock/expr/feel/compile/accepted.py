"""What unary tests accept of numbers and texts, where their own text says it all: the rules of a decision table are found
by these sets, without asking each cell.

The sets say nothing of values of other types; those are for the tests' code.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from penstock.expr.feel import tree


class Span(msgspec.Struct, frozen=True):
    """Numbers from `low` to `high`; None is without end."""

    low: Decimal | None = None
    low_included: bool = False
    high: Decimal | None = None
    high_included: bool = False


class Accepted(msgspec.Struct, frozen=True):
    """These texts and numbers; or with `negated` all others."""

    texts: frozenset[str]
    spans: tuple[Span, ...]
    negated: bool


def accepted(node: tree.Tests) -> Accepted | None:
    """What the tests accept; None where only their code knows."""
    if not node.tests:
        return None
    texts: set[str] = set()
    spans: list[Span] = []
    for test in node.tests:
        if isinstance(test, tree.Constant) and type(test.value) is str:
            texts.add(test.value)
            continue
        found = _spans(test)
        if found is None:
            return None
        spans.extend(found)
    return Accepted(frozenset(texts), tuple(spans), node.negated)


def _spans(test: tree.Node) -> Sequence[Span] | None:
    if isinstance(test, tree.Constant):
        return [_point(test.value)] if type(test.value) is Decimal else []
    if isinstance(test, tree.UnaryRange):
        endpoint = _number(test.endpoint)
        return None if endpoint is None else _compared(test.operator, endpoint)
    if isinstance(test, tree.Interval):
        low, high = _number(test.start), _number(test.end)
        if low is not None and high is not None and low <= high:
            return [Span(low, test.start_included, high, test.end_included)]
    return None


def _number(node: tree.Node) -> Decimal | None:
    value: Any = node.value if isinstance(node, tree.Constant) else None
    return value if type(value) is Decimal else None


def _point(value: Decimal) -> Span:
    return Span(value, True, value, True)


def _compared(operator: str, endpoint: Decimal) -> Sequence[Span]:
    below, above = Span(high=endpoint, high_included=operator == "<="), Span(endpoint, operator == ">=")
    if operator == "=":
        return [_point(endpoint)]
    if operator == "!=":
        return [below, above]
    return [below if operator[0] == "<" else above]
