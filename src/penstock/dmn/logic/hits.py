"""Hit policies and aggregations (DMN 1.5 §8.2.8, §8.2.11)."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from penstock.dmn import model
from penstock.dmn.logic.builder import Logic, Names, fitted
from penstock.expr.feel.builtins import aggregates
from penstock.expr.feel.equality import equal
from penstock.expr.feel.expression import UnaryTests
from penstock.expr.feel.numbers import ArithmeticFailed
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.types import Type

Results = Sequence[list[Any]]
"""For each matching rule, the value of each output."""


class Output:
    """An output: its name, its type, its values from the most to the least wanted, its default."""

    __slots__ = ("default", "name", "of", "ranks")

    def __init__(self, name: str, of: Type | None, ranks: Sequence[UnaryTests], default: Logic | None) -> None:
        self.name = name
        self.of = of
        self.ranks = ranks
        self.default = default

    def fit(self, value: Any, run: Run) -> Any:
        return value if self.of is None else fitted(self.of, value, run)

    def rank(self, value: Any, run: Run) -> int:
        """The value's place among the output values, the last one for any other."""
        for place, test in enumerate(self.ranks):
            if test.matches({}, run, value):
                return place
        return len(self.ranks)


def _joined(outputs: Sequence[Output], values: Sequence[Any]) -> Any:
    """The value of a rule: that of the only output, or a context of them all."""
    if len(outputs) == 1:
        return values[0] if values else None
    return {output.name: value for output, value in zip(outputs, values, strict=False)}


def default(boxed: model.Table, outputs: Sequence[Output], names: Names, run: Run) -> Any:
    """The result when no rule matches."""
    if any(output.default is not None for output in outputs):
        values = [None if output.default is None else output.fit(output.default(names, run), run) for output in outputs]
        return _joined(outputs, values)
    if boxed.aggregation is model.Aggregation.COUNT:
        return Decimal(0)
    if boxed.hit_policy is model.HitPolicy.COLLECT and boxed.aggregation is None:
        return []
    return None


def _unique(boxed: model.Table, outputs: Sequence[Output], found: Results, run: Run) -> Any:
    if len(found) > 1:
        run.note(f"{len(found)} rules match where only one may")
        return None
    return _joined(outputs, found[0])


def _first(boxed: model.Table, outputs: Sequence[Output], found: Results, run: Run) -> Any:
    return _joined(outputs, found[0])


def _any(boxed: model.Table, outputs: Sequence[Output], found: Results, run: Run) -> Any:
    if any(equal(values, found[0], run) is not True for values in found[1:]):
        run.note("rules match whose results are not the same")
        return None
    return _joined(outputs, found[0])


def _ordered(outputs: Sequence[Output], found: Results, run: Run) -> list[list[Any]]:
    return sorted(
        found, key=lambda values: [output.rank(value, run) for output, value in zip(outputs, values, strict=False)]
    )


def _priority(boxed: model.Table, outputs: Sequence[Output], found: Results, run: Run) -> Any:
    return _joined(outputs, _ordered(outputs, found, run)[0])


def _output_order(boxed: model.Table, outputs: Sequence[Output], found: Results, run: Run) -> Any:
    return [_joined(outputs, values) for values in _ordered(outputs, found, run)]


def _rule_order(boxed: model.Table, outputs: Sequence[Output], found: Results, run: Run) -> Any:
    return [_joined(outputs, values) for values in found]


def _collect(boxed: model.Table, outputs: Sequence[Output], found: Results, run: Run) -> Any:
    if boxed.aggregation is None:
        return _rule_order(boxed, outputs, found, run)
    aggregate = _AGGREGATIONS[boxed.aggregation]
    columns = [list(column) for column in zip(*found, strict=True)]
    try:
        return _joined(outputs, [aggregate(run, column) for column in columns])
    except (FeelError, ArithmeticFailed) as error:
        run.note(f"the results cannot be taken together: {error}")
        return None


def _count(run: Run, values: list[Any]) -> Decimal:
    return Decimal(len(values))


_AGGREGATIONS: Mapping[model.Aggregation, Callable[[Run, list[Any]], Any]] = {
    model.Aggregation.SUM: aggregates.sum_,
    model.Aggregation.COUNT: _count,
    model.Aggregation.MIN: aggregates.min_,
    model.Aggregation.MAX: aggregates.max_,
}

POLICIES: Mapping[model.HitPolicy, Callable[[model.Table, Sequence[Output], Results, Run], Any]] = {
    model.HitPolicy.UNIQUE: _unique,
    model.HitPolicy.FIRST: _first,
    model.HitPolicy.ANY: _any,
    model.HitPolicy.PRIORITY: _priority,
    model.HitPolicy.RULE_ORDER: _rule_order,
    model.HitPolicy.OUTPUT_ORDER: _output_order,
    model.HitPolicy.COLLECT: _collect,
}
