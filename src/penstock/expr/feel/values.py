"""FEEL values and what they are called.

| FEEL                        | here                                         |
|-----------------------------|----------------------------------------------|
| null, boolean, string       | None, bool, str                              |
| number                      | Decimal                                      |
| list, context               | list, dict (never changed once made)         |
| date, time, date and time   | `temporal.Date`, `Time`, `DateTime`          |
| durations                   | `temporal.DaysTime`, `temporal.YearsMonths`  |
| range                       | `Range`                                      |
| function                    | `Function`                                   |
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from penstock.expr.feel.run import FeelError, Run, listed
from penstock.expr.feel.temporal import Date, DateTime, DaysTime, Time, YearsMonths


class Range:
    """`[1..10)`, or a comparison such as `(< 10)`.

    `operator` is that of a comparison, "" for an interval. A comparison has one endpoint; the other is null and not
    included. `=` has the same endpoint twice, and `!=` holds everything but its endpoint.
    """

    __slots__ = ("end", "end_included", "operator", "start", "start_included")

    def __init__(self, start: Any, start_included: bool, end: Any, end_included: bool, operator: str = "") -> None:
        self.start = start
        self.start_included = start_included
        self.end = end
        self.end_included = end_included
        self.operator = operator


def comparison_range(operator: str, endpoint: Any) -> Range:
    """The range of `(< 10)` and its like."""
    if operator in ("=", "!="):
        included = operator == "="
        return Range(endpoint, included, endpoint, included, operator)
    if operator[0] == "<":
        return Range(None, False, endpoint, operator == "<=", operator)
    return Range(endpoint, operator == ">=", None, False, operator)


class Function:
    """Anything that can be called: a function literal, a built-in function, a model's BKM or decision service.

    `parameters`: names in order. `types` and `result`: declared types (`types.Type`), None where there are none.
    """

    __slots__ = ("name", "parameters", "result", "types")

    def __init__(self, name: str, parameters: Sequence[str], types: Sequence[Any], result: Any = None) -> None:
        self.name = name
        self.parameters = tuple(parameters)
        self.types = tuple(types)
        self.result = result

    def call(self, run: Run, args: list[Any]) -> Any:
        """The function's value for arguments by position. Raises FeelError, Exhausted."""
        raise NotImplementedError

    def call_named(self, run: Run, args: Mapping[str, Any]) -> Any:
        """The function's value for arguments by name. Raises FeelError, Exhausted."""
        unknown = [name for name in args if name not in self.parameters]
        if unknown or len(args) != len(self.parameters):
            raise FeelError(f"{self.name} has the parameters {listed(self.parameters)}, not {listed(list(args))}")
        return self.call(run, [args[name] for name in self.parameters])


TYPE_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    str: "string",
    Decimal: "number",
    list: "list",
    dict: "context",
    Date: "date",
    Time: "time",
    DateTime: "date and time",
    DaysTime: "days and time duration",
    YearsMonths: "years and months duration",
    Range: "range",
}


def type_name(value: Any) -> str:
    """What FEEL calls the type of a value."""
    return TYPE_NAMES.get(type(value)) or ("function" if isinstance(value, Function) else type(value).__name__)
