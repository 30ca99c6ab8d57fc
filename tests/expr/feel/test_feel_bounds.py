"""What hostile or broken expressions do: they end soon, and take little."""

import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.expr.feel import Environment, Exhausted, FeelError, FeelSyntaxError, Run, evaluate
from penstock.expr.feel.parser import DEPTH_MAX

SLOW_S = 0.5
"""Of the processor. A generous ceiling on a shared machine; what is caught here takes seconds or never ends."""
BYTES_MAX = 3_000_000

_ATTRIBUTES = [
    "__class__",
    "__dict__",
    "__init__",
    "__globals__",
    "__mro__",
    "class",
    "getClass()",
    "__class__.__mro__",
]
_BASES = ["1", '"a"', "[1]", "{a: 1}", "x", "abs", "[1..2]", '@"P1D"', "(function(a) a)"]

NULL = [
    *(f"{base}.{attribute}" for base in _BASES for attribute in _ATTRIBUTES if base != "[1]"),
    'get value({}, "__class__")',
    "10 ** (10 ** (10 ** 10))",
    "2 ** 1000000000",
    "exp(10 ** 10)",
    "decimal(1, 10 ** 30)",
    'substring("abc", 10 ** 30)',
    "date(10 ** 30, 1, 1)",
    '@"999999999-12-31" + @"P999999999Y"',
    'duration("PT999999999999999999S") * 10 ** 30',
    'matches("' + "a" * 2000 + r'", "(a*)*b\\1")',
    'matches("a", "(a{1000}){1000}")',
    "for i in 1..1e400 return i",
]

REFUSED = [
    "for i in 1..1000000000 return i",
    "for i in 1..10000, j in 1..10000 return i",
    "for i in 1..1000 return for j in 1..1000 return i * j",
    "some a in 1..3000, b in 1..3000 satisfies a + b = 0",
    "every i in 1..100000000 satisfies true",
    'for i in 1..100 return if i = 1 then "aaaaaaaaaa" else partial[-1] + partial[-1]',
    "for i in 1..100 return if i = 1 then [1] else concatenate(partial[-1], partial[-1])",
    "for i in 1..1000 return partial",
    'string join(for i in 1..5000 return "' + "a" * 100 + '")',
    'replace("' + "a" * 50 + '", "a", "' + "$0" * 3000 + '")',
    "(function(f) f(f))(function(f) f(f))",
    "sort(for i in 1..20000 return i, function(a, b) a < b)",
    "flatten(for i in 1..200 return for j in 1..200 return j)",
    'split("' + "a," * 20000 + '", ",")',
]

NO_FEEL = [
    "(" * 5000 + "1" + ")" * 5000,
    "[" * 5000,
    "-" * 5000 + "1",
    "not(" * 3000,
    "1" + " = 1" * 3000,
    "{a: " * 3000,
    "if true then " * 3000,
    "x" + "[1]" * 5000,
    "1e99999999",
    '"' + "a" * 200_000 + '"',
    "for i in " * 1000,
]


def _measured(text: str) -> object:
    """The value, or the exception, of an evaluation that stays within time and memory."""
    began = time.process_time()
    found = _outcome(text)
    took_s = time.process_time() - began
    tracemalloc.start()
    _outcome(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took_s < SLOW_S, f"{took_s:.3f} s"
    assert peak < BYTES_MAX, f"{peak} bytes"
    return found


def _outcome(text: str) -> object:
    try:
        return evaluate(text, {"x": 1})
    except (FeelSyntaxError, Exhausted, FeelError) as error:
        return error


@pytest.mark.parametrize("text", NULL, ids=range(len(NULL)))
def test_is_null(text: str) -> None:
    assert _measured(text) is None


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_is_given_up(text: str) -> None:
    assert isinstance(_measured(text), Exhausted)


@pytest.mark.parametrize("text", NO_FEEL, ids=range(len(NO_FEEL)))
def test_is_not_read(text: str) -> None:
    assert isinstance(_measured(text), FeelSyntaxError)


def test_what_is_allowed_grows_with_the_input() -> None:
    numbers = list(range(30_000))
    assert evaluate("count(numbers[item >= 10])", {"numbers": numbers}) == 29_990


def test_nesting_up_to_the_bound_is_fine() -> None:
    depth = DEPTH_MAX // 4
    assert evaluate("(" * depth + "1" + ")" * depth) == 1
    assert evaluate("1" + " + 1" * 5000) == 5001
    assert evaluate("true" + " and true" * 5000) is True


def test_messages_are_bounded() -> None:
    run = Run()
    Environment().expression("for i in 1..1000 return nothing").evaluate({}, run)
    assert 0 < len(run.messages) <= 100


_WORDS = st.sampled_from(
    [
        *("1", "2.5", "x", "y", "null", "true", "false", "item", "partial", "count", "sum", '"a"', '"P1D"', "@", "?"),
        *("[", "]", "(", ")", "{", "}", ",", ":", "..", ".", "+", "-", "*", "**", "/", "=", "!=", "<", "<=", ">", ">="),
        *("if", "then", "else", "for", "in", "return", "some", "every", "satisfies", "and", "or", "not", "between"),
        *("instance", "of", "function", "external", "list<number>"),
    ]
)


@settings(max_examples=300)
@given(st.lists(_WORDS, max_size=25).map(" ".join))
def test_any_text_ends_in_a_value_or_a_refusal(text: str) -> None:
    with suppress(FeelSyntaxError, Exhausted):
        evaluate(text, {"x": [1, {"a": 2}], "y": "b"})


@settings(max_examples=200)
@given(st.text(max_size=40))
def test_any_characters_end_in_a_value_or_a_refusal(text: str) -> None:
    with suppress(FeelSyntaxError, Exhausted):
        evaluate(text)
