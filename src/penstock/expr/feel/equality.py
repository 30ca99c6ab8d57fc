"""When two values are equal, and which one is less (DMN 1.5 §10.3.2.13, tables 50 to 53).

The answer is True, False, or None where the values cannot be compared.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from penstock.expr.feel.run import Run
from penstock.expr.feel.temporal import NANOS, Date, DateTime, DaysTime, Time, YearsMonths
from penstock.expr.feel.values import Function, Range

_PLAIN = frozenset({bool, str, Decimal, DaysTime, YearsMonths, Date})
ORDERED = (Decimal, str)
"""Of two values of one of these types `COMPARISONS` says it all."""
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def equal(a: Any, b: Any, run: Run | None = None) -> bool | None:
    """`a = b`: null only equals null, values of different types compare as null."""
    kind = type(a)
    if kind is type(b):
        if kind in _PLAIN:
            return bool(a == b)
        return _equal_same(kind, a, b, run)
    if a is None or b is None:
        return False
    if isinstance(a, Function) and isinstance(b, Function):
        return a is b
    return None


def _equal_same(kind: type, a: Any, b: Any, run: Run | None) -> bool | None:
    if kind is type(None):
        return True
    if kind is list:
        return _equal_lists(a, b, run)
    if kind is dict:
        return _equal_contexts(a, b, run)
    if kind is Time:
        return _equal_times(a, b)
    if kind is DateTime:
        return _equal_date_times(a, b)
    if kind is Range:
        return _equal_ranges(a, b, run)
    return a is b


def _equal_lists(a: list[Any], b: list[Any], run: Run | None) -> bool:
    if len(a) != len(b):
        return False
    if run is not None:
        run.spend(len(a))
    return all(equal(x, y, run) for x, y in zip(a, b, strict=True))


def _equal_contexts(a: dict[str, Any], b: dict[str, Any], run: Run | None) -> bool:
    if a.keys() != b.keys():
        return False
    if run is not None:
        run.spend(len(a))
    return all(equal(value, b[key], run) for key, value in a.items())


def _equal_times(a: Time, b: Time) -> bool:
    if type(a.zone) is type(b.zone) and a.zone == b.zone:
        return a.seconds == b.seconds
    first, second = a.offset, b.offset
    if first is None or second is None:
        return False
    return a.seconds - first == b.seconds - second


def _equal_date_times(a: DateTime, b: DateTime) -> bool:
    first, second = a.offset, b.offset
    if first is None and second is None:
        return a.local_seconds == b.local_seconds
    if first is None or second is None:
        return False
    return a.local_seconds - first == b.local_seconds - second


def _equal_ranges(a: Range, b: Range, run: Run | None) -> bool:
    if (a.operator, a.start_included, a.end_included) != (b.operator, b.start_included, b.end_included):
        return False
    return bool(equal(a.start, b.start, run) and equal(a.end, b.end, run))


def same(a: Any, b: Any) -> bool:
    """`is(a, b)`: equal, and of the same kind down to the zone of a time."""
    if type(a) is not type(b):
        return False
    if type(a) is Time:
        return a.zone == b.zone and type(a.zone) is type(b.zone) and a.seconds == b.seconds
    if type(a) is DateTime:
        return a.date == b.date and same(a.time, b.time)
    return equal(a, b) is True


def less(a: Any, b: Any) -> bool | None:
    """`a < b`: for two numbers, texts, moments or durations of one type."""
    kind = type(a)
    if kind is not type(b):
        return None
    if kind is Decimal or kind is str:
        return bool(a < b)
    key = _KEYS.get(kind)
    if key is None:
        return None
    first, second = key(a), key(b)
    if type(first) is not type(second):
        return None
    return bool(first < second)


def _time_key(value: Time) -> Any:
    offset = value.offset
    return (value.nanos,) if offset is None else value.nanos - offset * NANOS


def _date_time_key(value: DateTime) -> Any:
    """A tuple for local times, so that they compare with each other only."""
    return (value.local_nanos,) if value.zone is None else value.instant()


_KEYS: dict[type, Any] = {
    Date: lambda value: value.key,
    Time: _time_key,
    DateTime: _date_time_key,
    DaysTime: lambda value: value.nanos,
    YearsMonths: lambda value: value.months,
}

COMPARABLE = frozenset({Decimal, str, *_KEYS})


def at_most(a: Any, b: Any) -> bool | None:
    """`a <= b`."""
    kind = type(a)
    if kind is type(b) and (kind is Decimal or kind is str):
        return bool(a <= b)
    before = less(a, b)
    return before if before is not False else equal(a, b)


def compare(operator: str, a: Any, b: Any, run: Run | None = None) -> bool | None:
    """`a operator b` for the six comparisons."""
    if operator == "=":
        return equal(a, b, run)
    if operator == "!=":
        found = equal(a, b, run)
        return None if found is None else not found
    if operator == "<":
        return less(a, b)
    if operator == "<=":
        return at_most(a, b)
    return less(b, a) if operator == ">" else at_most(b, a)


def includes(range_: Range, value: Any, run: Run | None = None) -> bool | None:
    """Whether a value lies in a range; None where it cannot be compared with the endpoints."""
    if range_.operator:
        endpoint = range_.end if range_.start is None else range_.start
        return compare(range_.operator, value, endpoint, run)
    low = compare("<=" if range_.start_included else "<", range_.start, value)
    high = compare("<=" if range_.end_included else "<", value, range_.end)
    if low is False or high is False:
        return False
    return None if low is None or high is None else True


def member(value: Any, test: Any, run: Run | None = None) -> bool | None:
    """`value in test`: equal to it, inside of the range, or a member of the list."""
    if type(test) is Range and type(value) is not Range:
        return includes(test, value, run)
    if type(test) is not list:
        return equal(value, test, run)
    if type(value) is list and equal(value, test, run):
        return True
    if run is not None:
        run.spend(len(test))
    return any(
        includes(item, value, run) if type(item) is Range and type(value) is not Range else equal(value, item, run)
        for item in test
    )


def three_valued(decisive: bool, values: Sequence[bool | None]) -> bool | None:
    """`decisive` if one value is, null if one is no boolean, else the opposite (§10.3.2.15, table 48)."""
    if any(value is decisive for value in values):
        return decisive
    return not decisive if all(type(value) is bool for value in values) else None


def fingerprint(value: Any, run: Run) -> Any:
    """Something hashable that two values share when they are equal."""
    run.spend(1)
    kind = type(value)
    if kind in _PLAIN or value is None:
        return kind, value
    if kind is list:
        return list, tuple([fingerprint(item, run) for item in value])
    if kind is dict:
        return dict, frozenset((key, fingerprint(item, run)) for key, item in value.items())
    if kind is Range:
        ends = fingerprint(value.start, run), fingerprint(value.end, run)
        return Range, value.operator, value.start_included, value.end_included, ends
    if kind is Time or kind is DateTime:
        offset = value.offset
        seconds = value.seconds if kind is Time else value.local_seconds
        return kind, offset is None, seconds - (offset or 0)
    return kind, id(value)
