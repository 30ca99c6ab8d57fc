"""The history of an evaluation: one event for each decision (Camunda 7 `DefaultDmnHistoryEventProducer`)."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock.dmn.camunda.deployed import DeployedDecision
from penstock.dmn.camunda.results import DecisionResult, EvaluatedDecision, EvaluatedInput, EvaluatedOutput, Value
from penstock.engine.events import DecisionEvaluated
from penstock.expr.values import NULL, TypedValue, from_native


def history_of(
    decision: DeployedDecision, result: DecisionResult, new_id: Callable[[], str], **facts: Any
) -> list[DecisionEvaluated]:
    """The events of an evaluation, required decisions first. `facts`: activity, user, … of them all."""
    asked = new_id()
    found: list[DecisionEvaluated] = []
    for evaluated in result.evaluated:
        is_asked = evaluated.key == decision.key
        found.append(_event(decision, evaluated, asked if is_asked else new_id(), None if is_asked else asked, facts))
    return found


def _event(
    decision: DeployedDecision, evaluated: EvaluatedDecision, id_: str, root: str | None, facts: Mapping[str, Any]
) -> DecisionEvaluated:
    definition = decision.definitions[evaluated.key]
    return DecisionEvaluated(
        decision_instance=id_,
        definition=definition.id,
        name=definition.name,
        root=root,
        requirements=decision.requirements,
        inputs=[_input(each) for each in evaluated.inputs],
        outputs=[_output(each) for each in evaluated.outputs],
        collected=_collected(evaluated.collect_result),
        **facts,
    )


def _input(found: EvaluatedInput) -> tuple[str | None, str | None, TypedValue]:
    return found.clause_id, found.clause_name, stored(found.value)


def _output(
    found: EvaluatedOutput,
) -> tuple[str | None, str | None, str | None, int | None, str | None, TypedValue]:
    value = stored(found.value)
    return found.clause_id, found.clause_name, found.rule_id, found.rule_order, found.variable_name, value


def _collected(value: Value | None) -> float | None:
    return None if value is None or value.value is None else float(value.value)


def stored(value: Value) -> TypedValue:
    """How a value is kept; one of no type gets that of its native value."""
    try:
        return from_native(value.value)
    except TypeError:
        return NULL
