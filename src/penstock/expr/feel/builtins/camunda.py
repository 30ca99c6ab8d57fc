"""Functions that FEEL-Scala, Camunda 7's FEEL engine, has beside the standard's."""

from decimal import Decimal
from typing import Any

from penstock.expr.feel import functions
from penstock.expr.feel.builtins import contexts, conversion, moments, text
from penstock.expr.feel.builtins import lists as standard_lists
from penstock.expr.feel.builtins.moments import day_of
from penstock.expr.feel.equality import fingerprint
from penstock.expr.feel.functions import Library
from penstock.expr.feel.numbers import truncated
from penstock.expr.feel.regex.pattern import compile_pattern
from penstock.expr.feel.run import Exhausted, FeelError, Run
from penstock.expr.feel.temporal import (
    Date,
    DateTime,
    DaysTime,
    Time,
    YearsMonths,
    days_of_month,
    parse_date_time,
    parse_duration,
)

LIBRARY = Library(functions.LIBRARY)
builtin = LIBRARY.builtin


@LIBRARY.replace("number(from: string, grouping separator?: string?, decimal separator?: string?)")
def number(run: Run, from_: str, grouping: str | None = None, point: str | None = None) -> Decimal:
    return conversion.number(run, from_, grouping, point)


@LIBRARY.replace("date and time(from: string)")
def date_and_time(_run: Run, from_: str) -> DateTime:
    return parse_date_time(from_)


@builtin("date and time(date: day, time: time)")
def date_and_time_of(run: Run, date: Date | DateTime, time: Time) -> DateTime:
    return moments.date_and_time_of(run, date, time)


@LIBRARY.replace("duration(from: string)")
def duration(_run: Run, from_: str) -> DaysTime | YearsMonths:
    return parse_duration(from_)


@builtin("random number()")
def random_number(_run: Run) -> None:
    raise Exhausted("random number() is not supported: a decision depends on its inputs only; pass the number as one")


@builtin("uuid()")
def uuid(_run: Run) -> None:
    raise Exhausted("uuid() is not supported: a decision depends on its inputs only; pass the id as one")


@builtin("is defined(value: Any?)")
def is_defined(_run: Run, value: Any) -> bool:
    return value is not None


@builtin("get or else(value: Any?, default: Any?)")
def get_or_else(_run: Run, value: Any, default: Any) -> Any:
    return default if value is None else value


@builtin("assert(value: Any?, condition: Any?)")
def assert_(_run: Run, value: Any, condition: Any) -> Any:
    if condition is not True:
        raise FeelError("the condition is not fulfilled")
    return value


@builtin("trim(string: string)")
def trim(run: Run, string: str) -> str:
    trimmed = string.strip()
    run.make_text(len(trimmed))
    return trimmed


@builtin("is blank(string: string)")
def is_blank(_run: Run, string: str) -> bool:
    return not string.strip()


@builtin("extract(string: string, pattern: string)")
def extract(run: Run, string: str, pattern: str) -> list[Any]:
    found: list[Any] = []
    for match in compile_pattern(run, pattern, "").finditer(run, string):
        run.make_list(1)
        run.make_text(match.end() - match.start())
        found.append(match.group(0))
    return found


@builtin("is empty(list: list)")
def is_empty(_run: Run, items: list[Any]) -> bool:
    return not items


@builtin("duplicate values(list: list)")
def duplicate_values(run: Run, items: list[Any]) -> list[Any]:
    seen: dict[Any, int] = {}
    for item in items:
        key = fingerprint(item, run)
        seen[key] = seen.get(key, 0) + 1
    return standard_lists.distinct(run, [item for item in items if seen[fingerprint(item, run)] > 1])


@builtin("partition(list: list, size: number)")
def partition(run: Run, items: list[Any], size: Decimal) -> list[Any]:
    step = truncated(size, "the size")
    if step < 1:
        raise FeelError("the size is at least 1")
    run.make_list(len(items) * 2)
    return [items[start : start + step] for start in range(0, len(items), step)]


@builtin("string join(list: list, delimiter: string?, prefix: string?, suffix: string?)")
def string_join(run: Run, items: list[Any], delimiter: str | None, prefix: str | None, suffix: str | None) -> str:
    joined = text.string_join(run, items, delimiter)
    before, after = prefix or "", suffix or ""
    run.make_text(len(before) + len(after))
    return before + joined + after


@builtin("put(context: context, key: string, value: Any?)")
def put(run: Run, target: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return contexts.context_put(run, target, key, value)


@builtin("put all(*contexts: context)")
def put_all(run: Run, parts: list[Any]) -> dict[str, Any]:
    return contexts.context_merge(run, parts)


@builtin("last day of month(date: day)")
def last_day_of_month(_run: Run, date: Date | DateTime) -> Date:
    day = day_of(date)
    return Date(day.year, day.month, days_of_month(day.year, day.month))
