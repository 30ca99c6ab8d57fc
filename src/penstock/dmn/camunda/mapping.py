"""From a decision's result to a variable: `camunda:mapDecisionResult`, and `decisionResult` in expressions."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock.base.errors import DecisionFailed
from penstock.dmn.camunda.results import DecisionResult, RuleResult
from penstock.expr.coerce import Problem, to_int
from penstock.expr.host import HostObject
from penstock.expr.values import EmptyList, HashMap, Integer

Native = Any


def entries(rule: RuleResult) -> HashMap:
    """A rule's outputs as a map."""
    return HashMap({name or "": value.value for name, value in rule.items()})


def single_result(result: DecisionResult) -> RuleResult | None:
    """The only rule's outputs; None when no rule matched. Raises DecisionFailed when several did."""
    if len(result.rules) > 1:
        raise DecisionFailed(
            "DMN-01008 Unable to return single decision result entries as it has more than one entry: "
            f"'{[entries(rule) for rule in result.rules]}'"
        )
    return result.rules[0] if result.rules else None


def single_entry(result: DecisionResult) -> Native:
    """The only output of the only rule; None when there is none. Raises DecisionFailed when there are several."""
    rule = single_result(result)
    return None if rule is None else _single(rule)


def _single(rule: RuleResult) -> Native:
    if len(rule) > 1:
        raise DecisionFailed(
            f"DMN-01007 Unable to return single decision entry as it has more than one entry: '{entries(rule)}'"
        )
    return next((value.value for value in rule.values()), None)


def collect(result: DecisionResult, name: str | None) -> list[Native]:
    """An output of every rule that has it."""
    return [rule[name].value for rule in result.rules if name in rule]


def _collect_entries(result: DecisionResult) -> Native:
    names = {name: None for rule in result.rules for name in rule}
    if len(names) > 1:
        raise DecisionFailed(
            f"ENGINE-22002 The decision result mapper failed to process: more than one output: '{list(names)}'"
        )
    return collect(result, next(iter(names))) if names else EmptyList()


def _single_result(result: DecisionResult) -> Native:
    rule = single_result(result)
    return None if rule is None else entries(rule)


def _result_list(result: DecisionResult) -> Native:
    return [entries(rule) for rule in result.rules]


MAPPERS: Mapping[str, Callable[[DecisionResult], Native]] = {
    "singleEntry": single_entry,
    "singleResult": _single_result,
    "collectEntries": _collect_entries,
    "resultList": _result_list,
}


def host_object(result: DecisionResult) -> HostObject:
    """`decisionResult` (Camunda 7 `DmnDecisionResult`)."""
    properties: dict[str, Callable[[], Native]] = {
        "singleResult": lambda: _failing(lambda: _single_result(result)),
        "firstResult": lambda: entries(result.rules[0]) if result.rules else None,
        "singleEntry": lambda: _failing(lambda: single_entry(result)),
        "resultList": lambda: _result_list(result),
        "empty": lambda: not result.rules,
    }
    methods: dict[str, tuple[Callable[..., Native], int, int]] = {
        **{f"get{name[0].upper()}{name[1:]}": (read, 0, 0) for name, read in properties.items() if name != "empty"},
        "collectEntries": (lambda name: collect(result, None if name is None else str(name)), 1, 1),
        "isEmpty": (lambda: not result.rules, 0, 0),
        "size": (lambda: Integer(len(result.rules)), 0, 0),
        "get": (lambda place: _at(result, place), 1, 1),
    }
    return HostObject("decisionResult", properties, methods)


def _at(result: DecisionResult, place: Native) -> Native:
    index = to_int(place)
    if not 0 <= index < len(result.rules):
        raise Problem(f"Index {index} out of bounds for length {len(result.rules)}")
    return entries(result.rules[index])


def _failing(read: Callable[[], Native]) -> Native:
    try:
        return read()
    except DecisionFailed as failed:
        raise Problem(failed.message) from failed
