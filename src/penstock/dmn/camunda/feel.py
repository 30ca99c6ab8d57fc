"""FEEL as Camunda 7 uses it: Java's values in and out, the functions of FEEL-Scala beside the standard's."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from penstock.expr.feel.builtins.camunda import LIBRARY
from penstock.expr.feel.convert import cells
from penstock.expr.feel.expression import Environment
from penstock.expr.feel.numbers import from_int, rounded
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.temporal import Date, DateTime, DaysTime, Time, YearsMonths
from penstock.expr.values import Integer, JsonNode, Short

ENVIRONMENT = Environment(library=LIBRARY, strict_methods=True)
DEPTH_MAX = 100

_NUMBERS = (int, Integer, Short)
_TEMPORAL = (Date, Time, DaysTime, YearsMonths)
_LONG = 1 << 63


class FeelNames(Mapping[str, Any]):
    """Native values by name as FEEL values, converted when they are first asked for."""

    def __init__(self, lookup: Callable[[str], Any], run: Run) -> None:
        self._lookup = lookup
        self._run = run
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            value = to_feel(self._lookup(name))
            self._run.admit(cells(value))
            self._known[name] = value
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def to_feel(value: Any, depth: int = 0) -> Any:
    """A native value in FEEL; what FEEL does not know stays what it is. Raises FeelError."""
    if depth > DEPTH_MAX:
        raise FeelError("a value is nested too deeply")
    if value is None or isinstance(value, bool | str):
        return value
    if type(value) in _NUMBERS:
        return from_int(int(value))
    if isinstance(value, float):
        return rounded(Decimal(repr(value)))
    if isinstance(value, datetime):
        return _local(value)
    if isinstance(value, JsonNode):
        return to_feel(value.data, depth + 1)
    if isinstance(value, list | tuple):
        return [to_feel(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): to_feel(item, depth + 1) for key, item in value.items()}
    return value


def _local(value: datetime) -> DateTime:
    """A Java `Date` is a local date and time in FEEL, on the server's clock, which is UTC here."""
    moment = value.astimezone(UTC)
    time = Time(moment.hour, moment.minute, moment.second, moment.microsecond * 1000)
    return DateTime(Date(moment.year, moment.month, moment.day), time)


def from_feel(value: Any) -> Any:
    """A FEEL value as a native one: whole numbers are Long, others Double, moments Date, the rest of them texts."""
    if type(value) is Decimal:
        return _number(value)
    if type(value) is DateTime:
        return _date(value)
    if isinstance(value, _TEMPORAL):
        return value.isoformat()
    if type(value) is list:
        return [from_feel(item) for item in value]
    if type(value) is dict:
        return {key: from_feel(item) for key, item in value.items()}
    return value


def _number(value: Decimal) -> Any:
    if value.adjusted() < 20 and value == int(value) and -_LONG <= value < _LONG:
        return int(value)
    return float(value)


def _date(value: DateTime) -> Any:
    if not 1 <= value.date.year <= 9999:
        return value.isoformat()
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value.instant() // 1000)
