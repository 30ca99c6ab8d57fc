"""Functions on texts, by code points (DMN 1.5 §10.3.4.3)."""

from decimal import Decimal
from typing import Any

from penstock.expr.feel.functions import builtin
from penstock.expr.feel.numbers import truncated
from penstock.expr.feel.regex.pattern import compile_pattern, expand, parse_replacement
from penstock.expr.feel.regex.syntax import SPECIAL
from penstock.expr.feel.run import FeelError, Run

CHARS_PER_STEP = 4
"""How much of a replacement takes a step to read."""


@builtin("substring(string: string, start position: number, length?: number?)")
def substring(run: Run, string: str, start_position: Decimal, length: Decimal | None = None) -> str:
    start = truncated(start_position, "the start position")
    if start == 0 or abs(start) > len(string):
        raise FeelError(f"a text of {len(string)} characters has no position {start}")
    begin = start - 1 if start > 0 else len(string) + start
    count = len(string) if length is None else truncated(length, "the length")
    if count < 1:
        raise FeelError("the length is at least 1")
    return _kept(run, string[begin : begin + count])


def _kept(run: Run, part: str) -> str:
    """Part of a text, which is a text of its own."""
    run.make_text(len(part))
    return part


@builtin("string length(string: string)")
def string_length(_run: Run, string: str) -> Decimal:
    return Decimal(len(string))


@builtin("upper case(string: string)")
def upper_case(run: Run, string: str) -> str:
    run.make_text(len(string))
    return string.upper()


@builtin("lower case(string: string)")
def lower_case(run: Run, string: str) -> str:
    run.make_text(len(string))
    return string.lower()


@builtin("substring before(string: string, match: string)")
def substring_before(run: Run, string: str, match: str) -> str:
    before, found, _ = string.partition(match) if match else ("", "", "")
    return _kept(run, before) if found else ""


@builtin("substring after(string: string, match: string)")
def substring_after(run: Run, string: str, match: str) -> str:
    return _kept(run, string.partition(match)[2]) if match else string


@builtin("contains(string: string, match: string)")
def contains(_run: Run, string: str, match: str) -> bool:
    return match in string


@builtin("starts with(string: string, match: string)")
def starts_with(_run: Run, string: str, match: str) -> bool:
    return string.startswith(match)


@builtin("ends with(string: string, match: string)")
def ends_with(_run: Run, string: str, match: str) -> bool:
    return string.endswith(match)


@builtin("matches(input: string, pattern: string, flags?: string?)")
def matches(run: Run, input_: str, pattern: str, flags: str | None = None) -> bool:
    return compile_pattern(run, pattern, flags or "").search(run, input_) is not None


@builtin("replace(input: string, pattern: string, replacement: string, flags?: string?)")
def replace(run: Run, input_: str, pattern: str, replacement: str, flags: str | None = None) -> str:
    found = compile_pattern(run, pattern, flags or "")
    if found.search(run, "") is not None:
        raise FeelError("a pattern that matches the empty text replaces nothing")
    run.spend(len(replacement) // CHARS_PER_STEP)
    template = parse_replacement(replacement, found.groups, literal="q" in (flags or ""))
    pieces: list[str] = []
    end = 0
    for match in found.finditer(run, input_):
        run.spend(len(template))
        made = expand(template, match, found.groups)
        run.make_text(len(made))
        pieces += (input_[end : match.start()], made)
        end = match.end()
    run.make_text(len(input_))
    pieces.append(input_[end:])
    return "".join(pieces)


@builtin("split(string: string, delimiter: string)")
def split(run: Run, string: str, delimiter: str) -> list[Any]:
    run.make_text(len(string))
    if not _is_literal(delimiter):
        return _split(run, string, delimiter)
    run.make_list(string.count(delimiter) + 1)
    return list(string.split(delimiter))


def _is_literal(pattern: str) -> bool:
    return 0 < len(pattern) < 100 and not any(char in SPECIAL for char in pattern)


def _split(run: Run, string: str, delimiter: str) -> list[Any]:
    found = compile_pattern(run, delimiter, "")
    if found.search(run, "") is not None:
        raise FeelError("a delimiter that matches the empty text splits nothing")
    parts: list[Any] = []
    end = 0
    for match in found.finditer(run, string):
        run.make_list(1)
        parts.append(string[end : match.start()])
        end = match.end()
    return [*parts, string[end:]]


@builtin("string join(list: list, delimiter?: string?)")
def string_join(run: Run, items: list[Any], delimiter: str | None = None) -> str:
    """Nulls are left out."""
    texts = [item for item in items if item is not None]
    if not all(type(item) is str for item in texts):
        raise FeelError("only texts can be joined")
    glue = delimiter or ""
    run.make_text(sum(map(len, texts)) + len(glue) * len(texts))
    return glue.join(texts)
