"""Camunda 7's hit policies and aggregations (`org.camunda.bpm.dmn.engine.impl.hitpolicy`)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.base.errors import DecisionFailed
from penstock.dmn import model
from penstock.dmn.camunda.definitions import Rule, Table
from penstock.dmn.camunda.results import Value
from penstock.expr.values import Integer

Matches = list[tuple[Rule, dict[str | None, Value]]]


def _unique(found: Matches) -> Matches:
    if len(found) > 1:
        raise DecisionFailed(
            f"DMN-03001 Hit policy 'UNIQUE' only allows a single rule to match. Actually match rules: '{_ids(found)}'.",
            java="DmnHitPolicyException",
        )
    return found


def _any(found: Matches) -> Matches:
    if any(result != found[0][1] for _, result in found[1:]):
        raise DecisionFailed(
            "DMN-03002 Hit policy 'ANY' requires that all matching rules have the same output. Actually match rules:"
            f" '{_ids(found)}'.",
            java="DmnHitPolicyException",
        )
    return found[:1]


def _ids(found: Matches) -> str:
    return ", ".join(rule.id or "" for rule, _ in found)


POLICIES: Mapping[model.HitPolicy, Callable[[Matches], Matches]] = {
    model.HitPolicy.UNIQUE: _unique,
    model.HitPolicy.ANY: _any,
    model.HitPolicy.FIRST: lambda found: found[:1],
    model.HitPolicy.RULE_ORDER: lambda found: found,
    model.HitPolicy.COLLECT: lambda found: found,
}


def collect(table: Table, found: Matches) -> tuple[str | None, Value] | None:
    """Name and value that an aggregation makes of the results; None where there is none, or nothing to aggregate."""
    if table.hit_policy is not model.HitPolicy.COLLECT or table.aggregation is None:
        return None
    values: list[Value] = []
    for _, result in found:
        if len(result) > 1:
            raise DecisionFailed(
                f"DMN-03003 Unable to execute aggregation '{table.aggregation.value}' on compound decision output"
                f" '{', '.join(str(name) for name in result)}'. Only one output entry allowed.",
                java="DmnHitPolicyException",
            )
        values.extend(result.values())
    if table.aggregation is model.Aggregation.COUNT:
        return _name(found), Value("Integer", Integer(len(values)))
    return (_name(found), _aggregated(table.aggregation, values)) if values else None


def _name(found: Matches) -> str | None:
    return next((name for _, result in found for name in result), None)


def _aggregated(aggregation: model.Aggregation, values: Sequence[Value]) -> Value:
    """All values are of one type: Integer, Long or Double."""
    for type_, classes in _NUMBERS.items():
        if all(_is(value, type_, classes) for value in values):
            made = _AGGREGATES[aggregation]([value.value for value in values])
            return Value(type_, _wrapped(type_, made))
    shown = ", ".join(str(value.value) for value in values)
    raise DecisionFailed(
        f"DMN-03004 Unable to convert values '{shown}' to aggregatable types 'Integer, Long, Double'.",
        java="DmnHitPolicyException",
    )


def _is(value: Value, type_: str, classes: type) -> bool:
    return value.type == type_ or (value.type is None and type(value.value) is classes)


def _wrapped(type_: str, value: Any) -> Any:
    if type_ == "Double":
        return float(value)
    bits = 32 if type_ == "Integer" else 64
    value = (int(value) + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
    return Integer(value) if type_ == "Integer" else value


_NUMBERS: Mapping[str, type] = {"Integer": Integer, "Long": int, "Double": float}
_AGGREGATES: Mapping[model.Aggregation, Callable[[list[Any]], Any]] = {
    model.Aggregation.SUM: sum,
    model.Aggregation.MIN: min,
    model.Aggregation.MAX: max,
}
