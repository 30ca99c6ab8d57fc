"""Functions that make one value of a list: `min`, `sum`, `all`, … (DMN 1.5 §10.3.4.4).

Each takes a list, or its items as arguments.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from penstock.expr.feel.equality import COMPARABLE, less, three_valued
from penstock.expr.feel.functions import builtin
from penstock.expr.feel.numbers import CONTEXT, ONE, ZERO
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.temporal import DaysTime, YearsMonths

Aggregate = Callable[[Run, list[Any]], Any]


def aggregate(name: str) -> Callable[[Aggregate], Aggregate]:
    """Declares `name(list)` and `name(item, item, …)`."""

    def declare(body: Aggregate) -> Aggregate:
        builtin(f"{name}(list: list)")(body)
        builtin(f"{name}(*n: Any?)")(body)
        return body

    return declare


def numbers(items: list[Any]) -> list[Decimal]:
    """The items, which are all numbers. Raises FeelError."""
    for item in items:
        if type(item) is not Decimal:
            raise FeelError("only numbers are taken together")
    return items


def _some_numbers(items: list[Any]) -> list[Decimal]:
    if not items:
        raise FeelError("the list is empty")
    return numbers(items)


def _extreme(items: list[Any], better: Callable[[Any, Any], bool | None]) -> Any:
    if not items:
        raise FeelError("the list is empty")
    best = items[0]
    if type(best) not in COMPARABLE:
        raise FeelError("only numbers, texts, moments and durations can be compared")
    for item in items[1:]:
        found = better(item, best)
        if found is None:
            raise FeelError("values of different types cannot be compared")
        if found:
            best = item
    return best


@aggregate("min")
def min_(run: Run, items: list[Any]) -> Any:
    run.spend(len(items))
    return _extreme(items, less)


@aggregate("max")
def max_(run: Run, items: list[Any]) -> Any:
    run.spend(len(items))
    return _extreme(items, lambda a, b: less(b, a))


@aggregate("sum")
def sum_(run: Run, items: list[Any]) -> Any:
    run.spend(len(items))
    if items and all(isinstance(item, DaysTime) for item in items):
        return DaysTime(sum(item.nanos for item in items))
    if items and all(isinstance(item, YearsMonths) for item in items):
        return YearsMonths(sum(item.months for item in items))
    return _sum(_some_numbers(items))


def _sum(items: list[Decimal]) -> Decimal:
    total = ZERO
    for item in items:
        total = CONTEXT.add(total, item)
    return total


@aggregate("product")
def product(run: Run, items: list[Any]) -> Decimal:
    run.spend(len(items))
    found = ONE
    for item in _some_numbers(items):
        found = CONTEXT.multiply(found, item)
    return found


@aggregate("mean")
def mean(run: Run, items: list[Any]) -> Any:
    run.spend(len(items))
    if items and all(isinstance(item, DaysTime) for item in items):
        return DaysTime(sum(item.nanos for item in items) // len(items))
    if items and all(isinstance(item, YearsMonths) for item in items):
        return YearsMonths(sum(item.months for item in items) // len(items))
    return CONTEXT.divide(_sum(_some_numbers(items)), Decimal(len(items)))


@aggregate("median")
def median(run: Run, items: list[Any]) -> Decimal:
    run.make_list(len(items))
    ordered = sorted(_some_numbers(items))
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return CONTEXT.divide(CONTEXT.add(ordered[middle - 1], ordered[middle]), Decimal(2))


@aggregate("stddev")
def stddev(run: Run, items: list[Any]) -> Decimal:
    """The sample's standard deviation, which needs two numbers."""
    run.spend(len(items))
    if len(numbers(items)) < 2:
        raise FeelError("a standard deviation takes at least two numbers")
    average = CONTEXT.divide(_sum(items), Decimal(len(items)))
    deviations = [CONTEXT.subtract(item, average) for item in items]
    squares = _sum([CONTEXT.multiply(deviation, deviation) for deviation in deviations])
    return CONTEXT.sqrt(CONTEXT.divide(squares, Decimal(len(items) - 1)))


@aggregate("mode")
def mode(run: Run, items: list[Any]) -> list[Any]:
    run.make_list(len(items))
    counts: dict[Decimal, int] = {}
    for item in numbers(items):
        counts[item] = counts.get(item, 0) + 1
    most = max(counts.values(), default=0)
    return sorted(item for item, found in counts.items() if found == most)


@aggregate("all")
def all_(run: Run, items: list[Any]) -> bool | None:
    run.spend(len(items))
    return three_valued(False, items)


@aggregate("any")
def any_(run: Run, items: list[Any]) -> bool | None:
    run.spend(len(items))
    return three_valued(True, items)
