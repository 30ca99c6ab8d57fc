"""Evaluating a decision as Camunda 7's DMN engine does (`DefaultDmnDecisionContext`, its evaluation handlers)."""

from typing import Any

from penstock.base.errors import DecisionFailed
from penstock.dmn import model
from penstock.dmn.camunda import hits
from penstock.dmn.camunda.data_types import fit
from penstock.dmn.camunda.definitions import CamundaDecision, CamundaModel, LiteralLogic, Rule, Table
from penstock.dmn.camunda.expressions import Column, Language, Steps, Text, evaluate
from penstock.dmn.camunda.results import (
    NULL,
    DecisionResult,
    EvaluatedDecision,
    EvaluatedInput,
    EvaluatedOutput,
    RuleResult,
    Value,
)
from penstock.dmn.camunda.scope import Scope
from penstock.dmn.rule_index import places
from penstock.expr.feel.run import Run
from penstock.expr.host import Resolver

STEPS_PER_CELL = 10
"""What each cell of a model adds to the budget: a table is bounded by its own text."""


def evaluate_decision(source: CamundaModel, key: str, names: Resolver) -> Steps:
    """The `DecisionResult` of a decision, after all that it requires; scripts are asked for (`ScriptCall`).

    Raises DecisionFailed with Camunda's message.
    """
    order = source.order(key)
    run = Run(names.now_ms() * 1_000_000)
    scope = Scope(names, run)
    evaluated: list[EvaluatedDecision] = []
    rules: tuple[RuleResult, ...] = ()
    try:
        for decision in order:
            run.steps += STEPS_PER_CELL * _elements(decision)
            try:
                event, rules = yield from _evaluate(decision, scope)
            except DecisionFailed as failure:
                failure.trace.append(f"at decision '{decision.key}'{_title(decision.facts.name)}")
                raise
            evaluated.append(event)
            if decision.key != key:
                _publish(decision, rules, scope)
    except RecursionError:
        raise DecisionFailed("an expression or a value is nested too deeply") from None
    return DecisionResult(rules, tuple(evaluated))


def _elements(decision: CamundaDecision) -> int:
    return decision.logic.elements if isinstance(decision.logic, Table) else 1


def _publish(decision: CamundaDecision, rules: tuple[RuleResult, ...], scope: Scope) -> None:
    """The result of a required decision becomes variables: single values, or lists where many rules may match."""
    if not rules:
        return
    if len(rules) == 1 and not _makes_lists(decision):
        scope.own.update({name or "": value.value for name, value in rules[0].items()})
        return
    for name in {name: None for rule in rules for name in rule}:
        scope.own[name or ""] = [rule[name].value for rule in rules if name in rule]


def _makes_lists(decision: CamundaDecision) -> bool:
    table = decision.logic
    if not isinstance(table, Table):
        return False
    is_collect = table.hit_policy is model.HitPolicy.COLLECT and table.aggregation is None
    return is_collect or table.hit_policy is model.HitPolicy.RULE_ORDER


def _evaluate(decision: CamundaDecision, scope: Scope) -> Steps:
    if isinstance(decision.logic, LiteralLogic):
        return (yield from _literal(decision, decision.logic, scope))
    return (yield from _table(decision, decision.logic, scope))


def _literal(decision: CamundaDecision, logic: LiteralLogic, scope: Scope) -> Steps:
    found = None if logic.expression is None else (yield from evaluate(logic.expression, scope))
    value = fit(found, logic.type_ref)
    event = EvaluatedDecision(decision.key, (), (EvaluatedOutput(logic.name, value),), None, 1)
    return event, ({logic.name: value},)


def _table(decision: CamundaDecision, table: Table, scope: Scope) -> Steps:
    inputs: list[EvaluatedInput] = []
    matching = (1 << len(table.rules)) - 1
    for place, clause in enumerate(table.inputs):
        value = NULL
        local = scope
        try:
            if clause.expression is not None:
                value = fit((yield from evaluate(clause.expression, scope)), clause.type_ref)
                local = scope.within(clause.variable, value.value)
            inputs.append(EvaluatedInput(clause.id, clause.label, value))
            column = table.columns[place]
            if column is not None:
                matching = column.passing(matching, local, value.value)
            else:
                matching = yield from _still_matching(table, matching, place, local, value.value)
        except DecisionFailed as failure:
            failure.trace.append(f"at input '{clause.id}'{_title(clause.label)}")
            raise
    results: list[tuple[Rule, dict[str | None, Value]]] = []
    for place in places(matching):
        rule = table.rules[place]
        results.append((rule, (yield from _outputs(table, rule, scope))))
    kept = hits.POLICIES[table.hit_policy](results)
    collected = hits.collect(table, kept)
    rules = tuple(result for _, result in kept) if collected is None else ({collected[0]: collected[1]},)
    event = EvaluatedDecision(
        decision.key,
        tuple(inputs),
        _evaluated_outputs(table, kept),
        None if collected is None else collected[1],
        table.elements,
    )
    return event, rules


def _still_matching(table: Table, rules: int, column: int, scope: Scope, value: Any) -> Steps:
    """Those of a set of rules whose cells pass, where not all are FEEL."""
    kept = 0
    for place in places(rules):
        test = table.rules[place].tests[column]
        if test is None or (yield from _passes(test, scope, value)):
            kept |= 1 << place
    return kept


def _passes(test: Text, scope: Scope, value: Any) -> Steps:
    if test.language is Language.FEEL:
        return bool(Column([test]).passing(1, scope, value))
    return (yield from evaluate(test, scope)) is True


def _outputs(table: Table, rule: Rule, scope: Scope) -> Steps:
    """The outputs of a rule; an empty cell gives none."""
    found: dict[str | None, Value] = {}
    for clause, text in zip(table.outputs, rule.outputs, strict=True):
        if text is not None:
            try:
                found[clause.name] = fit((yield from evaluate(text, scope)), clause.type_ref)
            except DecisionFailed as failure:
                failure.trace.append(f"at output '{clause.id}'{_title(clause.label or clause.name)}")
                failure.trace.append(f"at rule {table.rules.index(rule) + 1}{_title(rule.id)}")
                raise
    return found


def _title(name: str | None) -> str:
    return f" ({name})" if name else ""


def _evaluated_outputs(table: Table, kept: list[tuple[Rule, dict[str | None, Value]]]) -> tuple[EvaluatedOutput, ...]:
    return tuple(
        EvaluatedOutput(clause.name, result[clause.name], clause.id, clause.label, rule.id, order)
        for order, (rule, result) in enumerate(kept, 1)
        for clause in table.outputs
        if clause.name in result
    )
