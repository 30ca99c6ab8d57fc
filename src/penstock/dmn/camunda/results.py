"""What an evaluation in Camunda's dialect gives: the result, and the evaluated decisions for the history."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Value(msgspec.Struct, frozen=True):
    """A value and its Camunda type; an untyped one has None (its clause declares no type that Camunda knows).

    `value` is native (`penstock.expr.values`).
    """

    type: str | None
    value: Any = None


NULL = Value("Null")

RuleResult = Mapping[str | None, Value]
"""The outputs of one rule by name. An output without a name has the name None."""


class EvaluatedInput(msgspec.Struct, frozen=True):
    clause_id: str | None
    clause_name: str | None
    value: Value


class EvaluatedOutput(msgspec.Struct, frozen=True):
    """`rule_order`: the place of the rule among those that matched, from 1; None for a literal expression."""

    variable_name: str | None
    value: Value
    clause_id: str | None = None
    clause_name: str | None = None
    rule_id: str | None = None
    rule_order: int | None = None


class EvaluatedDecision(msgspec.Struct, frozen=True):
    """One decision that was evaluated (Camunda 7 `DmnDecisionLogicEvaluationEvent`).

    `elements`: how many cells Camunda counts for it (`executed-decision-elements`).
    """

    key: str
    inputs: tuple[EvaluatedInput, ...]
    outputs: tuple[EvaluatedOutput, ...]
    collect_result: Value | None
    elements: int


class DecisionResult(msgspec.Struct, frozen=True):
    """Camunda 7's `DmnDecisionResult`, and what was evaluated for it: required decisions first, the decision last."""

    rules: tuple[RuleResult, ...]
    evaluated: tuple[EvaluatedDecision, ...]
